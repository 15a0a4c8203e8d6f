"""Vectors of sessions: every message with its bytes, faulty ones, and what both sides work out from the two nonces."""

from collections.abc import Iterator
from typing import Any
from zlib import adler32

import msgspec

from foodhub.log.encoding import encode
from foodhub.log.forks import prove_fork
from foodhub.log.frontier import Item, bucket_count, bucket_digests, bucket_of, frontier_digest
from foodhub.log.keys import BoxKey, SigningKey
from foodhub.log.run import Run, write_run
from foodhub.log.seal import content_key, seal
from foodhub.log.showing import Shown
from foodhub.p2p import messages as m
from foodhub.p2p.proof import Party
from tests.vectors.private_cases import chance
from tests.vectors.scribes import sealed_box
from tests.vectors.seeds import BEGIN, CIRCUIT, FARM, FARM_BOX, HUB, HUB_BOX, INVITE, Json, payload, plain, seed

FARM_PEER, HUB_PEER = "12D3KooWFarm", "12D3KooWHub"


def a_run(name: str, log: int = 2, seq: int = 0, link: bytes = b"") -> tuple[Run, list[bytes]]:
    """Return a run of one entry of the farm, and its payload."""
    data = payload(name, b"\x90" if log != 2 else seed(name))
    return write_run(CIRCUIT, FARM, log, (seq, link), [(0, BEGIN, data)])[0], [data]


def parties(*, joining: bool = False) -> tuple[Party, Party]:
    """Return both sides of a session; the farm dials, as a joiner with an invite if so."""
    invite = INVITE if joining else None
    farm = Party(CIRCUIT, True, FARM_PEER, HUB_PEER, seed("the dialer's nonce"), (FARM,), invite, ("/dns4/farm",))
    return farm, Party(CIRCUIT, False, HUB_PEER, FARM_PEER, seed("the answerer's nonce"), (HUB,))


def messages() -> list[m.Message]:
    """Return one of every message."""
    farm, hub = parties(joining=True)
    run, payloads = a_run("an entry")
    proof = prove_fork(CIRCUIT, run, a_run("another")[0])
    assert proof is not None
    key, other, digest = FARM.public, HUB.public, frontier_digest([])
    return [
        farm.hello(),
        farm.prove(hub.nonce),
        m.Summary([(0, digest), (1, digest), (2, seed("a digest", 16))]),
        m.Ask([1, 2], seed("bucket 0", 8) + seed("bucket 1", 8)),
        m.Items([3, 9], [(key, [(1, 7, seed("a head"), 0), (2, 1, seed("a head"), 2)])], last=True),
        m.Want([(key, 1, 0), (other, 2, 7)], last=True),
        m.Totals(300),
        m.Headers(run),
        m.Payloads([*payloads, b""]),
        m.Packed(len(encode([b"a" * 4000])), zipped([b"a" * 4000])),
        m.Sent(),
        m.Credit(4096),
        m.Have([(key, 2, 1)]),
        m.Announce(run, payloads),
        m.Nudge(),
        m.Refuse("device_retired"),
        m.AskForks([(key, 2)]),
        m.Forks([proof]),
        m.Probe(key, 2, [1, 17, 33]),
        m.Ids(key, 2, [seed("an id"), b"", seed("another id")]),
        m.Show(key, 2, 0),
        m.Branch([run]),
        m.Lack([(key, 2, [1, 4])]),
        m.Found([(key, 2, 1, payloads[0])], last=True),
    ]


def zipped(payloads: list[bytes]) -> bytes:
    """Return payloads as zlib stores them without compressing, the same with every version of zlib."""
    data = encode(payloads)
    size = len(data).to_bytes(2, "little")
    return b"\x78\x01\x01" + size + bytes(255 - each for each in size) + data + adler32(data).to_bytes(4, "big")


def bad_frames() -> Iterator[tuple[str, str, bytes]]:
    """Yield name, fault and bytes."""
    one = {type(each).__name__: each for each in messages()}

    def of(name: str) -> list[Any]:
        fields: list[Any] = msgspec.msgpack.decode(encode(one[name]))
        return fields

    yield "nothing", "not_canonical", b""
    yield "a message that nobody knows", "not_canonical", encode([24])
    yield "a number in a long form", "not_canonical", b"\x91\xcc\x0a"
    yield "a byte behind it", "not_canonical", encode(m.Sent()) + b"\x00"
    yield "a field too many", "not_canonical", encode([10, 0])
    yield "a map", "not_canonical", b"\x81\x00\x0a"
    yield "more than 1 MiB", "too_large", encode([8, [bytes(m.MAX_FRAME)]])
    for name, place, value in (
        ("Hello", 2, bytes(31)),
        ("Hello", 3, bytes(15)),
        ("Proof", 1, [[FARM.public, bytes(63)]]),
        ("Summary", 1, [[0, bytes(15)]]),
        ("Items", 3, 1),
        ("Want", 1, [[FARM.public, 1]]),
        ("Credit", 1, -1),
        ("Have", 1, [[FARM.public, 1, 0]]),
        ("Headers", 1, encode(of("Headers")[1])),
        ("Probe", 3, [0]),
        ("Show", 1, bytes(31)),
        ("Lack", 1, [[FARM.public, 1, [0]]]),
        ("Found", 1, [[FARM.public, 1, 0, b""]]),
    ):
        fields = of(name)
        yield (
            f"{name}: field {place}",
            "not_canonical",
            msgspec.msgpack.encode([*fields[:place], value, *fields[place + 1 :]]),
        )
        yield f"{name}: no last field", "not_canonical", encode(fields[:-1])


def bad_packed() -> Iterator[tuple[str, str, m.Packed]]:
    """Yield name, fault and a message whose payloads do not unpack."""
    data, size = zipped([b"a"]), len(encode([b"a"]))
    yield "a size too small", "not_canonical", m.Packed(size - 1, data)
    yield "a size too large", "not_canonical", m.Packed(size + 1, data)
    yield "a stream that is cut", "not_canonical", m.Packed(size, data[:-1])
    yield "a byte behind the stream", "not_canonical", m.Packed(size, data + b"\x00")
    yield "no stream", "not_canonical", m.Packed(size, b"")
    yield "more than 1 MiB", "too_large", m.Packed(m.MAX_FRAME + 1, data)
    yield "no list", "not_canonical", m.Packed(len(encode(b"a")), zipped_raw(encode(b"a")))


def zipped_raw(data: bytes) -> bytes:
    """Return bytes as a zlib stream."""
    return zipped(msgspec.Raw(data))  # type: ignore[arg-type]


def proofs() -> Json:
    """Return what both sides prove, and what proves nothing."""
    farm, hub = parties(joining=True)
    good = farm.prove(hub.nonce)
    changed = msgspec.structs.replace
    text = farm._text(hub.nonce, own=True)
    stranger = SigningKey(seed("stranger signs"))
    bad = {
        "no device": changed(good, devices=[]),
        "17 devices": changed(good, devices=good.devices * 17),
        "two invites": changed(good, invite=good.invite * 2),
        "a device's signature for another use": changed(good, devices=[(FARM.public, FARM.sign("entry", text))]),
        "an invite's signature by another key": changed(good, invite=[(INVITE.public, stranger.sign("session", text))]),
        "the answerer's own proof": hub.prove(farm.nonce),
    }
    return {
        "circuit": CIRCUIT.hex(),
        "peers": [FARM_PEER, HUB_PEER],
        "nonces": [farm.nonce.hex(), hub.nonce.hex()],
        "tags": [party.hello().circuit.hex() for party in (farm, hub)],
        "signed_by_dialer": text.hex(),
        "signed_by_answerer": hub._text(farm.nonce, own=True).hex(),
        "dialer": encode(good).hex(),
        "answerer": encode(hub.prove(farm.nonce)).hex(),
        "salt": farm.salt(hub.nonce).hex(),
        "bad_hellos": [{"name": name, "fault": fault, "bytes": data.hex()} for name, fault, data in bad_hellos()],
        "bad": [{"name": name, "fault": "bad_proof", "bytes": encode(proof).hex()} for name, proof in bad.items()],
    }


def bad_hellos() -> list[tuple[str, str, bytes]]:
    """Return what the answerer is not to take for a hello of the farm."""
    farm, hub = parties()
    good, newer = farm.hello(), 2
    elsewhere = Party(seed("another circuit"), True, FARM_PEER, HUB_PEER, farm.nonce, (FARM,)).hello()
    return [
        ("another circuit", "other_circuit", encode(elsewhere)),
        ("the nonce of the answerer", "other_circuit", encode(hub.hello())),
        ("a later version", "bad_version", encode(msgspec.structs.replace(good, version=newer))),
        ("a later version that looks otherwise", "bad_version", encode([0, newer, "hello"])),
        ("this version, looking otherwise", "not_canonical", encode([0, 1, "hello"])),
    ]


def frontiers() -> Json:
    """Return buckets of a frontier of 400 logs, and how many buckets there are for how many items."""
    items = sorted(Item(seed(f"author {n // 2}"), 1 + n % 2, n + 1, seed(f"head {n}"), 0) for n in range(400))
    salt, count = seed("salt of a session", 16), bucket_count(400)
    return {
        "counts": [[n, bucket_count(n)] for n in (0, 350, 351, 1023, 1024, 2047, 2048, 8192, 16383, 16384, 10**6)],
        "items": "400 of them: author is BLAKE2b-256 (person foodhub-vectors) of 'author 0' to 'author 199', each"
        " with log 1 and 2, seq 1 to 400 in turn, id the same hash of 'head 0' to 'head 399', no limit",
        "salt": salt.hex(),
        "buckets": count,
        "bucket_of": {author.hex(): bucket_of(author, count, salt) for author in sorted({i.author for i in items})[:4]},
        "digest": frontier_digest(items).hex(),
        "digest_of_log_1": frontier_digest([item for item in items if item.log == 1]).hex(),
        "digest_of_buckets": frontier_digest_of(bucket_digests(items, count, salt)),
    }


def frontier_digest_of(digests: bytes) -> str:
    """Return the first of many digests, so that the file stays short."""
    return digests[: 8 * 16].hex()


def shows() -> Json:
    """Return an entry that is shown, and what is none."""
    place = (CIRCUIT, FARM.public, 2, 1)
    secrets = [FARM_BOX.shared(box.public) for box in (FARM_BOX, HUB_BOX)]
    sealed = seal(encode([["weather", 1]]), place, secrets, chance("shown"))
    key = content_key(sealed, secrets)
    assert key is not None
    run = write_run(CIRCUIT, FARM, 2, (0, b""), [(1, BEGIN, sealed), (1, BEGIN + 1, payload("next", b"x"))])[0]
    good = Shown(run, sealed, key)
    changed = msgspec.structs.replace
    bad = {
        "not signed": ("unsigned", changed(good, run=changed(run, signature=b""))),
        "another payload": ("bad_payload", changed(good, payload=sealed[:-1] + bytes([sealed[-1] ^ 1]))),
        "another key": ("not_canonical", changed(good, key=bytes(32))),
        "a signature of somebody else": ("bad_signature", changed(good, run=changed(run, author=HUB.public))),
    }
    return {
        "good": {
            "bytes": encode(good).hex(),
            "author": FARM.public.hex(),
            "seq": 1,
            "body": encode([["weather", 1]]).hex(),
        },
        "bad": [{"name": name, "fault": fault, "bytes": encode(each).hex()} for name, (fault, each) in bad.items()],
    }


def sealed_boxes() -> Json:
    """Return what `epoch` and `share` hold: a secret, sealed to a box key."""
    to = BoxKey(seed("a device boxes"))
    return {
        "secret_of_reader": to.secret.hex(),
        "public_of_reader": to.public.hex(),
        "message": FARM_BOX.secret.hex(),
        "sealed": sealed_box(to.public, FARM_BOX.secret, "a sealed box").hex(),
    }


def sessions() -> Json:
    """Return all of it."""
    framed = encode(m.Nudge())
    return {
        "about": "Every message, by number; faulty ones; proofs of both sides; buckets; an entry that is shown.",
        "frame": {"message": framed.hex(), "bytes": (len(framed).to_bytes(4, "big") + framed).hex()},
        "messages": [
            {
                "name": type(each).__name__,
                "number": each.__struct_config__.tag,
                "fields": {name: plain(getattr(each, name)) for name in each.__struct_fields__},
                "bytes": encode(each).hex(),
                **(
                    {"cost": m.cost(each, len(encode(each)))}
                    if isinstance(each, m.Headers | m.Payloads | m.Packed)
                    else {}
                ),
            }
            for each in messages()
        ],
        "bad": [{"name": name, "fault": fault, "bytes": shortened(data)} for name, fault, data in bad_frames()],
        "bad_packed": [
            {"name": name, "fault": fault, "bytes": encode(each).hex()} for name, fault, each in bad_packed()
        ],
        "proofs": proofs(),
        "frontiers": frontiers(),
        "shown": shows(),
        "sealed_box": sealed_boxes(),
    }


def shortened(data: bytes) -> str | list[str | int]:
    """Return bytes as hex; of very many the first, and how many zeros follow."""
    return data.hex() if len(data) < 2**16 else [data[:16].hex(), len(data) - 16]
