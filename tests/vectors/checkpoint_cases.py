"""Vectors of checkpoints: a catalog log that is restated, what a store says of its runs, and what counts after each."""

from foodhub.catalog.statements import Part, Stock
from foodhub.circuit.statements import Epoch, Found
from foodhub.log.encoding import encode
from foodhub.log.run import Run, write_run
from foodhub.orders.statements import Profile
from tests.vectors.seeds import BEGIN, FOUNDING, HUB, HUB_BOX, Json, payload, seed

LOCALS = [seed(f"product {number}", 16) for number in range(3)]


class CatalogLog:
    """The hub's log 1, written entry by entry, a second apart."""

    def __init__(self) -> None:
        self.seq, self.link = 0, b""

    def write(self, kind: int, *statements: object) -> Json:
        """Return an entry as a run of its own, with its payload."""
        data = payload(f"catalog {self.seq}", encode(list(statements)))
        entry = (kind, BEGIN + 1000 * self.seq, data)
        run, checked = write_run(FOUNDING.circuit, HUB, 1, (self.seq, self.link), [entry])
        self.seq, self.link = checked.last, checked.ids[-1]
        return step(run, data)


def step(run: Run, *payloads: bytes) -> Json:
    """Return a run as it travels."""
    return {"run": encode(run).hex(), "payloads": [each.hex() for each in payloads]}


def stock(number: int, version: int, on_hand: int) -> Stock:
    """Return a statement of stock."""
    return Stock(LOCALS[number], version, "counted", on_hand)


def checkpoints() -> Json:
    """Two stores: one that holds the log from its beginning, and one that begins at the checkpoint."""
    epoch = Epoch(1, HUB_BOX.public, [(HUB.public, seed("sealed", 64))], seed("sealed too", 64))
    founded = payload("founding", encode([Found(FOUNDING, "Circuit court", "EUR", ["hub"]), epoch]))
    founding = step(write_run(FOUNDING.circuit, HUB, 0, (0, b""), [(0, BEGIN, founded)])[0], founded)
    log = CatalogLog()
    first, second = log.write(1, stock(0, 1, 10), stock(1, 1, 20)), log.write(1, stock(0, 2, 9), Profile(1, "Hub"))
    part = log.write(2, Part(1, 2, [BEGIN + 1000]), stock(0, 2, 9))
    end = log.write(3, Part(2, 2, [BEGIN + 1000]), Profile(1, "Hub"))
    behind = log.write(1, stock(2, 1, 5))
    old, new, restated = row(0, 1, 10, 0), row(0, 2, 9, 1), row(1, 1, 20, 0)
    return {
        "about": "`stock` is what counts after each run: local, version, on_hand, when it was first said (ms).",
        "circuit": FOUNDING.circuit.hex(),
        "from_the_beginning": [
            {"name": "the founding", **founding, "new": 1, "fault": None, "stock": []},
            {"name": "two products", **first, "new": 1, "fault": None, "stock": [old, restated]},
            {"name": "one of them counted anew", **second, "new": 1, "fault": None, "stock": [new, restated]},
            {"name": "part 1 of 2: nothing changes yet", **part, "new": 1, "fault": None, "stock": [new, restated]},
            {"name": "part 2 of 2: what was not restated is gone", **end, "new": 1, "fault": None, "stock": [new]},
            {"name": "an entry behind it", **behind, "new": 1, "fault": None, "stock": [new, row(2, 1, 5, 4)]},
        ],
        "from_the_checkpoint": [
            {"name": "the founding", **founding, "new": 1, "fault": None, "stock": []},
            {"name": "an entry beyond a gap", **second, "new": 0, "fault": "gap", "stock": []},
            {"name": "part 2 beyond a gap", **end, "new": 0, "fault": "gap", "stock": []},
            {"name": "part 1 beyond a gap: it may begin there", **part, "new": 1, "fault": None, "stock": []},
            {"name": "part 2: the checkpoint is whole", **end, "new": 1, "fault": None, "stock": [new]},
            {"name": "an entry behind it", **behind, "new": 1, "fault": None, "stock": [new, row(2, 1, 5, 4)]},
            {"name": "what it skipped", **first, "new": 0, "fault": None, "stock": [new, row(2, 1, 5, 4)]},
        ],
    }


def row(number: int, version: int, on_hand: int, entry: int) -> list[object]:
    """Return what counts of a product's stock, first said in an entry (counted from 0)."""
    return [LOCALS[number].hex(), version, on_hand, BEGIN + 1000 * entry]
