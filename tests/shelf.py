"""A store in memory, for tests of what depends on the entries alone: no file, no lock, no thread."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.run import read_run
from foodhub.store.database import _bring_here
from foodhub.store.facts import FACTS as KINDS
from foodhub.store.facts import quoted
from foodhub.store.keyring import Keyring
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction
from tests.pens import MORNING, Paper, Pen

_WHERE = f"(SELECT hex(author) || log FROM log WHERE ref = place >> {SEQ_BITS}), place & {(1 << SEQ_BITS) - 1}"  # noqa: S608
SHARED = {
    "member": "SELECT id, roles, invited_by, joined, admitted FROM member",
    "device": "SELECT * FROM device",
    "epoch": "SELECT * FROM epoch",
    "invite": "SELECT * FROM invite",
    "circuit": "SELECT * FROM circuit",
}
FACTS = ("profile", "product", "stock", "cycle", "allotment", "placement", "receipt", "answer", "total")
"""The views of facts that the first version had."""


def rows(db: sqlite3.Connection) -> dict[str, list[Any]]:
    """Return all rows of all views, without what says in which file they stand and when they came."""
    found = {name: sorted(db.execute(query).fetchall(), key=repr) for name, query in SHARED.items()}
    for name in sorted(fact.table for fact in KINDS.values()):
        with closing(db.execute(f"SELECT * FROM {name}")) as cursor:  # noqa: S608 - names of ours
            columns = [column[0] for column in cursor.description]
        kept = ", ".join(quoted(column) for column in columns if column not in {"owner", "spoken", "place", "arrival"})
        people = [f"(SELECT id FROM party WHERE ref = {column})" for column in ("owner", "spoken")]  # noqa: S608 - names of ours
        query = f"SELECT {people[0]}, {kept}, {_WHERE}, {people[1]} FROM {name}"  # noqa: S608 - names of ours
        found[name] = sorted(db.execute(query).fetchall(), key=repr)
    found["spoke"] = sorted(
        db.execute("SELECT s.owner, l.author, l.log FROM spoke s JOIN log l ON l.ref = s.log").fetchall()
    )
    unread = f"SELECT {_WHERE}, position, reason FROM unread"  # noqa: S608 - names of ours
    found["unread"] = sorted(db.execute(unread).fetchall(), key=repr)
    return found


class Shelf:
    """The store of somebody who holds the keys of `pens`, or of nobody."""

    def __init__(self, circuit: bytes, *pens: Pen) -> None:
        self.circuit = circuit
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.keyring = Keyring([pen.file for pen in pens])
        _bring_here(self.db)

    def __enter__(self) -> "Shelf":
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    def transaction(self) -> Transaction:
        return Transaction(self.db, self.keyring, {}, self.circuit, MORNING)

    def take(self, *papers: Paper) -> list[str | int]:
        """Take each paper in a transaction of its own; return how many entries were new, or why it was refused."""
        results: list[str | int] = []
        for run, payloads in papers:
            try:
                checked = read_run(self.circuit, encode(run))
                tx = self.transaction()
                results.append(tx.take(checked, [payload or None for payload in payloads]))
                tx.fold.flush()
            except PeerFault as fault:
                results.append(fault.code)
        return results

    def take_together(self, papers: Iterable[Paper]) -> None:
        """Take papers in one transaction, leaving out those that are refused."""
        tx = self.transaction()
        for run, payloads in papers:
            try:
                tx.take(read_run(self.circuit, encode(run)), list(payloads))
            except PeerFault:
                continue
        tx.fold.flush()

    def take_until_settled(self, papers: Iterable[Paper]) -> None:
        """Take papers in this order, again and again, as peers offer them, until nothing is new."""
        waiting = list(papers)
        while any(isinstance(result, int) and result > 0 for result in self.take(*waiting)):
            pass

    def rows(self) -> dict[str, list[Any]]:
        return rows(self.db)

    def reasons(self) -> list[str]:
        return [reason for (reason,) in self.db.execute("SELECT reason FROM unread ORDER BY place, position")]
