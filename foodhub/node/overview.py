"""A cycle as a whole, to look at: who brings what, who sells it how and until when, whether it comes again."""

import sqlite3
from datetime import datetime

import msgspec

from foodhub.catalog.naming import base32_id, find
from foodhub.node.announcing import PickupRow, pickup_rows
from foodhub.node.arranging import arrangement_of
from foodhub.node.closing import close_of, closer_of
from foodhub.node.cycles import CycleRow, list_cycles, moment
from foodhub.node.drafts import draft_rows
from foodhub.node.exchanges import Exchange, exchanges_of, plan_of
from foodhub.node.hat import hats, shown_name
from foodhub.node.products import product_statement
from foodhub.node.rejoining import comes_again
from foodhub.node.repeating import next_openings, repeat_of
from foodhub.node.standing import roles_of
from foodhub.orders.exchanges import Incoming, Outgoing, ProductRule
from foodhub.orders.rule_words import rule_text


class IncomingRow(msgspec.Struct, frozen=True):
    """What a producer brings: all its products where none is named; a time that was not said is None."""

    producer: str
    producer_id: str
    products: list[str]
    place: str
    weighed: datetime | None
    lead: datetime | None


class RuleRow(msgspec.Struct, frozen=True):
    """How the cases of a product are filled and its lack is shared."""

    product: str
    filled: str
    leftover: str
    spread: str
    sharing: str


class ExchangeRow(msgspec.Struct, frozen=True):
    """How a hub or group sells in the cycle; `sale` is None for a group, `buying` for a hub."""

    name: str
    id: str
    supplier: str
    closes: datetime
    sale: str | None
    buying: str | None
    by_hand: bool
    open: bool
    products: int
    rule: str
    rules: list[RuleRow]
    pickups: list[PickupRow]


class Overview(msgspec.Struct, frozen=True):
    """What is stated of a cycle besides its window; `closed_at` is until when orders counted, as `closed_by` signed.

    `repeats` are the next openings of a cycle of ours that comes again; `again` are the members of this home whose sale
    in somebody else's cycle is said of the next one too.
    """

    closed_at: datetime | None
    closed_by: str | None
    incoming: list[IncomingRow]
    hubs: list[str]
    pooled: bool
    deputies: list[str]
    exchanges: list[ExchangeRow]
    repeats: list[datetime]
    again: list[str]


def overview(db: sqlite3.Connection, cycle: CycleRow) -> Overview:
    """Return all that is stated of a cycle, or of a draft of ours."""
    owner, local = cycle.key
    made = arrangement_of(db, owner, local)
    plan = made.plan if made else plan_of(db, cycle)
    closed = None if cycle.draft else close_of(db, cycle)
    closer = None if cycle.draft else closer_of(db, cycle)
    rule = repeat_of(db, owner, local)
    exchanges = [] if cycle.draft else [_exchange(db, each, cycle) for each in exchanges_of(db, cycle)]
    if cycle.draft and made and made.outgoing:
        exchanges = [_drafted(db, made.outgoing, cycle)]
    return Overview(
        closed_at=None if closed is None else moment(closed, cycle.zone),
        closed_by=None if closer is None else shown_name(db, closer),
        incoming=[_incoming(db, each, cycle.zone) for each in plan.incoming],
        hubs=[shown_name(db, hub) for hub in plan.hubs],
        pooled=plan.pooled,
        deputies=[shown_name(db, deputy) for deputy in plan.deputies],
        exchanges=exchanges,
        repeats=[moment(opens, cycle.zone) for opens in next_openings(db, owner, rule, 3)] if rule else [],
        again=[hat.name for hat in hats(db) if comes_again(db, hat, cycle)],
    )


def all_rows(db: sqlite3.Connection, now: int) -> list[CycleRow]:
    """Return the drafts of all members of this home and then all cycles of the circuit."""
    return [row for hat in hats(db) for row in draft_rows(db, hat.member, now)] + list_cycles(db, now)


def find_any(db: sqlite3.Connection, text: str, now: int) -> CycleRow:
    """Return the cycle, or the draft of ours, that somebody named; of namesakes, the one that is not closed first.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    rows = all_rows(db, now)
    alive = [row for row in rows if row.state != "closed" and row.name == text]
    return alive[0] if len(alive) == 1 else find(rows, text, lambda row: row.named, "cycle")


def _incoming(db: sqlite3.Connection, each: Incoming, zone: str) -> IncomingRow:
    return IncomingRow(
        producer=shown_name(db, each.producer),
        producer_id=base32_id(each.producer),
        products=[_product(db, each.producer, local) for local in each.products],
        place=each.place,
        weighed=moment(each.weighed, zone) if each.weighed else None,
        lead=moment(each.lead, zone) if each.lead else None,
    )


def _product(db: sqlite3.Connection, producer: bytes, local: bytes) -> str:
    found = product_statement(db, producer, local)
    return " ".join(part for part in (found.name, found.variant) if part) if found else base32_id(local)[:8]


def _exchange(db: sqlite3.Connection, each: Exchange, cycle: CycleRow) -> ExchangeRow:
    group = "hub" not in roles_of(db, each.aggregator) and each.aggregator != cycle.key[0]
    return ExchangeRow(
        name=shown_name(db, each.aggregator),
        id=base32_id(each.aggregator),
        supplier=shown_name(db, each.supplier),
        closes=moment(each.closes, cycle.zone),
        sale=None if group else each.sale,
        buying=each.buying if group else None,
        by_hand=each.by_hand,
        open=each.shown,
        products=len(each.chosen[0]) if each.chosen else 0,
        rule=rule_text(each.default_rule),
        rules=[_rule(db, key, each.rule(*key)) for key in each.ruled],
        pickups=pickup_rows(list(each.pickups), cycle.zone),
    )


def _drafted(db: sqlite3.Connection, outgoing: Outgoing, cycle: CycleRow) -> ExchangeRow:
    return ExchangeRow(
        name=cycle.hub,
        id=cycle.hub_id,
        supplier=cycle.hub,
        closes=cycle.closes,
        sale=cycle.sale,
        buying=None,
        by_hand=outgoing.by_hand,
        open=outgoing.shown,
        products=len(outgoing.products),
        rule=rule_text(outgoing.rule),
        rules=[_rule(db, (producer, product), rule) for producer, product, rule in outgoing.rules],
        pickups=pickup_rows(outgoing.pickups, cycle.zone),
    )


def _rule(db: sqlite3.Connection, key: tuple[bytes, bytes], rule: ProductRule) -> RuleRow:
    return RuleRow(_product(db, *key), rule.filled, rule.leftover, rule.spread, rule.sharing)
