"""How each statement about a fact becomes a row of a view.

One table says it for all: which view, which columns, and which rule the statement has to keep. Of all counted
statements about one fact (owner, local id) the one with the highest (version, timestamp, author, seq) holds, whatever
the order of arrival; of what was returned, the one that says most; of who was confirmed to be a represented member, the
first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Union

import msgspec

from foodhub.catalog.product import case_faults, faults, stock_faults
from foodhub.catalog.statements import Case, Part, Product, Stock
from foodhub.log.encoding import encode
from foodhub.log.header import Log
from foodhub.orders.closing import (
    Baskets,
    Confirmation,
    Counted,
    Tally,
    baskets_faults,
    confirmation_faults,
    counted_faults,
    tally_faults,
)
from foodhub.orders.exchanges import (
    Close,
    Draft,
    Opening,
    Outgoing,
    Plan,
    Repeat,
    close_faults,
    opening_faults,
    outgoing_faults,
    plan_faults,
)
from foodhub.orders.hands import (
    Behalf,
    Belong,
    Claim,
    ClaimConfirmed,
    Contact,
    Mandate,
    Represented,
    Successor,
    behalf_faults,
    belong_faults,
    claim_faults,
    confirmed_faults,
    contact_faults,
    mandate_faults,
    represented_id,
)
from foodhub.orders.purchase import Purchase, PurchaseAnswer, purchase_answer_faults, purchase_faults
from foodhub.orders.reserving import (
    AllotRequest,
    Delivered,
    Lower,
    Return,
    Shortfall,
    allot_request_faults,
    delivered_faults,
    lower_faults,
    return_faults,
    shortfall_faults,
)
from foodhub.orders.rules import (
    allot_faults,
    answer_faults,
    cycle_faults,
    erase_answer_faults,
    erase_request_faults,
    order_faults,
    profile_faults,
    receipt_faults,
    remark_faults,
    standing_faults,
    total_faults,
)
from foodhub.orders.shown_queue import Queue, queue_faults
from foodhub.orders.statements import (
    Allot,
    Answer,
    Cycle,
    EraseAnswer,
    EraseRequest,
    Order,
    Profile,
    Receipt,
    Remark,
    Standing,
    Total,
)
from foodhub.store.schema import SEQ_BITS


def quoted(column: str) -> str:
    """Return a column as SQL takes it: some are named like words of SQL."""
    return f'"{column}"' if column in {"group", "by"} else column


class Stated(msgspec.Struct, frozen=True):
    """Where a statement stands: its owner's number in this file, its place, and what its entry says and carries.

    `writer` is the member who signed it. Where that one wrote it for the owner, `spoken` is its number, and `told` how
    the owner had said it.
    """

    owner: int
    roles: frozenset[str]
    place: int
    entry: bytes
    timestamp: int
    arrival: int
    payload: bytes
    writer: bytes = b""
    spoken: int = 0
    told: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """How a kind of statement is folded; `row` gives the values of `columns`, `rule` why it does not count, or None.

    Of a fact whose quantity only grows, the column `grows` decides who wins before the version does. Of one that is
    said `once` the lowest (timestamp, author, seq) holds.
    """

    table: str
    log: Log
    columns: tuple[str, ...]
    row: Callable[[Any, Stated], Sequence[Any]]
    rule: Callable[[Any], str | None] = lambda _: None
    roles: frozenset[str] = frozenset({"producer", "group", "household", "hub"})
    grows: str = ""
    once: bool = False

    def upsert(self, prefix: str = "") -> str:
        """Return the SQL that lets the higher statement win; `executemany` takes the rows that `values` gives.

        `prefix` stands before the table's name, where the rows are gathered in a shadow of it.
        """
        names = ("owner", "local", "version", "timestamp", "place", "spoken", *self.columns, "arrival")
        marks = ", ".join("?" * len(names))
        updates = ", ".join(f"{name} = excluded.{name}" for name in map(quoted, names[2:]))
        mine = f"(SELECT author FROM log WHERE ref = place >> {SEQ_BITS})"  # noqa: S608 - names of ours
        theirs = mine.replace("place", "excluded.place")
        more, most = (f"excluded.{self.grows}, ", f"{self.grows}, ") if self.grows else ("", "")
        later = f"({more}excluded.version, excluded.spoken = 0, excluded.timestamp)"
        held = f"({most}version, spoken = 0, timestamp)"
        wins = (
            f"(excluded.timestamp, {theirs}, excluded.place) < (timestamp, {mine}, place)"
            if self.once
            else f"{later} > {held} OR {later} = {held} AND ({theirs}, excluded.place) > ({mine}, place)"
        )
        return (
            f"INSERT INTO {prefix}{self.table} ({', '.join(map(quoted, names))}) VALUES ({marks})"  # noqa: S608 - names of ours
            f" ON CONFLICT (owner, local) DO UPDATE SET {updates} WHERE {wins}"
        )

    def values(self, statement: Any, stated: Stated) -> tuple[Any, ...]:
        """Return one row for `upsert`."""
        local, version = getattr(statement, "local", b""), getattr(statement, "version", 1)
        row = self.row(statement, stated)
        return (stated.owner, local, version, stated.timestamp, stated.place, stated.spoken, *row, stated.arrival)


def _told(fact: Fact) -> Fact:
    """Keep beside a fact how its owner had said it to whoever wrote it."""
    return replace(fact, columns=(*fact.columns, "told"), row=lambda said, at: (*fact.row(said, at), at.told))


def _fields(*names: str) -> Callable[[Any, Stated], Sequence[Any]]:
    """Take the columns straight from the statement's fields."""
    if len(names) == 1:
        return lambda statement, _: (getattr(statement, names[0]),)
    values: Callable[[Any], Sequence[Any]] = attrgetter(*names)
    return lambda statement, _: values(statement)


def _plain(table: str, log: Log, columns: str, **more: Any) -> Fact:
    names = tuple(columns.split())
    return Fact(table, log, names, _fields(*names), **more)


def _whole(table: str, log: Log, columns: str, **more: Any) -> Fact:
    """Keep the statement whole in the column `body`, and beside it the fields by which it is looked for."""
    names = tuple(columns.split())
    return Fact(
        table,
        log,
        (*names, "body"),
        lambda statement, _: (*(getattr(statement, name) for name in names), encode(statement)),
        **more,
    )


_OF_PRODUCT = tuple(name for name in Product.__struct_fields__ if name not in {"local", "version", "description"})
_DESCRIBED = ("description_at", "description_size")
_product_fields = _fields(*_OF_PRODUCT)


def _product_row(product: Product, at: Stated) -> Sequence[Any]:
    """Return the columns of a product; of its description only where it stands in the payload, see `schema`."""
    description = product.description.encode()
    # Wherever the same bytes stand first is as good a place as the description's own.
    return (*_product_fields(product, at), at.payload.find(description) + 1, len(description))


_SELLERS = frozenset({"producer", "hub"})
_PUBLIC = frozenset({"producer", "group", "hub"})
_TRADERS = frozenset({"group", "hub"})

FACTS: dict[type, Fact] = {
    Profile: _plain("profile", Log.CATALOG, "name", rule=profile_faults, roles=_PUBLIC),
    Product: Fact("product", Log.CATALOG, (*_OF_PRODUCT, *_DESCRIBED), _product_row, rule=faults, roles=_SELLERS),
    Stock: _plain("stock", Log.CATALOG, "mode on_hand", rule=stock_faults, roles=_SELLERS),
    Cycle: _plain("cycle", Log.CATALOG, "name opens closes zone sale device", rule=cycle_faults, roles=_TRADERS),
    Allot: _told(
        _plain(
            "allotment", Log.TRADE, "cycle_owner cycle hub device product quantity", rule=allot_faults, roles=_SELLERS
        )
    ),
    Order: Fact(
        "placement",
        Log.TRADE,
        ("entry", "placed", "cycle_owner", "cycle", "hub", "cancelled", "told", "lines"),
        lambda order, at: (
            at.entry,
            order.placed,
            order.cycle_owner,
            order.cycle,
            order.hub,
            order.cancelled,
            at.told,
            encode(order.lines),
        ),
        order_faults,
    ),
    Receipt: Fact(
        "receipt",
        Log.TRADE,
        ("cycle_owner", "cycle", "entry", "body"),
        lambda receipt, at: (receipt.cycle_owner, receipt.cycle, at.entry, encode(receipt)),
        receipt_faults,
        roles=_TRADERS,
    ),
    Case: _plain("case_size", Log.CATALOG, "size minimum word broken", rule=case_faults, roles=_SELLERS),
    Plan: _whole("plan", Log.CATALOG, "", rule=plan_faults, roles=_TRADERS),
    Opening: _whole("opening", Log.CATALOG, "", rule=opening_faults, roles=_TRADERS),
    Outgoing: _whole("outgoing", Log.CATALOG, "cycle_owner cycle device", rule=outgoing_faults, roles=_TRADERS),
    Close: _plain("close", Log.CATALOG, "cycle_owner cycle at open", rule=close_faults),
    Draft: _whole("draft", Log.TRADE, "ended", roles=_TRADERS),
    Repeat: _whole("repeat", Log.TRADE, "cycle ended", roles=_TRADERS),
    Mandate: _whole("mandate", Log.CATALOG, "holder until ended", rule=mandate_faults),
    AllotRequest: _plain(
        "allot_request",
        Log.TRADE,
        "cycle_owner cycle producer product quantity",
        rule=allot_request_faults,
        roles=_TRADERS,
    ),
    Lower: _plain(
        "lower", Log.TRADE, "cycle_owner cycle hub device product quantity override", rule=lower_faults, roles=_SELLERS
    ),
    Return: _plain(
        "returned",
        Log.TRADE,
        "cycle_owner cycle device producer product returned",
        rule=return_faults,
        roles=_TRADERS,
        grows="returned",
    ),
    Delivered: _whole("delivered", Log.TRADE, "cycle_owner cycle device", rule=delivered_faults, roles=_SELLERS),
    Shortfall: _told(
        _plain(
            "shortfall",
            Log.TRADE,
            "cycle_owner cycle hub product available reason",
            rule=shortfall_faults,
            roles=_SELLERS,
        )
    ),
    Remark: _whole("remark", Log.TRADE, "", rule=remark_faults),
    Standing: _whole("standing", Log.TRADE, "hub paused ended", rule=standing_faults),
    Tally: _whole("tally", Log.TRADE, "cycle_owner cycle", rule=tally_faults, roles=_TRADERS),
    Counted: _whole("counted", Log.TRADE, "cycle_owner cycle at part", rule=counted_faults, roles=_TRADERS),
    Queue: _whole("queue", Log.TRADE, "cycle_owner cycle", rule=queue_faults, roles=_TRADERS),
    Confirmation: _whole(
        "confirmation", Log.TRADE, "cycle_owner cycle buyer fingerprint", rule=confirmation_faults, roles=_TRADERS
    ),
    Baskets: _whole("baskets", Log.TRADE, "cycle_owner cycle", rule=baskets_faults, roles=frozenset({"group"})),
    Purchase: _whole(
        "purchase", Log.TRADE, "cycle_owner cycle producer part fingerprint", rule=purchase_faults, roles=_TRADERS
    ),
    PurchaseAnswer: _told(
        _whole(
            "purchase_answer",
            Log.TRADE,
            "hub cycle_owner cycle part purchase_version state",
            rule=purchase_answer_faults,
            roles=_SELLERS,
        )
    ),
    Contact: _plain("contact", Log.TRADE, "name phone address", rule=contact_faults),
    Belong: _plain("belong", Log.TRADE, "group since left", rule=belong_faults, roles=frozenset({"household"})),
    Represented: Fact(
        "represented",
        Log.TRADE,
        ("member", "role", "ended"),
        lambda said, at: (represented_id(at.writer, said.local, said.role), said.role, said.ended),
    ),
    Claim: _plain("claim", Log.TRADE, "member", rule=claim_faults),
    ClaimConfirmed: Fact(
        "claim_confirmed",
        Log.TRADE,
        ("member", "by"),
        lambda said, at: (represented_id(at.writer, said.local, "household"), said.by),
        confirmed_faults,
        once=True,
    ),
    Successor: Fact(
        "successor",
        Log.CATALOG,
        ("member", "by", "basis"),
        lambda said, at: (represented_id(at.writer, said.local, "producer"), said.by, encode(said.basis)),
        confirmed_faults,
        once=True,
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
_BESIDE = {Log.CATALOG: (Behalf, Part), Log.TRADE: (Behalf,)}
"""What stands in these logs and is no fact itself: an envelope of one, and a part of a checkpoint."""


def statements_of(log: Log) -> Any:
    """Return the union of all statements that may stand in a log 1 or a log 2: what its readers decode."""
    return Union[(*(kind for kind, fact in FACTS.items() if fact.log == log), *_BESIDE[log])]


def fault_of(statement: Any) -> str | None:
    """Return which rule of its own a statement breaks, or None; of an envelope also what is in it is asked."""
    if isinstance(statement, Behalf):
        return behalf_faults(statement) or fault_of(statement.statement)
    fact = FACTS.get(type(statement))
    return fact.rule(statement) if fact else None
