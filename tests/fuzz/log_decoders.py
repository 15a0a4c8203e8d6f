"""The decoders of log and session messages: whatever stands in a frame, a run, a fork proof or a payload."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
from nacl import bindings

from foodhub.circuit.statements import CircuitStatement
from foodhub.log.body import Unread
from foodhub.log.encoding import decode, encode
from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof, check_fork, prove_fork, read_fork, write_fork
from foodhub.log.header import Log
from foodhub.log.keys import digest
from foodhub.log.run import Run, check_payloads, check_run, read_run, write_run
from foodhub.log.seal import Sealed, seal, unseal
from foodhub.orders.statements import Profile
from foodhub.p2p import messages as m
from foodhub.store.facts import FACTS, statements_of
from foodhub.store.fold import READERS
from tests.fuzz.decoder import KIB, Decoder
from tests.fuzz.measuring import Cost
from tests.fuzz.mutation import join, split
from tests.vectors.log_cases import signed, three_entries
from tests.vectors.private_cases import chance as bytes_of
from tests.vectors.seeds import BEGIN, CIRCUIT, FARM, FARM_BOX, HUB_BOX, payload, seed
from tests.vectors.statement_cases import statements

_run = msgspec.msgpack.Decoder(Run)
PLACE = (CIRCUIT, FARM.public, 2, 7)
PAIR = FARM_BOX.shared(HUB_BOX.public)


def by_farm(run: Run) -> Run:
    """Return a run that says the same, as the farm signs it: who forges what is in it has a key of its own."""
    return signed(FARM, run.log, run.first, run.backlink, run.lines, version=run.version)


@cache
def two_branches() -> tuple[Run, Run]:
    """Return two runs of one log that part at the second entry."""
    first, second, third = three_entries()
    other = payload("another second entry", encode([Profile(2, "Fork")]))
    one, _ = write_run(CIRCUIT, FARM, 1, (0, b""), [first, second, third])
    two, _ = write_run(CIRCUIT, FARM, 1, (0, b""), [first, (1, BEGIN, other)])
    return one, two


@cache
def a_proof() -> ForkProof:
    """Return what these two runs prove."""
    proof = prove_fork(CIRCUIT, *two_branches())
    assert proof is not None
    return proof


@cache
def frames() -> Sequence[bytes]:
    """Return one frame of every message."""
    run, other = two_branches()
    payloads = [each[2] for each in three_entries()]
    key, head = FARM.public, seed("a head")
    many = m.write_payloads([bytes(1000)] * 9, pack=True)
    said: list[m.Message] = [
        m.Hello(1, seed("nonce"), bytes(16)),
        m.Proof([(key, bytes(64))], [(key, bytes(64))], ["/ip4/127.0.0.1/tcp/1/p2p/x"]),
        m.Summary([(1, bytes(16)), (0, bytes(16)), (3, bytes(16))]),
        m.Ask([1, 2], bytes(64)),
        m.Items([1, 5], [(key, [(0, 3, head, 0), (1, 4, head, 5)])], last=True),
        m.Want([(key, 1, 0)], last=True),
        m.Totals(3),
        m.Headers(run),
        m.Payloads(payloads),
        many,
        m.Sent(),
        m.Credit(1000),
        m.Have([(key, 1, 3)]),
        m.Announce(run, payloads),
        m.Nudge(),
        m.Refuse("bad_message"),
        m.AskForks([(key, 1)]),
        m.Forks([a_proof()]),
        m.Probe(key, 1, [1, 2, 3]),
        m.Ids(key, 1, [head, b""]),
        m.Show(key, 1, 4),
        m.Branch([other]),
        m.Lack([(key, 1, [1, 2])]),
        m.Found([(key, 1, 1, payloads[0])], last=True),
    ]
    return [encode(each) for each in said]


def take_frame(data: bytes) -> None:
    """Read a frame and check all in it that can be checked by itself."""
    message = m.read_message(data)
    assert encode(message) == data
    m.cost(message, len(data))
    match message:
        case m.Packed():
            m.unpack(message)
        case m.Headers(run):
            check_run(CIRCUIT, by_farm(run))
        case m.Announce(run, payloads):
            check_payloads(check_run(CIRCUIT, by_farm(run)), [each or None for each in payloads])
        case m.Forks(proofs):
            for proof in proofs:
                check_fork(CIRCUIT, ForkProof(by_farm(proof.one), by_farm(proof.other)))


def take_run_bytes(data: bytes) -> None:
    """Read a run as it came, and as its author would have signed it."""
    try:
        read_run(CIRCUIT, data)
    except PeerFault as fault:
        if fault.code != "bad_signature":
            raise
    run = by_farm(decode(_run, data))
    checked = check_run(CIRCUIT, run)
    assert len({len(checked.ids), len(checked.timestamps), len(run.lines)}) == 1


def take_payloads(data: bytes) -> None:
    """Check payloads against a run."""
    head, *payloads = split(data) or [b""]
    check_payloads(check_run(CIRCUIT, by_farm(decode(_run, head))), [each or None for each in payloads])


def take_fork(data: bytes) -> None:
    """Read a fork proof as it came, and as the farm would have signed it."""
    proof = read_fork(data)
    assert write_fork(proof) == data
    try:
        check_fork(CIRCUIT, proof)
    except PeerFault as fault:
        if fault.code != "bad_signature":
            raise
    check_fork(CIRCUIT, ForkProof(by_farm(proof.one), by_farm(proof.other)))


def take_branches(data: bytes) -> None:
    """Look for a fork in two runs; whatever is found has to prove it to others."""
    one, other = (by_farm(decode(_run, each)) for each in (*split(data), b"", b"")[:2])
    proof = prove_fork(CIRCUIT, one, other)
    if proof is not None:
        found = check_fork(CIRCUIT, read_fork(write_fork(proof)))
        assert (
            max(one.first, other.first) <= found.seq < min(one.first + len(one.lines), other.first + len(other.lines))
        )


def taking_body(log: int) -> Callable[[bytes], None]:
    """Return what reads the statements of a body of this log and asks their rules."""

    def take(body: bytes) -> None:
        for statement in READERS[log].read(body):
            if isinstance(statement, Unread):
                assert statement.reason in {"unknown", "not_canonical"}
                continue
            assert encode(statement) in body
            fact = FACTS.get(type(statement))
            assert fact is None or isinstance(fact.rule(statement), str | None)

    return take


def bodies_of(log: int) -> Callable[[], Sequence[bytes]]:
    """Return what gives bodies of this log: each statement by itself, and all of them."""

    def give() -> Sequence[bytes]:
        said = [msgspec.Raw(bytes.fromhex(each["bytes"])) for each in statements()["good"] if each["log"] == log]
        return [encode([each]) for each in said] + [encode(said)]

    return cache(give)


def body_of(log: int) -> Any:
    """Return the type of a body of this log."""
    return list[CircuitStatement if log == Log.CIRCUIT else statements_of(Log(log))]  # type: ignore[misc]


def take_sealed(data: bytes) -> None:
    """Open a private payload as it came, or what a party has sealed to us that is none."""
    if data[:1] != b"\x00":
        unseal(data, PLACE, [PAIR])
        return
    salt, key, plain = seed("salt", 16), seed("a content key"), data[1:]
    text = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, encode(PLACE), salt + bytes(8), key)
    pad = digest_with(PAIR, salt, b"foodhub-wrap", 32)
    slot = digest_with(PAIR, salt, b"foodhub-tag", 8) + bytes(a ^ b for a, b in zip(key, pad, strict=True))
    sealed = Sealed(digest(key, b"foodhub-commit"), slot + bytes(120), text)
    opened = unseal(salt + encode(sealed), PLACE, [PAIR])
    assert opened is not None
    assert opened == plain[4 : 4 + int.from_bytes(plain[:4], "big")]


def digest_with(secret: bytes, salt: bytes, person: bytes, size: int) -> bytes:
    """Return the keyed hash that slots are made with."""
    from hashlib import blake2b

    return blake2b(salt, digest_size=size, key=secret, person=person).digest()


@cache
def sealed_seeds() -> Sequence[bytes]:
    """Return payloads that the hub opens, and plain texts as a party seals them."""
    made = [seal(body, PLACE, [PAIR], bytes_of(f"fuzz {len(body)}")) for body in (b"a body", b"", bytes(300))]
    return [*made, b"\x00" + (3).to_bytes(4, "big") + b"abc" + bytes(249)]


DECODERS = [
    Decoder("frame", take_frame, frames, Cost(24 * KIB * KIB, 4000), Cost(400, 40), m.Message),
    Decoder(
        "run",
        take_run_bytes,
        lambda: [encode(run) for run in two_branches()],
        Cost(512 * KIB, 1000),
        Cost(200, 20),
        Run,
    ),
    Decoder(
        "payloads of a run",
        take_payloads,
        lambda: [join([encode(two_branches()[0]), *(each[2] for each in three_entries())])],
        Cost(512 * KIB, 1000),
        Cost(200, 20),
        pieces=True,
    ),
    Decoder(
        "fork proof",
        take_fork,
        lambda: [write_fork(a_proof())],
        Cost(512 * KIB, 2000),
        Cost(200, 40),
        ForkProof,
    ),
    Decoder(
        "two branches",
        take_branches,
        lambda: [join([encode(run) for run in two_branches()])],
        Cost(512 * KIB, 2000),
        Cost(400, 40),
        Run,
        pieces=True,
    ),
    *(
        Decoder(
            f"body of log {log}",
            taking_body(log),
            bodies_of(log),
            Cost(512 * KIB, 2000),
            Cost(400, 40),
            body_of(log),
        )
        for log in range(3)
    ),
    Decoder("sealed payload", take_sealed, sealed_seeds, Cost(512 * KIB, 4000), Cost(40, 20)),
]
