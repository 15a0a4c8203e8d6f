"""Vectors of forks: proofs that hold, what is none, and the proof that two runs make."""

from collections.abc import Iterator

import msgspec

from foodhub.log.encoding import encode
from foodhub.log.forks import ForkProof, check_fork, prove_fork
from foodhub.log.run import Run, check_run, write_run
from foodhub.orders.statements import Profile
from tests.vectors.log_cases import signed, three_entries
from tests.vectors.seeds import BEGIN, CIRCUIT, FARM, HUB, Json, payload, seed

changed = msgspec.structs.replace


def forks() -> Json:
    """Fork proofs, good and bad; and pairs of runs with the proof they make."""
    return {
        "about": "A proof is two runs that differ in their first entry and follow the same one; the lower id is first.",
        "circuit": CIRCUIT.hex(),
        "good": [{"name": name, "proof": encode(proof).hex(), **shown(proof)} for name, proof in good_proofs()],
        "bad": [{"name": name, "fault": fault, "proof": data.hex()} for name, fault, data in bad_proofs()],
        "pairs": [
            {"name": name, "one": encode(one).hex(), "other": encode(other).hex(), "proof": proven(one, other)}
            for name, one, other in pairs()
        ],
    }


def shown(proof: ForkProof) -> Json:
    """Return what a proof shows."""
    fork = check_fork(CIRCUIT, proof)
    return {"author": fork.author.hex(), "log": fork.log, "seq": fork.seq, "backlink": fork.backlink.hex()}


def proven(one: Run, other: Run) -> str | None:
    """Return the proof that two runs make, None when they make none."""
    proof = prove_fork(CIRCUIT, one, other)
    return encode(proof).hex() if proof else None


def branches() -> tuple[Run, Run]:
    """Return two runs that part at the second entry."""
    entries = three_entries()
    other = payload("another second entry", encode([Profile(2, "Fork")]))
    one, _ = write_run(CIRCUIT, FARM, 1, (0, b""), entries)
    two, _ = write_run(CIRCUIT, FARM, 1, (0, b""), [entries[0], (1, BEGIN, other)])
    return one, two


def first_entries(name: str, log: int = 1) -> Run:
    """Return a run with another first entry."""
    kind = 0 if log == 0 else 1
    return write_run(CIRCUIT, FARM, log, (0, b""), [(kind, BEGIN, payload(name, encode([Profile(1, name)])))])[0]


def proof_of(one: Run, other: Run) -> ForkProof:
    """Return the proof that two runs make."""
    proof = prove_fork(CIRCUIT, one, other)
    assert proof is not None
    return proof


def good_proofs() -> Iterator[tuple[str, ForkProof]]:
    """Yield proofs that hold."""
    yield "at the second entry, one branch longer than the other", proof_of(*branches())
    yield "at the first entry", proof_of(first_entries("one"), first_entries("other"))
    yield "in log 0", proof_of(first_entries("one", 0), first_entries("other", 0))


def bad_proofs() -> Iterator[tuple[str, str, bytes]]:
    """Yield name, fault and bytes of what is no proof."""
    good = proof_of(*branches())
    one, other = good.one, good.other
    first, second = proof_of(first_entries("one"), first_entries("other")).one, first_entries("other", 0)
    moved = signed(FARM, 1, 3, one.backlink, other.lines)
    behind_another = signed(FARM, 1, 2, seed("another entry"), other.lines)
    for name, fault, proof in [
        ("the higher id first", "bad_fork", ForkProof(other, one)),
        ("the same run twice", "bad_fork", ForkProof(one, one)),
        ("at two places", "bad_fork", ForkProof(one, moved)),
        ("behind two entries", "bad_fork", ForkProof(one, behind_another)),
        ("in two logs", "bad_fork", ForkProof(first, second)),
        ("of two authors", "bad_fork", ForkProof(one, signed(HUB, 1, 2, one.backlink, other.lines))),
        ("the first without a signature", "bad_fork", ForkProof(changed(one, signature=b""), other)),
        ("the second without a signature", "bad_fork", ForkProof(one, changed(other, signature=b""))),
        ("a signature that does not fit", "bad_signature", ForkProof(one, changed(other, signature=bytes(64)))),
        ("a run without an entry", "empty_run", ForkProof(one, changed(other, lines=[]))),
        ("another version", "bad_version", ForkProof(changed(one, version=2), other)),
        ("of another circuit", "bad_signature", ForkProof(one, of_another_circuit(other))),
    ]:
        yield name, fault, encode(proof)
    yield "one run alone", "not_canonical", encode([one])
    yield "three runs", "not_canonical", encode([one, other, one])
    yield "a byte behind it", "not_canonical", encode(good) + b"\x00"
    yield "nothing", "not_canonical", b""


def of_another_circuit(run: Run) -> Run:
    """Return a run as it would be signed elsewhere."""
    return signed(FARM, run.log, run.first, run.backlink, run.lines, circuit=seed("another circuit"))


def pairs() -> Iterator[tuple[str, Run, Run]]:
    """Yield pairs of runs of which some show a fork."""
    one, other = branches()
    ids = check_run(CIRCUIT, one).ids
    later, _ = write_run(CIRCUIT, FARM, 1, (1, ids[0]), three_entries()[1:])
    behind, _ = write_run(CIRCUIT, FARM, 1, (2, seed("an entry further down")), three_entries()[2:])
    yield "two runs from the first entry on", one, other
    yield "two runs that begin at different places", other, later
    yield "a run and a part of it", one, later
    yield "two runs that part further down", one, behind
    yield "one that is not signed", one, changed(other, signature=b"")
    yield "runs of two logs", one, first_entries("other", 0)
    yield "runs of two authors", one, write_run(CIRCUIT, HUB, 1, (0, b""), three_entries())[0]
