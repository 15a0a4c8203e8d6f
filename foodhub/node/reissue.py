"""Saying again what was set aside: a member's own words, from another of its devices, where they are still wanted.

Only what spends nothing is said again. Rights that one device spends are never spent a second time: what was given
out, taken in or promised above a limit is gone, and is done anew by whoever keeps the right.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

import msgspec

from foodhub.catalog.statements import Case, Product, Stock
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.cycles import list_cycles
from foodhub.node.devices import desk_of, keeper_of
from foodhub.node.disputed import Names, kind_of, set_aside
from foodhub.node.hat import Hat, shown_name
from foodhub.node.rights import require_right
from foodhub.node.standing import require_standing
from foodhub.orders.exchanges import Close, Draft, Opening, Outgoing, Plan, Repeat
from foodhub.orders.statements import Cycle, Order, Profile
from foodhub.store.facts import FACTS, Stated
from foodhub.store.transaction import Transaction

AGAIN = (Profile, Product, Stock, Case, Cycle, Plan, Outgoing, Opening, Close, Draft, Repeat, Order)
"""What can be said again, in the order in which it builds on each other: it spends nothing."""


_OF_DESK = (Cycle, Plan, Outgoing, Opening, Close, Draft, Repeat)
"""What only the device says that runs the cycles."""


class AgainRow(msgspec.Struct, frozen=True):
    """One fact of ours of which something is set aside, and what `reissue` does about it.

    `state` is `again` (it would be signed as `version`), `superseded` (what counts is newer), `same` (what counts says
    the same), `closed` (the cycle of the order is), `other_device` (which keeps the right) or `spent` (a right that one
    device alone spends; it is not said again).
    """

    kind: str
    name: str
    version: int
    state: str


@dataclass(frozen=True, slots=True)
class _Fact:
    """The highest of the set aside statements about one fact of ours, and what is to be done about it."""

    row: AgainRow
    statement: Any


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
    wanted = [fact.statement for fact in _facts(tx, hat) if fact.row.state == "again"]
    if any(isinstance(each, Stock) for each in wanted):
        require_right(tx.db, hat, "stock")
    said = [each for each in wanted if not isinstance(each, Order)]
    for log in (Log.CATALOG, Log.TRADE):  # what of log 2 is no order is ours alone
        if found := [each for each in said if FACTS[type(each)].log == log]:
            tx.append(hat.member, log, found)
    for order in wanted:
        if isinstance(order, Order):
            _append_order(tx, hat, order)
    return len(wanted)


def _append_order(tx: Transaction, hat: Hat, order: Order) -> None:
    try:
        tx.append(hat.member, Log.TRADE, [order], readers=[order.hub])
    except LookupError:
        hub = shown_name(tx.db, order.hub)
        raise RefusedError("no_box_key", N_("{hub} can't be written to yet."), N_("Sync first."), hub=hub) from None


def _facts(tx: Transaction, hat: Hat) -> list[_Fact]:
    """Sort what is set aside of a member by fact, the statement that would hold for each."""
    highest: dict[tuple[type, bytes], tuple[int, int, bytes, int, Any]] = {}
    asides = [each for each in set_aside(tx) if each.member == hat.member]
    names = Names(tx.db, asides)
    for each in asides:
        for said in each.statements:
            fact = FACTS.get(type(said))
            if fact is not None and fact.log == each.log and fact.rule(said) is None:
                key = (type(said), getattr(said, "local", b""))
                order = (getattr(said, "version", 1), each.timestamp, each.author, each.seq)
                if key not in highest or order > highest[key][:4]:
                    highest[key] = (*order, said)
    found = [_plan(tx, hat, timestamp, said, names) for _version, timestamp, _author, _seq, said in highest.values()]
    return sorted(found, key=lambda fact: (_place(fact.statement), fact.row.name.casefold(), fact.row.kind))


def _place(statement: Any) -> int:
    """Order kinds as they build on each other; those that spend a right come last."""
    return AGAIN.index(type(statement)) if type(statement) in AGAIN else len(AGAIN)


def _plan(tx: Transaction, hat: Hat, timestamp: int, said: Any, names: Names) -> _Fact:
    version, state, again = 0, _state(tx, hat, timestamp, said), said
    if state == "again":
        version = 1 + max(said.version, _counted_version(tx.db, hat.member, said))
        again = msgspec.structs.replace(said, version=version)
        if isinstance(again, Cycle | Outgoing) and desk_of(tx.db, again.device) != hat.device:
            again = msgspec.structs.replace(again, device=hat.device)
    return _Fact(AgainRow(kind_of(said), names.about(hat.member, said), version, state), again)


def _state(tx: Transaction, hat: Hat, timestamp: int, said: Any) -> str:
    """Say what becomes of a statement that is set aside; see `AgainRow`."""
    if not isinstance(said, AGAIN):
        return "spent"
    counted = _counted(tx.db, hat.member, said)
    if counted is not None:
        version, at, same = counted
        if same:
            return "same"
        if (version, at) > (said.version, timestamp):
            return "superseded"
    if isinstance(said, Stock) and keeper_of(tx.db, hat.member, "stock") != hat.device:
        return "other_device"
    if isinstance(said, _OF_DESK):
        desk = desk_of(tx.db, said.device) if isinstance(said, Cycle | Outgoing) else b""
        if hat.device not in {desk, keeper_of(tx.db, hat.member, "desk")}:
            return "other_device"
    if isinstance(said, Order):
        places = {cycle.key: cycle.state for cycle in list_cycles(tx.db, tx.now)}
        if places.get((said.cycle_owner, said.cycle), "closed") == "closed":
            return "closed"
    return "again"


def _columns(said: Any) -> list[str]:
    """Return the columns that say what a statement says, and not where it stands."""
    return [name for name in FACTS[type(said)].columns if name != "entry"]


def _values(said: Any, payload: bytes) -> tuple[Any, ...]:
    """Return the values of `_columns` as if the statement stood in this payload."""
    fact = FACTS[type(said)]
    row = dict(zip(fact.columns, fact.row(said, Stated(0, frozenset(), 0, b"", 0, 0, payload)), strict=True))
    return tuple(row[name] for name in _columns(said))


def _counted(db: sqlite3.Connection, owner: bytes, said: Any) -> tuple[int, int, bool] | None:
    """Return version and time (ms) of the statement that holds about the same fact, and whether it says the same."""
    columns = ", ".join(f"f.{name}" for name in ("version", "timestamp", *_columns(said)))
    row = db.execute(
        f"SELECT e.payload, {columns} FROM {FACTS[type(said)].table} f JOIN member m ON m.ref = f.owner"  # noqa: S608 - names of ours
        " CROSS JOIN entry e ON e.place = f.place WHERE m.id = ? AND f.local = ?",
        (owner, getattr(said, "local", b"")),
    ).fetchone()
    if row is None:
        return None
    payload, version, timestamp, *values = row
    return version, timestamp, tuple(values) == _values(said, payload)


def _counted_version(db: sqlite3.Connection, owner: bytes, said: Any) -> int:
    """Return the highest version of a fact that is known from elsewhere: counted, or answered by a hub."""
    counted = _counted(db, owner, said)
    version = counted[0] if counted else 0
    if isinstance(said, Order):
        row = db.execute(
            "SELECT max(placement_version) FROM answer WHERE buyer = ? AND placement = ?", (owner, said.local)
        ).fetchone()
        version = max(version, row[0] or 0)
    return version
