"""Forks: two entries of one author at one place of one log, and the proof that shows them to everyone.

A proof is two runs of headers that begin at the same place behind the same entry and differ in their first one; each
goes up to its next signature. Both are signed, so nobody can make one but the author. It carries no payload.
"""

from dataclasses import dataclass

import msgspec

from foodhub.log.encoding import decode, encode
from foodhub.log.faults import PeerFault
from foodhub.log.run import CheckedRun, Line, Run, check_run


class ForkProof(msgspec.Struct, frozen=True, array_like=True):
    """Two runs of one log that part at their first entry; the one whose first id is lower stands first."""

    one: Run
    other: Run


@dataclass(frozen=True, slots=True)
class Fork:
    """What a proof shows: the lowest place of a log at which two entries stand, and the id of the entry before it."""

    author: bytes
    log: int
    seq: int
    backlink: bytes


_decoder = msgspec.msgpack.Decoder(ForkProof)


def prove_fork(circuit: bytes, ours: Run, theirs: Run) -> ForkProof | None:
    """Return the proof that two runs of one log make, both cut to where they part; None when they show no fork.

    Both have to be signed. They may begin at different places, as long as the shorter one's first backlink stands in
    the other: where that is not so, they part further down.

    Raises:
        PeerFault: one of them is no run of this circuit.
    """
    one, other = check_run(circuit, ours), check_run(circuit, theirs)
    if (one.author, one.log) != (other.author, other.log) or not (one.signature and other.signature):
        return None
    start, end = max(one.first, other.first), min(one.last, other.last)
    for seq in range(start, end + 1):
        if _backlink(one, seq) != _backlink(other, seq):
            return None
        if _id(one, seq) != _id(other, seq):
            parts = sorted((_from(run, checked, seq) for run, checked in ((ours, one), (theirs, other))), key=_first_id)
            return ForkProof(parts[0][0], parts[1][0])
    return None


def check_fork(circuit: bytes, proof: ForkProof) -> Fork:
    """Check a proof.

    Raises:
        PeerFault: `bad_fork`, or what is wrong with one of its runs.
    """
    one, other = check_run(circuit, proof.one), check_run(circuit, proof.other)
    same = (one.author, one.log, one.first, one.backlink) == (other.author, other.log, other.first, other.backlink)
    if not same or not (one.signature and other.signature) or not one.ids[0] < other.ids[0]:
        raise PeerFault("bad_fork")
    return Fork(one.author, one.log, one.first, one.backlink)


def read_fork(data: bytes) -> ForkProof:
    """Decode a proof.

    Raises:
        PeerFault: `not_canonical`.
    """
    return decode(_decoder, data)


def write_fork(proof: ForkProof) -> bytes:
    """Encode a proof."""
    return encode(proof)


def _id(run: CheckedRun, seq: int) -> bytes:
    return run.ids[seq - run.first]


def _backlink(run: CheckedRun, seq: int) -> bytes:
    return run.backlink if seq == run.first else run.ids[seq - run.first - 1]


def _first_id(part: tuple[Run, bytes]) -> bytes:
    return part[1]


def _from(run: Run, checked: CheckedRun, seq: int) -> tuple[Run, bytes]:
    """Return the part of a run that begins at `seq`, and the id of its first entry."""
    at = seq - run.first
    kind, _, size, payload = run.lines[at]
    first: Line = (kind, checked.timestamps[at], size, payload)
    lines = [first, *run.lines[at + 1 :]]
    part = Run(run.version, run.author, run.log, seq, _backlink(checked, seq), lines, run.signature)
    return part, checked.ids[at]
