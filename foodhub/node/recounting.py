"""What a count takes as gone of what was set aside, and what as still on the shelf: to be read before it is signed.

Nothing is signed here. Whoever counts looks at the goods, and knows best what has left; see `delivered`.
"""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.catalog.statements import StockMode
from foodhub.errors import N_, RefusedError, UsageError
from foodhub.node.cycles import CycleRow, find_cycle, list_cycles
from foodhub.node.delivered import Leaving, leaving
from foodhub.node.deliveries import has_closed, require_closed
from foodhub.node.hat import Hat, shown_name
from foodhub.node.products import product_statement, stock_statement
from foodhub.node.shelf import shelf_of
from foodhub.node.stock import restated
from foodhub.quantity import COUNTED_IN


class AtCount(msgspec.Struct, frozen=True):
    """What of a product lies there set aside for a hub in a cycle (pieces, g, ml), and whether it is taken as gone.

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
    db: sqlite3.Connection,
    producer: bytes,
    wanted: Mapping[bytes, int | None],
    mode: StockMode | None,
    now: int,
    delivered: Sequence[CycleRow] = (),
) -> list[AtCount]:
    """Return what a count of these products at `now` (ms) takes as gone, or as still on the shelf, by cycle.

    What the last count took as gone is not said again, nor anything of goods that are not counted. All that was sold in
    the cycles `delivered` is gone.
    """
    counts = [restated(local, stock_statement(db, producer, local), count, mode) for local, count in wanted.items()]
    cycles = {cycle.key: cycle for cycle in list_cycles(db, now)}
    found = [
        _row(db, producer, each, cycles.get(each.aside.cycle), now)
        for each in leaving(db, producer, counts, now, {cycle.key for cycle in delivered})
    ]
    return sorted(found, key=lambda row: (row.gone, row.cycle, row.product, row.hub))


def _row(db: sqlite3.Connection, producer: bytes, leaving: Leaving, cycle: CycleRow | None, now: int) -> AtCount:
    aside = leaving.aside
    statement = product_statement(db, producer, aside.product)
    cycle_id = base32_id(aside.cycle[1])
    name = statement.name if statement else base32_id(aside.product)[:8]
    return AtCount(
        product=f"{name}, {statement.variant}" if statement and statement.variant else name,
        unit=COUNTED_IN[statement.price_per] if statement else "piece",
        cycle=cycle.name if cycle else cycle_id[:8],
        cycle_id=cycle_id,
        hub=shown_name(db, aside.hub),
        set_aside=leaving.lies,
        gone=leaving.gone,
        closed=cycle is None or has_closed(db, cycle, now),
    )


def knows_shelf(db: sqlite3.Connection, hat: Hat, seller: Hat) -> bool:
    """Say whether a hat that counts for a seller knows what is set aside there: not where it holds a mandate."""
    if seller.member == hat.member:
        return True
    return db.execute("SELECT 1 FROM member WHERE id = ?", (seller.member,)).fetchone() is None


def find_all_delivered(db: sqlite3.Connection, hat: Hat, seller: Hat, names: Sequence[str], now: int) -> list[CycleRow]:
    """Return the cycles of which a hat that counts for a seller says that its goods have left.

    Raises:
        UsageError: `delivered_for_another`: who holds a mandate does not know what is set aside. Else as below.
    """
    if names and not knows_shelf(db, hat, seller):
        raise UsageError(
            "delivered_for_another",
            N_("Only {name} can say what has left its shelf."),
            N_("Count without --delivered: its own node says what had left, when it sees the count."),
            name=seller.name,
        )
    return [find_delivered(db, seller, name, now) for name in names]


def find_delivered(db: sqlite3.Connection, hat: Hat, text: str, now: int) -> CycleRow:
    """Return the cycle of which somebody says that our goods have left; of namesakes the one that still has some here.

    Raises:
        NotThereError: there is none. UsageError: there are several.
        RefusedError: `cycle_still_open`, or `nothing_to_deliver` where nothing of ours is set aside in it any more.
    """
    shelf = shelf_of(db, hat.member)
    asides = [each for listed in shelf.asides.values() for each in listed]
    held = {each.cycle for each in asides if each.lies(shelf.stock(each.product).version)}
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
