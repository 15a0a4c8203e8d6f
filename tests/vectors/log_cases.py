"""Vectors of the log: headers and runs, good ones and one for every way to be bad."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from foodhub.catalog.statements import Stock
from foodhub.log.encoding import MAX_SEQ, encode
from foodhub.log.header import VERSION, Header, payload_hash
from foodhub.log.keys import SigningKey
from foodhub.log.run import Line, Run, write_run
from foodhub.orders.statements import Profile
from tests.vectors.seeds import BEGIN, CIRCUIT, FARM, HUB, Json, carrots, fields, payload, seed


def headers() -> Json:
    """Headers and their ids."""
    open_payload = payload("a payload", encode([Profile(1, "La Ferme des Tilleuls")]))
    first = Header(VERSION, CIRCUIT, FARM.public, 1, 1, 1, b"", BEGIN, len(open_payload), payload_hash(open_payload))
    second = msgspec.structs.replace(first, seq=2, backlink=first.id, timestamp=BEGIN + 1)
    far = msgspec.structs.replace(second, seq=2**53 - 1, timestamp=2**47 - 1, payload_size=65536)
    good = [("the first of a log", first), ("the second of a log", second), ("the highest numbers", far)]
    plain = list(msgspec.structs.astuple(first))
    return {
        "about": "A header is one msgpack array; its id is BLAKE2b-256 with the person tag foodhub-entry.",
        "payload": open_payload.hex(),
        "good": [
            {"name": name, **fields(header), "bytes": encode(header).hex(), "id": header.id.hex()}
            for name, header in good
        ],
        "bad": [
            {"name": name, "bytes": data.hex(), "fault": "not_canonical"}
            for name, data in {
                "an integer as a float": encode([1.0, *plain[1:]]),
                "an integer in a longer form than it needs": encode(plain).replace(b"\x9a\x01", b"\x9a\xcc\x01", 1),
                "nil for the backlink": encode([*plain[:6], None, *plain[7:]]),
                "the circuit as text": encode([1, "c" * 32, *plain[2:]]),
                "an author of 31 bytes": encode([*plain[:2], FARM.public[:31], *plain[3:]]),
                "a sequence number of 0": encode([*plain[:5], 0, *plain[6:]]),
                "a sequence number of 2^53": encode([*plain[:5], 2**53, *plain[6:]]),
                "a timestamp of 2^47": encode([*plain[:7], 2**47, *plain[8:]]),
                "a negative timestamp": encode([*plain[:7], -1, *plain[8:]]),
                "a field too many": encode([*plain, 0]),
                "a field too few": encode(plain[:-1]),
                "a map instead of an array": encode(dict(zip(Header.__struct_fields__, plain, strict=True))),
                "an array with a length in 16 bits": b"\xdc\x00\x0a" + encode(plain)[1:],
                "a byte behind it": encode(plain) + b"\x00",
                "its last byte missing": encode(plain)[:-1],
            }.items()
        ],
    }


def three_entries() -> list[tuple[int, int, bytes]]:
    """Return entries of a catalog log: kind, timestamp, payload."""
    bodies = [encode([Profile(1, "Farm")]), encode([carrots()]), encode([Stock(carrots().local, 1, "counted", 40)])]
    return [(1, BEGIN + n // 2, payload(f"entry {n}", body)) for n, body in enumerate(bodies)]


def signed(key: SigningKey, log: int, first: int, backlink: bytes, lines: Sequence[Line], **other: Any) -> Run:
    """Return a run signed as it is, whatever rule it breaks."""
    circuit, header, timestamp, link = other.get("circuit", CIRCUIT), b"", 0, backlink
    for seq, (kind, delay, size, hashed) in enumerate(lines, first):
        timestamp += delay
        version = other.get("version", VERSION)
        header = encode((version, circuit, key.public, log, kind, seq, link, timestamp, size, hashed))
        link = blake2b(header, digest_size=32, person=b"foodhub-entry").digest()
    return Run(other.get("version", VERSION), key.public, log, first, backlink, list(lines), key.sign("entry", header))


def runs() -> Json:
    """Runs, the payloads that belong to them, and one bad run for every way to be bad."""
    return {
        "about": "A run is checked without knowing anything but the circuit; with its payloads when they are there.",
        "circuit": CIRCUIT.hex(),
        "good": list(good_runs()),
        "bad": [{"name": name, "fault": fault, "run": run.hex()} for name, fault, run in bad_runs()],
        "bad_payloads": list(bad_payloads()),
    }


def good_runs() -> Iterator[Json]:
    """Yield runs that hold."""
    entries = three_entries()
    whole, checked = write_run(CIRCUIT, FARM, 1, (0, b""), entries)
    later, checked_later = write_run(CIRCUIT, FARM, 1, (1, checked.ids[0]), entries[1:])
    single, checked_single = write_run(CIRCUIT, HUB, 0, (0, b""), [(0, 0, payload("least", b""))])
    full, checked_full = write_run(CIRCUIT, HUB, 2, (0, b""), [(1, BEGIN, payload("one of many", b""))] * 256)
    of = [("three entries", whole, checked, entries), ("the last two of them", later, checked_later, entries[1:])]
    of += [
        (
            "one entry with an empty body, at the beginning of time",
            single,
            checked_single,
            [(0, 0, payload("least", b""))],
        )
    ]
    for name, run, found, given in of:
        ids = [identity.hex() for identity in found.ids]
        yield {"name": name, "run": encode(run).hex(), "ids": ids, "payloads": [each[2].hex() for each in given]}
    ids = [identity.hex() for identity in checked.ids]
    erased = [None, *(each[2].hex() for each in entries[1:])]
    yield {"name": "three entries of which one was erased", "run": encode(whole).hex(), "ids": ids, "payloads": erased}
    private, checked_private = write_run(CIRCUIT, FARM, 2, (0, b""), [(0, BEGIN, payload("sealed to others", b""))])
    ids = [identity.hex() for identity in checked_private.ids]
    yield {"name": "a lasting entry of log 2, dropped", "run": encode(private).hex(), "ids": ids, "payloads": [None]}
    unsigned = encode(msgspec.structs.replace(whole, signature=b"")).hex()
    ids = [identity.hex() for identity in checked.ids]
    yield {"name": "three entries without a signature, which a store may ask for", "run": unsigned, "ids": ids}
    yield {"name": "256 entries, the most there may be", "run": encode(full).hex(), "ids": [checked_full.ids[-1].hex()]}


def bad_runs() -> Iterator[tuple[str, str, bytes]]:
    """Yield name, fault and bytes of a run for every rule that a run by itself can break."""
    entries = three_entries()
    lines: list[Line] = [
        (1, BEGIN, len(entries[0][2]), payload_hash(entries[0][2])),
        (1, 5, 20, seed("a payload's hash")),
    ]
    good = signed(FARM, 1, 1, b"", lines)
    link = seed("an entry before")
    changed = msgspec.structs.replace
    for name, fault, run in [
        ("another version", "bad_version", signed(FARM, 1, 1, b"", lines, version=2)),
        ("log 3", "bad_log", signed(FARM, 3, 1, b"", lines)),
        ("no entry", "empty_run", signed(FARM, 1, 1, b"", [])),
        ("257 entries", "too_large", signed(FARM, 1, 1, b"", lines[:1] * 257)),
        ("a payload above 64 KiB", "too_large", signed(FARM, 1, 1, b"", [(1, BEGIN, 65537, link)])),
        ("payloads above 1 MiB together", "too_large", signed(FARM, 1, 1, b"", [(1, BEGIN, 65536, link)] * 17)),
        ("a payload without its 16 random bytes", "too_large", signed(FARM, 1, 1, b"", [(1, BEGIN, 15, link)])),
        ("an erasable entry in log 0", "bad_kind", signed(FARM, 0, 1, b"", lines)),
        ("a checkpoint in log 2", "bad_kind", signed(FARM, 2, 1, b"", [(2, *lines[0][1:])])),
        ("kind 4", "bad_kind", signed(FARM, 1, 1, b"", [(4, *lines[0][1:])])),
        ("a second entry beyond 2^53 - 1", "bad_sequence", signed(FARM, 1, 2**53 - 1, link, lines)),
        ("a second entry at 2^31", "bad_sequence", signed(FARM, 1, MAX_SEQ - 1, link, lines)),
        (
            "times that add up to 2^47",
            "bad_timestamp",
            signed(FARM, 1, 1, b"", [lines[0], (1, 2**47 - BEGIN, *lines[1][2:])]),
        ),
        ("a first entry with a predecessor", "bad_backlink", signed(FARM, 1, 1, link, lines)),
        ("a second entry without a predecessor", "bad_backlink", signed(FARM, 1, 2, b"", lines)),
        ("a predecessor of 31 bytes", "bad_backlink", signed(FARM, 1, 2, link[:31], lines)),
        (
            "the signature of another key",
            "bad_signature",
            changed(good, signature=signed(HUB, 1, 1, b"", lines).signature),
        ),
        ("another author", "bad_signature", changed(good, author=HUB.public)),
        ("an author that is no point", "bad_signature", changed(good, author=b"\x02" + bytes(31))),
        (
            "an author of small order",
            "bad_signature",
            changed(good, author=b"\x01" + bytes(31), signature=b"\x01" + bytes(63)),
        ),
        ("another place in the log", "bad_signature", changed(signed(FARM, 1, 2, link, lines), first=3)),
        ("another log", "bad_signature", changed(good, log=2)),
        ("a size that was changed", "bad_signature", changed(good, lines=[lines[0], (1, 5, 21, lines[1][3])])),
        ("an entry before that was changed", "bad_signature", changed(good, lines=[(0, *lines[0][1:]), lines[1]])),
        ("the last entry left out", "bad_signature", changed(good, lines=lines[:1])),
        (
            "signed for another circuit",
            "bad_signature",
            signed(FARM, 1, 1, b"", lines, circuit=seed("another circuit")),
        ),
        ("a signature for another use", "bad_signature", changed(good, signature=FARM.sign("session", b"header"))),
        ("a signature whose s is not reduced", "bad_signature", changed(good, signature=unreduced(good.signature))),
    ]:
        yield name, fault, encode(run)
    data = encode(good)
    yield "a byte behind it", "not_canonical", data + b"\x00"
    yield "its last byte missing", "not_canonical", data[:-1]
    yield "an array of 16-bit length", "not_canonical", b"\xdc\x00\x07" + data[1:]
    yield "a first seq of 0", "not_canonical", encode(changed(good, first=0))
    yield "a delay of -1", "not_canonical", encode(changed(good, lines=[(1, -1, *lines[0][2:])]))
    yield "a signature of 63 bytes", "bad_signature", encode(changed(good, signature=good.signature[:63]))
    yield "nothing", "not_canonical", b""


def unreduced(signature: bytes) -> bytes:
    """Return the same signature with the order of the group added to s."""
    order = 2**252 + 27742317777372353535851937790883648493
    return signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")


def bad_payloads() -> Iterator[Json]:
    """Yield a good run with payloads that are not its own."""
    entries = [(0, *each[1:]) for each in three_entries()]
    run, _ = write_run(CIRCUIT, FARM, 1, (0, b""), entries)
    own = [each[2].hex() for each in entries]
    longer = own[0] + "00"
    for name, fault, given in [
        ("one payload missing at the end", "payload_missing", own[:2]),
        ("one payload left out", "payload_missing", [own[0], None, own[2]]),
        ("a payload too many", "payload_missing", [*own, own[0]]),
        ("two payloads exchanged", "bad_payload", [own[1], own[0], own[2]]),
        ("a payload with a byte more", "bad_payload", [longer, *own[1:]]),
        ("a payload with a bit flipped", "bad_payload", [f"{int(own[0], 16) ^ 1:0{len(own[0])}x}", *own[1:]]),
    ]:
        yield {"name": name, "fault": fault, "run": encode(run).hex(), "payloads": given}
    first, _ = write_run(CIRCUIT, HUB, 0, (0, b""), [entries[0]])
    name = "a payload of log 0 left out"
    yield {"name": name, "fault": "payload_missing", "run": encode(first).hex(), "payloads": [None]}
