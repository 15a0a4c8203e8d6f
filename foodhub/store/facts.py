"""How each statement about a fact becomes a row of a view.

One table says it for all: which view, which columns, and which rule the statement has to keep. Of all counted
statements about one fact (owner, local id) the one with the highest (version, timestamp, author, seq) holds, whatever
the order of arrival.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from foodhub.catalog.product import faults, stock_faults
from foodhub.catalog.statements import Product, Stock
from foodhub.log.encoding import encode
from foodhub.log.header import Log
from foodhub.orders.rules import (
    allot_faults,
    answer_faults,
    cycle_faults,
    erase_answer_faults,
    erase_request_faults,
    order_faults,
    profile_faults,
    total_faults,
)
from foodhub.orders.statements import Allot, Answer, Cycle, EraseAnswer, EraseRequest, Order, Profile, Receipt, Total
from foodhub.store.schema import SEQ_BITS


class Stated(msgspec.Struct, frozen=True):
    """Where a statement stands: its owner's number in this file, its place, and what its entry says."""

    owner: int
    roles: frozenset[str]
    place: int
    entry: bytes
    timestamp: int
    arrival: int


@dataclass(frozen=True, slots=True)
class Fact:
    """How a kind of statement is folded; `row` gives the values of `columns`, `rule` why it does not count, or None."""

    table: str
    log: Log
    columns: tuple[str, ...]
    row: Callable[[Any, Stated], Sequence[Any]]
    rule: Callable[[Any], str | None] = lambda _: None
    roles: frozenset[str] = frozenset({"producer", "group", "household", "hub"})

    def upsert(self, prefix: str = "") -> str:
        """Return the SQL that lets the higher statement win; `executemany` takes the rows that `values` gives.

        `prefix` stands before the table's name, where the rows are gathered in a shadow of it.
        """
        names = ("owner", "local", "version", "timestamp", "place", *self.columns, "arrival")
        marks = ", ".join("?" * len(names))
        updates = ", ".join(f"{name} = excluded.{name}" for name in names[2:])
        mine = f"(SELECT author FROM log WHERE ref = place >> {SEQ_BITS})"  # noqa: S608 - names of ours
        theirs = mine.replace("place", "excluded.place")
        later = "(excluded.version, excluded.timestamp)"
        return (
            f"INSERT INTO {prefix}{self.table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - names of ours
            f" ON CONFLICT (owner, local) DO UPDATE SET {updates} WHERE {later} > (version, timestamp)"
            f" OR {later} = (version, timestamp) AND ({theirs}, excluded.place) > ({mine}, place)"
        )

    def values(self, statement: Any, stated: Stated) -> tuple[Any, ...]:
        """Return one row for `upsert`."""
        local, version = getattr(statement, "local", b""), getattr(statement, "version", 1)
        row = self.row(statement, stated)
        return (stated.owner, local, version, stated.timestamp, stated.place, *row, stated.arrival)


def _fields(*names: str) -> Callable[[Any, Stated], Sequence[Any]]:
    """Take the columns straight from the statement's fields."""
    if len(names) == 1:
        return lambda statement, _: (getattr(statement, names[0]),)
    values: Callable[[Any], Sequence[Any]] = attrgetter(*names)
    return lambda statement, _: values(statement)


def _plain(table: str, log: Log, columns: str, **more: Any) -> Fact:
    names = tuple(columns.split())
    return Fact(table, log, names, _fields(*names), **more)


_SELLERS = frozenset({"producer", "hub"})
_PUBLIC = frozenset({"producer", "group", "hub"})
_TRADERS = frozenset({"group", "hub"})

FACTS: dict[type, Fact] = {
    Profile: _plain("profile", Log.CATALOG, "name", rule=profile_faults, roles=_PUBLIC),
    Product: _plain(
        "product",
        Log.CATALOG,
        "sku name variant category description unit unit_value unit_name price price_per currency step tax_category"
        " shipping_category withdrawn",
        rule=faults,
        roles=_SELLERS,
    ),
    Stock: _plain("stock", Log.CATALOG, "mode on_hand", rule=stock_faults, roles=_SELLERS),
    Cycle: _plain("cycle", Log.CATALOG, "name opens closes zone sale device", rule=cycle_faults, roles=_TRADERS),
    Allot: _plain(
        "allotment", Log.TRADE, "cycle_owner cycle hub device product quantity", rule=allot_faults, roles=_SELLERS
    ),
    Order: Fact(
        "placement",
        Log.TRADE,
        ("entry", "placed", "cycle_owner", "cycle", "hub", "cancelled", "lines"),
        lambda order, at: (
            at.entry,
            order.placed,
            order.cycle_owner,
            order.cycle,
            order.hub,
            order.cancelled,
            encode(order.lines),
        ),
        order_faults,
    ),
    Receipt: Fact(
        "receipt", Log.TRADE, ("entry", "body"), lambda receipt, at: (at.entry, encode(receipt)), roles=_TRADERS
    ),
    Answer: Fact(
        "answer",
        Log.TRADE,
        ("buyer", "placement", "placement_version", "outcome", "reason", "receipt", "position", "lines"),
        lambda answer, _: (
            answer.buyer,
            answer.order,
            answer.order_version,
            answer.outcome,
            answer.reason,
            answer.receipt,
            answer.position,
            encode(answer.lines),
        ),
        answer_faults,
        roles=_TRADERS,
    ),
    Total: _plain(
        "total", Log.TRADE, "cycle_owner cycle producer product ordered promised", rule=total_faults, roles=_TRADERS
    ),
    EraseRequest: _plain("erase_request", Log.TRADE, "about scope withdrawn", rule=erase_request_faults),
    EraseAnswer: _plain(
        "erase_answer",
        Log.TRADE,
        "request request_version requester outcome earliest",
        rule=erase_answer_faults,
        roles=_TRADERS,
    ),
}
"""Every fact there is; a statement counts only in the log, and from a member with one of the roles, that stand here."""
