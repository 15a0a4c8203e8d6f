"""Members that sign nonsense: whatever they state, every list can still be shown, and every duty is still done."""

import sqlite3
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.catalog.statements import Product, Stock
from foodhub.circuit.statements import Epoch, Grant, Invite
from foodhub.errors import NotThereError, UsageError
from foodhub.log.encoding import LATEST, LIMIT
from foodhub.log.keys import BoxKey
from foodhub.node import setup
from foodhub.node.allotments import allot, list_allotments
from foodhub.node.amending import cancel_order
from foodhub.node.comparison import frontier_of, shared_rows
from foodhub.node.cycles import find_cycle, list_cycles, moment
from foodhub.node.hat import Hat
from foodhub.node.orders import find_order, list_orders
from foodhub.node.products import find_product, list_products, products_since
from foodhub.node.state import list_logs, list_members, refusals, status
from foodhub.node.terms import terms_in_cycle
from foodhub.orders.statements import (
    Allot,
    Answer,
    AnswerLine,
    Cycle,
    Order,
    OrderLine,
    Profile,
    Receipt,
    ReceiptLine,
    ReceiptRow,
    Total,
    derived_id,
)
from tests.homes import HOUR, Home, Village
from tests.pens import MORNING, Pen, changed, newcomer, stranger_with
from tests.shelf import Shelf

FOUNDER = Pen("founder", "hub")
FOUNDING = FOUNDER.found()

texts = st.one_of(
    st.sampled_from(
        ["", "Carrots", "\x1b[2J", "\u202eevil", "x" * 3000, "a\nb", "\x00", "🥕", "'; DROP TABLE entry; --"]
    ),
    st.text(max_size=6),
)
zones = st.sampled_from(
    ["Europe/Paris", "Mars/Olympus", "Europe", "posixrules", "../x", "", "tzdata/zi", "UTC", "x" * 64]
)
counts = st.sampled_from([0, 1, 5, 1000, LIMIT - 1])
seqs = st.sampled_from([1, 2, LIMIT - 1])
moments = st.sampled_from([0, 1, MORNING - 1, MORNING, MORNING + HOUR, LATEST - 1])
members = st.sampled_from([FOUNDER.id, Pen("evil").id, bytes(32)])
devices = st.sampled_from([FOUNDER.device, Pen("evil").device, bytes(32)])
locals_ = st.sampled_from([bytes(16), b"\x01" * 16, b"\xff" * 16])
units: Any = st.sampled_from(["g", "ml", "piece"])
pers: Any = st.sampled_from(["piece", "kg", "l"])
currencies = st.sampled_from(["EUR", "eur", "", "ZZZ", "E\x1b"])

# What keeps all rules, and is odd nevertheless: only this gets into the rows.
tame = st.sampled_from(
    ["Carrots", "🥕", "x" * 100, "'; DROP TABLE entry; --", "{name} %s", "ŒUFS", "a" + "\u0301" * 50]
)
tame_lines = st.builds(
    OrderLine,
    members,
    locals_,
    seqs,
    tame,
    tame,
    tame,
    units,
    seqs,
    counts,
    st.just("piece"),
    st.just("ZZZ"),
    seqs,
    counts,
)
wild_lines = st.builds(
    OrderLine, members, locals_, seqs, texts, texts, texts, units, seqs, counts, pers, currencies, seqs, counts
)
order_lines = st.one_of(tame_lines, tame_lines, tame_lines, wild_lines)
receipt_lines = st.builds(ReceiptLine, members, locals_, counts, counts)
answer_lines = st.builds(AnswerLine, members, locals_, counts, counts, st.booleans(), texts)
outcomes: Any = st.sampled_from(["received", "late", "refused"])
sales: Any = st.sampled_from(["direct", "agency", "resale"])
modes: Any = st.sampled_from(["counted", "on_demand"])
catalog_statements = st.one_of(
    st.builds(Profile, seqs, texts),
    st.builds(
        Product,
        *(locals_, seqs, texts, texts, texts, texts, texts, units, seqs, texts),
        *(counts, pers, currencies, seqs, texts, texts, st.booleans()),
    ),
    st.builds(
        Product,
        *(locals_, seqs, tame, tame, tame, tame, tame, units, seqs, st.just("")),
        *(counts, st.just("piece"), st.just("ZZZ"), seqs, tame, tame, st.booleans()),
    ),
    st.builds(Stock, locals_, seqs, modes, counts),
    st.builds(Cycle, locals_, seqs, texts, moments, moments, zones, sales, devices),
    st.lists(st.integers(0, 5), max_size=3),
)
own = {
    Allot: lambda s: changed(s, local=derived_id(b"allot", s.cycle_owner, s.cycle, s.device, s.product)),
    Answer: lambda s: changed(s, local=derived_id(b"answer", s.buyer, s.order)),
    Total: lambda s: changed(s, local=derived_id(b"total", s.cycle_owner, s.cycle, s.producer, s.product)),
}
trade_statements = st.one_of(
    st.builds(Allot, locals_, seqs, members, locals_, members, devices, locals_, counts, counts),
    st.builds(
        Order,
        locals_,
        seqs,
        moments,
        members,
        locals_,
        members,
        st.booleans(),
        st.lists(order_lines, min_size=1, max_size=2),
    ),
    st.builds(
        Receipt,
        *(locals_, seqs, members, locals_, st.just([])),
        st.lists(
            st.builds(ReceiptRow, members, locals_, seqs, members, st.lists(receipt_lines, max_size=2)), max_size=2
        ),
    ),
    st.builds(
        Answer,
        *(locals_, seqs, members, locals_, seqs, members, outcomes, texts, members, counts),
        st.lists(answer_lines, max_size=3),
    ),
    st.builds(Total, locals_, seqs, members, locals_, members, locals_, counts, counts),
).map(lambda s: own.get(type(s), lambda each: each)(s))


def look_at_everything(db: sqlite3.Connection, hat: Hat) -> None:
    """Call every reading function as a front end would."""
    for now in (0, MORNING, LATEST - 1):
        cycles = list_cycles(db, now)
        orders = list_orders(db, hat, now)
        list_orders(db, hat, now, since=1)
        for cycle in cycles:
            list_allotments(db, cycle)
            for row in list_products(db, withdrawn=True):
                terms_in_cycle(db, id_bytes(row.producer_id), id_bytes(row.id), cycle)
            by_name(find_cycle, db, cycle.id, now)
        for order in orders:
            by_name(find_order, db, hat, order.id, now)
    for row in list_products(db, search="carrots"):
        by_name(find_product, db, row.id)
    products_since(db, 0)
    list_members(db)
    list_logs(db)
    refusals(db)
    status(db, "home", 0, "off")
    shared_rows(db)
    frontier_of(db)


def by_name(look: Any, *args: Any) -> None:
    """Look something up; that nothing or too much is found is an answer too."""
    with suppress(NotThereError, UsageError):
        assert look(*args)


@settings(max_examples=120)
@given(st.lists(catalog_statements, max_size=5), st.lists(trade_statements, max_size=5), moments)
def test_whatever_a_member_states_every_list_can_be_shown(public: list[Any], private: list[Any], at: int) -> None:
    founder = Pen("founder", "hub", circuit=FOUNDER.circuit)
    founder.heads = dict(FOUNDER.heads)
    evil, papers = newcomer(founder, "evil", "producer", "group", "hub", "household")
    with Shelf(FOUNDER.circuit, FOUNDER) as shelf:
        at = max(at, MORNING)
        sealed = [evil.write(2, each, readers=[FOUNDER], at=at) for each in private]
        assert set(shelf.take(FOUNDING, *papers, evil.write(1, *public, at=at), *sealed)) == {1}
        assert shelf.rows()["member"]
        hat = Hat(FOUNDER.id, FOUNDER.device, "Hub", ("hub",))
        look_at_everything(shelf.db, hat)
        assert not [reason for reason in shelf.reasons() if reason.startswith("unforeseen")]


def test_a_zone_that_this_machine_does_not_know_is_shown_in_utc() -> None:
    for zone in ("Mars/Olympus", "Europe", "../x", "", "\x00", "x" * 5000):
        assert moment(MORNING, zone).isoformat() == "2026-09-21T14:13:20+00:00"
    assert moment(MORNING, "Europe/Paris").isoformat() == "2026-09-21T16:13:20+02:00"


async def evil_in(village: Village, hub: Home, *roles: Any, epoch: Epoch | None = None) -> Pen:
    """Let a member without a home into the circuit."""
    code = await hub.write(setup.invite, hub.hat, roles, [])
    pen, paper = stranger_with(code, "evil", *roles)
    assert await hub.take([paper]) == [None]
    if epoch:
        assert await hub.take([pen.write(0, epoch, at=village.clock.now)]) == [None]
    await village.gossip()
    return pen


async def hub_pen(hub: Home) -> Pen:
    """Return what others have to know of a hub to seal something to it."""
    pen = Pen("a hub")
    ((public,),) = await hub.rows("SELECT public FROM epoch WHERE member = ?", hub.hat.member)
    pen.box = PublicBox(public)
    return pen


class PublicBox(BoxKey):
    """A box key of which only the public half is known."""

    __slots__ = ()

    @property
    def public(self) -> bytes:
        return self.secret


async def evil_order(village: Village, carrots: str, farm: Home, **more: Any) -> Order:
    cycle = await farm.cycle()
    head = (farm.hat.member, id_bytes(carrots), 1, "", "Carrots", "")
    line = OrderLine(*head, "piece", 1, 245, "piece", "EUR", more.pop("quantity", 3), 0)
    order = Order(b"\x66" * 16, 1, village.clock.now, *cycle.key, cycle.key[0], cancelled=False, lines=[line])
    return changed(order, **more)


async def market(village: Village) -> tuple[Home, Home, Home, str]:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    group = await village.home("Group", "group")
    carrots = await farm.product("Carrots", on_hand=40)
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    return hub, farm, group, carrots


async def promised(home: Home) -> int | None:
    (order,) = await home.orders()
    return order.lines[0].confirmed


@pytest.mark.anyio
@pytest.mark.parametrize(
    "change",
    [
        {"lines": []},
        {"quantity": LIMIT - 1},
        {"cycle": bytes(16)},
        {"placed": LATEST - 1},
        {"placed": 0},
        {"hub": bytes(32)},
        {"cancelled": True},
    ],
)
async def test_no_order_keeps_the_hub_from_answering_others(village: Village, change: dict[str, Any]) -> None:
    hub, farm, group, carrots = await market(village)
    evil = await evil_in(village, hub, "group")
    order = await evil_order(village, carrots, farm, **change)
    paper = evil.write(2, order, readers=[await hub_pen(hub)], at=village.clock.now)
    assert await hub.take([paper]) == [None]
    village.clock.now += 1
    await group.order(("Carrots", "2"))
    await village.gossip()
    assert await promised(group) == 2
    for home in village.homes:
        await home.read(look_at_everything, home.hat)


@pytest.mark.anyio
async def test_an_order_that_names_a_product_twice_is_promised_nothing_and_takes_nothing(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    evil = await evil_in(village, hub, "group")
    order = await evil_order(village, carrots, farm)
    twice = changed(order, lines=order.lines * 2)
    assert await hub.take([evil.write(2, twice, readers=[await hub_pen(hub)], at=village.clock.now)]) == [None]
    await group.order(("Carrots", "4"))
    await village.gossip()
    assert await promised(group) == 4
    assert await hub.rows("SELECT reason FROM unread") == [("line_twice",)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "public", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"], ids=["0", "1", "p-1"]
)
async def test_a_buyer_that_nobody_can_write_to_any_more_does_not_stop_the_desk(
    village: Village, public: bytes
) -> None:
    hub, farm, group, carrots = await market(village)
    evil = await evil_in(village, hub, "group", epoch=Epoch(2, public, [], b""))
    order = await evil_order(village, carrots, farm)
    assert await hub.take([evil.write(2, order, readers=[await hub_pen(hub)], at=village.clock.now)]) == [None]
    village.clock.now += 1
    await group.order(("Carrots", "4"))
    await village.gossip()
    assert await promised(group) == 2


@pytest.mark.anyio
async def test_a_farm_that_lowers_what_it_set_aside_takes_no_promise_back(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    group = await village.home("Group", "group")
    evil = await evil_in(village, hub, "producer")
    await village.open_cycle(hub)
    cycle, local = await hub.cycle(), b"\x07" * 16
    product = Product(
        local, 1, "", "Carrots", "", "", "", "piece", 1, "", 5, "piece", "EUR", 1, "", "", withdrawn=False
    )
    said = Allot(
        derived_id(b"allot", *cycle.key, cycle.device, local), 1, *cycle.key, cycle.key[0], cycle.device, local, 5, 0
    )
    reader, now = await hub_pen(hub), village.clock.now
    papers = [
        evil.write(1, product, Stock(local, 1, "counted", 5), at=now),
        evil.write(2, said, readers=[reader], at=now),
    ]
    assert await hub.take(papers) == [None, None]
    await village.gossip()
    await group.order(("Carrots", "4"))
    await village.gossip()
    lower = [changed(said, version=2, quantity=1), changed(said, version=3, quantity=0, product=local)]
    for each in lower:
        assert await hub.take([evil.write(2, each, readers=[reader], at=now)]) == [None]
        await village.gossip()
        await group.order(("Carrots", "1"))
        await village.gossip()
        assert await promised(group) == 4


@pytest.mark.anyio
async def test_a_second_allotment_under_another_id_adds_nothing(village: Village) -> None:
    hub, _, _, _ = await market(village)
    evil = await evil_in(village, hub, "producer")
    cycle = await hub.cycle()
    said = Allot(bytes(16), 1, *cycle.key, cycle.key[0], cycle.device, bytes(16), 5, 0)
    assert await hub.take([evil.write(2, said, readers=[await hub_pen(hub)], at=village.clock.now)]) == [None]
    assert len(await hub.rows("SELECT * FROM allotment")) == 1
    assert await hub.rows("SELECT reason FROM unread") == [("other_id",)]


@pytest.mark.anyio
async def test_a_cycle_of_somebody_else_under_the_same_id_does_not_keep_a_buyer_from_cancelling(
    village: Village,
) -> None:
    hub, _, group, _ = await market(village)
    await group.order(("Carrots", "2"))
    await village.gossip()
    evil = await evil_in(village, hub, "hub")
    cycle = await hub.cycle()
    twin = Cycle(cycle.key[1], 1, "Twin", LATEST - 2, LATEST - 1, "UTC", "resale", evil.device)
    assert await hub.take([evil.write(1, twin, at=village.clock.now)]) == [None]
    await village.gossip()
    (order,) = await group.orders()
    assert (order.cycle, order.hub) == ("Week 39", "Hub")
    assert await group.write(cancel_order, group.hat, order) == 1


@pytest.mark.anyio
async def test_an_answer_of_another_hub_is_no_answer(village: Village) -> None:
    hub, _, group, _ = await market(village)
    evil = await evil_in(village, hub, "hub")
    local = await group.order(("Carrots", "2"))
    false = Answer(
        derived_id(b"answer", group.hat.member, local),
        1,
        group.hat.member,
        local,
        1,
        bytes(32),
        "refused",
        "",
        bytes(32),
        0,
        [],
    )
    paper = evil.write(2, false, readers=[await hub_pen(group)], at=village.clock.now)
    assert await group.take([paper]) == [None]
    assert len(await group.rows("SELECT * FROM answer")) == 1
    assert [order.state for order in await group.orders()] == ["sent"]
    await village.gossip()
    assert [order.state for order in await group.orders()] == ["received"]


@pytest.mark.anyio
async def test_who_is_no_steward_lets_nobody_in(village: Village) -> None:
    hub, _, group, _ = await market(village)
    evil = await evil_in(village, hub, "group")
    key = Pen("friend").keys.signing
    invite = Invite(key.public, ["hub"], LATEST - 1)
    friend = Pen("friend", "hub", circuit=evil.circuit)
    papers = [evil.write(0, invite, Grant(evil.id, "steward"), at=village.clock.now), friend.join(key)]
    assert await hub.take(papers) == [None, "unknown_author"]
    assert len(await group.read(list_members)) == 4
    roles = {row.id: row.roles for row in await hub.read(list_members)}
    assert roles[base32_id(evil.id)] == ["group"]
