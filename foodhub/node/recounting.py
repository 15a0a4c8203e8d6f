"""What a count takes as gone of what was set aside, and what as still on the shelf: to be read before it is signed.

Nothing is signed here. Whoever counts looks at the goods, and knows best what has left; see `deliveries`.
"""

import sqlite3
from collections.abc import Mapping

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.catalog.statements import StockMode
from foodhub.errors import N_, RefusedError
from foodhub.node.allotments import UNITS
from foodhub.node.cycles import CycleRow, find_cycle, list_cycles
from foodhub.node.deliveries import has_closed, require_closed
from foodhub.node.hat import Hat, shown_name
from foodhub.node.products import product_statement, stock_statement
from foodhub.node.shelf import Aside, Shelf, shelf_of
from foodhub.node.stock import restated


class AtCount(msgspec.Struct, frozen=True):
    """What of a product is set aside for a hub in a cycle (pieces, g or ml), and whether a count takes it as gone.

    `closed` says that it is sold, and could have left.
    """

    product: str
    unit: str
    cycle: str
    cycle_id: str
    hub: str
    set_aside: int
    gone: bool
    closed: bool


def what_leaves(
    db: sqlite3.Connection, producer: bytes, wanted: Mapping[bytes, int | None], mode: StockMode | None, now: int
) -> list[AtCount]:
    """Return what a count of these products at `now` (ms) takes as gone, or as still on the shelf, by cycle.

    What the last count took as gone is not said again, nor anything of goods that are not counted.
    """
    shelf = shelf_of(db, producer)
    cycles = {cycle.key: cycle for cycle in list_cycles(db, now)}
    found = []
    for product, quantity in wanted.items():
        if restated(product, stock_statement(db, producer, product), quantity, mode).mode != "counted":
            continue
        for aside in shelf.asides.get(product, ()):
            gone = not _lies(shelf, aside, now)
            if aside.quantity and (shelf.weighs(aside) or not gone):
                found.append(_row(db, producer, aside, cycles.get(aside.cycle), now, gone=gone))
    return sorted(found, key=lambda row: (row.gone, row.cycle, row.product, row.hub))


def _lies(shelf: Shelf, aside: Aside, now: int) -> bool:
    """Say whether something set aside is on the shelf at `now` (ms), as far as is sure."""
    leaves = shelf.taken(aside).leaves
    return leaves is None or leaves >= now


def _row(
    db: sqlite3.Connection, producer: bytes, aside: Aside, cycle: CycleRow | None, now: int, *, gone: bool
) -> AtCount:
    statement = product_statement(db, producer, aside.product)
    cycle_id = base32_id(aside.cycle[1])
    name = statement.name if statement else base32_id(aside.product)[:8]
    return AtCount(
        product=f"{name}, {statement.variant}" if statement and statement.variant else name,
        unit=UNITS[statement.price_per] if statement else "piece",
        cycle=cycle.name if cycle else cycle_id[:8],
        cycle_id=cycle_id,
        hub=shown_name(db, aside.hub),
        set_aside=aside.quantity,
        gone=gone,
        closed=cycle is None or has_closed(db, cycle, now),
    )


def find_delivered(db: sqlite3.Connection, hat: Hat, text: str, now: int) -> CycleRow:
    """Return the cycle of which somebody says that our goods have left; of namesakes the one that still has some here.

    Raises:
        NotThereError: there is none. UsageError: there are several.
        RefusedError: `cycle_still_open`, or `nothing_to_deliver` where nothing of ours is set aside in it any more.
    """
    shelf = shelf_of(db, hat.member)
    asides = [each for listed in shelf.asides.values() for each in listed if each.quantity]
    # A count that is signed already may have been too early to know.
    held = {each.cycle for each in asides if _lies(shelf, each, shelf.stock(each.product).at)}
    named = [cycle for cycle in list_cycles(db, now) if cycle.key in held and cycle.name == text]
    closed = [cycle for cycle in named if has_closed(db, cycle, now)]
    cycle = closed[0] if len(closed) == 1 else find_cycle(db, text, now)
    require_closed(db, cycle, now)
    if cycle.key not in held:
        raise RefusedError(
            "nothing_to_deliver",
            N_('Nothing of {name} that was set aside in "{cycle}" is taken as still on the shelf.'),
            N_("What is set aside for whom: foodhub stock show"),
            name=hat.name,
            cycle=cycle.name,
        )
    return cycle
