"""Where the stock of a producer is: counted, set aside for whom, given back, promised as far as told, free.

Read from the views alone and worked out anew each time, so nothing is stored that could be wrong. A hub sees what was
set aside for it, its producer all of it.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from foodhub.catalog.statements import StockMode
from foodhub.catalog.stock import Taken, free, left_with, weighs_on
from foodhub.log.encoding import LATEST
from foodhub.node.clocks import AHEAD
from foodhub.node.cycles import list_cycles
from foodhub.node.deliveries import Deliveries

CycleKey = tuple[bytes, bytes]
"""(owner, local id)"""


@dataclass(frozen=True, slots=True)
class Aside:
    """What of one product is set aside for one device of a hub in a cycle, in g, ml or pieces.

    `given` and `returned` only grow; `overdrawn` says that the hub claims to have returned more than it was given, of
    which no more than that counts. `lowered` is what the producer asked the hub to keep at most, None for nothing;
    with `override` it counts so already. `ordered` and `promised` are what the hub told. `versions` are those of the
    statements that gave and that lowered, 0 for none; `given_at` (ms) is when it was given, the last time.
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

    @property
    def quantity(self) -> int:
        """Return how much the hub holds, as its producer counts it."""
        return left_with(self.given, self.returned, self.lowered if self.override else None, self.promised)


@dataclass(frozen=True, slots=True)
class Counted:
    """The stock of a product as it was counted, and when (ms).

    `ahead` says that this time has not come yet: a clock was wrong, and nobody knows when it was counted.
    """

    mode: StockMode
    on_hand: int
    at: int
    ahead: bool = False

    @property
    def since(self) -> int:
        """Return since when (ms) deliveries are surely not in the count: since ever, if nobody knows its time."""
        return 0 if self.ahead else self.at


@dataclass(frozen=True)
class Shelf:
    """All stock of one producer at one moment; `leaves` says when (ms) a product leaves it in a cycle."""

    stocks: dict[bytes, Counted]
    asides: dict[bytes, list[Aside]]
    leaves: dict[tuple[CycleKey, bytes], int] = field(default_factory=dict)

    def stock(self, product: bytes) -> Counted:
        """Return how much was counted; nothing where no count was ever made."""
        return self.stocks.get(product, Counted("counted", 0, 0))

    def free(self, product: bytes, cycle: CycleKey | None = None) -> int | None:
        """Return what can still be set aside, in `cycle` where each has its own; below zero when short.

        None stands for no limit.
        """
        stock = self.stock(product)
        taken = [self.taken(each) for each in self.asides.get(product, ())]
        return free(stock.mode, stock.on_hand, stock.since, taken, cycle)

    def taken(self, aside: Aside) -> Taken[CycleKey]:
        """Return what an allotment takes, and when it leaves the shelf: never before it was given."""
        leaves = self.leaves.get((aside.cycle, aside.product))
        return Taken(aside.cycle, None if leaves is None else max(leaves, aside.given_at), aside.quantity)

    def weighs(self, aside: Aside, cycle: CycleKey | None = None) -> bool:
        """Say whether an allotment is taken from what there is now, or of the quantity for `cycle`."""
        stock = self.stock(aside.product)
        return weighs_on(self.taken(aside), stock.mode, stock.since, cycle)

    def aside(self, cycle: CycleKey, hub: bytes, device: bytes, product: bytes) -> Aside:
        """Return what is set aside for a device of a hub; one of nothing where nothing is."""
        place = (cycle, hub, device)
        found = (each for each in self.asides.get(product, ()) if (each.cycle, each.hub, each.device) == place)
        return next(found, Aside(cycle, hub, device, product))


def shelf_of(db: sqlite3.Connection, producer: bytes, now: int = LATEST) -> Shelf:
    """Return where all stock of a producer is at `now` (ms), as far as this home may know.

    Against a count that is dated later than that, all that is set aside weighs. Without a time all dates are believed.
    """
    stocks = {
        local: Counted(mode, on_hand, at, ahead=at > now + AHEAD)
        for local, mode, on_hand, at in db.execute(
            "SELECT s.local, s.mode, s.on_hand, s.timestamp FROM stock s JOIN party m ON m.ref = s.owner"
            " WHERE m.id = ?",
            (producer,),
        )
    }
    asides: defaultdict[bytes, list[Aside]] = defaultdict(list)
    for each in asides_of(db, producer):
        asides[each.product].append(each)
    held = {(each.cycle, each.product) for listed in asides.values() for each in listed}
    cycles = {cycle.key: cycle for cycle in list_cycles(db, 0)} if held else {}
    deliveries = Deliveries(db, producer)
    leaves = {(key, product): deliveries.leaves(cycles[key], product) for key, product in held if key in cycles}
    return Shelf(stocks, dict(asides), leaves)


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
    found = []
    for place, (quantity, _, version, given_at) in given.items():
        owner, local, hub, device, product = place
        ordered, promised = told.get((owner, local, hub, product), (0, 0))
        (back,) = returned.get(place, (0,))
        least, override, asked_version, _ = lowered.get(place, (None, False, 0, 0))
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
