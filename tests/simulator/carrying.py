"""What a session brings about in the end, without a session: everything that a disk lacks of another, in any order.

The brute-force twin of the protocol: where the protocol bisects, this looks at every place.
"""

from collections.abc import Sequence
from random import Random

from foodhub.log.encoding import encode
from foodhub.log.frontier import Item, frontier_digest
from foodhub.log.run import read_run as read_checked
from foodhub.node.exchange import Arrival
from tests.simulator.disk import Disk

EVERYTHING = 1 << 40
PASSES = 12


def carry(giver: Disk, taker: Disk, chance: Random | None = None) -> None:
    """Bring what the taker lacks: proofs, branches, runs (by `chance` in any order, doubled), payloads."""
    offered = sorted(giver.frontier(), key=lambda item: item.log)
    held = {(item.author, item.log): item for item in taker.frontier()}
    places = [(item.author, item.log) for item in offered]
    taker.take_forks(giver.forks(places), "a peer")
    giver.take_forks(taker.forks(places), "a peer")
    arrivals: list[Arrival] = []
    for item in offered:
        mine = held.get((item.author, item.log))
        if mine is not None:
            show_branch(giver, taker, item, min(mine.seq, item.seq))
        arrivals += _runs(giver, item, mine.seq if mine else 0)
    if chance is None:
        taker.take(arrivals)
    else:
        for arrival in chance.sample(arrivals * 2, len(arrivals) * 2):
            taker.take([arrival])
    taker.take_payloads(giver.payloads(taker.wanted(EVERYTHING), EVERYTHING), "a peer")


def show_branch(giver: Disk, taker: Disk, item: Item, upto: int) -> None:
    """Show the taker where a log parts from what it holds, if it does so at or below a place."""
    seqs = range(1, upto + 1)
    pairs = zip(giver.ids(item.author, item.log, seqs), taker.ids(item.author, item.log, seqs), strict=True)
    agreed = 0
    for seq, (theirs, ours) in enumerate(pairs, 1):
        if theirs and ours and theirs != ours:
            branch = giver.branch(item.author, item.log, seq - 1) if agreed == seq - 1 else None
            if branch is not None:
                taker.take_branch(branch, "a peer")
            return
        agreed = seq if theirs and ours else agreed


def _runs(giver: Disk, item: Item, after: int) -> list[Arrival]:
    """Return a log behind a place, as runs."""
    runs = []
    while found := giver.run(item.author, item.log, after):
        run, payloads = found
        checked = read_checked(giver.circuit, encode(run))
        runs.append(Arrival(checked, [payload or None for payload in payloads], "a peer"))
        after = checked.last
    return runs


def settle(disks: Sequence[Disk]) -> bool:
    """Let everybody tell everybody until nothing is new; say whether that came to an end."""
    before: list[bytes] = []
    for _ in range(PASSES):
        now = [frontier_digest(disk.frontier()) + repr(disk.wanted(EVERYTHING)).encode() for disk in disks]
        if now == before:
            return True
        before = now
        for giver in disks:
            for taker in disks:
                if giver is not taker:
                    carry(giver, taker)
    return False
