"""A producer asks for stock back that it set aside, or counts it as its own again without waiting for the hub.

Nothing here changes what the hub may promise: only the hub knows that, and gives back what is free (see `returning`).
Whoever does not wait for it is told what may come of that.
"""

import sqlite3
from collections.abc import Mapping

from foodhub.catalog.product import ordered_unit
from foodhub.errors import N_, RefusedError
from foodhub.node.allotments import place_of, tell_hub
from foodhub.node.buyers import Buyer
from foodhub.node.cycles import CycleRow
from foodhub.node.hat import Hat, shown_name
from foodhub.node.products import product_statement
from foodhub.node.sellers import in_name_of, require_stock, seller_of
from foodhub.node.shelf import Aside, shelf_of
from foodhub.node.standing import require_standing
from foodhub.orders.reserving import Lower
from foodhub.orders.statements import derived_id
from foodhub.quantity import format_quantity
from foodhub.store.transaction import Transaction


def lower(
    tx: Transaction,
    hat: Hat,
    cycle: CycleRow,
    wanted: Mapping[bytes, int],
    hub: bytes | None = None,
    *,
    override: bool = False,
    seller: Buyer | None = None,
) -> int:
    """Ask a hub of a cycle (None: its owner) to give back until it holds no more than `wanted`; return how many asked.

    With `override` so much is counted as ours again at once; with a `seller` it is that one's, for whom we write.

    Raises:
        RefusedError: another device keeps the stock, the hub is not in the cycle, a product is not set aside there, or
            it would not be lowered.
    """
    require_standing(tx.db, hat)
    seller = seller or seller_of(tx.db, hat)
    require_stock(tx.db, hat, seller)
    own = in_name_of(tx.db, hat, seller)
    hub, device = place_of(tx.db, cycle, hub)
    shelf = shelf_of(tx.db, own.member)
    statements = []
    for product, quantity in wanted.items():
        held = shelf.aside(cycle.key, hub, device, product)
        _check(tx.db, own, held, quantity, override=override)
        if (quantity, override) != (held.lowered, held.override):
            local = derived_id(b"lower", *held.cycle, held.device, held.product)
            place = (*held.cycle, held.hub, held.device, held.product)
            statements.append(Lower(local, held.versions[1] + 1, *place, quantity, override=override))
    if statements:
        tell_hub(tx, hat, seller, hub, statements)
    return len(statements)


def _check(db: sqlite3.Connection, hat: Hat, held: Aside, quantity: int, *, override: bool) -> None:
    statement = product_statement(db, hat.member, held.product)
    if statement is None or not held.given:
        raise RefusedError(
            "nothing_set_aside",
            N_("Nothing of {name} is set aside for {hub} in this cycle."),
            N_("What is set aside for whom: foodhub stock show"),
            name=statement.name if statement else hat.name,
            hub=shown_name(db, held.hub),
        )
    unit = ordered_unit(statement)
    if quantity >= held.quantity and (quantity, override) != (held.lowered, held.override):
        raise RefusedError(
            "not_lower",
            N_("{hub} holds {held} of {name}: {quantity} would not be less."),
            N_("Write what it may keep at most. To set more aside: foodhub allot CYCLE PRODUCT=QUANTITY"),
            hub=shown_name(db, held.hub),
            held=format_quantity(held.quantity, unit),
            name=statement.name,
            quantity=format_quantity(quantity, unit),
        )
    if override and quantity < held.promised:
        raise RefusedError(
            "promised_already",
            N_("{hub} has told you that it promised {promised} of {name}: so much can't be taken back."),
            N_('Write {promised} or more. If there is less: foodhub shortfall CYCLE "{name}"=QUANTITY --reason TEXT'),
            hub=shown_name(db, held.hub),
            promised=format_quantity(held.promised, unit),
            name=statement.name,
        )
