"""Saying again what was set aside: a member's own words, from another of its devices, where they are still wanted.

Only what spends nothing is said again, what was written for others in its envelope. Rights that one device spends are
never spent a second time: what was given out, taken in or promised above a limit is gone, and is done anew by whoever
keeps the right.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from foodhub.catalog.statements import Case, Product, Stock
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.belonging import say_belong
from foodhub.node.buyers import Buyer
from foodhub.node.cycles import list_cycles
from foodhub.node.devices import desk_of, keeper_of
from foodhub.node.disputed import Aside, Names, kind_of, set_aside
from foodhub.node.hat import Hat, shown_name
from foodhub.node.rights import require_right
from foodhub.node.standing import require_standing
from foodhub.orders.closing import Baskets, Confirmation, Counted, Tally
from foodhub.orders.exchanges import Close, Draft, Opening, Outgoing, Plan, Repeat
from foodhub.orders.hands import Behalf, Belong, Contact, Mandate, Represented
from foodhub.orders.purchase import Purchase
from foodhub.orders.reserving import Lower, Return
from foodhub.orders.shown_queue import Queue
from foodhub.orders.statements import Allot, Answer, Cycle, Order, Profile, Receipt, Remark, Standing, Total
from foodhub.store.behalf import standing
from foodhub.store.facts import FACTS, Stated, fault_of, quoted
from foodhub.store.transaction import Transaction

AGAIN = (
    *(Profile, Mandate, Represented, Contact, Belong, Product, Stock, Case),
    *(Cycle, Plan, Outgoing, Opening, Close, Draft, Repeat, Standing, Order, Remark),
)
"""What can be said again, in the order in which it builds on each other: it spends nothing."""
SPENT = (Allot, Lower, Return, Receipt, Answer, Total, Tally, Counted, Queue, Confirmation, Baskets, Purchase)
"""What spends a right, or rests on what does. Everything that stands in neither a person says anew."""


_OF_DESK = (Cycle, Plan, Outgoing, Opening, Close, Draft, Repeat)
"""What only the device says that runs the cycles."""


class AgainRow(msgspec.Struct, frozen=True):
    """One fact of which something is set aside, and what `reissue` does about it; `owner` is for whom we said it.

    `owner` is "" for our own. `state` is `again` (it would be signed as `version`), `superseded` (what counts is
    newer), `same` (what counts says the same), `closed` (the cycle of the order is), `other_device` (which keeps the
    right), `no_leave` (we may not write for its owner any more), `spent` (a right that one device alone spends; it is
    not said again) or `anew` (nobody can know whether it is still wanted: a person says it anew).
    """

    kind: str
    name: str
    owner: str
    version: int
    state: str


@dataclass(frozen=True, slots=True)
class _Said:
    """A statement that is set aside, without its envelope: whose fact it is of, when it was signed (ms)."""

    statement: Any
    owner: bytes
    behalf: Behalf | None
    timestamp: int

    def enclose(self, statement: Any) -> Any:
        """Put a statement into the envelope that this one was in."""
        return statement if self.behalf is None else msgspec.structs.replace(self.behalf, statement=statement)


@dataclass(frozen=True, slots=True)
class _Fact:
    """The highest of the set aside statements about one fact, and what is to be done about it."""

    row: AgainRow
    statement: Any
    said: _Said


def plan_reissue(tx: Transaction, hat: Hat) -> list[AgainRow]:
    """Return each fact of a member of which something is set aside, and what `reissue` would do; it writes nothing.

    Raises:
        RefusedError: what this device signs counts no more.
    """
    require_standing(tx.db, hat)
    return [fact.row for fact in _facts(tx, hat)]


def reissue(tx: Transaction, hat: Hat) -> int:
    """Say again, from this device, what is set aside and still wanted; return how many statements that were.

    Raises:
        RefusedError: what this device signs counts no more, or somebody it is sealed to has no key yet.
    """
    require_standing(tx.db, hat)
    wanted = [fact for fact in _facts(tx, hat) if fact.row.state == "again"]
    if any(isinstance(fact.statement, Stock) for fact in wanted):
        require_right(tx.db, hat, "stock")
    in_open = [fact for fact in wanted if FACTS[type(fact.statement)].log == Log.CATALOG]
    if in_open:
        tx.append(hat.member, Log.CATALOG, [fact.said.enclose(fact.statement) for fact in in_open])
    for fact in wanted:
        if FACTS[type(fact.statement)].log == Log.TRADE:
            _seal(tx, hat, fact)
    return len(wanted)


def _seal(tx: Transaction, hat: Hat, fact: _Fact) -> None:
    """Sign a statement of log 2 for whom it concerns, alone in its entry, so that it can be erased alone."""
    statement, owner = fact.statement, fact.said.owner
    if isinstance(statement, Belong):
        say_belong(tx, hat, Buyer(owner, fact.said.enclose), statement)
        return
    # What is ours alone has no further reader; whoever is to read a contact card is found by the duty for these.
    row = _placement(tx.db, owner, statement.local) if isinstance(statement, Remark) else None
    hubs = [statement.hub] if isinstance(statement, Order) else [row[0]] if row else []
    try:
        tx.append(hat.member, Log.TRADE, [fact.said.enclose(statement)], readers=hubs)
    except LookupError:
        name = shown_name(tx.db, hubs[0])
        raise RefusedError("no_box_key", N_("{hub} can't be written to yet."), N_("Sync first."), hub=name) from None


def _placement(db: sqlite3.Connection, owner: bytes, local: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return of a placement that counts: the aggregator, and the cycle (owner, local id)."""
    row: tuple[bytes, bytes, bytes] | None = db.execute(
        "SELECT f.hub, f.cycle_owner, f.cycle FROM placement f JOIN party p ON p.ref = f.owner"
        " WHERE p.id = ? AND f.local = ?",
        (owner, local),
    ).fetchone()
    return row


def _facts(tx: Transaction, hat: Hat) -> list[_Fact]:
    """Sort what is set aside of a member by fact, the statement that would hold for each."""
    asides = [each for each in set_aside(tx) if each.member == hat.member]
    names, highest = Names(tx.db, asides), _highest(hat, asides)
    orders = {(said.owner, said.statement.local): said.statement for said in highest if _is_order(said)}
    found = [_plan(tx, hat, said, names, orders) for said in highest]
    return sorted(found, key=lambda fact: (_place(fact.statement), fact.row.name.casefold(), fact.row.kind))


def _is_order(said: _Said) -> bool:
    return isinstance(said.statement, Order)


def _highest(hat: Hat, asides: Sequence[Aside]) -> list[_Said]:
    """Return for each fact the statement that would hold of those set aside."""
    highest: dict[tuple[type, bytes, bytes], tuple[tuple[int, int, bytes, int], _Said]] = {}
    for each in asides:
        for whole in each.statements:
            behalf = whole if isinstance(whole, Behalf) else None
            said = behalf.statement if behalf else whole
            fact, owner = FACTS.get(type(said)), behalf.owner if behalf else hat.member
            if fact is not None and fact.log == each.log and fault_of(whole) is None:
                key = (type(said), owner, getattr(said, "local", b""))
                order = (getattr(said, "version", 1), each.timestamp, each.author, each.seq)
                if key not in highest or order > highest[key][0]:
                    highest[key] = order, _Said(said, owner, behalf, each.timestamp)
    return [said for _order, said in highest.values()]


def _place(statement: Any) -> int:
    """Order kinds as they build on each other; those that spend a right come last."""
    return AGAIN.index(type(statement)) if type(statement) in AGAIN else len(AGAIN)


def _plan(tx: Transaction, hat: Hat, said: _Said, names: Names, orders: Mapping[tuple[bytes, bytes], Order]) -> _Fact:
    version, state, again = 0, _state(tx, hat, said, orders), said.statement
    if state == "again":
        version = 1 + max(again.version, _counted_version(tx.db, hat, said))
        again = msgspec.structs.replace(again, version=version)
        if isinstance(again, Cycle | Outgoing) and desk_of(tx.db, again.device) != hat.device:
            again = msgspec.structs.replace(again, device=hat.device)
    owner = shown_name(tx.db, said.owner) if said.behalf else ""
    row = AgainRow(kind_of(said.statement), names.about(said.owner, said.statement), owner, version, state)
    return _Fact(row, again, said)


def _state(tx: Transaction, hat: Hat, said: _Said, orders: Mapping[tuple[bytes, bytes], Order]) -> str:
    """Say what becomes of a statement that is set aside; see `AgainRow`."""
    statement = said.statement
    if not isinstance(statement, AGAIN):
        return "spent" if isinstance(statement, SPENT) else "anew"
    counted = _counted(tx.db, hat, said)
    if counted is not None:
        version, at, same = counted
        if same:
            return "same"
        if (version, at) > (statement.version, said.timestamp):
            return "superseded"
    if said.behalf is not None and not _has_leave(tx, hat, said.behalf):
        return "no_leave"
    if isinstance(statement, Stock) and keeper_of(tx.db, hat.member, "stock") != hat.device:
        return "other_device"
    if isinstance(statement, _OF_DESK):
        desk = desk_of(tx.db, statement.device) if isinstance(statement, Cycle | Outgoing) else b""
        if hat.device not in {desk, keeper_of(tx.db, hat.member, "desk")}:
            return "other_device"
    return _of_order(tx, said, orders) if isinstance(statement, Order | Remark) else "again"


def _has_leave(tx: Transaction, hat: Hat, behalf: Behalf) -> bool:
    """Say whether what we write for its owner now counts."""
    at = Stated(0, frozenset(), 0, b"", tx.now, 0, b"", writer=hat.member)
    return not isinstance(standing(tx.db, "", behalf, at), str)


def _of_order(tx: Transaction, said: _Said, orders: Mapping[tuple[bytes, bytes], Order]) -> str:
    """Say what becomes of an order, or of a remark on one that counts or is said again before it."""
    order, row = orders.get((said.owner, said.statement.local)), _placement(tx.db, said.owner, said.statement.local)
    if order is None and row is None:
        return "anew"
    cycle = (order.cycle_owner, order.cycle) if order is not None else row and row[1:]
    runs = any(each.key == cycle and each.state != "closed" for each in list_cycles(tx.db, tx.now))
    return "again" if runs else "closed"


def _columns(said: Any) -> list[str]:
    """Return the columns that say what a statement says, and not where it stands."""
    return [name for name in FACTS[type(said)].columns if name != "entry"]


def _values(hat: Hat, said: _Said, payload: bytes, version: int) -> tuple[Any, ...]:
    """Return the values of `_columns` as if the statement stood in this payload in another version."""
    fact, statement = FACTS[type(said.statement)], msgspec.structs.replace(said.statement, version=version)
    told = said.behalf.told if said.behalf else ""
    at = Stated(0, frozenset(), 0, b"", 0, 0, payload, writer=hat.member, told=told)
    row = dict(zip(fact.columns, fact.row(statement, at), strict=True))
    return tuple(row[name] for name in _columns(statement))


def _counted(db: sqlite3.Connection, hat: Hat, said: _Said) -> tuple[int, int, bool] | None:
    """Return version and time (ms) of the statement that holds about the same fact, and whether it says the same."""
    columns = ", ".join(f"f.{quoted(name)}" for name in ("version", "timestamp", *_columns(said.statement)))
    row = db.execute(
        f"SELECT e.payload, {columns} FROM {FACTS[type(said.statement)].table} f JOIN party p ON p.ref = f.owner"  # noqa: S608 - names of ours
        " CROSS JOIN entry e ON e.place = f.place WHERE p.id = ? AND f.local = ?",
        (said.owner, getattr(said.statement, "local", b"")),
    ).fetchone()
    if row is None:
        return None
    payload, version, timestamp, *values = row
    return version, timestamp, tuple(values) == _values(hat, said, payload, version)


def _counted_version(db: sqlite3.Connection, hat: Hat, said: _Said) -> int:
    """Return the highest version of a fact that is known from elsewhere: counted, or answered by a hub."""
    counted = _counted(db, hat, said)
    version = counted[0] if counted else 0
    if isinstance(said.statement, Order):
        row = db.execute(
            "SELECT max(placement_version) FROM answer WHERE buyer = ? AND placement = ?",
            (said.owner, said.statement.local),
        ).fetchone()
        version = max(version, row[0] or 0)
    return version
