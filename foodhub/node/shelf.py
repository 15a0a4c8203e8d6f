"""Where the stock of a producer is: counted, set aside for whom, given back, promised as far as told, free.

Read from the views alone and worked out anew each time, so nothing is stored that could be wrong. A hub sees what was
set aside for it, its producer all of it.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from foodhub.catalog.statements import StockMode
from foodhub.catalog.stock import NOTHING, Left, Taken, free, left_with, lying
from foodhub.orders.reserving import Delivered

CycleKey = tuple[bytes, bytes]
"""(owner, local id)"""
_delivered = msgspec.msgpack.Decoder(Delivered)


@dataclass(frozen=True, slots=True)
class Aside:
    """What of one product is set aside for one device of a hub in a cycle, in g, ml or pieces.

    `given` and `returned` only grow; `overdrawn` says that the hub claims to have returned more than it was given, of
    which no more than that counts. `lowered` is what the producer asked the hub to keep at most, None for nothing;
    with `override` it counts so already. `ordered` and `promised` are what the hub told. `versions` are those of the
    statements that gave and that lowered, 0 for none; `given_at` (ms) is when it was given, the last time. `left` is
    what its producer says has left of it, and `said_at` (ms) when it said so, 0 for never; nobody else knows.
    """

    cycle: CycleKey
    hub: bytes
    device: bytes
    product: bytes
    given: int = 0
    returned: int = 0
    lowered: int | None = None
    override: bool = False
    ordered: int = 0
    promised: int = 0
    versions: tuple[int, int] = (0, 0)
    given_at: int = 0
    overdrawn: bool = False
    left: Left = NOTHING
    said_at: int = 0

    @property
    def quantity(self) -> int:
        """Return how much the hub holds, as its producer counts it."""
        return left_with(self.given, self.returned, self.lowered if self.override else None, self.promised)

    def lies(self, stock: int) -> int:
        """Return how much of it lies on the shelf by a count of this version of the product's stock."""
        return lying(self.given, self.quantity, self.left, stock)


@dataclass(frozen=True, slots=True)
class Counted:
    """The stock of a product as it was counted, when (ms), and by which version of its statement, 0 for none."""

    mode: StockMode
    on_hand: int
    at: int
    version: int


@dataclass(frozen=True)
class Shelf:
    """All stock of one producer."""

    stocks: dict[bytes, Counted]
    asides: dict[bytes, list[Aside]]

    def stock(self, product: bytes) -> Counted:
        """Return how much was counted; nothing where no count was ever made."""
        return self.stocks.get(product, Counted("counted", 0, 0, 0))

    def free(self, product: bytes, cycle: CycleKey | None = None) -> int | None:
        """Return what can still be set aside, in `cycle` where each has its own; below zero when short.

        None stands for no limit.
        """
        stock = self.stock(product)
        taken = [Taken(each.cycle, each.quantity, each.lies(stock.version)) for each in self.asides.get(product, ())]
        return free(stock.mode, stock.on_hand, taken, cycle)

    def lies(self, aside: Aside) -> int:
        """Return how much of what is set aside is among what was counted last; 0 for goods that are not counted."""
        stock = self.stock(aside.product)
        return aside.lies(stock.version) if stock.mode == "counted" else 0

    def elsewhere(self, aside: Aside) -> int:
        """Return how much of what could be set aside at one place is set aside at others."""
        place = (aside.cycle, aside.hub, aside.device)
        others = [e for e in self.asides.get(aside.product, ()) if (e.cycle, e.hub, e.device) != place]
        if self.stock(aside.product).mode == "counted":
            return sum(self.lies(each) for each in others)
        return sum(each.quantity for each in others if each.cycle == aside.cycle)

    def aside(self, cycle: CycleKey, hub: bytes, device: bytes, product: bytes) -> Aside:
        """Return what is set aside for a device of a hub; one of nothing where nothing is."""
        place = (cycle, hub, device)
        found = (each for each in self.asides.get(product, ()) if (each.cycle, each.hub, each.device) == place)
        return next(found, Aside(cycle, hub, device, product))


def shelf_of(db: sqlite3.Connection, producer: bytes) -> Shelf:
    """Return where all stock of a producer is, as far as this home may know."""
    stocks = {
        local: Counted(mode, on_hand, at, version)
        for local, mode, on_hand, at, version in db.execute(
            "SELECT s.local, s.mode, s.on_hand, s.timestamp, s.version FROM stock s JOIN party m ON m.ref = s.owner"
            " WHERE m.id = ?",
            (producer,),
        )
    }
    asides: defaultdict[bytes, list[Aside]] = defaultdict(list)
    for each in asides_of(db, producer):
        asides[each.product].append(each)
    return Shelf(stocks, dict(asides))


def asides_of(db: sqlite3.Connection, producer: bytes, cycle: CycleKey | None = None) -> list[Aside]:
    """Return what a producer set aside, in one cycle or all, with what became of it."""
    chosen = " AND f.cycle_owner = ? AND f.cycle = ?" if cycle else ""
    values = (producer, *(cycle or ()))
    returned = _by_place(
        db, "f.cycle_owner, f.cycle, o.id, f.device, f.product, f.returned", "returned", chosen, values
    )
    told = _by_place(db, "f.cycle_owner, f.cycle, o.id, f.product, f.ordered, f.promised", "total", chosen, values, 4)
    asked = "f.cycle_owner, f.cycle, f.hub, f.device, f.product, f.quantity, f.override, f.version, f.timestamp"
    lowered = _by_place(db, asked, "lower", chosen, values)
    given = _by_place(db, asked.replace("f.override", "0"), "allotment", chosen, values)
    gone = _left(db, chosen, values)
    found = []
    for place, (quantity, _, version, given_at) in given.items():
        owner, local, hub, device, product = place
        ordered, promised = told.get((owner, local, hub, product), (0, 0))
        (back,) = returned.get(place, (0,))
        least, override, asked_version, _ = lowered.get(place, (None, False, 0, 0))
        left, said_at = gone.get((owner, local, device, product), (NOTHING, 0))
        found.append(
            Aside(
                cycle=(owner, local),
                hub=hub,
                device=device,
                product=product,
                given=quantity,
                returned=min(back, quantity),
                lowered=least,
                override=bool(override),
                ordered=ordered,
                promised=promised,
                versions=(version, asked_version),
                given_at=given_at,
                overdrawn=back > quantity,
                left=left,
                said_at=said_at,
            )
        )
    return found


def asides_for(db: sqlite3.Connection, hub: bytes, cycle: CycleKey | None = None) -> list[tuple[bytes, Aside]]:
    """Return what is set aside for a hub, in one cycle or all, as far as this home may know, each with its producer."""
    chosen = " AND a.cycle_owner = ? AND a.cycle = ?" if cycle else ""
    producers = db.execute(
        "SELECT DISTINCT m.id FROM allotment a JOIN party m ON m.ref = a.owner"  # noqa: S608 - names of ours
        f" WHERE a.hub = ?{chosen} ORDER BY m.id",
        (hub, *(cycle or ())),
    ).fetchall()
    return [(producer, each) for (producer,) in producers for each in asides_of(db, producer, cycle) if each.hub == hub]


def _by_place(
    db: sqlite3.Connection, columns: str, table: str, chosen: str, values: Sequence[bytes], width: int = 5
) -> dict[tuple[bytes, ...], tuple[int, ...]]:
    """Read a view about a producer: its first `width` columns say where, the others how much."""
    whose = "f.producer" if table in {"returned", "total"} else "o.id"
    if table == "total":  # nobody keeps the promises of a hub that was removed
        chosen += " AND NOT EXISTS (SELECT 1 FROM member r WHERE r.id = o.id AND r.removed)"
    query = f"SELECT {columns} FROM {table} f JOIN party o ON o.ref = f.owner WHERE {whose} = ?{chosen}"  # noqa: S608 - names of ours
    return {tuple(row[:width]): tuple(row[width:]) for row in db.execute(query, values)}


def _left(
    db: sqlite3.Connection, chosen: str, values: Sequence[bytes]
) -> dict[tuple[bytes, bytes, bytes, bytes], tuple[Left, int]]:
    """Return what a producer says has left, and when it said so (ms), by cycle, device and product."""
    query = "SELECT f.body, f.timestamp FROM delivered f JOIN party o ON o.ref = f.owner WHERE o.id = ?"
    found: dict[tuple[bytes, bytes, bytes, bytes], tuple[Left, int]] = {}
    for body, said_at in db.execute(query + chosen, values):
        part = _delivered.decode(body)
        for row in part.rows:
            place = (part.cycle_owner, part.cycle, part.device, row.product)
            said = (Left(row.stock, row.given, row.held), said_at)
            found[place] = max(found.get(place, said), said)
    return found
