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
from foodhub.node.exchanges import exchange_of, exchanges_of, left_out_of_direct, outgoing_of, plan_of
from foodhub.node.finding import Finding, bad, warning
from foodhub.node.hat import Hat, shown_name
from foodhub.node.households import has_keys
from foodhub.node.planning import currencies_of
from foodhub.node.standing import is_removed, roles_of
from foodhub.node.terms import case_in_cycle
from foodhub.orders.cycle import deadline_fault
from foodhub.orders.exchanges import Incoming, Pickup, Plan, ProductRule
from foodhub.orders.statements import Cycle

_bad = partial(bad, "cycle")
_warning = partial(warning, "cycle")
_LISTED = 10
"""So many products are named in one finding; what to do with all of them is said behind."""


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
        *_stock(db, made, offered, _promising(db, hat, cycle, made)),
        *_deadlines(db, made),
        *_money(db, made),
        *_hubs(db, made.plan),
        *([] if made.draft else _groups(db, hat, cycle)),
        *_cases(made, offered),
        *_unbroken(db, hat, made, cycle, offered),
        *_own(db, hat, made, cycle),
        *([] if made.draft else _sharing(db, hat, cycle, offered)),
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
            N_("Producers publish some: foodhub product add PRODUCT --price AMOUNT, or foodhub product import FILE"),
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


def _promising(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, made: Arrangement) -> bytes | None:
    """Return which device of ours promises goods in a cycle, None where it is none of ours.

    What is set aside for others is not for us to know.
    """
    if made.draft:
        return None
    if cycle.key[0] == hat.member:
        return made.cycle.device
    outgoing = outgoing_of(db, hat.member, cycle)
    return outgoing.device if outgoing is not None and outgoing.supplier == hat.member else None


def _stock(
    db: sqlite3.Connection, made: Arrangement, offered: list[_Offered], device: bytes | None
) -> Iterator[Finding]:
    """Find what can't be promised: nothing is on hand, or what is there is not set aside for our device."""
    aside = {
        (producer, product)
        for producer, product in db.execute(
            "SELECT m.id, a.product FROM allotment a JOIN party m ON m.ref = a.owner"
            " WHERE a.cycle = ? AND a.device = ? AND a.quantity > 0",
            (made.local, device),
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
            N_("Ask it to count: foodhub stock set PRODUCT=QUANTITY"),
            code="no_stock",
            producer=shown_name(db, producer),
            products=_some(names),
        )
    for producer, names in kept.items() if device is not None else ():
        yield _warning(
            N_("{producer} has set nothing aside of: {products}."),
            N_('Nothing of it can be promised until then: foodhub allot "{cycle}" --all, on the producer\'s side'),
            code="no_allotment",
            producer=shown_name(db, producer),
            products=_some(names),
            cycle=made.cycle.name,
        )


def _some(names: list[str]) -> list[str]:
    """Return the first of many names, and how many more there are."""
    return names if len(names) <= _LISTED + 1 else [*names[:_LISTED], f"… (+{len(names) - _LISTED})"]


def _deadlines(db: sqlite3.Connection, made: Arrangement) -> Iterator[Finding]:
    for each in made.plan.incoming:
        yield from _of_producer(db, made, each)


def _of_producer(db: sqlite3.Connection, made: Arrangement, each: Incoming) -> Iterator[Finding]:
    closes, zone = made.cycle.closes, made.cycle.zone
    said = {"producer": shown_name(db, each.producer), "cycle": made.cycle.name, "closes": moment(closes, zone)}
    if deadline_fault(closes, lead=each.lead):
        yield _bad(
            N_("{producer} takes its purchase order until {lead}, before the cycle closes at {closes}."),
            N_('Close earlier, or let it take its order later: foodhub cycle bring CYCLE "{producer}" --lead WHEN'),
            code="lead_before_close",
            lead=moment(each.lead, zone),
            **said,
        )
    if each.weighed and each.weighed < closes:
        yield _bad(
            N_("{producer} would bring its goods at {weighed}, before the cycle closes at {closes}."),
            N_("Choose a time after the close."),
            code="weighed_before_close",
            weighed=moment(each.weighed, zone),
            **said,
        )


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
                N_("Name the hubs anew: foodhub cycle set CYCLE --hub NAME"),
                code="unknown_hub",
                name=name,
            )
        elif not has_keys(db, hub):
            yield _bad(
                N_("Nobody can write to {name} yet: its key is not here."),
                N_("Wait until its first entries have come."),
                code="no_box_key",
                name=name,
            )


def _groups(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> Iterator[Finding]:
    """Find hubs that have not said yet how they sell, and groups whose exchange does not fit its hub's."""
    selling = {each.aggregator for each in exchanges_of(db, cycle)}
    for hub in plan_of(db, cycle).hubs:
        if hub not in selling:
            yield _warning(
                N_('{name} has not said yet how it sells in "{cycle}".'),
                N_('Say it: foodhub cycle sell "{cycle}"')
                if hub == hat.member
                else N_('Ask it to: foodhub cycle sell "{cycle}"'),
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


def _own(db: sqlite3.Connection, hat: Hat, made: Arrangement, cycle: CycleRow) -> Iterator[Finding]:
    """Find what our own sale lacks: pickups that are known, and that lie behind all that has to be done before."""
    ours = cycle.key[0] == hat.member
    outgoing = made.outgoing if ours else outgoing_of(db, hat.member, cycle)
    if outgoing is None and not ours:
        return
    if outgoing is None or not outgoing.pickups:
        yield _warning(
            N_("Nobody knows where and when {name} hands goods over."),
            N_('Say it: foodhub cycle sell "{cycle}" --pickup "PLACE; FROM; TO"'),
            code="no_pickup",
            name=hat.name,
            cycle=made.cycle.name,
        )
        return
    weighed = max((each.weighed for each in made.plan.incoming), default=0)
    for pickup in outgoing.pickups:
        yield from _too_early(pickup, made.cycle, weighed)


def _too_early(pickup: Pickup, cycle: Cycle, weighed: int) -> Iterator[Finding]:
    """Find whether goods would be picked up before the close, or before the last of them are weighed in (ms, 0)."""
    said = {"place": pickup.place, "opens": moment(pickup.opens, cycle.zone), "cycle": cycle.name}
    hint = N_('Say another time: foodhub cycle sell "{cycle}" --pickup "PLACE; FROM; TO"')
    if pickup.opens < cycle.closes:
        yield _bad(
            N_("The pickup at {place} begins at {opens}, before the cycle closes at {closes}."),
            hint,
            code="pickup_before_close",
            closes=moment(cycle.closes, cycle.zone),
            **said,
        )
    elif pickup.opens < weighed:
        yield _warning(
            N_("The pickup at {place} begins at {opens}, before goods are weighed in at {weighed}."),
            hint,
            code="pickup_before_weighed",
            weighed=moment(weighed, cycle.zone),
            **said,
        )


def _cases(made: Arrangement, offered: list[_Offered]) -> Iterator[Finding]:
    """Find products with a rule of their own for cases that have none; a rule for a lack needs no case."""
    outgoing = made.outgoing
    if outgoing is None:
        return
    ruled = {(producer, product) for producer, product, rule in outgoing.rules if _of_cases(rule, outgoing.rule)}
    bare = [each.name for each in offered if (each.producer, each.local) in ruled and not each.case]
    if bare:
        yield _warning(
            N_("There is a rule for the cases of these products, but they have none: {products}."),
            N_("Their producers say how much a case holds: foodhub stock case PRODUCT=QUANTITY"),
            code="no_case",
            products=_some(bare),
        )


def _unbroken(
    db: sqlite3.Connection, hat: Hat, made: Arrangement, cycle: CycleRow, offered: list[_Offered]
) -> Iterator[Finding]:
    """Find products whose producer is to be asked for a broken case, and delivers none."""
    outgoing = made.outgoing if cycle.key[0] == hat.member else outgoing_of(db, hat.member, cycle)
    rules = {(each[0], each[1]): each[2] for each in outgoing.rules} if outgoing else {}
    kept = []
    for each in offered:
        rule = rules.get((each.producer, each.local), outgoing.rule if outgoing else None)
        case = case_in_cycle(db, each.producer, each.local, cycle) if rule and rule.leftover == "open" else None
        if case is not None and not case.broken:
            kept.append(each.name)
    if kept:
        yield _warning(
            N_("No broken case is delivered of these products, so what fills none is left out: {products}."),
            N_("Say cut, or round_up to buy the case all the same: foodhub cycle sell CYCLE --rule PRODUCT=RULE"),
            code="case_unbroken",
            products=_some(kept),
        )


def _of_cases(rule: ProductRule, other: ProductRule) -> bool:
    """Say whether a rule says another thing about cases than the rule for all products."""
    return (rule.filled, rule.leftover, rule.spread) != (other.filled, other.leftover, other.spread)


def _sharing(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, offered: list[_Offered]) -> Iterator[Finding]:
    """Find products of which we share a lack in another way than who supplies us: members then lose by two rules."""
    ours = exchange_of(db, hat.member, cycle)
    if ours is None or ours.above is None:
        return
    keys = {(each.producer, each.local): each.name for each in offered if ours.sells(each.producer, each.local)}
    other = [name for key, name in keys.items() if ours.rule(*key).sharing != ours.above.rule(*key).sharing]
    if other:
        yield _warning(
            N_("{name} shares a lack of these products in another way than {hub}: {products}."),
            N_('See both: foodhub cycle show "{cycle}". Say yours: foodhub cycle sell "{cycle}" --rule PRODUCT=RULE'),
            code="other_sharing",
            name=hat.name,
            hub=shown_name(db, ours.supplier),
            products=_some(other),
            cycle=cycle.name,
        )
