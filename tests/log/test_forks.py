"""Fork proofs: what shows two entries at one place, and what does not."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof, check_fork, prove_fork, read_fork, write_fork
from foodhub.log.keys import SigningKey
from foodhub.log.run import Run, check_run, write_run

CIRCUIT = b"c" * 32
KEY = SigningKey(b"k" * 32)


def branch(*bodies: bytes, after: tuple[int, bytes] = (0, b""), log: int = 1, key: SigningKey = KEY) -> Run:
    entries = [(1, 1000 + after[0] + n, body.ljust(16, b".")) for n, body in enumerate(bodies)]
    return write_run(CIRCUIT, key, log, after, entries)[0]


def proved(ours: Run, theirs: Run) -> ForkProof:
    proof = prove_fork(CIRCUIT, ours, theirs)
    assert proof is not None
    return proof


@given(st.integers(0, 5), st.integers(1, 4), st.integers(1, 4))
def test_two_branches_prove_the_place_where_they_part_whoever_shows_which(common: int, more: int, less: int) -> None:
    same = [b"same %d" % n for n in range(common)]
    one = branch(*same, *[b"one %d" % n for n in range(more)])
    other = branch(*same, *[b"other %d" % n for n in range(less)])
    proof = proved(one, other)
    assert proof == proved(other, one)
    fork = check_fork(CIRCUIT, proof)
    assert (fork.author, fork.log, fork.seq) == (KEY.public, 1, common + 1)
    assert fork.backlink == (check_run(CIRCUIT, one).ids[common - 1] if common else b"")
    assert (len(proof.one.lines), len(proof.other.lines)) in {(more, less), (less, more)}
    assert read_fork(write_fork(proof)) == proof


def test_branches_that_begin_at_different_places_prove_it_too() -> None:
    whole = branch(b"a", b"b", b"c")
    ids = check_run(CIRCUIT, whole).ids
    late = branch(b"z", after=(2, ids[1]))
    assert check_fork(CIRCUIT, proved(whole, late)).seq == 3
    assert check_fork(CIRCUIT, proved(late, whole)).seq == 3


def test_branches_that_part_further_down_prove_nothing_yet() -> None:
    one, other = branch(b"a"), branch(b"b")
    behind = [branch(b"c", after=(1, check_run(CIRCUIT, run).ids[0])) for run in (one, other)]
    assert prove_fork(CIRCUIT, *behind) is None


def test_what_is_no_fork_proves_nothing() -> None:
    run = branch(b"a", b"b")
    beyond = branch(b"c", after=(2, check_run(CIRCUIT, run).ids[1]))
    unsigned = msgspec.structs.replace(branch(b"b"), signature=b"")
    for other in (run, branch(b"a"), beyond, branch(b"b", log=2), branch(b"b", key=SigningKey(b"x" * 32)), unsigned):
        assert prove_fork(CIRCUIT, run, other) is None


def _swapped(proof: ForkProof) -> ForkProof:
    return ForkProof(proof.other, proof.one)


def _one_twice(proof: ForkProof) -> ForkProof:
    return ForkProof(proof.one, proof.one)


def _unsigned(proof: ForkProof) -> ForkProof:
    return ForkProof(proof.one, msgspec.structs.replace(proof.other, signature=b""))


def _forged(proof: ForkProof) -> ForkProof:
    return ForkProof(proof.one, msgspec.structs.replace(proof.other, signature=bytes(64)))


def _elsewhere(proof: ForkProof) -> ForkProof:
    return ForkProof(proof.one, branch(b"other", log=2))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_swapped, "bad_fork"),
        (_one_twice, "bad_fork"),
        (_unsigned, "bad_fork"),
        (_forged, "bad_signature"),
        (_elsewhere, "bad_fork"),
    ],
)
def test_a_proof_that_shows_no_fork_is_refused(spoil: Any, code: str) -> None:
    proof = spoil(proved(branch(b"one"), branch(b"other")))
    with pytest.raises(PeerFault) as raised:
        check_fork(CIRCUIT, proof)
    assert raised.value.code == code


def test_a_proof_of_another_circuit_is_refused() -> None:
    with pytest.raises(PeerFault, match="signature"):
        check_fork(b"d" * 32, proved(branch(b"one"), branch(b"other")))
