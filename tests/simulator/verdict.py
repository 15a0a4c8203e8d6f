"""What has to hold at the end of every scenario, whatever its weather was and whoever was in it."""

from collections.abc import Collection, Sequence
from typing import Any

from foodhub.log.frontier import Item, frontier_digest
from foodhub.log.header import Log, payload_hash
from foodhub.node.comparison import shared_rows
from foodhub.p2p.messages import MAX_FRAME
from foodhub.p2p.session import EARLY_BYTES, Session
from foodhub.p2p.transfer import ANNOUNCED_BYTES, WINDOW
from foodhub.store.schema import SEQ_BITS
from tests.simulator.arrivals import Arrivals
from tests.simulator.circuit import Circuit
from tests.simulator.link import Link
from tests.simulator.node import Node

PLACES = (
    f"SELECT l.author, l.log, e.place & {(1 << SEQ_BITS) - 1}, e.id FROM entry e"  # noqa: S608 - numbers of ours
    f" JOIN log l ON l.ref = e.place >> {SEQ_BITS}"
)
MOST_COMMITTING = WINDOW + ANNOUNCED_BYTES + MAX_FRAME
"""Payload bytes of one peer that may wait for their commit."""


def agreed(nodes: Sequence[Node]) -> bool:
    """Say whether all of these hold the same."""
    return len({frontier_digest(node.disk.frontier()) for node in nodes}) == 1


def lets_in(one: Node, other: Node) -> bool:
    """Say whether a node takes another for a device of a member."""
    return one.disk.visitor([other.pen.device], b"").standing is not None


def judge(circuit: Circuit, nodes: Sequence[Node], apart: Sequence[Node]) -> None:
    """Check everything that two honest nodes owe each other, and us; those `apart` are honest, and owe less."""
    names = {node.name for node in (*nodes, *apart)}
    for node in apart:
        _judge_fairness(node, names)
        _judge_entries(circuit, node)
    first = nodes[0]
    rows, public = shared_rows(first.disk.db), first.disk.shelf.rows()
    for node in nodes:
        theirs = node.disk.frontier()
        assert sorted(theirs) == sorted(first.disk.frontier()), _difference(first, node)
        assert shared_rows(node.disk.db) == rows, f"{node.name} shows other rows than {first.name}"
        _compare(public, node.disk.shelf.rows(), f"{node.name} has other views than {first.name}")
        _judge_fairness(node, names)
        assert node.most_committing <= MOST_COMMITTING, f"{node.most_committing} bytes waited at {node.name}"
        _judge_entries(circuit, node)
        _judge_wanted(node, nodes)
        for link in node.links.values():
            _judge_link(link)


def judge_door(group: Sequence[Node], arrivals: Arrivals) -> None:
    """Check that each invite let in one at most, and whoever came with one that is still good."""
    first, inside = group[0], {node.name for node in group}
    waiting = [node.name for node in arrivals.at_the_door(first)]
    assert not waiting, f"{waiting} are still at the door of {first.name}"
    for node in arrivals.newcomers:
        assert node.door is not None
        if node.door.expired:
            assert not lets_in(first, node), f"{node.name} came in on an invite that had expired"
        elif lets_in(first, node) and node.is_true and not node.is_shut:
            assert node.name in inside, f"{node.name} is in at {first.name}, and does not hold what the others do"
    keys = [node.door.key.public for node in arrivals.newcomers if node.door and node.name in inside]
    assert len(keys) == len(set(keys)), "an invite let two in"


def unnoticed(member: Node, nodes: Sequence[Node]) -> list[str]:
    """Return the homes that may sign though a member, with whom they talk, holds an entry of theirs that they lack."""
    ahead = {(item.author, item.log): item.seq for item in member.disk.frontier()}
    return [
        node.name
        for node in nodes
        if node.watch is not None and node.is_true and lets_in(member, node) and lets_in(node, member)
        for log in Log
        if ahead.get((node.pen.device, log), 0) > node.disk.held(node.pen.device, log)
    ]


def judge_guards(group: Sequence[Node], nodes: Sequence[Node], forgetful: Collection[bytes]) -> None:
    """Check that no guarded home forked its log, that each one which is behind knows it, and that it can still read."""
    first = group[0]
    careless = unnoticed(first, nodes)
    assert not careless, f"{careless} lack entries of their own, and would sign"
    guarded = {node.pen.device for node in nodes if node.watch is not None} - set(forgetful)
    forked = {author for node in nodes for (author,) in node.disk.db.execute("SELECT author FROM fork_proof")}
    assert not forked & guarded, f"{[author.hex()[:8] for author in forked & guarded]} forked in spite of a guard"
    signed: dict[tuple[bytes, int, int], bytes] = {}
    for node in nodes:
        for author, log, seq, identity in node.disk.db.execute(PLACES):
            if author in guarded:
                known = signed.setdefault((author, log, seq), identity)
                assert known == identity, f"{author.hex()[:8]}/{log}/{seq} was signed twice in spite of a guard"
    for node in nodes:
        if not node.is_true and lets_in(first, node) and _own(node, node) == _own(first, node):
            assert agreed([first, node]), _difference(first, node)
            assert shared_rows(node.disk.db) == shared_rows(first.disk.db), f"{node.name} shows other rows"


def _own(where: Node, whose: Node) -> list[Item]:
    """Return how far the logs of a device go."""
    return [item for item in sorted(where.disk.frontier()) if item.author == whose.pen.device]


def _judge_fairness(node: Node, honest: Collection[str]) -> None:
    unfair = [(name, code) for name, code in node.accusations if name in honest]
    assert not unfair, f"{node.name} accuses honest nodes: {unfair}"


def judge_rebuild(node: Node) -> None:
    """Check that views made again from the log are those that grew with it."""
    before = node.disk.shelf.rows()
    with node.disk.writing() as tx:
        tx.fold.rebuild()
    _compare(before, node.disk.shelf.rows(), f"{node.name} shows other rows once they are made again")


def _compare(some: dict[str, list[Any]], others: dict[str, list[Any]], claim: str) -> None:
    """Say where views differ, if they do."""
    for name, rows in some.items():
        before, after = {repr(row) for row in rows}, {repr(row) for row in others[name]}
        assert before == after, f"{claim}: in {name}, {sorted(before - after)} against {sorted(after - before)}"


def _difference(one: Node, other: Node) -> str:
    mine, theirs = set(one.disk.frontier()), set(other.disk.frontier())
    shown = "\n".join(
        f"  {node.name}: {item.author.hex()[:8]}/{item.log} seq {item.seq} id {item.id.hex()[:8]} limit {item.limit}"
        for node, items in ((one, mine - theirs), (other, theirs - mine))
        for item in sorted(items)
    )
    return f"{one.name} and {other.name} differ:\n{shown}"


def _judge_entries(circuit: Circuit, node: Node) -> None:
    """Check that whatever a node holds was truly signed, and that nothing erased is back."""
    seq = f"place & {(1 << SEQ_BITS) - 1}"
    query = (
        f"SELECT l.author, l.log, {seq}, e.id, e.hash, e.payload FROM entry e JOIN log l ON l.ref = place >> {SEQ_BITS}"  # noqa: S608 - names of ours
    )
    for author, log, number, identity, hashed, payload in node.disk.db.execute(query):
        known = circuit.ledger.get(identity)
        assert known is not None, f"{node.name} holds an entry that nobody wrote, at {author.hex()[:8]}/{log}/{number}"
        place, true = known
        assert place == (author, log, number)
        assert payload == true if payload is not None else hashed == payload_hash(true)


def _judge_wanted(node: Node, nodes: Sequence[Node]) -> None:
    """Check that a node wants only what nobody holds, and holds nothing that was erased."""
    places = node.disk.wanted(1 << 40)
    for other in nodes:
        held = other.disk.payloads(places, 1 << 40)
        assert not held, f"{node.name} wants {len(held)} payloads that {other.name} holds"
    seq = f"e.place & {(1 << SEQ_BITS) - 1}"
    back = node.disk.db.execute(
        f"SELECT count(*) FROM entry e JOIN log l ON l.ref = e.place >> {SEQ_BITS} JOIN erased x ON x.author = l.author"  # noqa: S608 - numbers of ours
        f" AND x.log = l.log AND {seq} BETWEEN x.first AND x.last WHERE e.kind = 1 AND e.payload IS NOT NULL"
    ).fetchone()[0]
    assert not back, f"{node.name} holds {back} erased payloads"


def _judge_link(link: Link) -> None:
    """Check that what waits in a session at the end is bounded."""
    session: Session = link.session
    assert not link.committing, f"{link.node.name} still commits"
    assert session._early_bytes <= EARLY_BYTES + MAX_FRAME
    assert not session._early
    assert not session._receiving.commits
