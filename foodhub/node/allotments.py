"""What a producer sets aside for a hub in a cycle, and what of it is promised.

Invariant I2 is kept here: no allotment may take more than is free by the count. I1, that a hub promises no more than it
was given and has not given back, is kept by the desk and by `returning`. Together they make overselling impossible, in
any partition and any order of arrival.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from foodhub.catalog.naming import base32_id, find, full_name
from foodhub.catalog.product import ordered_unit
from foodhub.catalog.statements import Product
from foodhub.errors import N_, NotThereError, RefusedError
from foodhub.log.header import Log
from foodhub.node.bought import Bought
from foodhub.node.buyers import Buyer
from foodhub.node.cycles import CycleRow, find_cycle, hub_removed, list_cycles, require_hub
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat, shown_name
from foodhub.node.households import unwritable
from foodhub.node.products import product_statement
from foodhub.node.running import require_running
from foodhub.node.sellers import in_name_of, require_stock, seller_of
from foodhub.node.shelf import Aside, CycleKey, Shelf, asides_of, shelf_of
from foodhub.node.standing import require_standing
from foodhub.orders.reserving import Lower, Shortfall
from foodhub.orders.statements import Allot, derived_id
from foodhub.quantity import COUNTED_IN, format_quantity
from foodhub.store.entries import log_row
from foodhub.store.transaction import Transaction


class AllotmentRow(msgspec.Struct, frozen=True):
    """A product of a cycle as its producer and a hub see it: set aside, promised, ordered (in pieces, g or ml).

    `set_aside` is what the hub holds, `returned` what it gave back before; `lowered` what it is asked to keep at most,
    or None. `reason` says why nothing of it can be promised: `other_product` (its giver sells no such product) or
    `hub_not_in_cycle`. `written_by` says who set it aside for the producer, "" where that one did itself, and `told`
    how it had said it.
    """

    product: str
    product_id: str
    producer: str
    producer_id: str
    unit: str
    set_aside: int
    promised: int
    ordered: int
    hub: str
    hub_id: str
    returned: int
    lowered: int | None
    reason: str = ""
    written_by: str = ""
    told: str = ""


def list_allotments(db: sqlite3.Connection, cycle: CycleRow) -> list[AllotmentRow]:
    """Return what this home may know of a cycle's products: as their producer, or as a hub."""
    found: dict[tuple[bytes, bytes, bytes], Aside] = {}
    for producer, each in _all_asides(db, cycle.key):
        key = (each.hub, producer, each.product)
        found[key] = _together(found[key], each) if key in found else each
    told = _totals(db, cycle.key)
    selling = {hub: exchange_of(db, hub, cycle) is not None for hub in {hub for hub, *_ in (*found, *told)}}
    written, bought = _written(db, cycle.key), Bought(db, [cycle])
    rows = []
    for hub, producer, product in {*found, *told}:
        known = _product(db, producer, product)
        name, variant, per = known or (base32_id(product)[:8], "", "piece")
        ordered, promised = told.get((hub, producer, product), (0, 0))
        aside = found.get((hub, producer, product), Aside(cycle.key, hub, b"", product))
        held = aside.given - aside.returned if aside.given else None
        writer, means = written.get((hub, producer, product), (None, ""))
        rows.append(
            AllotmentRow(
                product=full_name(name, variant),
                product_id=base32_id(product),
                producer=shown_name(db, producer),
                producer_id=base32_id(producer),
                unit=COUNTED_IN[per],
                set_aside=aside.quantity,
                promised=bought.promised(cycle.key, hub, (producer, product), promised, held),
                ordered=ordered,
                hub=shown_name(db, hub),
                hub_id=base32_id(hub),
                returned=aside.returned,
                lowered=aside.lowered,
                reason="" if known and selling[hub] else "hub_not_in_cycle" if known else "other_product",
                written_by=shown_name(db, writer) if writer else "",
                told=means,
            )
        )
    return sorted(rows, key=lambda row: (row.hub, row.producer, row.product, row.product_id))


def _totals(db: sqlite3.Connection, cycle: CycleKey) -> dict[tuple[bytes, bytes, bytes], tuple[int, int]]:
    """Return what hubs told of (hub, producer, product): how much is ordered, and promised."""
    rows = db.execute(
        "SELECT h.id, t.producer, t.product, t.ordered, t.promised FROM total t JOIN party h ON h.ref = t.owner"
        " WHERE t.cycle_owner = ? AND t.cycle = ?",
        cycle,
    )
    return {(hub, producer, product): (ordered, promised) for hub, producer, product, ordered, promised in rows}


def _together(one: Aside, other: Aside) -> Aside:
    """Add up what two devices of a hub hold: a cycle that was said again names another one."""
    returned = one.returned + other.returned
    return replace(other, given=one.quantity + other.quantity + returned, returned=returned, override=False)


def _all_asides(db: sqlite3.Connection, cycle: CycleKey) -> list[tuple[bytes, Aside]]:
    producers = db.execute(
        "SELECT DISTINCT m.id FROM allotment a JOIN party m ON m.ref = a.owner WHERE a.cycle_owner = ? AND a.cycle = ?",
        cycle,
    ).fetchall()
    return [(producer, each) for (producer,) in producers for each in asides_of(db, producer, cycle)]


def _written(db: sqlite3.Connection, cycle: CycleKey) -> dict[tuple[bytes, bytes, bytes], tuple[bytes, str]]:
    """Return who set something aside for somebody else, and how that one had said it, by (hub, producer, product)."""
    rows = db.execute(
        "SELECT a.hub, m.id, a.product, w.id, a.told FROM allotment a JOIN party m ON m.ref = a.owner"
        " JOIN party w ON w.ref = a.spoken WHERE a.cycle_owner = ? AND a.cycle = ?",
        cycle,
    )
    return {(hub, producer, product): (writer, told) for hub, producer, product, writer, told in rows}


def _product(db: sqlite3.Connection, producer: bytes, product: bytes) -> tuple[str, str, str] | None:
    row: tuple[str, str, str] | None = db.execute(
        "SELECT p.name, p.variant, p.price_per FROM product p JOIN party m ON m.ref = p.owner"
        " WHERE m.id = ? AND p.local = ?",
        (producer, product),
    ).fetchone()
    return row


def set_aside(db: sqlite3.Connection, hub: bytes, device: bytes, cycle: CycleRow) -> dict[tuple[bytes, bytes], int]:
    """Return what a device of a hub holds in a cycle by (producer, product): what it was given and has not given back.

    It may promise no more than that, which is invariant I1. Quantities in g, ml or pieces.
    """
    rows = db.execute(
        "SELECT m.id, a.product, a.quantity - coalesce(r.returned, 0) FROM allotment a JOIN party m ON m.ref = a.owner"
        " JOIN product p ON p.owner = a.owner AND p.local = a.product"
        " LEFT JOIN (SELECT r.* FROM returned r JOIN party h ON h.ref = r.owner WHERE h.id = ?3) r"
        " ON r.cycle_owner = a.cycle_owner AND r.cycle = a.cycle AND r.device = a.device AND r.producer = m.id"
        " AND r.product = a.product"
        " WHERE a.cycle_owner = ?1 AND a.cycle = ?2 AND a.hub = ?3 AND a.device = ?4",
        (*cycle.key, hub, device),
    )
    return {(producer, product): max(quantity, 0) for producer, product, quantity in rows}


def everything_free(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, hub: bytes | None = None) -> dict[bytes, int]:
    """Return, for each of our counted products that a hub sells in the cycle, what could be set aside for it in all.

    Raises:
        RefusedError: see `supplied`.
    """
    exchange = supplied(db, cycle, hub)
    shelf = shelf_of(db, hat.member)
    rows = db.execute(
        "SELECT p.local FROM product p JOIN party m ON m.ref = p.owner WHERE m.id = ? AND NOT p.withdrawn"
        " ORDER BY p.name, p.local",
        (hat.member,),
    )
    wanted = {}
    for (local,) in rows.fetchall():
        free = shelf.free(local, cycle.key) or 0
        if free > 0 and exchange.sells(hat.member, local):
            wanted[local] = free + shelf.aside(cycle.key, exchange.aggregator, exchange.device, local).quantity
    return wanted


def supplied(db: sqlite3.Connection, cycle: CycleRow, hub: bytes | None = None) -> Exchange:
    """Return how a hub (None: the cycle's owner) sells in a cycle, if producers set stock aside for it.

    Raises:
        RefusedError: `hub_removed`, `hub_not_in_cycle`, or `supplied_by_another`.
    """
    require_hub(db, cycle)
    hub = hub or cycle.key[0]
    exchange = exchange_of(db, hub, cycle)
    name = shown_name(db, hub)
    if exchange is None:
        raise _not_in_cycle(db, cycle, hub)
    if exchange.removed:
        raise hub_removed(name, cycle)
    if not exchange.own_supplier:
        raise RefusedError(
            "supplied_by_another",
            N_('{hub} orders from {supplier} in "{cycle}", not from producers.'),
            N_("Set stock aside for {supplier}."),
            hub=name,
            supplier=shown_name(db, exchange.supplier),
            cycle=cycle.name,
        )
    return exchange


def find_cycle_with(db: sqlite3.Connection, text: str, now: int, hub: bytes | None) -> CycleRow:
    """Return the cycle that somebody named; with a hub, one in which that hub sells.

    Raises:
        NotThereError: there is none. UsageError: there are several. RefusedError: `hub_not_in_cycle`.
    """
    if hub is None:
        return find_cycle(db, text, now)
    cycles = [cycle for cycle in list_cycles(db, now) if exchange_of(db, hub, cycle) is not None]
    alive = [cycle for cycle in cycles if cycle.state != "closed" and cycle.name == text]
    try:
        return alive[0] if len(alive) == 1 else find(cycles, text, lambda cycle: cycle.named, "cycle")
    except NotThereError:
        raise _not_in_cycle(db, find_cycle(db, text, now), hub) from None


def place_of(db: sqlite3.Connection, cycle: CycleRow, hub: bytes | None = None) -> tuple[bytes, bytes]:
    """Return a hub of a cycle (None: its owner), and its device for which stock is set aside.

    Raises:
        RefusedError: `hub_not_in_cycle`.
    """
    exchange = exchange_of(db, hub or cycle.key[0], cycle)
    if exchange is None:
        raise _not_in_cycle(db, cycle, hub or cycle.key[0])
    return exchange.aggregator, exchange.device


def _not_in_cycle(db: sqlite3.Connection, cycle: CycleRow, hub: bytes) -> RefusedError:
    return RefusedError(
        "hub_not_in_cycle",
        N_('{hub} takes no orders in "{cycle}".'),
        N_('Which hubs do: foodhub cycle show "{cycle}"'),
        hub=shown_name(db, hub),
        cycle=cycle.name,
    )


def allot(
    tx: Transaction,
    hat: Hat,
    cycle: CycleRow,
    wanted: Mapping[bytes, int],
    hub: bytes | None = None,
    *,
    seller: Buyer | None = None,
) -> int:
    """Set quantities of our products aside for a hub of a cycle (None: its owner); return how many changed.

    With a `seller` they are that one's products, for whom we write.

    The quantities are what the hub holds then, not additions. They are for the device with which it sells, and for
    its heir. Whatever it was asked to give back before, it may keep so much.

    Raises:
        RefusedError: another device keeps the stock, the hub is not in the cycle or was removed, the cycle is closed, a
            product is not ours or not sold there or on demand, there is not so much free, or it would lower what was
            given.
    """
    require_standing(tx.db, hat)
    seller = seller or seller_of(tx.db, hat)
    require_stock(tx.db, hat, seller)
    own = in_name_of(tx.db, hat, seller)
    exchange = supplied(tx.db, cycle, hub)
    require_running(tx.db, cycle, exchange, tx.now)
    shelf = shelf_of(tx.db, own.member)
    statements: list[Allot | Lower] = []
    for product, quantity in wanted.items():
        held = shelf.aside(cycle.key, exchange.aggregator, exchange.device, product)
        if quantity != held.quantity:
            _check(tx.db, own, exchange, shelf, held, quantity)
            statements += _raised(tx.db, held, quantity)
    if statements:
        tell_hub(tx, hat, seller, exchange.aggregator, statements)
    return sum(isinstance(each, Allot) or each.override for each in statements)


def tell_hub(
    tx: Transaction, hat: Hat, seller: Buyer, hub: bytes, statements: Sequence[Allot | Lower | Shortfall]
) -> None:
    """Sign what a seller says of stock set aside, or lacking, for the hub alone.

    Raises:
        RefusedError: `no_box_key`, while the hub can't be written to.
    """
    try:
        tx.append(hat.member, Log.TRADE, [seller.enclose(each) for each in statements], readers=[hub])
    except LookupError:
        raise unwritable(tx.db, hub) from None


def _raised(db: sqlite3.Connection, held: Aside, quantity: int) -> list[Allot | Lower]:
    """Return what gives a hub so much in all, and lets it keep it."""
    place = (*held.cycle, held.hub, held.device, held.product)
    given = max(held.given, quantity + held.returned)
    head = log_row(db, held.device, Log.TRADE)
    found: list[Allot | Lower] = []
    if given > held.given:
        local = derived_id(b"allot", *held.cycle, held.device, held.product)
        found.append(Allot(local, held.versions[0] + 1, *place, given, head.seq if head else 0))
    if held.lowered is not None and held.lowered < quantity:
        # It was given more than we count after an override: only the limit rises.
        override = held.override and given == held.given
        local = derived_id(b"lower", *held.cycle, held.device, held.product)
        found.append(Lower(local, held.versions[1] + 1, *place, quantity, override=override))
    return found


def _sold(db: sqlite3.Connection, hat: Hat, exchange: Exchange, product: bytes) -> Product:
    """Return a product of ours that a hub sells.

    Raises:
        RefusedError: `not_your_product`, `not_in_cycle`.
    """
    statement = product_statement(db, hat.member, product)
    if statement is None:
        raise RefusedError(
            "not_your_product",
            N_("{name} sells no such product: stock is set aside by whoever sells it."),
            N_('Which products are yours: foodhub product list --producer "{name}"'),
            name=hat.name,
        )
    if not exchange.sells(hat.member, product):
        raise RefusedError(
            "not_in_cycle",
            N_("{name} is not sold by {hub} in this cycle."),
            N_("Ask {hub} to take it in, or set it aside for another hub."),
            name=statement.name,
            hub=shown_name(db, exchange.aggregator),
        )
    return statement


def _check(db: sqlite3.Connection, hat: Hat, exchange: Exchange, shelf: Shelf, held: Aside, quantity: int) -> None:
    """Make sure that a hub may have so much of a product in all.

    Raises:
        RefusedError: see `allot`.
    """
    statement = _sold(db, hat, exchange, held.product)
    unit = ordered_unit(statement)
    free = shelf.free(held.product, held.cycle)
    if free is None:
        raise RefusedError(
            "on_demand",
            N_("{name} is made on demand: there is no stock to set aside."),
            N_('It can be ordered without; or count it with: foodhub stock set "{name}"=N --counted'),
            name=statement.name,
        )
    if quantity < held.quantity:
        raise RefusedError(
            "allotment_only_raised",
            N_("{held} of {name} is set aside already, and only the hub can give it back."),
            N_('Set at least {held} aside, or ask for it back with: foodhub allot lower CYCLE "{name}"=QUANTITY'),
            name=statement.name,
            held=format_quantity(held.quantity, unit),
        )
    if held.overdrawn:
        raise RefusedError(
            "returned_too_much",
            N_("{hub} says it gave more of {name} back than you set aside for it."),
            N_("Sync first, then ask {hub}. What is given meanwhile, it can't promise."),
            hub=shown_name(db, held.hub),
            name=statement.name,
        )
    if quantity - held.quantity > free:
        raise _not_enough(shelf, held, statement, max(free, 0))


def _not_enough(shelf: Shelf, held: Aside, product: Product, free: int) -> RefusedError:
    """Return why no more of a product can be set aside: what is free, and where the rest is."""
    elsewhere, unit = shelf.elsewhere(held), ordered_unit(product)
    return RefusedError(
        "not_enough_stock",
        N_("Only {free} of {name} is free: {elsewhere} is set aside elsewhere, {held} here already.")
        if elsewhere
        else N_("Only {free} of {name} is free, besides {held} that is set aside already."),
        N_(
            'See where it is: foodhub stock show "{name}". What is not promised there, you can ask back:'
            ' foodhub allot lower CYCLE "{name}"=QUANTITY'
        )
        if elsewhere
        else N_('Set at most {most} aside, or count the stock again with: foodhub stock set "{name}"=N'),
        name=product.name,
        free=format_quantity(free, unit),
        held=format_quantity(held.quantity, unit),
        most=format_quantity(held.quantity + free, unit),
        elsewhere=format_quantity(elsewhere, unit),
    )
