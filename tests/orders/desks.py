"""Two levels of desks without a node: households send wishes to a group or to the hub, the group orders their sum.

Everything happens in the order of the calls; each call is one receipt, as while all nodes are awake.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from foodhub.orders.allocation import Allocation, Supply, allocate, order_up
from foodhub.orders.cases import Terms
from foodhub.orders.queue import Placement, Product, Row, queue_of
from foodhub.orders.statements import Receipt, ReceiptLine, ReceiptRow

NO_LIMIT = Supply(None)
Wish = Mapping[Product, tuple[int, int]]
"""By product the quantity and tolerance of a placement; absolute."""


def named(name: str) -> bytes:
    """Return a 32-byte key that can be read in a failing test."""
    return name.encode().ljust(32, b".")


def goods(name: str, producer: str = "farm") -> Product:
    """Return a product of a producer."""
    return named(producer), name.encode().ljust(16, b".")


def rows_of(product: Product, *rows: tuple[str, int, int]) -> list[Row]:
    """Return a queue of one product from (buyer, quantity, tolerance)."""
    return [Row(named(buyer), bytes(16), *product, quantity, tolerance) for buyer, quantity, tolerance in rows]


def receipt(*rows: tuple[str, int, Wish], order: bytes = b"order") -> Receipt:
    """Return a receipt from (buyer, version, wish); every buyer has one placement."""
    return Receipt(
        bytes(16),
        1,
        bytes(32),
        bytes(16),
        [],
        [
            ReceiptRow(
                named(buyer),
                order.ljust(16, b"."),
                version,
                bytes(32),
                [ReceiptLine(*product, *amounts) for product, amounts in wish.items()],
            )
            for buyer, version, wish in rows
        ],
    )


@dataclass
class Desk:
    """The desk of one aggregator: its receipts, and the versions that its customers' orders have."""

    terms: Mapping[Product, Terms]
    groups: frozenset[bytes] = frozenset()
    receipts: list[Receipt] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    wishes: dict[str, Wish] = field(default_factory=dict)

    def receive(self, buyer: str, wish: Wish) -> None:
        """Take in what a customer wants now."""
        self.versions[buyer] = self.versions.get(buyer, 0) + 1
        self.wishes[buyer] = wish
        self.receipts.append(receipt((buyer, self.versions[buyer], wish)))

    def counted(self) -> dict[Placement, int]:
        """Return what counts if the close is now."""
        return {(named(buyer), b"order".ljust(16, b".")): version for buyer, version in self.versions.items()}

    def queue(self) -> dict[Product, list[Row]]:
        """Return the queue as it is now."""
        return queue_of(self.receipts)

    def order(self) -> Wish:
        """Return what this desk orders from its supplier."""
        return {product: order_up(rows, self.terms[product], self.groups) for product, rows in self.queue().items()}


@dataclass
class Village:
    """A hub and its groups; a household is named by its group and itself ("G/A"), or by itself."""

    hub: Desk
    groups: dict[str, Desk]

    def receive(self, household: str, wish: Wish) -> None:
        """Let a household order; its group, if it has one, amends its own order at once."""
        group, _, name = household.rpartition("/")
        if not group:
            self.hub.receive(name, wish)
            return
        self.groups[group].receive(name, wish)
        order = {product: amounts for product, amounts in self.groups[group].order().items() if any(amounts)}
        self.hub.receive(group, order)

    def allocate(self, supply: Mapping[Product, Supply]) -> tuple[Allocation, dict[str, Allocation]]:
        """Return the allocation of the hub, and that of each group from what the hub confirmed to it."""
        queue = self.hub.queue()
        goods_of = {product: supply.get(product, NO_LIMIT) for product in queue}
        at_hub = allocate(queue, self.hub.terms, goods_of, self.hub.groups)
        return at_hub, {name: self._in_group(name, at_hub) for name in self.groups}

    def _in_group(self, name: str, at_hub: Allocation) -> Allocation:
        desk = self.groups[name]
        given = {(line.producer, line.product): line for line in at_hub.lines.get(named(name), ())}
        queue = desk.queue()
        supply = {product: Supply(given[product].confirmed if product in given else 0, given=True) for product in queue}
        return allocate(queue, desk.terms, supply)


def confirmed(allocation: Allocation, product: Product, buyers: Sequence[str]) -> list[int]:
    """Return what each of these customers is confirmed of a product."""
    of_buyer = {
        buyer: line.confirmed
        for buyer, lines in allocation.lines.items()
        for line in lines
        if (line.producer, line.product) == product
    }
    return [of_buyer.get(named(buyer), 0) for buyer in buyers]
