"""Vectors of folding: logs of a few members, which statements of them hold, and why others do not count.

Each case begins anew behind the same logs 0. The secrets of all box keys are given, so everything can be opened.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import msgspec

from foodhub.catalog.statements import Part, Product, Stock, product_id
from foodhub.circuit.statements import Erase
from foodhub.log.encoding import encode
from foodhub.log.header import Kind
from foodhub.log.run import write_run
from foodhub.orders.hands import (
    Behalf,
    ClaimConfirmed,
    Mandate,
    Means,
    RepresentedRole,
    Successor,
    represented_id,
)
from foodhub.orders.reserving import Return, Shortfall
from foodhub.orders.statements import Allot, Order, OrderLine, Profile
from foodhub.orders.statements import derived_id as derived
from foodhub.store.facts import FACTS
from foodhub.store.schema import SEQ_BITS
from tests.pens import MORNING, Paper, Pen
from tests.shelf import Shelf
from tests.vectors.scribes import Laptop, Scribe, enrolled, member, shown
from tests.vectors.seeds import Json, seed
from tests.vectors.statement_cases import tag_of

SALT, OTHER = seed("a represented producer", 16), seed("a represented household", 16)
MANDATE = seed("a mandate", 16)
NOTHING = bytes(16)
changed = msgspec.structs.replace


class World:
    """A hub, a farm with a laptop, a group and a household; `circuit_papers` let them in."""

    def __init__(self) -> None:
        self.hub = Scribe("a hub that founds", "hub")
        founding = self.hub.found()
        self.farm, farm = member(self.hub, "a farm")
        self.group, group = member(self.hub, "a group", "group")
        self.house, house = member(self.hub, "a household", "household")
        self.laptop, laptop = enrolled("the farm's laptop", self.farm)
        self.circuit_papers = [founding, *farm, *group, *house, *laptop]
        self.papers: list[Paper] = []

    @property
    def pens(self) -> list[Pen]:
        """Return all that write."""
        return [self.hub, self.farm, self.group, self.house, self.laptop]

    def says(self, pen: Pen, *statements: Any, at: int = 0, log: int = 1, kind: int | None = None) -> None:
        """Let somebody write one entry `at` ms after the morning; log 2 is sealed to all."""
        if kind is None:
            readers = [each for each in self.pens if each.id != pen.id and each is not self.laptop]
            self.papers.append(pen.write(log, *statements, at=MORNING + at, readers=readers))
        else:
            self.papers.append(entry_of_kind(pen, kind, *statements, at=at))

    def of(self, pen: Pen, role: RepresentedRole, salt: bytes) -> bytes:
        """Return a member whom somebody represents."""
        return represented_id(pen.id, salt, role)

    def stands(
        self, statement: Any, role: RepresentedRole = "producer", salt: bytes = SALT, told: Means = ""
    ) -> Behalf:
        """Return what the group says for a member whom it represents."""
        return Behalf(self.of(self.group, role, salt), salt, role, b"", told, statement)

    def under(self, statement: Any, mandate: bytes = MANDATE) -> Behalf:
        """Return what somebody says for the farm, under a mandate."""
        return Behalf(self.farm.id, NOTHING, "producer", mandate, "", statement)


def entry_of_kind(pen: Pen, kind: int, *statements: Any, at: int) -> Paper:
    """Return an entry of log 1 of another kind than the usual one."""
    head = pen.heads.get(1)
    after = (head.last, head.ids[-1]) if head else (0, b"")
    data = pen._bytes(16) + encode(list(statements))
    run, pen.heads[1] = write_run(pen.circuit, pen.keys.signing, 1, after, [(kind, MORNING + at, data)])
    return run, [data]


def product(price: int, version: int = 1, local: bytes = b"") -> Product:
    """Return a product at a price."""
    made = local or product_id("CAR", bytes(32), "", "", "g", 1)
    texts = ("CAR", "Carottes", "", "", "")
    return Product(made, version, *texts, "g", 500, "", price, "piece", "EUR", 1, "", "", withdrawn=False)


def an_order(version: int = 1) -> Order:
    """Return an order of one product."""
    line = OrderLine(bytes(32), NOTHING, 1, "", "Carottes", "", "g", 500, 245, "piece", "EUR", 2, 0)
    return Order(seed("an order", 16), version, MORNING, bytes(32), NOTHING, bytes(32), cancelled=False, lines=[line])


def given_back(world: World, returned: int, version: int) -> Return:
    """Return what the hub says it gave back."""
    hub = world.hub.device
    local = derived(b"return", bytes(32), NOTHING, hub, world.farm.id, NOTHING)
    return Return(local, version, bytes(32), NOTHING, hub, world.farm.id, NOTHING, returned)


def winners(world: World) -> None:
    """The highest (version, own, timestamp, author, seq) holds; of two in one entry the first."""
    low, high = sorted((world.farm, world.laptop), key=lambda pen: pen.device)
    locals_ = {name: seed(name, 16) for name in ("version", "time", "author", "seq", "entry")}
    stock = {name: Stock(local, 1, "counted", 1) for name, local in locals_.items()}
    world.says(high, changed(stock["version"], version=2, on_hand=2), changed(stock["author"], on_hand=2), at=5)
    world.says(low, changed(stock["time"], on_hand=2), stock["author"], at=5)
    world.says(low, changed(stock["seq"], on_hand=3), changed(stock["entry"], on_hand=4), stock["entry"], at=8)
    world.says(low, changed(stock["seq"], on_hand=2), stock["version"], at=8)
    world.says(high, stock["time"], at=3 + 5)
    world.says(low, changed(stock["time"], on_hand=5), at=9)


def most_returned(world: World) -> None:
    """Of what was given back the highest counts, whatever its version and time."""
    world.says(world.hub, given_back(world, 30, 1), log=2)
    world.says(world.hub, given_back(world, 10, 5), at=1, log=2)


def roles(world: World) -> None:
    """Who may state what, by its role; a statement in the wrong log is unknown there."""
    stock = Stock(seed("a product", 16), 1, "counted", 1)
    world.says(world.farm, product(245), stock, Profile(1, "Farm"), an_order())
    world.says(world.house, product(1), stock, Profile(1, "House"))
    world.says(world.group, product(1), stock, Profile(1, "Group"))
    world.says(world.hub, product(200), stock, Profile(1, "Hub"))
    for pen in (world.farm, world.house, world.group, world.hub):
        world.says(pen, an_order(), given_back(world, 1, 1), stock, log=2)


def represented(world: World) -> None:
    """What somebody says for members whom it represents, and for whom it does not."""
    theirs = world.stands(product(1))
    world.says(world.group, world.stands(Profile(1, "Represented")), world.stands(product(150)))
    world.says(world.group, world.stands(product(2, version=2**40)), changed(theirs, salt=OTHER))
    world.says(world.group, changed(theirs, role="household"), world.stands(product(3), "household", OTHER))
    world.says(world.hub, theirs)
    order = world.stands(an_order(), "household", OTHER, told="phone")
    world.says(world.group, order, world.stands(an_order()), world.stands(Profile(2, "x")), log=2)


def taken_over(world: World) -> None:
    """The farm is confirmed to be a represented producer: from then on it speaks, and the group no more."""
    world.says(world.group, world.stands(product(100)), world.stands(Profile(3, "Group says")), at=0)
    own = world.stands(product(110, version=1))
    world.says(world.farm, own, at=1)
    world.says(world.hub, own, at=1)
    world.says(world.group, Successor(SALT, 1, world.farm.id, []), world.stands(product(120, version=1)), at=10)
    world.says(world.group, world.stands(product(130, version=9)), at=11)
    world.says(world.farm, world.stands(product(140, version=2**41, local=seed("another", 16))), at=20)
    world.says(world.farm, world.stands(Profile(3, "Farm says")), at=5 + 15)


def confirmed_twice(world: World) -> None:
    """Of two confirmations of one represented producer the first holds for ever; a version above 1 counts not."""
    world.says(world.group, Successor(SALT, 1, world.farm.id, []), at=10)
    world.says(world.group, world.stands(Profile(1, "between the two")), at=20)
    world.says(world.group, Successor(SALT, 1, world.hub.id, []), at=30)
    world.says(world.group, Successor(SALT, 2, world.hub.id, []), at=31)
    world.says(world.farm, world.stands(product(1)), at=40)
    world.says(world.hub, world.stands(product(2)), at=5)


def behind_basis(world: World) -> None:
    """In log 2 a place decides, no time: what the representative says behind `basis` of a producer counts not."""
    first = Allot(NOTHING, 1, bytes(32), NOTHING, bytes(32), bytes(32), NOTHING, 5, 0)
    first = changed(first, local=derived(b"allot", bytes(32), NOTHING, bytes(32), NOTHING))
    world.says(world.group, world.stands(first), at=20, log=2)
    world.says(world.group, Successor(SALT, 1, world.farm.id, [(world.group.device, 1)]), at=10)
    world.says(world.group, world.stands(changed(first, version=2, quantity=9)), at=20, log=2)
    world.says(world.group, Successor(OTHER, 1, world.farm.id, []), at=10)
    world.says(world.group, world.stands(first, salt=OTHER), at=20, log=2)


def household_taken_over(world: World) -> None:
    """The confirmation of a household decides about log 2 alone."""
    world.says(world.group, world.stands(an_order(), "household", OTHER), log=2)
    world.says(world.group, ClaimConfirmed(OTHER, 1, world.house.id), at=10, log=2)
    world.says(world.group, world.stands(an_order(2), "household", OTHER), at=11, log=2)
    world.says(world.house, world.stands(an_order(3), "household", OTHER), at=5, log=2)
    world.says(world.group, Successor(OTHER, 1, world.house.id, []), at=12)


def mandates(world: World) -> None:
    """What a mandate covers, until when, for whom; what the owner says itself wins in the same version."""
    allot = Allot(NOTHING, 1, bytes(32), NOTHING, bytes(32), bytes(32), NOTHING, 5, 0)
    short = Shortfall(NOTHING, 1, bytes(32), NOTHING, bytes(32), NOTHING, 3, "hail")
    allot = changed(allot, local=derived(b"allot", bytes(32), NOTHING, bytes(32), NOTHING))
    short = changed(short, local=derived(b"shortfall", bytes(32), NOTHING, bytes(32), NOTHING))
    stock = Stock(seed("a product", 16), 1, "counted", 1)
    world.says(world.hub, world.under(product(300)), world.under(stock), world.under(Profile(1, "x")), at=99)
    world.says(world.hub, world.under(product(400, version=2)), world.under(product(1, 3), bytes(16)), at=100)
    world.says(world.hub, world.under(product(1, version=2**40)), world.under(product(1, 3), NOTHING), at=100)
    world.says(world.group, world.under(product(500, version=4)), at=50)
    world.says(world.hub, world.under(short), world.under(allot), at=50, log=2)
    world.says(world.farm, product(290), at=0)
    world.says(world.farm, Mandate(MANDATE, 1, world.hub.id, ["price", "accept"], MORNING + 100, ended=False), at=60)


def mandate_ended(world: World) -> None:
    """A mandate that was ended holds for what was said before."""
    world.says(world.farm, Mandate(MANDATE, 1, world.hub.id, ["stock", "label"], MORNING + 100, ended=False))
    world.says(world.farm, Mandate(MANDATE, 2, world.hub.id, ["stock", "label"], MORNING + 100, ended=True), at=50)
    stock = Stock(seed("a product", 16), 1, "counted", 1)
    world.says(world.hub, world.under(stock), world.under(Profile(1, "Farm")), at=49)
    world.says(world.hub, world.under(changed(stock, version=2)), world.under(product(1)), at=50)


def neighbours(world: World) -> None:
    """What does not count keeps nobody else from counting; a body that is no list says nothing."""
    nested = msgspec.msgpack.encode({1: [None, 0.5, -1]})
    said = [
        Profile(1, "Farm"),
        msgspec.Raw(nested),
        product(1),
        ["weather", 1],
        product(2, local=NOTHING),
        Profile(2, ""),
    ]
    world.says(world.farm, *said)
    world.papers.append(world.farm.write(1, at=MORNING, body=encode([Profile(3, "Never")]) + b"\x00"))
    world.papers.append(world.farm.write(1, at=MORNING, body=b""))
    world.papers.append(
        world.farm.write(1, at=MORNING, body=b"\x92" + encode(Profile(4, "No")) + b"\x91" * 80 + b"\x90")
    )


def stamps(world: World) -> None:
    """Entries that restate: each statement has its stamp, complete or not; not with too few, nor in another kind."""
    stock = [Stock(seed(f"product {n}", 16), 1, "counted", n) for n in range(5)]
    later = [changed(each, on_hand=9) for each in stock]
    world.says(world.farm, *stock, at=50)
    world.says(world.farm, Part(1, 2, [MORNING + 60]), later[0], kind=Kind.CHECKPOINT, at=55)
    world.says(world.farm, Part(2, 3, [MORNING + 40]), later[1], kind=Kind.CHECKPOINT_END, at=55)
    world.says(world.farm, Part(1, 2, [MORNING]), later[2], stock[4], kind=Kind.CHECKPOINT, at=56)
    world.says(world.farm, Part(1, 1, [MORNING]), later[3], at=57)
    world.says(world.farm, product(1), Part(1, 1, []), kind=Kind.CHECKPOINT_END, at=58)


def restated(world: World) -> None:
    """A complete checkpoint: what stands before it in its log does not count any more, in other logs it does."""
    stock = [Stock(seed(f"product {n}", 16), 1, "counted", n) for n in range(4)]
    world.says(world.farm, *stock, at=10)
    world.says(world.laptop, changed(stock[0], on_hand=7), changed(stock[3], version=2), at=20)
    world.says(world.farm, Part(1, 2, [MORNING + 30]), stock[0], kind=Kind.CHECKPOINT, at=30)
    world.says(world.farm, Part(2, 2, [MORNING + 10]), stock[1], kind=Kind.CHECKPOINT_END, at=30)
    world.says(world.farm, Profile(1, "Farm"), at=31)


def erased(world: World) -> None:
    """The payloads of an erased span count no more, but for lasting ones; what is written there later is gone too."""
    world.says(world.farm, Profile(3, "erased"), at=1)
    world.says(world.farm, Profile(2, "lasting"), kind=Kind.LASTING, at=2)
    world.says(world.farm, product(1), at=3)
    world.says(world.laptop, Profile(1, "of another device"), product(2), at=4)
    world.papers.append(world.farm.write(0, Erase([(world.farm.device, 1, 1, 2), (world.farm.device, 1, 4, 9)])))
    world.says(world.farm, Profile(4, "erased before it came"), at=5)


CASES: dict[str, Callable[[World], None]] = {
    "who wins": winners,
    "what was given back": most_returned,
    "roles": roles,
    "represented members": represented,
    "a producer taken over": taken_over,
    "two successors": confirmed_twice,
    "behind what was handed over": behind_basis,
    "a household taken over": household_taken_over,
    "mandates": mandates,
    "a mandate that ended": mandate_ended,
    "neighbours": neighbours,
    "stamps": stamps,
    "a checkpoint": restated,
    "erased": erased,
}


def folding() -> Json:
    """Return the logs of each case, what holds of them, and what does not count."""
    world = World()
    made = []
    for name, tell in CASES.items():
        case = deepcopy(world)
        tell(case)
        papers = [*map(shown, case.papers)]
        with shelf_of(case) as shelf:
            shelf.take_together([*case.circuit_papers, *case.papers])
            made.append({"name": name, "says": tell.__doc__, "runs": papers, **outcome(shelf)})
    members = [world.hub, world.farm, world.group, world.house]
    return {
        "about": "What holds of the facts (`own` is false for what somebody else said), and what counts not, with its"
        " place: device, log, seq, position in the body. The runs of a case follow those of `circuit_runs`.",
        "circuit": world.hub.circuit.hex(),
        "members": [{"id": each.id.hex(), "box_secret": each.box.secret.hex()} for each in members],
        "circuit_runs": [*map(shown, world.circuit_papers)],
        "cases": made,
    }


def shelf_of(world: World) -> Shelf:
    """Return an empty store that holds the keys of all."""
    return Shelf(world.hub.circuit, *(pen for pen in world.pens if not isinstance(pen, Laptop)))


_VALUES = {
    "profile": "name",
    "product": "price",
    "stock": "on_hand",
    "returned": "returned",
    "shortfall": "available",
    "allotment": "quantity",
}
"""By view: the column that tells statements of one version apart."""
_AT = f"lower(hex(l.author)), l.log, {{0}}.place & {(1 << SEQ_BITS) - 1}"


def outcome(shelf: Shelf) -> Json:
    """Return what a store made of all that it took."""
    holds = []
    for kind, fact in FACTS.items():
        value = _VALUES.get(fact.table, "NULL")
        query = (
            f"SELECT lower(hex(p.id)), lower(hex(f.local)), f.version, f.timestamp, {_AT.format('f')}, f.spoken = 0,"  # noqa: S608 - names of ours
            f" {value if value == 'NULL' else 'f.' + value} FROM {fact.table} f JOIN party p ON p.ref = f.owner"
            f" JOIN log l ON l.ref = f.place >> {SEQ_BITS}"
        )
        names = ("owner", "local", "version", "at", "author", "log", "seq", "own", "says")
        tag = tag_of(kind)
        for row in sorted(shelf.db.execute(query)):
            said = dict(zip(names, row, strict=True)) | {"own": bool(row[7])}
            holds.append({"name": tag, **{name: each for name, each in said.items() if each is not None}})
    query = f"SELECT {_AT.format('u')}, u.position, u.reason FROM unread u JOIN log l ON l.ref = u.place >> {SEQ_BITS}"  # noqa: S608 - names of ours
    return {"holds": holds, "counts_not": sorted(map(list, shelf.db.execute(query)))}
