"""Saying how we sell in a cycle: the outgoing exchange of a hub or a group.

Each aggregator makes its own. The coordinator's cycle sells without one; another hub sells once the plan names it and
it has made one, a group once it has made one and its hub sells.
"""

import sqlite3
from dataclasses import replace
from typing import Literal

import msgspec

from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.arranging import Arrangement, arrangement_of, change
from foodhub.node.closing import is_reopened, require_nothing_accepted
from foodhub.node.cycles import CycleRow, in_ms
from foodhub.node.exchanges import Exchange, check_deadlines, exchange_of, outgoing_of, plan_of
from foodhub.node.hat import Hat, shown_name
from foodhub.node.rights import require_right
from foodhub.node.standing import require_standing, roles_of
from foodhub.orders.exchanges import (
    DEFAULT_RULE,
    Buying,
    Outgoing,
    Pickup,
    Plan,
    ProductRule,
)
from foodhub.orders.statements import Sale, derived_id
from foodhub.store.transaction import Transaction

Product = tuple[bytes, bytes]
"""(producer, product)"""
AHEAD_OF_SUPPLIER = 3_600_000
"""So long (ms) before its supplier an aggregator closes that says no time; half of the time left, if that is less."""


class Offer(msgspec.Struct, frozen=True):
    """What is to be said of an outgoing exchange; None stays as it is. `rules` are added to those that stand."""

    supplier: bytes | None = None
    closes: int | None = None
    sale: Sale | None = None
    buying: Buying | None = None
    by_hand: bool | None = None
    shown: bool | None = None
    products: list[Product] | None = None
    rule: ProductRule | None = None
    rules: dict[Product, ProductRule] | None = None
    pickups: list[Pickup] | None = None


def sell(tx: Transaction, hat: Hat, cycle: CycleRow, offer: Offer) -> CycleRow:
    """Say how we sell in a cycle, or in a draft of ours; return the cycle as it is then.

    Raises:
        RefusedError: `not_in_cycle`, `other_supplier`, `cycle_closed`, `exchange_closed`, a deadline out of order,
            `accepted_already`, `closes_with_cycle`, `sale_of_hub`, `buying_of_group`, `as_one_in_direct`, `bad_pickup`,
            `wishes_confided`, `ordered_already`, or this device may not.
    """
    require_standing(tx.db, hat)
    _check_pickups(offer, cycle)
    if cycle.key[0] == hat.member:
        _require_rules_to_come(cycle, offer, tx.now)
        _require_nothing_confided(tx.db, hat, cycle, offer)
        only_pickups = msgspec.structs.replace(offer, pickups=None) == Offer()
        return change(tx, hat, cycle.key[1], lambda now: _with_own(now, hat, offer), late=only_pickups)
    require_right(tx.db, hat, "desk")
    before = outgoing_of(tx.db, hat.member, cycle)
    _require_time(tx.db, hat, cycle, before, offer, tx.now)
    plan = plan_of(tx.db, cycle)
    is_hub = hat.member in plan.hubs
    if is_hub and offer.buying is not None:
        raise _buying_of_group(hat.name)
    above = supplier_of(tx.db, hat, cycle, offer.supplier)
    made = _changed(before or _first(hat, cycle, above, hat.member, tx.now), offer)
    made = msgspec.structs.replace(made, supplier=above.aggregator if above else hat.member)
    _check_kind(tx.db, cycle, above, made, offer, is_hub=is_hub)
    _require_nothing_confided(tx.db, hat, cycle, offer)
    _require_same_bargain(tx.db, hat, cycle, before, offer)
    if made != before:
        version = before.version + 1 if before else 1
        tx.append(hat.member, Log.CATALOG, [msgspec.structs.replace(made, version=version)])
    return cycle


def _require_rules_to_come(cycle: CycleRow, offer: Offer, now: int) -> None:
    """Make sure that no rules change after the close, which rests on them; how a lack is shared is said at the desk."""
    if offer.rules and not cycle.draft and cycle.phase_at(now) == "closed":
        raise RefusedError(
            "cycle_closed",
            N_('"{cycle}" is closed.'),
            N_('How a lack is shared can still be changed: foodhub desk share "{cycle}" PRODUCT --rule RULE'),
            cycle=cycle.name,
        )


def _require_nothing_confided(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, offer: Offer) -> None:
    """Make sure that no wishes become open to all that were given when only we read them."""
    before = outgoing_of(db, hat.member, cycle)
    if not offer.shown or (before is not None and before.shown):
        return
    row = db.execute(
        "SELECT 1 FROM placement WHERE hub = ? AND cycle_owner = ? AND cycle = ?", (hat.member, *cycle.key)
    ).fetchone()
    if row is not None:
        raise RefusedError(
            "wishes_confided",
            N_('Customers have ordered in "{cycle}" already, and were told that only {name} reads what they want.'),
            N_("Let all read all wishes from the next cycle on: say --open before anybody orders in it."),
            cycle=cycle.name,
            name=hat.name,
        )


def _require_same_bargain(
    db: sqlite3.Connection, hat: Hat, cycle: CycleRow, before: Outgoing | None, offer: Offer
) -> None:
    """Make sure that nobody's order comes to stand with another seller, or under another bargain, than it was signed.

    Raises:
        RefusedError: `ordered_already`.
    """
    said = ("supplier", "buying", "sale")
    if before is None or all(getattr(offer, name) in {None, getattr(before, name)} for name in said):
        return
    row = db.execute(
        "SELECT 1 FROM placement WHERE hub = ? AND cycle_owner = ? AND cycle = ? AND NOT cancelled",
        (hat.member, *cycle.key),
    ).fetchone()
    if row is not None:
        raise RefusedError(
            "ordered_already",
            N_('Customers of {name} have ordered in "{cycle}" already: who owes what to whom can\'t change any more.'),
            N_("Say it anew in the next cycle, before anybody orders."),
            cycle=cycle.name,
            name=hat.name,
        )


def open_choices(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> list[Literal["sale", "buying"]]:
    """Return what has to be asked before we first sell in somebody else's cycle: it decides who owes what to whom.

    A hub says its sale; a group how it buys, unless the sale of the only hub leaves it no choice.
    """
    if cycle.key[0] == hat.member or outgoing_of(db, hat.member, cycle) is not None:
        return []
    hubs = plan_of(db, cycle).hubs
    if hat.member in hubs:
        return ["sale"]
    chooses = cycle.sale != "direct" or hubs
    return ["buying"] if chooses and "group" in roles_of(db, hat.member) else []


def _with_own(now: Arrangement, hat: Hat, offer: Offer) -> Arrangement:
    """Return a cycle of ours with another exchange of its coordinator, which closes when the cycle does."""
    if offer.closes not in {None, now.cycle.closes}:
        raise RefusedError(
            "closes_with_cycle",
            N_('Your own sale closes with "{cycle}".'),
            N_('Change that with: foodhub cycle set "{cycle}" --closes WHEN'),
            cycle=now.cycle.name,
        )
    if offer.supplier not in {None, hat.member}:
        raise RefusedError(
            "other_supplier",
            N_('The coordinator of "{cycle}" is supplied by its producers.'),
            N_("Leave --supplier out."),
            cycle=now.cycle.name,
        )
    if offer.buying is not None:
        raise _buying_of_group(hat.name)
    if offer.sale not in {None, now.cycle.sale}:
        raise RefusedError(
            "sale_of_cycle",
            N_('"{cycle}" says itself who sells to whom.'),
            N_('Change that with: foodhub cycle set "{cycle}" --sale SALE'),
            cycle=now.cycle.name,
        )
    cycle, key = now.cycle, (hat.member, now.local)
    first = _unsaid(key, supplier=hat.member, device=cycle.device, closes=cycle.closes, sale=cycle.sale)
    return replace(now, outgoing=_changed(now.outgoing or first, offer))


def _first(hat: Hat, cycle: CycleRow, above: Exchange | None, supplier: bytes, now: int) -> Outgoing:
    """Return an exchange of ours of which nothing was said yet."""
    sale: Sale = above.sale if above else cycle.sale  # type: ignore[assignment]
    return _unsaid(
        cycle.key,
        supplier=above.aggregator if above else supplier,
        device=hat.device,
        closes=_before(above, cycle, now) if above else in_ms(cycle.closes),
        sale=sale,
        buying="households" if sale == "direct" else "as_one",
    )


def _unsaid(
    cycle: tuple[bytes, bytes], *, supplier: bytes, device: bytes, closes: int, sale: Sale, buying: Buying = "as_one"
) -> Outgoing:
    """Return an exchange in a cycle (owner, local id) of which nothing was said but this; `closes` in ms."""
    return Outgoing(
        local=derived_id(b"outgoing", *cycle),
        version=0,
        cycle_owner=cycle[0],
        cycle=cycle[1],
        supplier=supplier,
        device=device,
        closes=closes,
        sale=sale,
        buying=buying,
        by_hand=False,
        shown=False,
        products=[],
        rule=DEFAULT_RULE,
        rules=[],
        pickups=[],
    )


def _before(above: Exchange, cycle: CycleRow, now: int) -> int:
    """Return when (ms) we close if nobody says: so long before our supplier that what we take in last reaches it."""
    time_left = above.closes - max(in_ms(cycle.opens), now)
    return above.closes - max(min(AHEAD_OF_SUPPLIER, time_left // 2), 0)


def _changed(before: Outgoing, offer: Offer) -> Outgoing:
    given = {
        name: value
        for name in ("closes", "sale", "buying", "by_hand", "shown", "products", "rule", "pickups")
        if (value := getattr(offer, name)) is not None
    }
    rules = {(producer, product): rule for producer, product, rule in before.rules} | (offer.rules or {})
    return msgspec.structs.replace(before, **given, rules=[(*key, rule) for key, rule in sorted(rules.items())])


def supplier_of(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, named: bytes | None = None) -> Exchange | None:
    """Return the exchange from which we order, or would, in a cycle; None in our own, or where producers supply us.

    Raises:
        RefusedError: `not_in_cycle`, `other_supplier` or `supplier_waits`.
    """
    if cycle.key[0] == hat.member:
        return None
    before = outgoing_of(db, hat.member, cycle)
    return _supplier(db, hat, cycle, plan_of(db, cycle), named or (before.supplier if before else None))


def _supplier(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, plan: Plan, wanted: bytes | None) -> Exchange | None:
    """Return the exchange that supplies ours, None where producers do."""
    owner = cycle.key[0]
    if hat.member in plan.hubs:
        own = owner if plan.pooled else hat.member
        if wanted not in {None, own}:
            raise _other_supplier(db, cycle, own)
        return exchange_of(db, owner, cycle) if plan.pooled else None
    if "group" not in roles_of(db, hat.member):
        raise RefusedError(
            "not_in_cycle",
            N_('{name} does not take part in "{cycle}".'),
            N_('{hub} can let it: foodhub cycle set "{cycle}" --hub "{name}"'),
            name=hat.name,
            cycle=cycle.name,
            hub=cycle.hub,
        )
    if wanted not in {None, owner, *plan.hubs}:
        raise _other_supplier(db, cycle, owner)
    above = exchange_of(db, wanted or owner, cycle)
    if above is None:
        raise RefusedError(
            "supplier_waits",
            N_('{name} has not said yet how it sells in "{cycle}".'),
            N_('Ask it to: foodhub cycle sell "{cycle}"'),
            name=shown_name(db, wanted or owner),
            cycle=cycle.name,
        )
    return above


def _other_supplier(db: sqlite3.Connection, cycle: CycleRow, right: bytes) -> RefusedError:
    return RefusedError(
        "other_supplier",
        N_('That is not who supplies you in "{cycle}"; {name} can.'),
        N_('See who takes part: foodhub cycle show "{cycle}"'),
        cycle=cycle.name,
        name=shown_name(db, right),
    )


def _check_kind(
    db: sqlite3.Connection, cycle: CycleRow, above: Exchange | None, made: Outgoing, offer: Offer, *, is_hub: bool
) -> None:
    """Make sure that an exchange fits the one that supplies it, and says what is its own to say."""
    latest = above.closes if above else in_ms(cycle.closes)
    check_deadlines(db, Plan(cycle.key[1], 0, [], [], False, []), latest, cycle.zone, made.closes)
    if not is_hub and offer.sale is not None:
        raise RefusedError(
            "sale_of_hub",
            N_("Who sells to whom is for the hub to say; a group says how it buys."),
            N_("Write --buys as_one or --buys households."),
        )
    if not is_hub and made.buying == "as_one" and above is not None and above.sale == "direct":
        raise RefusedError(
            "as_one_in_direct",
            N_('In "{cycle}" each producer sells to the households themselves: a group can\'t buy as one.'),
            N_("Write --buys households."),
            cycle=cycle.name,
        )


def _buying_of_group(name: str) -> RefusedError:
    return RefusedError(
        "buying_of_group",
        N_("How it buys is for a group to say; {name} is none."),
        N_("Leave --buys out."),
        name=name,
    )


def _check_pickups(offer: Offer, cycle: CycleRow) -> None:
    for pickup in offer.pickups or ():
        if pickup.opens >= pickup.closes:
            raise RefusedError(
                "bad_pickup",
                N_('The pickup at "{place}" would end before it begins.'),
                N_('Write --pickup "PLACE; FROM; TO".'),
                place=pickup.place,
                cycle=cycle.name,
            )


def _require_time(
    db: sqlite3.Connection, hat: Hat, cycle: CycleRow, before: Outgoing | None, offer: Offer, now: int
) -> None:
    """Make sure that nothing changes any more after the close on which what was promised rests.

    Pickups may, and in a cycle that was opened again the closing time.
    """
    pickups = msgspec.structs.replace(offer, pickups=None) == Offer()
    held = exchange_of(db, hat.member, cycle) if before else None
    if held is not None and pickups:
        return
    if cycle.phase_at(now) == "closed":
        raise RefusedError("cycle_closed", N_('"{cycle}" is closed.'), cycle=cycle.name)
    anew = msgspec.structs.replace(offer, pickups=None, closes=None) == Offer() and is_reopened(db, cycle, now)
    if held is not None and held.closes <= now and not anew:
        raise RefusedError(
            "exchange_closed",
            N_('{name} has closed its sale in "{cycle}": only the pickups can change any more.'),
            N_("Members who are late can be taken in by themselves."),
            name=hat.name,
            cycle=cycle.name,
        )
    if held is not None and held.closes <= now:
        require_nothing_accepted(db, hat.member, cycle)
    if offer.closes is not None and offer.closes <= now:
        raise RefusedError(
            "bad_window",
            N_("The sale would close before anybody could order."),
            N_("Choose a closing time in the future."),
        )


def as_supplied(
    db: sqlite3.Connection, hat: Hat, cycle: CycleRow, made: Outgoing, closing: tuple[int, int], now: int
) -> Outgoing:
    """Return an exchange of ours in somebody else's cycle as it fits whoever supplies it there.

    `closing` is when (ms) it would close, 0: not said, and how long (ms) before its supplier where that is too late.

    Raises:
        RefusedError: what `sell` raises.
    """
    plan = plan_of(db, cycle)
    is_hub = hat.member in plan.hubs
    above = _supplier(db, hat, cycle, plan, None if is_hub else made.supplier)
    latest, (usual, lead) = above.closes if above else in_ms(cycle.closes), closing
    closes = usual if usual <= latest else latest - lead
    made = msgspec.structs.replace(
        made,
        supplier=above.aggregator if above else hat.member,
        closes=closes or (_before(above, cycle, now) if above else latest),
        sale=made.sale if is_hub or above is None else above.sale,
    )
    _check_kind(db, cycle, above, made, Offer(), is_hub=is_hub)
    return made


def own_exchange(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> Outgoing | None:
    """Return what we said of our exchange in a cycle, or in a draft of ours; None when nothing."""
    if cycle.key[0] == hat.member:
        found = arrangement_of(db, hat.member, cycle.key[1])
        return found.outgoing if found else None
    return outgoing_of(db, hat.member, cycle)
