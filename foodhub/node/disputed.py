"""What is disputed: entries above the limit of their log, which are set aside here and counted by no node.

A log forks when two pens wrote it, and a cut ends it where others had it. What was signed above is kept and shown;
`reissue` lets its author say it again. Nothing here says who is right.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from foodhub.catalog.naming import base32_id, full_name
from foodhub.catalog.statements import Case, Product, Stock
from foodhub.log.body import Unread, open_payload
from foodhub.log.faults import PeerFault
from foodhub.log.header import Kind, Log
from foodhub.log.seal import unseal
from foodhub.node.hat import Hat, shown_name
from foodhub.node.ranks import removal_of
from foodhub.node.state import LOG_NAMES
from foodhub.orders.exchanges import Close, Draft, Opening, Outgoing, Plan, Repeat
from foodhub.orders.hands import Behalf, Belong, Represented, represented_id
from foodhub.orders.statements import Answer, Cycle, Order, Remark, Total
from foodhub.store.fold import READERS
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction


class SaidRow(msgspec.Struct, frozen=True):
    """One statement in short: its kind as the protocol names it, and what or whom it is about, if that is known."""

    kind: str
    name: str


class DisputedRow(msgspec.Struct, frozen=True):
    """One entry that is set aside: whose, where it stands, what it says, and what set it aside.

    `why` is `forked` (at the place `limit`), `removed` (its member, by `by`) or `retired` (its device). What was said
    `again` here needs nothing more.
    """

    member: str
    member_id: str
    author: str
    own: bool
    log: str
    seq: int
    at: datetime
    says: list[SaidRow]
    why: str
    limit: int
    by: str
    again: bool


@dataclass(frozen=True, slots=True)
class Aside:
    """An entry above its limit."""

    author: bytes
    member: bytes
    log: int
    seq: int
    timestamp: int
    limit: int
    why: str
    statements: Sequence[Any]


def disputed(tx: Transaction) -> list[DisputedRow]:
    """Return the entries set aside here that anybody may read, and those that this home can open, by member and place.

    It takes a transaction for its keys and writes nothing.
    """
    own = {member for (member,) in tx.db.execute("SELECT member FROM own")}
    asides = list(set_aside(tx))
    names = Names(tx.db, asides)
    removed = {each.member for each in asides if each.why == "removed"}
    removers = {member: found[0] for member in removed if (found := removal_of(tx.db, member))}
    rows = [
        DisputedRow(
            member=shown_name(tx.db, each.member),
            member_id=base32_id(each.member),
            author=base32_id(each.author),
            own=each.member in own,
            log=LOG_NAMES[each.log],
            seq=each.seq,
            at=datetime.fromtimestamp(each.timestamp / 1000, UTC),
            says=[SaidRow(kind_of(said), names.about(each.member, said)) for said in each.statements],
            why=each.why,
            limit=each.limit,
            by=shown_name(tx.db, removers[each.member]) if each.member in removers else "",
            again=each.member in own and each.seq <= dealt_with(tx.db, each.author, each.log),
        )
        for each in asides
    ]
    return sorted(
        rows, key=lambda row: (not row.own, row.member.casefold(), row.author, LOG_NAMES.index(row.log), row.seq)
    )


def other_branches(db: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """Return member, log and place of each fork of a device of ours: each node holds one branch, so another is missing.

    A fork that was dealt with from here is left out.
    """
    rows = db.execute(
        "SELECT o.member, f.author, f.log, f.seq FROM fork_proof f JOIN device d ON d.key = f.author"
        " JOIN own o ON o.member = d.member ORDER BY o.name, f.log, f.author"
    ).fetchall()
    return [
        (shown_name(db, member), LOG_NAMES[log], seq)
        for member, author, log, seq in rows
        if dealt_with(db, author, log) < seq
    ]


def dealt_with(db: sqlite3.Connection, author: bytes, log: int) -> int:
    """Return up to which place of a log of ours what is set aside was looked at and said again as far as wanted."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_dealt_with(author, log),)).fetchone()
    return int(row[0]) if row else 0


def deal_with(tx: Transaction, hat: Hat) -> None:
    """Note that what is set aside of a member was said again from here, as far as it can be and is still wanted."""
    rows = tx.db.execute(
        "SELECT l.author, l.log, l.held FROM log l JOIN device d ON d.key = l.author"
        ' WHERE d.member = ? AND l."limit" > 0',
        (hat.member,),
    )
    noted = [(_dealt_with(author, log), held) for author, log, held in rows.fetchall()]
    tx.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", noted)


def _dealt_with(author: bytes, log: int) -> str:
    return f"dealt_with:{author.hex()}:{log}"


def set_aside(tx: Transaction) -> Iterator[Aside]:
    """Yield every entry above a limit that can be read."""
    logs = tx.db.execute(
        'SELECT l.ref, l.author, d.member, l.log, l."limit", l.held, f.seq, m.removed FROM log l'
        " JOIN device d ON d.key = l.author JOIN member m ON m.id = d.member"
        " LEFT JOIN fork_proof f ON f.author = l.author AND f.log = l.log"
        ' WHERE l."limit" > 0 AND l.held >= l."limit" ORDER BY l.ref'
    ).fetchall()
    for ref, author, member, log, limit, held, fork, removed in logs:
        why = "forked" if fork == limit else "removed" if removed else "retired"
        first = ref << SEQ_BITS
        rows = tx.db.execute(
            "SELECT place, timestamp, kind, payload FROM entry WHERE place BETWEEN ? AND ? ORDER BY place",
            (first + limit, first + held),
        ).fetchall()
        for place, timestamp, kind, payload in rows:
            # A checkpoint says nothing new.
            if payload is not None and kind in {Kind.LASTING, Kind.ERASABLE}:
                statements = _read(tx, author, member, log, place - first, payload)
                if statements:
                    yield Aside(author, member, log, place - first, timestamp, limit, why, statements)


def _read(tx: Transaction, author: bytes, member: bytes, log: int, seq: int, payload: bytes) -> list[Any]:
    try:
        if log == Log.TRADE:
            secrets = tx.keyring.opening_secrets(tx.db, member)
            body = unseal(payload, (tx.circuit, author, log, seq), secrets) if secrets else None
        else:
            body = open_payload(payload)
        return [] if body is None else [each for each in READERS[log].read(body) if not isinstance(each, Unread)]
    except PeerFault:
        return []


def kind_of(statement: Any) -> str:
    """Return the name with which a statement begins."""
    return str(statement.__struct_config__.tag)


class Names:
    """What products and cycles are called: as they count, and where nothing of one counts, as it was set aside."""

    def __init__(self, db: sqlite3.Connection, asides: Iterable[Aside]) -> None:
        self._db = db
        self._aside = {
            (each.member, said.local): said.name
            for each in asides
            for said in each.statements
            if isinstance(said, Product | Cycle)
        }

    def product(self, owner: bytes, local: bytes) -> str:
        """Return what a product is called, or the beginning of its id."""
        row = self._db.execute(
            "SELECT p.name FROM product p JOIN member m ON m.ref = p.owner WHERE m.id = ? AND p.local = ?",
            (owner, local),
        ).fetchone()
        return row[0] if row else self._aside.get((owner, local), base32_id(local)[:8])

    def cycle(self, owner: bytes, local: bytes) -> str:
        """Return what a cycle is called, or the beginning of its id."""
        row = self._db.execute(
            "SELECT c.name FROM cycle c JOIN member m ON m.ref = c.owner WHERE m.id = ? AND c.local = ?", (owner, local)
        ).fetchone()
        return row[0] if row else self._aside.get((owner, local), base32_id(local)[:8])

    def _of_cycle(self, owner: bytes, statement: Any) -> str:
        match statement:
            case Outgoing(cycle_owner=whose, cycle=local) | Close(cycle_owner=whose, cycle=local):
                return self.cycle(whose, local)
            case Draft(cycle=Cycle(name=name)):
                return name
            case Repeat(cycle=local):
                return self.cycle(owner, local)
        return self.cycle(owner, statement.local)

    def _about_member(self, owner: bytes, statement: Behalf | Belong | Represented) -> str:
        if isinstance(statement, Behalf):
            return self.about(statement.owner, statement.statement) or shown_name(self._db, statement.owner)
        if isinstance(statement, Belong):
            return shown_name(self._db, statement.group)
        return shown_name(self._db, represented_id(owner, statement.local, statement.role))

    def about(self, owner: bytes, statement: Any) -> str:
        """Say in a word or two what or whom a statement is about."""
        match statement:
            case Product(name=name, variant=variant):
                return full_name(name, variant)
            case Stock(local=local) | Case(local=local):
                return self.product(owner, local)
            case Plan() | Opening() | Outgoing() | Close() | Draft() | Repeat():
                return self._of_cycle(owner, statement)
            case Order(local=local) | Remark(local=local) | Answer(order=local):
                return order_number(local)
            case Behalf() | Belong() | Represented():
                return self._about_member(owner, statement)
            case Total(producer=producer, product=product):
                return self.product(producer, product)
        if product := getattr(statement, "product", b""):
            return self.product(owner, product)
        member = getattr(statement, "member", b"")
        name = shown_name(self._db, member) if member else getattr(statement, "name", "")
        return name if isinstance(name, str) else ""


def order_number(local: bytes) -> str:
    """Return the number by which people call an order."""
    identity = base32_id(local)
    return f"{identity[:4]}-{identity[4:8]}".upper()
