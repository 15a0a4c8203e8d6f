"""What has to hold at the end of every scenario, whatever its weather was and whoever was in it."""

from collections.abc import Sequence
from typing import Any

from foodhub.log.frontier import frontier_digest
from foodhub.log.header import payload_hash
from foodhub.node.comparison import shared_rows
from foodhub.p2p.messages import MAX_FRAME
from foodhub.p2p.session import EARLY_BYTES, Session
from foodhub.p2p.transfer import ANNOUNCED_BYTES, WINDOW
from foodhub.store.schema import SEQ_BITS
from tests.simulator.circuit import Circuit
from tests.simulator.link import Link
from tests.simulator.node import Node

MOST_COMMITTING = WINDOW + ANNOUNCED_BYTES + MAX_FRAME
"""Payload bytes of one peer that may wait for their commit."""


def agreed(nodes: Sequence[Node]) -> bool:
    """Say whether all of these hold the same."""
    return len({frontier_digest(node.disk.frontier()) for node in nodes}) == 1


def judge(circuit: Circuit, nodes: Sequence[Node]) -> None:
    """Check everything that two honest nodes owe each other, and us."""
    names = {node.name for node in nodes}
    first = nodes[0]
    rows, public = shared_rows(first.disk.db), first.disk.shelf.rows()
    for node in nodes:
        theirs = node.disk.frontier()
        assert sorted(theirs) == sorted(first.disk.frontier()), _difference(first, node)
        assert shared_rows(node.disk.db) == rows, f"{node.name} shows other rows than {first.name}"
        _compare(public, node.disk.shelf.rows(), f"{node.name} has other views than {first.name}")
        unfair = [(name, code) for name, code in node.accusations if name in names]
        assert not unfair, f"{node.name} accuses honest nodes: {unfair}"
        assert node.most_committing <= MOST_COMMITTING, f"{node.most_committing} bytes waited at {node.name}"
        _judge_entries(circuit, node)
        _judge_wanted(node, nodes)
        for link in node.links.values():
            _judge_link(link)


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
