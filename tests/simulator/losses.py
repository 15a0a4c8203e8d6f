"""What becomes of laptops in a trading scenario: rights are handed over, laptops retire, are lost, or seem to be.

Whoever is left goes on with the recovery words, on what some other home holds: above that cut nothing counts any more.
Who did that twice, neither laptop knowing of the other, goes on with the one whose first entry has the lower id.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from random import Random

from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node import recovery
from foodhub.node.devices import DeviceRow, hand_over, keeper_of, list_devices, retire
from foodhub.node.hat import hats
from foodhub.node.rights import awaited, go_on
from foodhub.node.standing import fallen
from foodhub.store.outgoing import ids_at
from foodhub.store.transaction import Transaction
from tests.simulator.audit import Audit
from tests.simulator.circuit import Laptop
from tests.simulator.clock import MINUTE, Clock
from tests.simulator.home import Home
from tests.simulator.market import Market, Trader
from tests.simulator.stall import Stall

Come = Callable[[Laptop, Home], Stall]
LOTS = 4
"""Ids of entries are left to chance; so many shares of all that there may be are drawn from the seed."""
LATE, NEVER = 0.25, 0.4
"""How often somebody loses all laptops and does without for now, and how often then for ever."""


class _OtherLotError(Exception):
    """An entry has an id of another share than was drawn: it is signed once more."""


class Losses:
    """Lets laptops go; `come` is called with the laptop that takes the place of lost ones, and its home."""

    def __init__(
        self, market: Market, clock: Clock, chance: Random, audit: Audit, nodes: list[Stall], come: Come
    ) -> None:
        self.market = market
        self.chance = chance
        self.audit = audit
        self.nodes = nodes
        self.come = come
        self.clock = clock
        self.happened: list[str] = []
        self.gone: set[bytes] = set()
        """Members whose laptops are lost, and who never come back."""
        self.deaf: set[bytes] = set()
        """Members who began anew beside a laptop that went on: what was sealed with a new key of that, nobody reads."""
        self._asked: set[bytes] = set()
        self._luck = Random(f"losses {market.seed}")
        self._lots: dict[bytes, list[int]] = {}
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
            if row is not None and row.state == "active":
                node.do(lambda: node.disk.write(hand_over, node.disk.hat, right, row))
                self.happened.append(f"hand over {right}")

    def _retire(self, _member: Trader, own: list[Stall]) -> None:
        """Let a laptop retire itself, or a later one of the same member."""
        node = self.chance.choice(own)
        whom, heir = self.chance.sample(own, 2)
        row = self._row(node, whom)
        if row is None:
            return

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
        """Let a member begin anew on what some home holds; its laptops are gone, or only seem to be.

        Where all of them are gone it may do so late, or never.
        """
        helper = self.chance.choice([node for node in self.nodes if not node.lost])
        if fallen(helper.disk.db, helper.disk.hat) is not None:
            return
        late = self._luck.random() < LATE
        for node in own:
            if self.chance.random() < 0.7 or late:
                node.sleep()
                node.lost = True
        if late:
            self.happened.append("lose all")
        else:
            self._begin_with(member, helper)

    def strike_twice(self) -> None:
        """Let a hub begin anew at two places within a minute, with what two homes hold; its laptops seem to be gone."""
        member = self._luck.choice(self.market.hubs)
        for wait in (0, self._luck.uniform(0, MINUTE)):
            self.clock.after(wait, partial(self._begin_anywhere, member))

    def _begin_anywhere(self, member: Trader) -> None:
        helpers = [node for node in self.nodes if not node.lost and fallen(node.disk.db, node.disk.hat) is None]
        if helpers:
            self._begin_with(member, self._luck.choice(helpers))

    def come_back(self, group: Sequence[Stall]) -> bool:
        """Let those of whom nobody is left in the circuit begin anew now, or never; say whether somebody did."""
        before = len(self.happened)
        for member in (*self.market.hubs, *self.market.farms):
            if member.id in self._asked or any(node.pen.id == member.id for node in group):
                continue
            self._asked.add(member.id)
            if self._luck.random() < NEVER:
                self.gone.add(member.id)
            else:
                self._begin_with(member, self._luck.choice(group))
        return len(self.happened) > before

    def _begin_with(self, member: Trader, helper: Stall) -> None:
        """Let a new laptop take the place of those that a member had, with what another home holds."""
        before = [node for node in self.nodes if node.pen.id == member.id]
        if any(not node.lost or self._is_cut_below(helper, node) for node in before):
            self.audit.cut(member.id)  # whoever is not lost goes on until it hears of this
            self.deaf.add(member.id)
        self._laptops += 1
        laptop = Laptop(member, f"{member.name} again {self._laptops}")
        home = Home(self.market.circuit, laptop)
        home.move_in(helper.disk, laptop.name)
        new = self.come(laptop, home)
        new.do(lambda: self._sign_as_drawn(home, member))
        self.happened.append("recover")

    def _sign_as_drawn(self, home: Home, member: Trader) -> None:
        """Begin anew at a home, with an entry whose id is of the share that was drawn for it."""
        lots = self._lots.setdefault(member.id, [])
        if not lots:
            lots += self._luck.sample(range(LOTS), LOTS)
        lot, drawn = lots.pop(), False
        while not drawn:
            with suppress(_OtherLotError):
                home.write(_recover_with, member, lot)
                drawn = True

    def _is_cut_below(self, node: Stall, whom: Stall) -> bool:
        """Say whether somebody else may know more of a laptop than the one that cuts its logs."""
        return any(
            node.disk.head(whom.pen.device, log)[0] < whom.disk.head(whom.pen.device, log)[0]
            for log in (Log.CATALOG, Log.TRADE)
        )

    def _row(self, node: Stall, other: Stall) -> DeviceRow | None:
        """Return a laptop of the same member, None while a node has not heard of it."""
        rows = node.disk.read(list_devices, node.disk.hat)
        return next((row for row in rows if row.key == other.pen.device), None)

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


def _recover_with(tx: Transaction, member: Trader, lot: int) -> None:
    """Begin anew, and take all back unless the id of the first entry is of a share.

    Raises:
        _OtherLotError: it is of another one.
    """
    hat = hats(tx.db)[0]
    recovery.recover(tx, hat, member.recovery)
    (identity,) = ids_at(tx.db, hat.device, Log.CIRCUIT, [1])
    if identity[0] * LOTS >> 8 != lot:
        raise _OtherLotError
