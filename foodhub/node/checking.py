"""What is missing before a cycle opens: findings, each with a sentence and what to do. Nothing here signs.

What is bad keeps the cycle from working; a warning is something that its coordinator may want as it is.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from foodhub.errors import N_
from foodhub.node.arranging import Arrangement, arrangement_of
from foodhub.node.cycles import CycleRow, moment
from foodhub.node.exchanges import exchanges_of, left_out_of_direct, plan_of
from foodhub.node.finding import Finding, bad, warning
from foodhub.node.hat import Hat, shown_name
from foodhub.node.planning import currencies_of, has_box_key
from foodhub.node.standing import is_removed, roles_of
from foodhub.orders.cycle import deadline_fault
from foodhub.orders.exchanges import Incoming, Outgoing, Plan

_bad = partial(bad, "cycle")
_warning = partial(warning, "cycle")


@dataclass(frozen=True, slots=True)
class _Offered:
    """A product that would be sold: its producer, name, stock (None where nobody said), and whether it has a case."""

    producer: bytes
    local: bytes
    name: str
    mode: str | None
    on_hand: int
    case: int


def check_cycle_of(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> list[Finding]:
    """Return what is missing of a cycle or draft of ours, or of what we sell in one of somebody else's."""
    owner, local = cycle.key
    made = arrangement_of(db, owner, local)
    if made is None:
        return []
    offered = _offered(db, made)
    return [
        *_incoming(db, made, offered),
        *_stock(db, made, offered),
        *_deadlines(db, made),
        *_money(db, made),
        *_hubs(db, made.plan),
        *([] if made.draft else _groups(db, cycle)),
        *_own(hat, made, offered),
    ]


def _offered(db: sqlite3.Connection, made: Arrangement) -> list[_Offered]:
    """Return the products that would be sold, by producer and name."""
    rows = db.execute(
        "SELECT m.id, p.local, p.name, s.mode, coalesce(s.on_hand, 0), coalesce(k.size, 0)"
        " FROM product p JOIN party m ON m.ref = p.owner LEFT JOIN stock s ON s.owner = p.owner AND s.local = p.local"
        " LEFT JOIN case_size k ON k.owner = p.owner AND k.local = p.local WHERE NOT p.withdrawn ORDER BY m.id, p.name"
    ).fetchall()
    brought = {each.producer: each.products for each in made.plan.incoming}
    chosen = set(made.outgoing.products) if made.outgoing else set()
    found = [_Offered(*row) for row in rows]
    return [
        each
        for each in found
        if not is_removed(db, each.producer)
        and (not brought or (each.producer in brought and each.local in (brought[each.producer] or [each.local])))
        and (not chosen or (each.producer, each.local) in chosen)
    ]


def _incoming(db: sqlite3.Connection, made: Arrangement, offered: list[_Offered]) -> Iterator[Finding]:
    if not made.plan.incoming:
        yield _warning(
            N_('Nobody is named who brings goods into "{cycle}": every producer of the circuit may.'),
            N_('Name them with: foodhub cycle bring "{cycle}" PRODUCER'),
            code="no_incoming",
            cycle=made.cycle.name,
        )
    if not offered:
        yield _bad(
            N_('Nothing would be sold in "{cycle}".'),
            N_("Producers publish products with: foodhub product add, or foodhub product import"),
            code="nothing_sold",
            cycle=made.cycle.name,
        )
    selling = {each.producer for each in offered}
    for each in made.plan.incoming:
        name = shown_name(db, each.producer)
        if is_removed(db, each.producer):
            yield _bad(
                N_("{producer} was removed from the circuit and brings nothing."),
                N_('Take it out: foodhub cycle bring "{cycle}" "{producer}" --no-more'),
                code="producer_removed",
                producer=name,
                cycle=made.cycle.name,
            )
        elif each.producer not in selling and offered:
            yield _warning(
                N_("{producer} has no product in this cycle."),
                N_('Ask it to publish some, or name others: foodhub cycle bring "{cycle}" "{producer}" PRODUCT...'),
                code="no_products",
                producer=name,
                cycle=made.cycle.name,
            )


def _stock(db: sqlite3.Connection, made: Arrangement, offered: list[_Offered]) -> Iterator[Finding]:
    """Find what can't be promised: nothing is on hand, or what is there is not set aside for us."""
    aside = {
        (producer, product)
        for producer, product in db.execute(
            "SELECT m.id, a.product FROM allotment a JOIN party m ON m.ref = a.owner"
            " WHERE a.cycle = ? AND a.device = ? AND a.quantity > 0",
            (made.local, made.cycle.device),
        )
    }
    lacking, kept = dict[bytes, list[str]](), dict[bytes, list[str]]()
    for each in offered:
        if each.mode == "on_demand":
            continue
        if each.mode is None or each.on_hand == 0:
            lacking.setdefault(each.producer, []).append(each.name)
        elif (each.producer, each.local) not in aside:
            kept.setdefault(each.producer, []).append(each.name)
    for producer, names in lacking.items():
        yield _warning(
            N_("{producer} has no stock of: {products}."),
            N_("Ask it to count: foodhub stock set"),
            code="no_stock",
            producer=shown_name(db, producer),
            products=", ".join(names),
        )
    for producer, names in kept.items() if not made.draft else ():
        yield _warning(
            N_("{producer} has set nothing aside of: {products}."),
            N_('Nothing of it can be promised until then: foodhub allot "{cycle}" --all, on the producer\'s side'),
            code="no_allotment",
            producer=shown_name(db, producer),
            products=", ".join(names),
            cycle=made.cycle.name,
        )


def _deadlines(db: sqlite3.Connection, made: Arrangement) -> Iterator[Finding]:
    for each in made.plan.incoming:
        yield from _of_producer(db, made, each)


def _of_producer(db: sqlite3.Connection, made: Arrangement, each: Incoming) -> Iterator[Finding]:
    closes, zone = made.cycle.closes, made.cycle.zone
    said = {"producer": shown_name(db, each.producer), "cycle": made.cycle.name, "closes": _shown(closes, zone)}
    if deadline_fault(closes, lead=each.lead):
        yield _bad(
            N_("{producer} takes its purchase order until {lead}, before the cycle closes at {closes}."),
            N_("Close earlier, or let the producer take its order later: foodhub cycle bring --lead WHEN"),
            code="lead_before_close",
            lead=_shown(each.lead, zone),
            **said,
        )
    if each.weighed and each.weighed < closes:
        yield _bad(
            N_("{producer} would bring its goods at {weighed}, before the cycle closes at {closes}."),
            N_("Choose a time after the close."),
            code="weighed_before_close",
            weighed=_shown(each.weighed, zone),
            **said,
        )


def _shown(time: int, zone: str) -> str:
    return moment(time, zone).isoformat(timespec="minutes")


def _money(db: sqlite3.Connection, made: Arrangement) -> Iterator[Finding]:
    found = currencies_of(db, made.plan)
    if len(found) > 1:
        yield _bad(
            N_('What comes into "{cycle}" is sold in several currencies: {currencies}.'),
            N_("Make a cycle for each currency, or name the products: foodhub cycle bring CYCLE PRODUCER PRODUCT..."),
            code="two_currencies",
            cycle=made.cycle.name,
            currencies=", ".join(found),
        )


def _hubs(db: sqlite3.Connection, plan: Plan) -> Iterator[Finding]:
    for hub in plan.hubs:
        name = shown_name(db, hub)
        if "hub" not in roles_of(db, hub) or is_removed(db, hub):
            yield _bad(
                N_("{name} is no hub of the circuit."),
                N_("Name the hubs anew: foodhub cycle set --hub NAME"),
                code="unknown_hub",
                name=name,
            )
        elif not has_box_key(db, hub):
            yield _bad(
                N_("Nobody can write to {name} yet: its key is not here."),
                N_("Wait until its first entries have come."),
                code="no_box_key",
                name=name,
            )


def _groups(db: sqlite3.Connection, cycle: CycleRow) -> Iterator[Finding]:
    """Find hubs that have not said yet how they sell, and groups whose exchange does not fit its hub's."""
    selling = {each.aggregator for each in exchanges_of(db, cycle)}
    for hub in plan_of(db, cycle).hubs:
        if hub not in selling:
            yield _warning(
                N_('{name} has not said yet how it sells in "{cycle}".'),
                N_('Ask it to: foodhub cycle sell "{cycle}"'),
                code="supplier_waits",
                name=shown_name(db, hub),
                cycle=cycle.name,
            )
    for group, hub in left_out_of_direct(db, cycle):
        yield _bad(
            N_("{name} buys as one, but {hub} lets each producer sell to the households themselves."),
            N_('Ask the group to say: foodhub cycle sell "{cycle}" --buys households'),
            code="as_one_in_direct",
            name=shown_name(db, group),
            hub=shown_name(db, hub),
            cycle=cycle.name,
        )


def _own(hat: Hat, made: Arrangement, offered: list[_Offered]) -> Iterator[Finding]:
    """Find what the coordinator's own sale lacks: pickups, and cases for products that it fills in cases."""
    outgoing: Outgoing | None = made.outgoing
    if outgoing is None or not outgoing.pickups:
        yield _warning(
            N_("Nobody knows where and when {name} hands goods over."),
            N_('Say it: foodhub cycle sell "{cycle}" --pickup "PLACE; FROM; TO"'),
            code="no_pickup",
            name=hat.name,
            cycle=made.cycle.name,
        )
    ruled = {(producer, product) for producer, product, _ in outgoing.rules} if outgoing else set()
    bare = [each.name for each in offered if (each.producer, each.local) in ruled and not each.case]
    if bare:
        yield _warning(
            N_("There is a rule for the cases of these products, but they have none: {products}."),
            N_("Their producers say how much a case holds: foodhub stock case"),
            code="no_case",
            products=", ".join(bare),
        )
