"""Long stories of a circuit, made by chance from a seed: members come, contest invites, publish, order, and lie."""

from random import Random
from typing import Any

from foodhub.catalog.statements import Product, Stock
from foodhub.circuit.statements import Admit, Grant, Invite, Uninvite
from foodhub.orders.hands import FIELDS, Behalf, ClaimConfirmed, Mandate, Represented, Successor, represented_id
from foodhub.orders.statements import Allot, Cycle, Order, OrderLine, Profile, Total, derived_id
from tests.pens import MORNING, Paper, Pen, invite_key

ROLES: Any = ["producer", "group", "household", "hub"]
GARBAGE = [b"", b"\xc0", b"\x91" * 40, b"\xdc\x00\x00", b"\x92\xa4nope\x01", b"\xff" * 30]


def product(local: int, version: int, price: int) -> Product:
    """Return a product whose price tells its statements apart."""
    texts = (f"P{local}", f"Product {local}", "", "", "")
    return Product(
        bytes([local]) * 16, version, *texts, "piece", 1, "", price, "piece", "EUR", 1, "", "", withdrawn=False
    )


class Story:
    """Writes papers; the founder is a hub, and orders are sealed to it."""

    def __init__(self, seed: int, length: int = 30) -> None:
        self.chance = Random(seed)
        self.founder = Pen("founder", "hub")
        self.papers: list[Paper] = [self.founder.found()]
        self.pens = [self.founder]
        self.first: dict[bytes, bytes] = {}
        self.leave: list[tuple[Pen, Pen, bytes]] = []
        for _ in range(length):
            self.chance.choice(
                [self.newcomer, self.steward, self.publish, self.publish, self.trade, self.speak, self.lie]
            )()

    def newcomer(self) -> None:
        number = len(self.pens)
        pen = Pen(
            f"member {number}", *self.chance.sample(ROLES, self.chance.randint(1, 2)), circuit=self.founder.circuit
        )
        invite = f"invite {self.chance.randint(0, number // 2)}"
        issuer = self.chance.choice([self.founder, self.founder, *self.pens])
        self.papers.append(issuer.write(0, *[each for each in [self.invitation(invite)] if self.chance.random() < 0.9]))
        self.papers.append(pen.join(invite_key(invite)))
        self.first[pen.id] = pen.heads[0].ids[0]
        self.pens.append(pen)

    def invitation(self, name: str) -> Any:
        return Invite(invite_key(name).public, self.chance.sample(ROLES, self.chance.randint(2, 4)), MORNING)

    def steward(self) -> None:
        who, whom = self.chance.choice([self.founder, *self.pens]), self.chance.choice(self.pens)
        act: Any = self.chance.choice(
            [
                Admit(whom.id, self.first.get(whom.id, bytes(32))),
                Grant(whom.id, self.chance.choice(["steward", *ROLES])),
                Uninvite(invite_key(f"invite {self.chance.randint(0, 3)}").public),
            ]
        )
        self.papers.append(who.write(0, act))

    def publish(self) -> None:
        pen, number, version = self.chance.choice(self.pens), self.chance.randint(1, 3), self.chance.randint(1, 3)
        at = (
            MORNING
            + self.chance.randint(0, 2)
            + max(0, (pen.heads[1].timestamps[-1] if 1 in pen.heads else 0) - MORNING)
        )
        said: list[Any] = [
            Profile(version, pen.name),
            product(number, version, self.chance.randint(1, 500)),
            Stock(bytes([number]) * 16, version, "counted", self.chance.randint(0, 50)),
            Cycle(bytes([number]) * 16, version, "Week", at, at + 10, "Europe/Paris", "resale", pen.device),
        ]
        self.papers.append(pen.write(1, *self.chance.sample(said, 2), at=at))

    def trade(self) -> None:
        pen, reader = self.chance.choice(self.pens), self.chance.choice([self.founder, self.founder, *self.pens])
        number, version, hub = self.chance.randint(1, 3), self.chance.randint(1, 3), self.founder
        cycle, local = bytes([1]) * 16, bytes([number]) * 16
        line = OrderLine(
            pen.id, local, 1, "", "Product", "", "piece", 1, 5, "piece", "EUR", self.chance.randint(1, 9), 0
        )
        said: list[Any] = [
            Order(local, version, MORNING, hub.id, cycle, hub.id, cancelled=version == 3, lines=[line]),
            Allot(
                derived_id(b"allot", hub.id, cycle, hub.device, local),
                version,
                hub.id,
                cycle,
                hub.id,
                hub.device,
                local,
                9,
                0,
            ),
            Total(
                derived_id(b"total", hub.id, cycle, pen.id, local), version, hub.id, cycle, pen.id, local, 5, version
            ),
        ]
        self.papers.append(pen.write(2, *self.chance.sample(said, 2), readers=[reader]))

    def speak(self) -> None:
        """Somebody writes for somebody else, with leave or without, or gives leave, or takes it back."""
        pen, other, third = (self.chance.choice(self.pens) for _ in range(3))
        number, version = bytes([self.chance.randint(1, 2)]) * 16, self.chance.randint(1, 3)
        role: Any = self.chance.choice(["household", "producer"])
        self.chance.choice(
            [self.mandate, self.under_mandate, self.under_mandate, self.represent, self.represent, self.claim]
        )(pen, other, third, number, version, role)

    def mandate(self, pen: Pen, other: Pen, _third: Pen, number: bytes, version: int, _role: Any) -> None:
        fields = self.chance.sample(FIELDS, self.chance.randint(1, 3))
        until = MORNING + self.chance.randint(0, 6)
        self.write(pen, 1, Mandate(number, version, other.id, fields, until, ended=self.chance.random() < 0.3))
        self.leave.append((pen, other, number))

    def under_mandate(self, pen: Pen, other: Pen, _third: Pen, number: bytes, version: int, role: Any) -> None:
        if self.leave and self.chance.random() < 0.8:
            pen, other, number = self.chance.choice(self.leave)
        said: Any = self.chance.choice(
            [Profile(version, pen.name), product(1, version, 7), Stock(number, version, "counted", 3)]
        )
        self.write(other, 1, Behalf(pen.id, bytes(16), role, number, "", said))
        order = Order(number, version, MORNING, self.founder.id, number, self.founder.id, False, [self.line(pen)])
        self.write(other, 2, Behalf(pen.id, bytes(16), role, number, "sms", order))

    def represent(self, pen: Pen, other: Pen, _third: Pen, number: bytes, version: int, role: Any) -> None:
        self.ordered_for(pen, represented_id(pen.id, number, role), number, version, role)
        if self.chance.random() < 0.3:
            self.ordered_for(other, represented_id(pen.id, number, role), number, version, role)

    def ordered_for(self, writer: Pen, owner: bytes, number: bytes, version: int, role: Any) -> None:
        hub = self.founder.id
        told: Any = self.chance.choice(["phone", "paper"])
        order = Order(number, version, MORNING, hub, number, hub, False, [self.line(writer)])
        said = [Represented(number, version, role, ended=False), Behalf(owner, number, role, b"", told, order)]
        self.write(writer, 2, *said)
        self.write(writer, 1, Behalf(owner, number, role, b"", "", Profile(version, f"For {writer.name}")))

    def claim(self, pen: Pen, other: Pen, third: Pen, number: bytes, version: int, role: Any) -> None:
        owner = represented_id(pen.id, number, role)
        by = self.chance.choice([other, third]).id
        if role == "producer":
            self.write(pen, 1, Successor(number, version // 3 + 1, by, [(pen.device, self.chance.randint(1, 20))]))
        else:
            self.write(pen, 2, ClaimConfirmed(number, version // 3 + 1, by))
        self.ordered_for(other, owner, number, self.chance.randint(1, 3), role)

    def line(self, pen: Pen) -> OrderLine:
        local, quantity = bytes([1]) * 16, self.chance.randint(1, 9)
        return OrderLine(pen.id, local, 1, "", "Product", "", "piece", 1, 5, "piece", "EUR", quantity, 0)

    def write(self, pen: Pen, log: int, *statements: Any) -> None:
        before = pen.heads[log].timestamps[-1] if log in pen.heads else 0
        at = max(before, MORNING + self.chance.randint(0, 4))
        self.papers.append(pen.write(log, *statements, at=at, readers=[self.founder]))

    def lie(self) -> None:
        pen, log = self.chance.choice(self.pens), self.chance.choice([1, 2])
        odd: list[Any] = [["weather", 1], ["profile", 1], Profile(1, ""), Profile(9, "\x1b"), self.invitation("x"), 7]
        body = self.chance.choice([*GARBAGE, None, None])
        readers = [self.founder] if log == 2 else []
        self.papers.append(pen.write(log, *self.chance.sample(odd, 3), readers=readers, body=body))

    def shuffled(self, seed: int) -> list[Paper]:
        """Return the papers in another order."""
        return Random(seed).sample(self.papers, len(self.papers))
