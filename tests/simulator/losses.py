"""What becomes of laptops in a trading scenario: rights are handed over, laptops retire, are lost, or seem to be.

Whoever is left goes on with the recovery words, on what some other home holds: above that cut nothing counts any more.
"""

from collections.abc import Callable
from random import Random

from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node import recovery
from foodhub.node.devices import DeviceRow, hand_over, keeper_of, list_devices, retire
from foodhub.node.rights import awaited, go_on
from foodhub.node.standing import fallen
from tests.simulator.audit import Audit
from tests.simulator.circuit import Laptop
from tests.simulator.home import Home
from tests.simulator.market import Market, Trader
from tests.simulator.stall import Stall

Come = Callable[[Laptop, Home], Stall]


class Losses:
    """Lets laptops go; `come` is called with the laptop that takes the place of lost ones, and its home."""

    def __init__(self, market: Market, chance: Random, audit: Audit, nodes: list[Stall], come: Come) -> None:
        self.market = market
        self.chance = chance
        self.audit = audit
        self.nodes = nodes
        self.come = come
        self.happened: list[str] = []
        self._laptops = 0

    def strike(self) -> None:
        """Let something become of the laptops of a hub or a farm."""
        member = self.chance.choice([*self.market.hubs, *self.market.hubs, *self.market.farms])
        own = [node for node in self.nodes if node.pen.id == member.id and node.may_sign and not node.lost]
        act = self.chance.choice([self._hand_over, self._retire, self._recover])
        if own and (len(own) > 1 or act == self._recover):
            act(member, own)

    def _hand_over(self, _member: Trader, own: list[Stall]) -> None:
        """Let the keeper of the stock, or of new cycles, hand it over to another laptop."""
        right = self.chance.choice(["stock", "stock", "desk"])
        keepers = [each for each in own if keeper_of(each.disk.db, each.pen.id, right) == each.pen.device]  # type: ignore[arg-type]
        if keepers:
            node = self.chance.choice(keepers)
            heir = self.chance.choice([each for each in own if each is not node])
            row = self._row(node, heir)
            if row.state == "active":
                node.do(lambda: node.disk.write(hand_over, node.disk.hat, right, row))
                self.happened.append(f"hand over {right}")

    def _retire(self, _member: Trader, own: list[Stall]) -> None:
        """Let a laptop retire itself, or a later one of the same member."""
        node = self.chance.choice(own)
        whom, heir = self.chance.sample(own, 2)
        row = self._row(node, whom)

        def act() -> None:
            try:
                node.disk.write(retire, node.disk.hat, row, heir.pen.device)
            except RefusedError as error:
                assert error.code in {"device_ranks_above", "not_active", "bad_heir", "last_device"}  # noqa: PT017
                return
            self.happened.append("retire itself" if node is whom else "retire another")
            if node is not whom and self._is_cut_below(node, whom):
                self.audit.cut(node.pen.id)

        node.do(act)

    def _recover(self, member: Trader, own: list[Stall]) -> None:
        """Let a member begin anew on what some home holds; its laptops are gone, or only seem to be."""
        self._laptops += 1
        helper = self.chance.choice([node for node in self.nodes if not node.lost])
        if fallen(helper.disk.db, helper.disk.hat) is not None:
            return
        for node in own:
            if self.chance.random() < 0.7:
                node.sleep()
                node.lost = True
            if self._is_cut_below(helper, node):
                self.audit.cut(member.id)
        laptop = Laptop(member, f"{member.name} again {self._laptops}")
        home = Home(self.market.circuit, laptop)
        home.move_in(helper.disk, laptop.name)
        new = self.come(laptop, home)
        new.do(lambda: home.write(recovery.recover, home.hat, member.recovery))
        self.happened.append("recover")

    def _is_cut_below(self, node: Stall, whom: Stall) -> bool:
        """Say whether somebody else may know more of a laptop than the one that cuts its logs."""
        return any(
            node.disk.head(whom.pen.device, log)[0] < whom.disk.head(whom.pen.device, log)[0]
            for log in (Log.CATALOG, Log.TRADE)
        )

    def _row(self, node: Stall, other: Stall) -> DeviceRow:
        rows = node.disk.read(list_devices, node.disk.hat)
        return next(row for row in rows if row.key == other.pen.device)

    def give_up(self) -> bool:
        """Let those who wait for entries that nobody has any more go on without; say whether somebody waited."""
        waited = False
        for node in self.nodes:
            db, hat = node.disk.db, node.disk.hat
            missing = awaited(db, hat.member)
            if node.lost or not node.may_sign or missing is None or fallen(db, hat) is not None:
                continue
            row = next(row for row in node.disk.read(list_devices, hat) if row.key == missing)
            try:
                node.do(lambda node=node, row=row: node.disk.write(go_on, node.disk.hat, row))  # type: ignore[misc]
            except RefusedError as error:
                assert error.code == "not_the_keeper"  # noqa: PT017
                continue
            self.happened.append("go on")
            self.audit.cut(hat.member, unawares=True)
            waited = True
        return waited
