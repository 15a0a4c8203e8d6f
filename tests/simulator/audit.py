"""The auditor of a trading scenario: it reads every home and sees after each act whether invariants I1 and I2 hold.

(I1) Whatever a desk promises it was given and has not given back, at every entry of its log and of its heirs'. (I2) A
farm sets no more aside than it counted. So all that is promised anywhere is there. Where a farm counts less, or takes
back what a silent hub may have promised, or entries of a lost desk are gone, goods may lack: then `short` says so.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from foodhub.catalog.naming import id_bytes
from foodhub.log.header import Log
from foodhub.log.seal import unseal
from foodhub.node.cycles import CycleRow, list_cycles
from foodhub.node.devices import keeper_of
from foodhub.node.rights import awaited, desks, line_of
from foodhub.node.shelf import Aside, Shelf, asides_for, shelf_of
from foodhub.node.stock import StockRow, list_stock
from foodhub.orders.reserving import Return
from foodhub.orders.statements import Answer, Receipt
from foodhub.store.entries import log_row
from foodhub.store.fold import READERS
from foodhub.store.schema import SEQ_BITS
from tests.simulator.home import Home
from tests.simulator.market import Goods, Market
from tests.simulator.stall import Stall

Place = tuple[tuple[bytes, bytes], bytes]
"""(cycle key, product)"""
Order = tuple[bytes, bytes]
"""(buyer, placement)"""


class DeskLog:
    """What one desk of a hub took in, promised and gave back, as one home reads it, entry by entry."""

    def __init__(self, desk: bytes) -> None:
        self.desk = desk
        self.returned: defaultdict[Place, int] = defaultdict(int)
        self._wanted: defaultdict[Place, dict[Order, int]] = defaultdict(dict)
        self._answered: dict[Order, dict[bytes, int]] = {}
        self._cycles: dict[Order, tuple[bytes, bytes]] = {}
        self._seen: dict[bytes, int] = {}

    def read(self, home: Home) -> Iterator[set[Place]]:
        """Take in the entries that are new, each in its turn; yield what each is about.

        All is read anew where something that was taken in counts no more.
        """
        secrets = home.shelf.keyring.opening_secrets(home.db, home.hat.member)
        rows = {device: log_row(home.db, device, Log.TRADE) for device in self._line(home)}
        if any(not (row := rows.get(device)) or row.seq < seen for device, seen in self._seen.items()):
            self.__init__(self.desk)  # type: ignore[misc]
        for device, row in rows.items():
            for seq in range(self._seen.get(device, 0) + 1, row.seq + 1 if row else 1):
                place = (row.ref << SEQ_BITS) + seq  # type: ignore[union-attr]
                (payload,) = home.db.execute("SELECT payload FROM entry WHERE place = ?", (place,)).fetchone()
                body = unseal(payload, (home.circuit, device, int(Log.TRADE), seq), secrets)
                self._seen[device] = seq
                yield self._take(READERS[Log.TRADE].read(body)) if body is not None else set()

    def _line(self, home: Home) -> list[bytes]:
        """Return the desk, those who went on from it, and who does now: a recovery makes itself the heir of all."""
        line = line_of(home.db, self.desk)
        devices = home.db.execute("SELECT key FROM device WHERE member = ? ORDER BY position DESC", (home.hat.member,))
        between = [device for (device,) in devices if device not in line]
        return [*line[:-1], *between, line[-1]]

    def _take(self, statements: Iterable[Any]) -> set[Place]:
        about: set[Place] = set()
        for said in statements:
            if isinstance(said, Receipt):
                cycle = (said.cycle_owner, said.cycle)
                for row in said.rows:
                    about |= self._receive(cycle, (row.buyer, row.order), row.lines)
            elif isinstance(said, Answer):
                order = (said.buyer, said.order)
                self._answered[order] = {line.product: line.promised for line in said.lines}
                if order in self._cycles:
                    about |= {(self._cycles[order], line.product) for line in said.lines}
            elif isinstance(said, Return) and said.device == self.desk:
                place = ((said.cycle_owner, said.cycle), said.product)
                self.returned[place] = max(self.returned[place], said.returned)
                about.add(place)
        return about

    def _receive(self, cycle: tuple[bytes, bytes], order: Order, lines: Iterable[Any]) -> set[Place]:
        """Take in what a placement wants from here on: no more than that is promised to it, whatever was answered."""
        self._cycles[order] = cycle
        for place, wanted in self._wanted.items():
            if place[0] == cycle:
                wanted.pop(order, None)
        for line in lines:
            self._wanted[cycle, line.product][order] = line.quantity
        return {(cycle, line.product) for line in lines}

    def promised(self, place: Place) -> int:
        """Return what is promised of a product in a cycle."""
        return sum(
            min(wanted, self._answered.get(order, {}).get(place[1], 0)) for order, wanted in self._wanted[place].items()
        )


class Audit:
    """Watches the homes of hubs and farms."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.goods = {goods.local: goods for goods in market.goods}
        self.excused: set[bytes] = set()
        """Products of which more may be promised than there is."""
        self.vanished: set[bytes] = set()
        """Products of which something that was given or promised is cut off."""
        self.acts = 0
        """How often something was checked."""
        self._roles = {member.id: member.roles for member in market.members}
        self._desks = {hub.id: hub.device for hub in market.hubs}
        self._logs: dict[str, DeskLog] = {}
        self._heads: dict[str, tuple[int, ...]] = {}
        self._nodes: dict[str, Stall] = {}

    def look(self, node: Stall) -> None:
        """Check what a node may have signed since the last time."""
        roles = self._roles[node.pen.id]
        if not {"hub", "producer"} & set(roles):
            return
        heads = tuple(node.disk.head(node.pen.device, log)[0] for log in Log)
        if self._heads.get(node.name) == heads:
            return
        self._heads[node.name], self._nodes[node.name] = heads, node
        if "hub" in roles:
            self._look_at_desk(node)
        else:
            self._look_at_farm(node)

    # I1

    def _look_at_desk(self, node: Stall) -> None:
        if not holds_desk(node, self._desks[node.pen.id]):
            return
        log = self._logs.setdefault(node.name, DeskLog(self._desks[node.pen.id]))
        given = given_to(node, log.desk)
        touched: set[Place] = set()
        for about in log.read(node.disk):
            touched |= about
            for place in about:
                self._check_desk(node, log, place, given.get(place, 0))
        for product in {product for _, product in touched}:
            self._check_all(self.goods[product])

    def _check_desk(self, node: Stall, log: DeskLog, place: Place, given: int) -> None:
        if self.goods[place[1]].mode == "on_demand" or place[1] in self.vanished:
            return
        self.acts += 1
        promised, returned = log.promised(place), log.returned[place]
        claim = f"{node.name} was given {given} of {self.goods[place[1]].name}, gave {returned} back"
        assert given - returned - promised >= 0, f"I1: {claim} and promises {promised}"

    # I2

    def _look_at_farm(self, node: Stall) -> None:
        if not keeps_stock(node):
            return
        for goods in self._of(node):
            if goods.mode != "on_demand":
                self._check_farm(node, goods)
                self._check_all(goods)

    def _of(self, node: Stall) -> list[Goods]:
        return [goods for goods in self.market.goods if goods.farm == node.pen.id]

    def _check_farm(self, node: Stall, goods: Goods) -> None:
        """Check that no more is set aside than counted; if it may be, that it shows."""
        self.acts += 1
        shelf = shelf_of(node.disk.db, node.pen.id)
        for cycle in cycles_of(node):
            free = shelf.free(goods.local, cycle.key)
            assert free is not None
            left = shelf.stock(goods.local).on_hand - taken_from(shelf, goods, cycle)
            if goods.local not in self.excused:
                assert free >= 0, f"I2: {node.name} lacks {-free} of {goods.name}"
                assert left >= 0, f"I2: {node.name} set {-left} of {goods.name} aside that it does not have"
            else:
                self._check_shown(node, goods, cycle, -free)

    def _check_shown(self, node: Stall, goods: Goods, cycle: CycleRow, lacks: int) -> None:
        """Check that a farm is shown what it lacks: of a quantity for each cycle while that runs."""
        if lacks > 0 and (goods.mode == "counted" or cycle.state != "closed"):
            assert stock_row(node, goods).short >= lacks, f"{node.name} lacks {lacks} of {goods.name} unseen"

    def gave(self, node: Stall, goods: Goods, cycle: CycleRow) -> None:
        """Check that what a farm just set aside was free: after that nothing is taken that is not there."""
        free = shelf_of(node.disk.db, node.pen.id).free(goods.local, cycle.key)
        assert free is None or free >= 0, f"I2: {node.name} gave {-free} of {goods.name} that were not free"

    def counted(self, node: Stall, goods: Goods) -> None:
        """Excuse what a farm lacks since it counted less than it had set aside, if that shows."""
        shelf = shelf_of(node.disk.db, node.pen.id)
        lacks = {cycle.key: -(shelf.free(goods.local, cycle.key) or 0) for cycle in cycles_of(node)}
        if max(lacks.values()) > 0:
            self.excuse(goods)
        for cycle in cycles_of(node):
            self._check_shown(node, goods, cycle, lacks[cycle.key])

    def excuse(self, goods: Goods) -> None:
        """Take note that more of this may be promised than there is."""
        self.excused.add(goods.local)

    def cut(self, member: bytes, *, unawares: bool = False) -> None:
        """Take note that entries of a desk or a farm are gone that others may know: what rests on them may be lacking.

        An heir holds all that is left of them, unless it goes on without, `unawares`.
        """
        goods = {goods.local for goods in self.goods.values() if member in {goods.farm, *self._desks}}
        self.excused |= goods
        if unawares or member not in self._desks:
            self.vanished |= goods

    # Both together

    def _check_all(self, goods: Goods) -> None:
        """Check that all hubs together promise no more than was counted, whoever knows of whom."""
        farms = [node for node in self._nodes.values() if node.pen.id == goods.farm and keeps_stock(node)]
        if goods.mode == "on_demand" or goods.local in self.excused or not farms:
            return
        for farm in farms:
            lacks = self.lacking(farm, goods)
            assert lacks <= 0, f"{lacks} of {goods.name} are promised that {farm.name} does not have"

    def lacking(self, farm: Stall, goods: Goods) -> int:
        """Return how much more hubs promise of something than a farm has; below zero where something is left."""
        shelf = shelf_of(farm.disk.db, farm.pen.id)
        by_cycle: defaultdict[tuple[bytes, bytes], int] = defaultdict(int)
        for each in shelf.asides.get(goods.local, []):
            promised = self._promised(each.hub, (each.cycle, goods.local))
            by_cycle[each.cycle] += max(promised - gone(shelf, goods, each), 0)
        sums = list(by_cycle.values())
        most = sum(sums) if goods.mode == "counted" else max(sums, default=0)
        return most - shelf.stock(goods.local).on_hand

    def _promised(self, hub: bytes, place: Place) -> int:
        """Return what a hub promises, as whoever holds its desk knows; the most where two think that they do."""
        holders = [
            log
            for name, log in self._logs.items()
            if name in self._nodes and self._nodes[name].pen.id == hub and holds_desk(self._nodes[name], log.desk)
        ]
        return max((log.promised(place) for log in holders), default=0)

    def look_at_all(self, nodes: Sequence[Stall]) -> None:
        """Check everybody, whether or not it signed something; what lacks in the end, its farm is shown.

        What others promise, whom nobody lets in any more, counts nowhere from here on.
        """
        self._heads.clear()
        self._nodes.clear()
        for node in nodes:
            self.look(node)
        for node in nodes:
            if "producer" not in self._roles[node.pen.id] or not keeps_stock(node):
                continue
            for goods in self._of(node):
                if goods.mode == "counted":  # what lacks of a quantity for each cycle shows while the cycle runs
                    lacks, short = self.lacking(node, goods), stock_row(node, goods).short
                    assert lacks <= short, f"{lacks} of {goods.name} lack, and {node.name} is shown {short}"


def holds_desk(node: Stall, desk: bytes) -> bool:
    """Say whether a node answers for a desk, as far as it knows."""
    return desk in desks(node.disk.db, node.disk.hat)


def answers(node: Stall) -> bool:
    """Say whether a node answers orders for a hub or a group."""
    return bool(desks(node.disk.db, node.disk.hat))


def keeps_stock(node: Stall) -> bool:
    """Say whether a node counts and gives for its farm, as far as it knows."""
    db, farm = node.disk.db, node.pen.id
    return keeper_of(db, farm, "stock") == node.pen.device and awaited(db, farm) is None


def given_to(node: Stall, desk: bytes) -> dict[Place, int]:
    """Return what a desk was given, as its holder knows."""
    found = asides_for(node.disk.db, node.pen.id)
    return {(each.cycle, each.product): each.given for _, each in found if each.device == desk}


def taken_from(shelf: Shelf, goods: Goods, cycle: CycleRow) -> int:
    """Return what was given of the stock of a product, or of its quantity for a cycle, and is not back nor gone."""
    asides = [each for each in shelf.asides.get(goods.local, ()) if goods.mode == "counted" or each.cycle == cycle.key]
    return sum(max(each.given - each.returned - gone(shelf, goods, each), 0) for each in asides)


def gone(shelf: Shelf, goods: Goods, aside: Aside) -> int:
    """Return how much of what is set aside was not on the shelf any more when it was counted."""
    return aside.quantity - shelf.lies(aside) if goods.mode == "counted" else 0


def cycles_of(node: Stall) -> list[CycleRow]:
    """Return all cycles."""
    return list_cycles(node.disk.db, node.time)


def stock_row(node: Stall, goods: Goods) -> StockRow:
    """Return what a farm is shown of a product of its own."""
    rows = node.disk.read(list_stock, node.disk.hat, node.time)
    return next(row for row in rows if id_bytes(row.product_id) == goods.local)
