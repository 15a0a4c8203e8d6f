"""What people do with goods in a scenario: count them, set them aside, ask for them back, order, amend, cancel, close.

Each does it at a home of theirs with what that knows just then. What the program refuses was refused with a reason
that may be met here; any other is a fault.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from foodhub.catalog.naming import id_bytes
from foodhub.errors import RefusedError
from foodhub.node.allotments import allot
from foodhub.node.amending import amend_order, cancel_order
from foodhub.node.closing import close_cycle, reopen_cycle
from foodhub.node.cycles import CycleRow, list_cycles
from foodhub.node.exchanges import exchange_of
from foodhub.node.lowering import lower
from foodhub.node.orders import OrderRow, list_orders
from foodhub.node.placing import place_order, seller_of
from foodhub.node.purchase_answers import answer_purchase
from foodhub.node.purchases import list_purchases
from foodhub.node.purchasing import send_purchases
from foodhub.node.reserving import request, set_rule
from foodhub.node.shelf import shelf_of
from foodhub.node.shortfalls import declare_shortfall
from foodhub.node.stock import set_stock
from foodhub.node.wanted import read_changes, read_lines
from foodhub.store.transaction import Transaction
from tests.pens import MORNING
from tests.simulator.audit import Audit
from tests.simulator.clock import MINUTE
from tests.simulator.market import CASE, Goods, Market
from tests.simulator.stall import Stall

REFUSALS = frozenset(
    {
        "not_enough_stock",
        "allotment_only_raised",
        "returned_too_much",
        "nothing_set_aside",
        "not_lower",
        "promised_already",
        "cycle_closed",
        "cycle_still_open",
        "closed_already",
        "not_closed",
        "accepted_already",
        "closed_by_deputy",
        "cycle_open_again",
        "not_settled",
        "not_your_cycle",
        "bad_window",
        "on_demand",
        "not_the_keeper",
        "predecessor_missing",
        "clock_was_ahead",
        "key_awaited",
        "cycle_not_open",
        "supplied_by_another",
        "order_is_the_sum",
        "wrong_state",
        "retired",
    }
)
"""Why the program may refuse what people try here."""
MOST_ORDERED = 9
Deed = Callable[[Stall], None]


class Dealings:
    """Does one deed after another; `careful` farms never count less than they set aside, nor take back by force."""

    def __init__(self, market: Market, chance: Random, audit: Audit) -> None:
        self.market = market
        self.chance = chance
        self.audit = audit
        self.recounts = chance.random() < 0.4
        self.forces = chance.random() < 0.4
        self.done: dict[str, int] = {}
        """How often each deed was done, and how often it was refused for what reason."""
        self._orders = 0

    def deeds_of(self, roles: Sequence[str]) -> Sequence[Deed]:
        """Return what a member of these roles does, each as often as it is likely."""
        if "producer" in roles:
            return [self.give] * 5 + [self.ask_back] * 3 + [self.count, self.fall_short, self.deliver]
        if "hub" in roles:
            return [self.ask_for] * 8 + [self.close]
        return [self.order] * 5 + [self.amend] * 2 + [self.cancel]

    def do(self, deed: Deed, node: Stall) -> None:
        """Let somebody try something."""
        name = deed.__name__
        try:
            deed(node)
        except RefusedError as error:
            if error.code not in REFUSALS:
                raise
            name = f"{name}: {error.code}"
        self.done[name] = self.done.get(name, 0) + 1

    # The farm

    def grant_by_itself(self, node: Stall) -> None:
        """Let a farm's home grant what hubs ask for."""
        node.disk.write(set_rule, node.disk.hat, True)

    def give(self, node: Stall) -> None:
        """Set something aside for a hub, or more than before."""
        home, goods = node.disk, self._own(node)
        if goods is None:
            return
        cycle, hub = self._cycle(node), self.chance.choice(self.market.hubs).id
        quantity = self.chance.randint(1, max(goods.on_hand, 1))
        if home.write(allot, home.hat, cycle, {goods.local: quantity}, hub):
            self.audit.gave(node, goods, cycle)

    def ask_back(self, node: Stall) -> None:
        """Ask a hub to give back what it has not promised; now and then count it as one's own without waiting."""
        home, goods = node.disk, self._own(node)
        if goods is None:
            return
        shelf = home.read(shelf_of, node.pen.id)
        held = [each for each in shelf.asides.get(goods.local, ()) if each.quantity]
        if not held:
            return
        aside, force = self.chance.choice(held), self.forces and self.chance.random() < 0.3
        cycle, wanted = self._cycles(node)[aside.cycle[1]], {goods.local: self.chance.randint(0, aside.quantity)}
        if home.write(lower, home.hat, cycle, wanted, aside.hub, override=force) and force:
            self.audit.excuse(goods)

    def count(self, node: Stall) -> None:
        """Count something again: as much as before or more, where the farm is careless perhaps less.

        What was sold in some cycles has left, or so it says.
        """
        home, goods = node.disk, self._own(node)
        if goods is None or goods.mode == "on_demand":
            return
        quantity = goods.on_hand + self.chance.choice([0, 0, 5])
        if self.recounts:
            quantity = self.chance.randint(0, goods.on_hand)
        closed = [row for row in self._cycles(node).values() if row.closed]
        home.write(set_stock, home.hat, {goods.local: quantity}, delivered=closed if self.chance.random() < 0.7 else ())
        self.audit.counted(node, goods)

    def fall_short(self, node: Stall) -> None:
        """Say that there is less than was promised."""
        home, goods = node.disk, self._own(node)
        if goods is not None:
            hub = self.chance.choice(self.market.hubs).id
            left = {goods.local: self.chance.randint(0, MOST_ORDERED)}
            home.write(declare_shortfall, home.hat, self._cycle(node), left, "hail", hub)

    def deliver(self, node: Stall) -> None:
        """Accept a purchase order, all of it or less."""
        home = node.disk
        rows = [row for row in home.read(list_purchases, home.hat, node.time) if row.state in {"sent", "seen"}]
        if rows:
            row = self.chance.choice(rows)
            part = {line.product: line.quantity // 2 for line in row.statement.lines}
            less = self.chance.random() < 0.3
            home.write(answer_purchase, home.hat, row, part if less else {}, "hail" if less else "")

    def _own(self, node: Stall) -> Goods | None:
        own = [goods for goods in self.market.goods if goods.farm == node.pen.id]
        return self.chance.choice(own) if own else None

    # The hub

    def ask_for(self, node: Stall) -> None:
        """Ask a farm to set something aside."""
        goods = self.chance.choice(self.market.goods)
        wanted = {(goods.farm, goods.local): self.chance.randint(0, goods.on_hand)}
        node.disk.write(request, node.disk.hat, self._cycle(node), wanted)

    def close(self, node: Stall) -> None:
        """Close a cycle of one's own before its hour."""
        if node.pen.id == self.market.founder.id and self.chance.random() < 0.1:
            self.shut(node)

    def shut(self, node: Stall) -> None:
        """Close a cycle now."""
        node.disk.write(close_cycle, node.disk.hat, self._cycle(node))

    def buy(self, node: Stall) -> None:
        """Send the purchase orders of a cycle before they go by themselves."""
        node.disk.write(send_purchases, node.disk.hat, self._closed(node))

    def reopen(self, node: Stall) -> None:
        """Open a closed cycle again for some minutes, by the true time: else it would never close where clocks err."""
        closes = MORNING + int(node.clock.now + self.chance.uniform(1, 10) * MINUTE)
        node.disk.write(reopen_cycle, node.disk.hat, self._closed(node), closes)

    # Whoever buys

    def order(self, node: Stall) -> None:
        """Place an order with one's group or any hub."""
        home, cycle = node.disk, self._cycle(node)
        goods = self.chance.sample(self.market.goods, self.chance.choice([1, 1, min(2, len(self.market.goods))]))
        wanted = [(each.name, self._quantity(each)) for each in goods]
        self._orders += 1
        ref, hub = f"order {self._orders}", self.chance.choice(self.market.hubs).id

        def place(tx: Transaction) -> bytes:
            grouped = seller_of(tx.db, home.hat.member, cycle)
            seller = exchange_of(tx.db, hub, cycle) if grouped.own_supplier else grouped
            return place_order(tx, home.hat, cycle, read_lines(tx.db, cycle, wanted), ref, seller=seller)

        home.write(place)

    def amend(self, node: Stall) -> None:
        """Set an order of one's own to other quantities."""
        home, found = node.disk, self._standing(node)
        if found is None:
            return
        order, cycle = found
        goods = self.chance.choice(self.market.goods)
        text = "0" if self.chance.random() < 0.2 else self._quantity(goods)

        def change(tx: Transaction) -> int:
            return amend_order(tx, home.hat, order, read_changes(tx.db, cycle, [(goods.name, text)]))

        home.write(change)

    def cancel(self, node: Stall) -> None:
        """Cancel an order of one's own."""
        found = self._standing(node)
        if found is not None:
            node.disk.write(cancel_order, node.disk.hat, found[0])

    def _standing(self, node: Stall) -> tuple[OrderRow, CycleRow] | None:
        rows = node.disk.read(list_orders, node.disk.hat, node.time)
        own = [row for row in rows if id_bytes(row.customer_id) == node.pen.id and row.state in {"sent", "received"}]
        if not own:
            return None
        order = self.chance.choice(own)
        return order, self._cycles(node)[id_bytes(order.cycle_id)]

    def _quantity(self, goods: Goods) -> str:
        quantity = str(self.chance.randint(1, MOST_ORDERED))
        more = self.chance.randint(0, CASE)
        return f"{quantity}+{more}" if goods.cased and more else quantity

    def _cycles(self, node: Stall) -> Mapping[bytes, CycleRow]:
        return {row.key[1]: row for row in node.disk.read(list_cycles, node.time)}

    def _closed(self, node: Stall) -> CycleRow:
        """Return a cycle, one that is closed where there is any."""
        cycles = self._cycles(node)
        closed = sorted(local for local, row in cycles.items() if row.state == "closed")
        return cycles[self.chance.choice(closed or sorted(cycles))]

    def _cycle(self, node: Stall) -> CycleRow:
        """Return a cycle, most often one that is open as far as the clock here shows."""
        cycles = self._cycles(node)
        running = sorted(local for local, row in cycles.items() if row.state == "open")
        return cycles[self.chance.choice(running if running and self.chance.random() < 0.9 else sorted(cycles))]
