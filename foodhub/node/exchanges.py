"""How each aggregator (hub or group) sells in a cycle: its outgoing exchange, with all that it leaves open filled in.

Read from log 1 alone, so every node that holds the same entries sees the same. Nothing here signs, and nothing here
looks at who was removed but to say so.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from foodhub.errors import N_, RefusedError
from foodhub.node.cycles import CycleRow, cycle_at, in_ms, moment
from foodhub.node.hat import shown_name
from foodhub.node.standing import is_removed, roles_of
from foodhub.orders.cycle import deadline_fault
from foodhub.orders.exchanges import DEFAULT_RULE, Buying, Incoming, Outgoing, Pickup, Plan, ProductRule
from foodhub.orders.statements import SALES, Sale

Product = tuple[bytes, bytes]
"""(producer, product)"""
_WIDE = ("hub", "group", "household")
"""Where a case is filled, from wide to narrow."""
_plans = msgspec.msgpack.Decoder(Plan)
_outgoing = msgspec.msgpack.Decoder(Outgoing)


@dataclass(frozen=True, slots=True)
class Exchange:
    """How an aggregator sells in the cycle `cycle` = (owner, local id); times in ms.

    `supplier` is itself where producers supply it. `version` is that of its own statement, 0 where the cycle's owner
    made none. `incoming` and `chosen` bound what it sells: those of the plan, and of each exchange up to the supplier
    that sells what it chose; empty means all.
    """

    aggregator: bytes
    cycle: tuple[bytes, bytes]
    supplier: bytes
    device: bytes
    closes: int
    sale: Sale
    buying: Buying
    by_hand: bool
    shown: bool
    removed: bool
    version: int
    incoming: Sequence[Incoming]
    chosen: Sequence[frozenset[Product]]
    default_rule: ProductRule
    rules: Mapping[Product, ProductRule] = field(default_factory=dict)
    pickups: Sequence[Pickup] = ()
    above: "Exchange | None" = None

    @property
    def own_supplier(self) -> bool:
        """Say whether producers supply it, so that it promises from allotments."""
        return self.supplier == self.aggregator

    def rule(self, producer: bytes, product: bytes) -> ProductRule:
        """Return how cases of a product are filled and its lack is shared; cases never wider than its supplier's.

        Who says nothing of how to share does it as its supplier, so that members of one cycle lose alike; not by hand,
        which asks for a person.
        """
        own = self.rules.get((producer, product), self.default_rule)
        if self.above is None:
            return own
        above = self.above.rule(producer, product)
        filled = own.filled if _WIDE.index(own.filled) >= _WIDE.index(above.filled) else above.filled
        unsaid = (producer, product) not in self.rules and self.default_rule == DEFAULT_RULE
        sharing = above.sharing if unsaid and above.sharing != "by_hand" else own.sharing
        return msgspec.structs.replace(own, filled=filled, sharing=sharing)

    @property
    def ruled(self) -> list[Product]:
        """Return the products for which another rule holds than the one for all: its own, and its supplier's."""
        above = self.above.ruled if self.above else []
        found = dict.fromkeys((*self.rules, *above))
        return [key for key in found if key in self.rules or self.rule(*key) != self.default_rule]

    def sells(self, producer: bytes, product: bytes) -> bool:
        """Say whether it sells a product: brought by its producer, and chosen by it and by whoever supplies it."""
        if not all((producer, product) in chosen for chosen in self.chosen):
            return False
        brought = [each.products for each in self.incoming if each.producer == producer]
        return not self.incoming or any(not products or product in products for products in brought)


def plan_of(db: sqlite3.Connection, cycle: CycleRow) -> Plan:
    """Return the plan of a cycle; where its owner made none, one that leaves all open (version 0)."""
    owner, local = cycle.key
    row = db.execute(
        "SELECT p.body FROM plan p JOIN member m ON m.ref = p.owner WHERE m.id = ? AND p.local = ?", (owner, local)
    ).fetchone()
    return _plans.decode(row[0]) if row else Plan(local, 0, [], [], False, [])


def exchange_of(db: sqlite3.Connection, aggregator: bytes, cycle: CycleRow) -> Exchange | None:
    """Return how an aggregator sells in a cycle, None where it does not.

    The cycle's owner always does. Another hub does when the plan names it and it made its outgoing exchange, a group
    when it made one and names as its supplier the owner or such a hub; not one that buys as one in a direct sale.
    """
    said, owner = outgoing_of(db, aggregator, cycle), cycle.key[0]
    plan = plan_of(db, cycle)
    if aggregator == owner:
        return _filled(db, cycle, plan, aggregator, said, None)
    if said is None:
        return None
    if aggregator in plan.hubs:
        above = exchange_of(db, owner, cycle) if plan.pooled else None
        return _filled(db, cycle, plan, aggregator, said, above)
    if "group" not in roles_of(db, aggregator) or said.supplier not in (owner, *plan.hubs):
        return None
    above = exchange_of(db, said.supplier, cycle)
    if above is None or _as_one_in_direct(said, above):
        return None
    return _filled(db, cycle, plan, aggregator, said, above)


def require_exchange(db: sqlite3.Connection, aggregator: bytes, cycle: CycleRow) -> Exchange:
    """Return how an aggregator sells in a cycle.

    Raises:
        RefusedError: `not_in_cycle_hub`: it does not.
    """
    found = exchange_of(db, aggregator, cycle)
    if found is None:
        raise RefusedError(
            "not_in_cycle_hub",
            N_('{hub} sells nothing in "{cycle}".'),
            N_('Look who does: foodhub cycle show "{cycle}"'),
            hub=shown_name(db, aggregator),
            cycle=cycle.name,
        )
    return found


def _as_one_in_direct(said: Outgoing, above: Exchange) -> bool:
    """Say whether a group would be the customer of producers who sell to households alone."""
    return said.buying == "as_one" and above.sale == "direct"


def left_out_of_direct(db: sqlite3.Connection, cycle: CycleRow) -> list[tuple[bytes, bytes]]:
    """Return the groups, each with its hub, that take no part since they buy as one where the sale is direct."""
    found = []
    for group, said in _stated(db, cycle):
        above = exchange_of(db, said.supplier, cycle)
        if "group" in roles_of(db, group) and above is not None and exchange_of(db, group, cycle) is None:
            found += [(group, said.supplier)] if _as_one_in_direct(said, above) else []
    return found


def exchanges_of(db: sqlite3.Connection, cycle: CycleRow) -> list[Exchange]:
    """Return all exchanges of a cycle: its owner's, those of its other hubs as the plan names them, those of groups."""
    owner = cycle.key[0]
    hubs = [hub for hub in plan_of(db, cycle).hubs if hub != owner]
    groups = [member for member, _ in _stated(db, cycle) if member != owner and member not in hubs]
    found = [exchange_of(db, member, cycle) for member in (owner, *hubs, *groups)]
    return [each for each in found if each is not None]


def _stated(db: sqlite3.Connection, cycle: CycleRow) -> list[tuple[bytes, Outgoing]]:
    """Return what aggregators stated of a cycle, by their ids."""
    rows = db.execute(
        "SELECT m.id, o.body FROM outgoing o JOIN member m ON m.ref = o.owner WHERE o.cycle_owner = ? AND o.cycle = ?"
        " ORDER BY m.id",
        cycle.key,
    )
    return [(member, _outgoing.decode(body)) for member, body in rows.fetchall()]


def own_closings(db: sqlite3.Connection, member: bytes, now: int) -> list[int]:
    """Return when (ms) the exchanges of a hub or group that are still to close do so."""
    rows = db.execute("SELECT o.body FROM outgoing o JOIN member m ON m.ref = o.owner WHERE m.id = ?", (member,))
    said = [_outgoing.decode(body) for (body,) in rows]
    # None closes later than it says itself, so of the many that are over nothing more is asked.
    coming = [(each.cycle_owner, each.cycle) for each in said if each.closes > now]
    cycles = [cycle for key in coming if (cycle := cycle_at(db, key, now))]
    found = [exchange_of(db, member, cycle) for cycle in cycles]
    return [each.closes for each in found if each is not None and each.closes > now]


def check_deadlines(db: sqlite3.Connection, plan: Plan, closes: int, zone: str, group: int = 0) -> None:
    """Make sure that group <= hub <= until when each producer takes its order; `closes` and `group` in ms, 0: not said.

    Raises:
        RefusedError: `group_after_hub` or `lead_before_close`.
    """
    if deadline_fault(closes, group) == "group_after_hub":
        raise RefusedError(
            "group_after_hub",
            N_("Nobody closes after whoever supplies it: {group} is later than {closes}."),
            N_("Choose a closing time that is not later than that."),
            group=moment(group, zone),
            closes=moment(closes, zone),
        )
    for each in plan.incoming:
        if deadline_fault(closes, lead=each.lead):
            raise RefusedError(
                "lead_before_close",
                N_("{producer} takes its purchase order until {lead}, before the cycle closes at {closes}."),
                N_('Close earlier, or let it take its order later: foodhub cycle bring CYCLE "{producer}" --lead WHEN'),
                producer=shown_name(db, each.producer),
                lead=moment(each.lead, zone),
                closes=moment(closes, zone),
            )


def outgoing_of(db: sqlite3.Connection, aggregator: bytes, cycle: CycleRow) -> Outgoing | None:
    """Return what an aggregator itself stated of a cycle."""
    row = db.execute(
        "SELECT o.body FROM outgoing o JOIN member m ON m.ref = o.owner"
        " WHERE m.id = ? AND o.cycle_owner = ? AND o.cycle = ?",
        (aggregator, *cycle.key),
    ).fetchone()
    return _outgoing.decode(row[0]) if row else None


def _filled(
    db: sqlite3.Connection,
    cycle: CycleRow,
    plan: Plan,
    aggregator: bytes,
    said: Outgoing | None,
    above: Exchange | None,
) -> Exchange:
    """Fill in what is left open; nobody closes later than whoever supplies it, and the owner with its cycle."""
    closes = in_ms(cycle.closes)
    owner = aggregator == cycle.key[0]
    latest = above.closes if above else closes
    own_sale = said.sale if said else next(sale for sale in SALES if sale == cycle.sale)
    own = (frozenset(said.products),) if said and said.products else ()
    return Exchange(
        aggregator=aggregator,
        cycle=cycle.key,
        supplier=above.aggregator if above else aggregator,
        device=said.device if said else cycle.device,
        closes=closes if owner or said is None else min(said.closes, latest),
        sale=own_sale,
        buying=said.buying if said else "as_one",
        by_hand=bool(said and said.by_hand),
        shown=bool(said and said.shown),
        removed=is_removed(db, aggregator),
        version=said.version if said else 0,
        incoming=plan.incoming,
        chosen=(*own, *(above.chosen if above else ())),
        default_rule=said.rule if said else DEFAULT_RULE,
        rules={(producer, product): rule for producer, product, rule in said.rules} if said else {},
        pickups=said.pickups if said else (),
        above=above,
    )
