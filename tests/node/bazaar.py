"""One circuit in which everything of the trade happens once, and what each of its homes can open of it.

Three groups (one buys as one, one for its households, one shows its wishes to all), two hubs of one cycle, two
producers, households in groups and in none, one without a computer, and a stranger who holds the file and no keys.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.log.encoding import encode
from foodhub.log.seal import unseal
from foodhub.node import setup
from foodhub.node.allotments import allot
from foodhub.node.buyers import Buyer
from foodhub.node.claims import claim, confirm_claim
from foodhub.node.contacts import set_card
from foodhub.node.cycles import CycleRow, list_cycles
from foodhub.node.drafts import draft_cycle
from foodhub.node.erase_requests import request_erase
from foodhub.node.exchanges import exchange_of
from foodhub.node.groups import join_group
from foodhub.node.hat import shown_name
from foodhub.node.households import group_of
from foodhub.node.lowering import lower
from foodhub.node.offering import Offer, sell
from foodhub.node.orders import list_orders
from foodhub.node.placing import place_order
from foodhub.node.planning import Changes, set_cycle
from foodhub.node.purchase_answers import answer_purchase
from foodhub.node.purchases import list_purchases
from foodhub.node.purchasing import GRACE
from foodhub.node.remarks import set_remark
from foodhub.node.repeating import repeat_cycle
from foodhub.node.represented import add_represented, behalf, find_represented
from foodhub.node.reserving import request
from foodhub.node.shortfalls import declare_shortfall
from foodhub.node.standing_orders import add_standing
from foodhub.node.state import find_member
from foodhub.node.stock import set_stock
from foodhub.node.wanted import read_lines, read_products
from foodhub.orders.hands import Behalf
from foodhub.store.facts import FACTS
from foodhub.store.fold import READERS
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry, set_case

CLOSES = 24 * HOUR
PLACES = {
    "H": "hub",
    "H2": "hub",
    "F": "producer",
    "F2": "producer",
    "G": "group",
    "GF": "group",
    "GS": "group",
    "A": "household",
    "A2": "household",
    "B": "household",
    "B2": "household",
    "C": "household",
    "C2": "household",
    "E": "household",
    "E2": "household",
    "P": "household",
}
"""Who there is: G buys as one (A, A2 and Dora, who has no computer), GF for its households (B, B2,
and Rosa, who has no computer), GS shows all wishes
(C, C2); E is a customer of H and E2 of H2, in no group. P claimed to be Paul, whom G had represented."""
STRANGER = "X"
PHONES = {"A": "0601010101", "B": "0602020202", "C": "0603030303", "E": "0604040404", "Dora": "0605050505"}


@dataclass(frozen=True)
class Said:
    """A statement in a log 2: who wrote it, for whom it speaks, where it stands, and what it says."""

    writer: str
    owner: str
    entry: tuple[bytes, int]
    statement: Any
    body: bytes

    @property
    def fact(self) -> tuple[str, str, bytes]:
        """Return the view, owner and local id of the fact that it states."""
        return FACTS[type(self.statement)].table, self.owner, self.statement.local


@dataclass(frozen=True)
class Bazaar:
    """What came of it all: what stands in the logs, and what each can open and is shown. Members by their names here.

    `views` are the facts in the views of log 2 as (view, owner, local id), `names` and `groups` what is shown of each
    member, `orders` the orders listed as (buyer, aggregator), `files` the bytes on disk, `sealed` all payloads.
    """

    members: dict[str, bytes]
    said: list[Said]
    opens: dict[str, frozenset[tuple[bytes, int]]]
    views: dict[str, frozenset[tuple[str, str, bytes]]]
    names: dict[str, dict[str, str]]
    groups: dict[str, dict[str, str]]
    orders: dict[str, frozenset[tuple[str, str]]]
    files: dict[str, bytes]
    sealed: list[bytes]


async def join(village: Village, name: str, role: str) -> Home:
    """Bring a home into the circuit; the others hear of it when they gossip next."""
    if not village.homes:
        return await village.home(name, role)
    home, founder = await village.newcomer(name, role), village.homes[0]
    await village.join(home, await founder.write(setup.invite, founder.hat, [role], []))
    await carry(home, founder)
    village.homes.append(home)
    return home


class Story:
    """The homes, and what is done in them."""

    def __init__(self, village: Village) -> None:
        self.village = village
        self.homes: dict[str, Home] = {}
        self.products: dict[str, tuple[bytes, bytes]] = {}
        self.dora = self.paul = self.rosa = b""

    async def play(self) -> None:
        """Let everything happen, in the order of a week."""
        await self._arrive()
        await self._open()
        await self._set_aside()
        await self._order()
        await self._close()

    async def _arrive(self) -> None:
        village = self.village
        for name, role in PLACES.items():
            self.homes[name] = await join(village, name, role)
        await village.gossip()
        for farm, name, stock in (("F", "Carrots", 40), ("F", "Juice", None), ("F2", "Eggs", 9)):
            local = id_bytes(await self.homes[farm].product(name, on_hand=stock))
            self.products[name] = (self.homes[farm].hat.member, local)
        brewer = self.homes["F"]
        await brewer.write(set_case, brewer.hat, self.products["Juice"][1], 6, 0, "carton", broken=False)
        for name in ("A", "B", "C", "E"):
            home = self.homes[name]
            street = f"{name} Street"
            await home.write(set_card, home.hat, Buyer(home.hat.member), f"Name of {name}", PHONES[name], street)
        await self.village.gossip()

    async def _open(self) -> None:
        hub, other = self.homes["H"], self.homes["H2"]
        now = self.village.clock.now
        await self.village.open_cycle(hub, closes=CLOSES)
        cycle = await hub.cycle()
        await hub.write(set_cycle, hub.hat, cycle.key[1], Changes(hubs=[other.hat.member]))
        await self.village.gossip()
        await other.write(sell, other.hat, await other.cycle(), Offer(by_hand=False))
        await self.village.gossip()
        await hub.write(repeat_cycle, hub.hat, cycle.key[1], 1)
        times = (now + 300 * HOUR, now + 400 * HOUR)
        await hub.write(draft_cycle, hub.hat, "Secret week", *times, "Europe/Paris", "resale")
        await self._join("B", "GF")  # before its group sells in the cycle
        rosa = await self.homes["GF"].write(add_represented, self.homes["GF"].hat, "Rosa", "household")
        self.rosa = id_bytes(rosa.id)
        await self.village.gossip()
        offers = {"G": Offer(buying="as_one"), "GF": Offer(buying="households"), "GS": Offer(shown=True)}
        for name, offer in offers.items():
            home = self.homes[name]
            await home.write(sell, home.hat, await self.cycle(name), offer)
        await self.village.gossip()
        for name, joined in (("A", "G"), ("A2", "G"), ("B2", "GF"), ("C", "GS"), ("C2", "GS")):
            await self._join(name, joined)
        group = self.homes["G"]
        dora = await group.write(add_represented, group.hat, "Dora", "household", phone=PHONES["Dora"])
        self.dora = id_bytes(dora.id)
        await self._claim()
        await self.village.gossip()

    async def _join(self, name: str, group: str) -> None:
        home = self.homes[name]
        await home.write(join_group, home.hat, self.homes[group].hat.member)

    async def _claim(self) -> None:
        """Let G represent Paul until P says that it is him."""
        group, p = self.homes["G"], self.homes["P"]
        paul = await group.write(add_represented, group.hat, "Paul", "household")
        self.paul = id_bytes(paul.id)
        await self.village.gossip()
        await p.write(claim, p.hat, self.paul, group.hat.member)
        await self.village.gossip()
        await group.write(confirm_claim, group.hat, await group.read(find_represented, group.hat, "Paul"))

    async def cycle(self, name: str) -> CycleRow:
        """Return the cycle that is open, not the one that comes after it."""
        rows = await self.homes[name].read(list_cycles, self.village.clock.now)
        return next(row for row in rows if row.name == "Week 39")

    async def _set_aside(self) -> None:
        farm, second, hub = self.homes["F"], self.homes["F2"], self.homes["H"]
        carrots, eggs = self.products["Carrots"], self.products["Eggs"]
        await farm.write(allot, farm.hat, await self.cycle("F"), {carrots[1]: 20})
        await farm.write(allot, farm.hat, await self.cycle("F"), {carrots[1]: 5}, self.homes["H2"].hat.member)
        await hub.write(request, hub.hat, await self.cycle("H"), {eggs: 4})
        await self.village.gossip()
        await second.write(allot, second.hat, await self.cycle("F2"), {eggs[1]: 4})
        await farm.write(lower, farm.hat, await self.cycle("F"), {carrots[1]: 15})
        await self.village.gossip()

    async def order(self, name: str, *wanted: tuple[str, str], at: str = "", whose: str | None = None) -> bytes:
        home = self.homes[name]
        cycle = await self.cycle(name)

        def work(tx: Transaction) -> bytes:
            buyer = behalf(tx.db, home.hat, whose, "phone" if whose else "")
            seller = exchange_of(tx.db, self.homes[at].hat.member, cycle) if at else None
            return place_order(tx, home.hat, cycle, read_lines(tx.db, cycle, wanted), None, buyer=buyer, seller=seller)

        return await home.write(work)

    async def _order(self) -> None:
        carrots, juice, eggs = ("Carrots", "2"), ("Juice", "2+2"), ("Eggs", "1")
        first = await self.order("A", carrots, juice, eggs)
        for name in ("A2", "B", "C", "C2", "P"):
            await self.order(name, carrots, juice)
        await self.order("G", carrots, juice, whose="Dora")
        alone = await self.order("E", carrots, juice, eggs)
        await self.order("E2", carrots, juice, at="H2")
        for name, order, at in (("A", first, "G"), ("E", alone, "H")):
            home = self.homes[name]
            await home.write(set_remark, home.hat, order, self.homes[at].hat.member, comment=f"No bag for {name}")
        a = self.homes["A"]
        group = self.homes["G"].hat.member
        await a.write(lambda tx: add_standing(tx, a.hat, group, read_products(tx.db, [("Carrots", "1")])))
        await self.village.gossip()

    async def _close(self) -> None:
        farm, second, e = self.homes["F"], self.homes["F2"], self.homes["E"]
        self.village.clock.now += CLOSES
        await self.village.gossip()
        self.village.clock.now += GRACE
        await self.village.gossip()
        await farm.write(declare_shortfall, farm.hat, await self.cycle("F"), {self.products["Carrots"][1]: 9}, "hail")
        await self.village.gossip()
        for home in (farm, second):
            for row in await home.read(list_purchases, home.hat, self.village.clock.now):
                await home.write(answer_purchase, home.hat, row, {})
        gone = [await self.cycle("F")]
        await farm.write(set_stock, farm.hat, {self.products["Carrots"][1]: 15}, None, gone)
        about = await e.read(find_member, "H")
        await e.write(request_erase, e.hat, about)
        await self.village.gossip()

    async def stranger(self) -> Home:
        """Return a home that holds every entry and has not joined: its keys open nothing."""
        hub = self.homes["H"]
        home = await self.village.newcomer("Stranger", "household")
        code = await hub.write(setup.invite, hub.hat, ["household"], [])
        await home.write(setup.prepare_join, home.node.home, home.hat, code)
        await self.village.gossip()
        while await carry(hub, home):
            pass
        return home


async def tell(village: Village) -> Bazaar:
    """Play the story and return what came of it."""
    story = Story(village)
    await story.play()
    homes = {**story.homes, STRANGER: await story.stranger()}
    members = {name: home.hat.member for name, home in homes.items()} | {
        "Dora": story.dora,
        "Paul": story.paul,
        "Rosa": story.rosa,
    }
    names = {member: name for name, member in members.items()}
    opened = {name: await home.write(open_all) for name, home in homes.items()}
    devices = dict(await homes["H"].rows("SELECT key, member FROM device"))
    said = {}
    for found in opened.values():
        for entry, body in found.items():
            said[entry] = [
                _said(names, names[devices[entry[0]]], entry, statement) for statement in READERS[2].read(body)
            ]
    people = [name for name in members if name != STRANGER]
    files: dict[str, bytes] = {}
    result = Bazaar(
        members,
        [each for entry in said.values() for each in entry],
        {name: frozenset(found) for name, found in opened.items()},
        {name: await home.read(_views, names) for name, home in homes.items()},
        {name: await home.read(_of_each, shown_name, members, people) for name, home in homes.items()},
        {
            name: {who: names[group] for who, group in (await home.read(_of_each, group_of, members, people)).items()}
            for name, home in homes.items()
        },
        {name: await home.read(_orders, home, names) for name, home in homes.items()},
        files,
        [bytes(each) for (each,) in await homes["H"].rows(_SEALED) if each],
    )
    for name, home in homes.items():
        await home.node.store.close()
        files[name] = b"".join(path.read_bytes() for path in sorted(home.node.home.glob("foodhub.db*")))
    return result


_SEALED = f"SELECT e.payload FROM log l JOIN entry e ON e.place >> {SEQ_BITS} = l.ref WHERE l.log = 2"  # noqa: S608


def open_all(tx: Transaction) -> dict[tuple[bytes, int], bytes]:
    """Return what a home can open of all payloads of logs 2 that it holds, by (device, seq)."""
    rows = tx.db.execute(
        f"SELECT l.author, d.member, e.place, e.payload FROM log l JOIN device d ON d.key = l.author"  # noqa: S608
        f" JOIN entry e ON e.place >> {SEQ_BITS} = l.ref WHERE l.log = 2 AND e.payload IS NOT NULL"
    ).fetchall()
    found = {}
    for author, member, place, payload in rows:
        seq = place & ((1 << SEQ_BITS) - 1)
        body = unseal(payload, (tx.circuit, author, 2, seq), tx.keyring.opening_secrets(tx.db, member))
        if body is not None:
            found[author, seq] = body
    return found


def _said(names: dict[bytes, str], writer: str, entry: tuple[bytes, int], statement: Any) -> Said:
    owner = names[statement.owner] if isinstance(statement, Behalf) else writer
    inner = statement.statement if isinstance(statement, Behalf) else statement
    return Said(writer, owner, entry, inner, encode(statement))


def _views(db: Any, names: dict[bytes, str]) -> frozenset[tuple[str, str, bytes]]:
    """Return what stands in the views of log 2."""
    tables = sorted({fact.table for fact in FACTS.values() if fact.log == 2})
    return frozenset(
        (table, names[owner], local)
        for table in tables
        for owner, local in db.execute(f"SELECT p.id, f.local FROM {table} f JOIN party p ON p.ref = f.owner")  # noqa: S608
    )


def _of_each(db: Any, ask: Callable[[Any, bytes], Any], members: dict[str, bytes], people: list[str]) -> dict[str, Any]:
    found = {who: ask(db, members[who]) for who in people}
    return {who: answer for who, answer in found.items() if answer is not None}


def _orders(db: Any, home: Home, names: dict[bytes, str]) -> frozenset[tuple[str, str]]:
    rows = list_orders(db, home.hat, home.clock.now)
    short = {base32_id(member): name for member, name in names.items()}
    return frozenset((short[row.customer_id], short[row.hub_id]) for row in rows)
