"""A hub asks a producer for stock, and the producer grants it: by hand, or by a rule of its home from what is free.

Asking gives no right to anything. The rule is a setting of the home on which the stock is kept, no entry, and a request
that the producer took stock back from since is not granted by it again.
"""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from foodhub.catalog.naming import base32_id, full_name
from foodhub.catalog.statements import Product
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.allotments import allot, supplied
from foodhub.node.buyers import Buyer
from foodhub.node.cycles import CycleRow, list_cycles
from foodhub.node.devices import keeper_of
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat, shown_name
from foodhub.node.households import has_keys, reader_of, unwritable
from foodhub.node.products import product_statement, stock_statement
from foodhub.node.rights import awaited
from foodhub.node.running import is_running, require_running
from foodhub.node.sellers import holds_handover, in_name_of, seller_of
from foodhub.node.shelf import Aside, Shelf, shelf_of
from foodhub.node.standing import require_standing
from foodhub.orders.reserving import AllotRequest
from foodhub.orders.statements import derived_id
from foodhub.quantity import COUNTED_IN
from foodhub.store.transaction import Transaction


class RequestRow(msgspec.Struct, frozen=True):
    """What a hub asks of a producer's product in a cycle (pieces, g or ml).

    It would then hold `requested` in all, and holds `set_aside` now; `free` is what could be added, `grant` how much of
    `requested` that makes: both None to the hub, which does not know them. `key` is (cycle, hub, product).
    """

    cycle: str
    cycle_id: str
    hub: str
    hub_id: str
    producer: str
    producer_id: str
    product: str
    product_id: str
    unit: str
    requested: int
    set_aside: int
    free: int | None
    grant: int | None
    key: tuple[tuple[bytes, bytes], bytes, bytes]


def request(tx: Transaction, hat: Hat, cycle: CycleRow, wanted: Mapping[tuple[bytes, bytes], int]) -> int:
    """Ask producers to set stock aside for us in a cycle, by (producer, product); return how many requests changed.

    The quantities are what we would hold then, not additions; 0 takes a request back.

    Raises:
        RefusedError: we do not take orders in this cycle or are supplied by another hub, it is closed, or a product is
            not sold there or made on demand.
    """
    require_standing(tx.db, hat)
    exchange = supplied(tx.db, cycle, hat.member)
    require_running(tx.db, cycle, exchange, tx.now)
    changed = 0
    for (producer, product), quantity in wanted.items():
        statement, stock = product_statement(tx.db, producer, product), stock_statement(tx.db, producer, product)
        if statement is None or statement.withdrawn or not exchange.sells(producer, product):
            raise RefusedError(
                "not_in_cycle",
                N_("{name} is not sold by {hub} in this cycle."),
                N_('Take it in with: foodhub cycle bring CYCLE PRODUCER "{name}"'),
                name=statement.name if statement else base32_id(product)[:8],
                hub=hat.name,
            )
        if stock is not None and stock.mode == "on_demand" and quantity:
            raise RefusedError(
                "on_demand",
                N_("{name} is made on demand: there is no stock to set aside."),
                N_("It can be ordered without."),
                name=statement.name,
            )
        held = shelf_of(tx.db, producer).aside(cycle.key, hat.member, exchange.device, product)
        changed += _ask(tx, hat, cycle, (producer, product), quantity + held.returned if quantity else 0)
    return changed


def _ask(tx: Transaction, hat: Hat, cycle: CycleRow, product: tuple[bytes, bytes], quantity: int) -> int:
    local = derived_id(b"allot_request", *cycle.key, *product)
    row = tx.db.execute(
        "SELECT r.version, r.quantity FROM allot_request r JOIN party m ON m.ref = r.owner WHERE m.id = ?"
        " AND r.local = ?",
        (hat.member, local),
    ).fetchone()
    version, before = row or (0, 0)
    if quantity == before:
        return 0
    try:
        said = AllotRequest(local, version + 1, *cycle.key, *product, quantity)
        tx.append(hat.member, Log.TRADE, [said], readers=[reader_of(tx.db, product[0]) or product[0]])
    except LookupError:
        raise unwritable(tx.db, product[0]) from None
    return 1


def open_requests(db: sqlite3.Connection, hat: Hat, now: int, shelf: Shelf | None = None) -> list[RequestRow]:
    """Return what hubs ask of our products and do not hold yet, in cycles that run, the oldest first.

    A request is answered once so much was given, or we asked for stock back since.
    """
    rows = db.execute(
        "SELECT h.id, r.cycle_owner, r.cycle, r.product, r.quantity, r.timestamp FROM allot_request r"
        " JOIN member h ON h.ref = r.owner WHERE r.producer = ? AND r.quantity > 0 AND NOT h.removed"
        " ORDER BY r.timestamp, h.id, r.local",
        (hat.member,),
    ).fetchall()
    if not rows:
        return []
    shelf = shelf or shelf_of(db, hat.member)
    cycles = {cycle.key: cycle for cycle in list_cycles(db, now) if cycle.state != "closed"}
    asked_back = _asked_back(db, hat)
    found = []
    for hub, owner, local, product, quantity, timestamp in rows:
        cycle = cycles.get((owner, local))
        if cycle is None or asked_back.get((owner, local, hub, product), -1) >= timestamp:
            continue
        exchange = exchange_of(db, hub, cycle)
        if exchange is not None and is_running(db, cycle, exchange, now) and exchange.own_supplier:
            row = _row(db, hat, shelf, cycle, exchange, product, quantity)
            found += [row] if row and exchange.sells(hat.member, product) else []
    return found


def own_requests(db: sqlite3.Connection, hat: Hat, now: int) -> list[RequestRow]:
    """Return what we ask of producers and do not hold yet, in cycles that run, the oldest first."""
    rows = db.execute(
        "SELECT r.producer, r.cycle_owner, r.cycle, r.product, r.quantity FROM allot_request r"
        " JOIN member h ON h.ref = r.owner WHERE h.id = ? AND r.producer != h.id AND r.quantity > 0"
        " ORDER BY r.timestamp, r.local",
        (hat.member,),
    ).fetchall()
    cycles = {cycle.key: cycle for cycle in list_cycles(db, now) if cycle.state != "closed"} if rows else {}
    found = []
    for producer, owner, local, product, quantity in rows:
        cycle, statement = cycles.get((owner, local)), product_statement(db, producer, product)
        exchange = exchange_of(db, hat.member, cycle) if cycle is not None else None
        if cycle is None or statement is None or exchange is None or not is_running(db, cycle, exchange, now):
            continue
        held = shelf_of(db, producer).aside(cycle.key, hat.member, exchange.device, product)
        if held.given < quantity:
            found.append(_asked(db, cycle, (producer, statement), held, quantity))
    return found


def _asked_back(db: sqlite3.Connection, hat: Hat) -> dict[tuple[bytes, ...], int]:
    """Return when we last asked a hub for stock back (ms), by cycle, hub and product."""
    rows = db.execute(
        "SELECT l.cycle_owner, l.cycle, l.hub, l.product, l.timestamp FROM lower l JOIN party m ON m.ref = l.owner"
        " WHERE m.id = ?",
        (hat.member,),
    )
    return {tuple(place): timestamp for *place, timestamp in rows}


def _row(
    db: sqlite3.Connection, hat: Hat, shelf: Shelf, cycle: CycleRow, exchange: Exchange, product: bytes, quantity: int
) -> RequestRow | None:
    """Return a request as it stands; None where so much was given, or there is nothing to set aside."""
    statement = product_statement(db, hat.member, product)
    held = shelf.aside(cycle.key, exchange.aggregator, exchange.device, product)
    free = shelf.free(product, cycle.key)
    if statement is None or statement.withdrawn or free is None or held.given >= quantity or held.overdrawn:
        return None
    row = _asked(db, cycle, (hat.member, statement), held, quantity)
    return msgspec.structs.replace(row, **_left(row.requested, held, free))


def _left(requested: int, held: Aside, free: int | None) -> dict[str, int]:
    """Return the fields that only the producer knows: what is free, and how much that makes of what is asked for."""
    free = max(free or 0, 0)
    return {"set_aside": held.quantity, "free": free, "grant": min(requested, held.quantity + free)}


def _asked(
    db: sqlite3.Connection, cycle: CycleRow, product: tuple[bytes, Product], held: Aside, quantity: int
) -> RequestRow:
    """Return what a hub asks for of a (producer, product), as both know it."""
    producer, statement = product
    return RequestRow(
        cycle=cycle.name,
        cycle_id=cycle.id,
        hub=shown_name(db, held.hub),
        hub_id=base32_id(held.hub),
        producer=shown_name(db, producer),
        producer_id=base32_id(producer),
        product=full_name(statement.name, statement.variant),
        product_id=base32_id(statement.local),
        unit=COUNTED_IN[statement.price_per],
        requested=quantity - held.returned,
        set_aside=held.quantity,
        free=None,
        grant=None,
        key=(cycle.key, held.hub, statement.local),
    )


def grant(tx: Transaction, hat: Hat, rows: list[RequestRow], seller: Buyer | None = None) -> int:
    """Set aside what hubs asked for, each as far as it is free then; return how many allotments changed.

    With a `seller` they asked that one, for whom we write.

    Raises:
        RefusedError: see `allot`.
    """
    changed = 0
    seller = seller or seller_of(tx.db, hat)
    own = in_name_of(tx.db, hat, seller)
    cycles = {cycle.key: cycle for cycle in list_cycles(tx.db, tx.now)}
    for row in rows:
        # What was granted before it in this transaction is free no more.
        still = [each for each in open_requests(tx.db, own, tx.now) if each.key == row.key]
        for each in still:
            if each.grant is not None and each.grant > each.set_aside:
                key, hub, product = each.key
                changed += allot(tx, hat, cycles[key], {product: each.grant}, hub, seller=seller)
    return changed


def as_granted(db: sqlite3.Connection, hat: Hat, rows: Sequence[RequestRow], now: int) -> list[RequestRow]:
    """Return requests with what is set aside for them by now, and what is still free."""
    shelf = shelf_of(db, hat.member)
    cycles = {cycle.key: cycle for cycle in list_cycles(db, now)}
    found = []
    for row in rows:
        key, hub, product = row.key
        exchange = exchange_of(db, hub, cycles[key])
        if exchange is not None:
            held = shelf.aside(key, hub, exchange.device, product)
            found.append(msgspec.structs.replace(row, **_left(row.requested, held, shelf.free(product, key))))
    return found


def grants_by_itself(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether this home grants requests from what is free, without asking."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_rule(hat),)).fetchone()
    return row is not None and bool(row[0])


def set_rule(tx: Transaction, hat: Hat, granting: bool) -> None:
    """Set whether this home grants requests from what is free, without asking."""
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_rule(hat), int(granting)))


def _rule(hat: Hat) -> str:
    return f"grants {hat.member.hex()}"


def grant_by_rule(tx: Transaction, hat: Hat) -> int:
    """Grant what the rule of this home allows; return how many allotments changed. A duty of the stock's keeper."""
    rows = _grantable(tx.db, hat, tx.now)
    return grant(tx, hat, rows) if rows else 0


def grants_due(db: sqlite3.Connection, hat: Hat, now: int) -> bool:
    """Say, without writing anything, whether the rule would grant something."""
    return bool(_grantable(db, hat, now))


def _grantable(db: sqlite3.Connection, hat: Hat, now: int) -> list[RequestRow]:
    if not grants_by_itself(db, hat) or keeper_of(db, hat.member, "stock") != hat.device or awaited(db, hat.member):
        return []
    own = in_name_of(db, hat, seller_of(db, hat))
    if not holds_handover(db, hat, own.member):
        return []
    return [
        row
        for row in open_requests(db, own, now)
        if row.grant is not None and row.grant > row.set_aside and has_keys(db, row.key[1])
    ]
