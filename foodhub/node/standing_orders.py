"""Standing orders: what a member orders at every opening of a cycle of one hub or group, until it pauses or ends it.

The order of each cycle has an id derived from the standing order, so that two laptops of one member place it once.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from foodhub.catalog.naming import Named, base32_id, find, id_bytes
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.buyers import as_itself, known_as, names_of
from foodhub.node.closing import close_of
from foodhub.node.cycles import CycleRow, in_ms, list_cycles
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat, currency, shown_name
from foodhub.node.households import has_keys
from foodhub.node.placements import placements
from foodhub.node.placing import append_order
from foodhub.node.products import list_products
from foodhub.node.standing import require_standing, roles_of
from foodhub.node.terms import terms_in_cycle
from foodhub.node.wanted import Wanted
from foodhub.orders.statements import Order, OrderLine, Standing, StandingLine, derived_id
from foodhub.store.transaction import Transaction

_standing = msgspec.msgpack.Decoder(Standing)


class StandingRow(msgspec.Struct, frozen=True):
    """A standing order as it is shown, with lines (product, its unit of price, quantity, tolerance).

    `since` is when it was last changed (ms): it orders in cycles that open later.
    """

    id: str
    hub: str
    hub_id: str
    paused: bool
    since: int
    lines: list[tuple[str, str, int, int]]
    statement: Standing

    @property
    def named(self) -> Named:
        """Return how people may call it."""
        return Named(self.id, "", self.hub, "")


def list_standing(db: sqlite3.Connection, hat: Hat) -> list[StandingRow]:
    """Return a member's standing orders that have not ended, the oldest first."""
    rows = db.execute(
        "SELECT s.timestamp, s.body FROM standing s JOIN party p ON p.ref = s.owner WHERE p.id = ? AND NOT s.ended"
        " ORDER BY s.timestamp, s.local",
        (hat.member,),
    ).fetchall()
    products = list_products(db, withdrawn=True) if rows else []
    names = {(id_bytes(row.producer_id), id_bytes(row.id)): row for row in products}
    shown = []
    for timestamp, body in rows:
        said = _standing.decode(body)
        lines = []
        for line in said.lines:
            product = names.get((line.producer, line.product))
            name, per = (product.name, product.price_per) if product else (base32_id(line.product)[:8], "piece")
            lines.append((name, per, line.quantity, line.tolerance))
        head = (base32_id(said.local), shown_name(db, said.hub), base32_id(said.hub))
        shown.append(StandingRow(*head, said.paused, timestamp, lines, said))
    return shown


def find_standing(db: sqlite3.Connection, hat: Hat, text: str) -> StandingRow:
    """Return the standing order that somebody named by id prefix or hub.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    return find(list_standing(db, hat), text, lambda row: row.named, "standing")


def add_standing(tx: Transaction, hat: Hat, hub: bytes, wanted: Sequence[Wanted]) -> str:
    """Begin a standing order at a hub or group, from the next opening on; return its id.

    Raises:
        RefusedError: what we sign counts no more, nothing is ordered, or `takes_no_orders`.
    """
    require_standing(tx.db, hat)
    if not wanted:
        raise RefusedError("empty_order", N_("An order names at least one product."), N_("Write: PRODUCT=QUANTITY"))
    if not {"hub", "group"} & roles_of(tx.db, hub):
        raise RefusedError(
            "takes_no_orders",
            N_("{name} takes no orders: it is neither a hub nor a group."),
            N_("Name the hub or group that sells to you. Who does: foodhub cycle list"),
            name=shown_name(tx.db, hub),
        )
    lines = [
        StandingLine(id_bytes(each.row.producer_id), id_bytes(each.row.id), each.amount, each.tolerance)
        for each in wanted
    ]
    statement = Standing(secrets.token_bytes(16), 1, hub, paused=False, ended=False, lines=lines)
    tx.append(hat.member, Log.TRADE, [statement])
    return base32_id(statement.local)


def change_standing(tx: Transaction, hat: Hat, row: StandingRow, *, paused: bool = False, ended: bool = False) -> bool:
    """Pause, resume or end a standing order; return whether that changed anything."""
    require_standing(tx.db, hat)
    held = row.statement
    if (held.paused, held.ended) == (paused, ended):
        return False
    renewed = msgspec.structs.replace(held, version=held.version + 1, paused=paused, ended=ended)
    tx.append(hat.member, Log.TRADE, [renewed])
    return True


def standing_due(db: sqlite3.Connection, hat: Hat, now: int) -> bool:
    """Say whether a standing order waits for its cycle's order."""
    return next(_due(db, hat, now), None) is not None


def place_standing(tx: Transaction, hat: Hat) -> int:
    """Order in every cycle that opened since what stands; return in how many.

    What is sold no more, or not in that cycle, is left out; where nothing is left, nothing is ordered.
    """
    due = list(_due(tx.db, hat, tx.now))
    for order in due:
        append_order(tx, hat, known_as(tx.db, hat, as_itself(tx.db, hat), order.hub), order)
    return len(due)


def _due(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Order]:
    rows = [row for row in list_standing(db, hat) if not row.paused]
    cycles = [cycle for cycle in list_cycles(db, now) if cycle.state == "open"] if rows else []
    for row in rows:
        for cycle in cycles:
            seller = exchange_of(db, row.statement.hub, cycle)
            opened_since = in_ms(cycle.opens) >= row.since
            if seller is None or not opened_since or now >= seller.closes or close_of(db, cycle) is not None:
                continue
            if not has_keys(db, seller.aggregator):
                continue  # who can't be written to stops nothing else; it is ordered once that one can
            local = derived_id(b"standing", row.statement.local, *cycle.key)
            if any(placements(db, "m.id = ? AND p.local = ?", [member, local]) for member in names_of(db, hat)):
                continue
            lines = list(_lines(db, row.statement, cycle, seller))
            if lines:
                yield Order(local, 1, now, *cycle.key, seller.aggregator, False, lines)


def _lines(db: sqlite3.Connection, standing: Standing, cycle: CycleRow, seller: Exchange) -> Iterator[OrderLine]:
    """Yield the lines that can be ordered in a cycle, at its terms, in whole steps."""
    code = currency(db)
    for line in standing.lines:
        terms = terms_in_cycle(db, line.producer, line.product, cycle)
        if terms is None or terms.currency != code or not seller.sells(line.producer, line.product):
            continue
        quantity = line.quantity - line.quantity % terms.step
        if quantity:
            head = (line.producer, line.product, terms.version, terms.sku, terms.name, terms.variant)
            price = (terms.unit, terms.unit_value, terms.price, terms.price_per, terms.currency)
            yield OrderLine(*head, *price, quantity, line.tolerance)
