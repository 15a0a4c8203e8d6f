"""`foodhub demo`: the main job on three real nodes on this machine, told step by step, each step checked and timed.

Nothing of it is staged: three homes, three network processes on loopback, real files. It works in a folder of its own,
which is removed at the end, and ends its processes however it is ended.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import click

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.ofn import read
from foodhub.cli.command import command, option
from foodhub.cli.talk import folded
from foodhub.errors import N_, FoodhubError
from foodhub.node import (
    allotments,
    amending,
    catalog_import,
    closing,
    comparison,
    cycles,
    live,
    orders,
    placing,
    products,
    purchase_answers,
    purchases,
    purchasing,
    setup,
    state,
    wanted,
)
from foodhub.node.application import Node, now, open_node
from foodhub.node.hat import Hat, hats
from foodhub.node.network import network
from foodhub.node.recovery import confirm_words
from foodhub.saying import money, titled, together
from foodhub.words import _, full_moment, ngettext

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds after which a step that other nodes should have seen has failed."""
PRODUCERS = {
    "Ferme des Trois Chênes": "market_garden.csv",
    "Laiterie du Val d'Orme": "dairy.csv",
    "Fournil des Deux Rives": "bakery.csv",
}
CYCLE = "Semaine 47"
CHARTER = (
    "Circuit court du Val d'Orme\n\n"
    "1. Le circuit appartient à ses membres. Chacun garde ses données et peut partir avec.\n"
    "2. Les prix sont faits au grand jour : chacun voit la part du producteur, du transport, du hub et du fonds.\n"
    "3. Un membre, une voix."
)


class DemoError(FoodhubError):
    """A step of the demo did not come out as it should."""


class Demo:
    """The three nodes, and the steps they take together."""

    def __init__(self, hub: Node, farm: Node, group: Node) -> None:
        self.hub = hub
        self.farm = farm
        self.group = group
        self.steps = 0

    async def step(self, title: str, work: Awaitable[tuple[T, str]]) -> T:
        """Carry out one step; say what was seen and how long it took."""
        began = time.monotonic()
        result, seen = await work
        self.steps += 1
        text = f"{self.steps:2}. {title}\n      {seen}  ({time.monotonic() - began:.2f} s)"
        click.echo(folded(text) if sys.stdout.isatty() else text)
        return result

    async def until(self, node: Node, condition: Callable[..., Any], *arguments: Any) -> Any:
        """Wait until a reading function returns something true on a node.

        Raises:
            DemoError: it did not within `PATIENCE`.
        """
        end = time.monotonic() + PATIENCE
        async with node.news() as news:
            while not (found := await node.read(condition, *arguments)):
                if time.monotonic() > end:
                    raise DemoError(
                        "demo_failed", N_("A node did not see in time what another one had done."), str(node.home)
                    )
                await news.wait(1)
            return found


async def tell(demo: Demo) -> Hat:
    """Tell the whole story; return the hub.

    Raises:
        FoodhubError: a step failed.
    """
    hub = await demo.step(_("A hub founds a circuit, with a charter."), found(demo))
    farms = await demo.step(_("Three producers, in one home, join by invites."), join_farms(demo, hub))
    group = await demo.step(_("A buying group joins by an invite, from a home of its own."), join_group(demo, hub))
    count = await demo.step(
        _("The producers import their catalogs, in Open Food Network's format."), import_catalogs(demo, farms)
    )
    await demo.step(_("The hub opens an order cycle."), open_cycle(demo, hub))
    await demo.step(_("The producers set their stock aside for the hub."), allot(demo, farms))
    await demo.step(_("The group orders; the hub's node answers by itself."), order(demo, group))
    await demo.step(
        _("The group wants more than there is: what is promised never exceeds what was set aside."),
        overorder(demo, group),
    )
    await demo.step(_("The group cancels; the stock is free again."), cancel(demo, group))
    await demo.step(_("The producers read totals, and no order."), privacy(demo))
    await demo.step(_("The hub closes the cycle; what counts is confirmed."), close(demo, hub, group))
    await demo.step(
        _("The producers get their purchase orders; one has less, and it is shared."), buy(demo, hub, group)
    )
    await demo.step(_("The three nodes hold the same entries and show the same shared rows."), compare(demo, count))
    return hub


async def found(demo: Demo) -> tuple[Hat, str]:
    """Make the hub and its circuit."""
    hat, words = await demo.hub.write(setup.make_member, demo.hub.home, "Halle commune", ["hub"], always_on=True)
    await demo.hub.write(confirm_words, hat.member)
    await demo.hub.write(setup.found, hat, "Circuit court du Val d'Orme", CHARTER, "EUR")
    seen = _("circuit “{circuit}”, hub “{hub}”, {count} recovery words")
    return hat, seen.format(circuit="Circuit court du Val d'Orme", hub=hat.name, count=len(words))


async def join(demo: Demo, hub: Hat, node: Node, name: str, role: str) -> Hat:
    """Let a newcomer in: an invite from the hub, its charter signed, its entry admitted."""
    hat, _words = await node.write(setup.make_member, node.home, name, [role], always_on=False)
    await node.write(confirm_words, hat.member)  # nobody keeps those of a demo
    addresses = live.process(demo.hub.home)
    code = await demo.hub.write(setup.invite, hub, [role], addresses.addresses if addresses else [])
    invite = await node.write(setup.prepare_join, node.home, hat, code)
    live.ask(node.home, "sync")
    await demo.until(
        node, lambda db: db.execute("SELECT 1 FROM invite WHERE public = ?", (invite.key.public,)).fetchone()
    )
    await node.write(setup.join, hat, invite)
    await demo.until(demo.hub, _is_admitted, hat.member)
    await demo.until(node, _is_admitted, hat.member)
    return hat


def _is_admitted(db: Any, member: bytes) -> Any:
    return db.execute("SELECT 1 FROM member WHERE id = ? AND admitted", (member,)).fetchone()


async def join_farms(demo: Demo, hub: Hat) -> tuple[list[Hat], str]:
    """Let the producers in, one after the other."""
    hats = [await join(demo, hub, demo.farm, name, "producer") for name in PRODUCERS]
    return hats, ", ".join(hat.name for hat in hats)


async def join_group(demo: Demo, hub: Hat) -> tuple[Hat, str]:
    """Let the group in."""
    hat = await join(demo, hub, demo.group, "Panier de la gare", "group")
    members = await demo.until(demo.group, _members, 5)
    return hat, ngettext("{count} member in the circuit", "{count} members in the circuit", members).format(
        count=members
    )


def _members(db: Any, wanted: int) -> int:
    found = len(state.list_members(db))
    return found if found >= wanted else 0


async def import_catalogs(demo: Demo, farms: list[Hat]) -> tuple[int, str]:
    """Import the packaged catalogs, and wait until the group lists every product."""
    count = 0
    for hat in farms:
        data = files("foodhub").joinpath("demo_catalog", PRODUCERS[hat.name]).read_bytes()
        plan = await demo.farm.read(catalog_import.plan_import, hat, read(data).rows, zero_missing=False)
        for start in range(0, len(plan.rows), catalog_import.IMPORT_SLICE):
            await demo.farm.write(
                catalog_import.import_slice, hat, plan.rows[start : start + catalog_import.IMPORT_SLICE]
            )
        count += plan.new
    for node in (demo.hub, demo.group):
        await demo.until(node, _products, count)
    text = ngettext("{count} product, listed on all three nodes", "{count} products, listed on all three nodes", count)
    return count, text.format(count=count)


def _products(db: Any, wanted: int) -> bool:
    return len(products.list_products(db)) >= wanted


async def open_cycle(demo: Demo, hub: Hat) -> tuple[None, str]:
    """Open a cycle that began a moment ago and closes in two days."""
    begin = now() - 1000
    await demo.hub.write(cycles.new_cycle, hub, CYCLE, begin, begin + 2 * 86_400_000, "Europe/Paris", "resale")
    for node in (demo.farm, demo.group):
        await demo.until(node, lambda db: cycles.list_cycles(db, now()))
    cycle = await demo.group.read(cycles.find_cycle, CYCLE, now())
    text = _("“{cycle}” is open until {closes}")
    return None, text.format(cycle=cycle.name, closes=full_moment(cycle.closes))


async def allot(demo: Demo, farms: list[Hat]) -> tuple[None, str]:
    """Set all counted stock aside."""
    cycle = await demo.farm.read(cycles.find_cycle, CYCLE, now())
    count = 0
    for hat in farms:
        free = await demo.farm.read(allotments.everything_free, hat, cycle)
        count += await demo.farm.write(allotments.allot, hat, cycle, free)
    await demo.until(demo.hub, lambda db: len(allotments.list_allotments(db, cycle)) >= count)
    return None, ngettext(
        "{count} product set aside, seen by the hub", "{count} products set aside, seen by the hub", count
    ).format(count=count)


async def _place(demo: Demo, group: Hat, chosen: list[tuple[str, str]]) -> orders.OrderRow:
    """Sign a placement and wait for its receipt."""
    cycle = await demo.group.read(cycles.find_cycle, CYCLE, now())
    lines = await demo.group.read(wanted.read_lines, cycle, chosen)
    await demo.group.write(placing.place_order, group, cycle, lines, None)
    await demo.until(demo.group, lambda db: orders.list_orders(db, group, now())[0].state == "received")
    return (await demo.group.read(orders.list_orders, group, now()))[0]


async def _counted(demo: Demo) -> list[products.ProductRow]:
    return [row for row in await demo.group.read(products.list_products) if row.on_hand]


async def order(demo: Demo, group: Hat) -> tuple[None, str]:
    """Order a few things that are counted."""
    chosen = [(row.id, "2") for row in (await _counted(demo))[::9][:5]]
    placed = await _place(demo, group, chosen)
    if any(line.confirmed != line.ordered for line in placed.lines):
        raise DemoError("demo_failed", N_("The hub did not promise what was free."))
    text = _("order {number}: {lines} lines, all promised, {total}")
    total = money(placed.total, placed.currency)
    return None, text.format(number=placed.number, lines=len(placed.lines), total=total)


async def overorder(demo: Demo, group: Hat) -> tuple[None, str]:
    """Order more of one product than there is."""
    product = (await _counted(demo))[-1]
    stock = product.on_hand or 0
    placed = await _place(demo, group, [(product.id, str(stock + 7))])
    line = next(line for line in placed.lines if line.product_id == product.id)
    if line.confirmed != stock or line.reason != "allotment_exhausted":
        raise DemoError("demo_failed", N_("The hub promised more or less than was set aside."))
    text = _("{name}: ordered {ordered}, promised {confirmed}")
    return None, text.format(name=line.product, ordered=line.ordered, confirmed=line.confirmed)


async def cancel(demo: Demo, group: Hat) -> tuple[None, str]:
    """Cancel the order, and see that the hub promises nothing any more."""
    placed = (await demo.group.read(orders.list_orders, group, now()))[0]
    await demo.group.write(amending.cancel_order, group, placed)
    cycle = await demo.hub.read(cycles.find_cycle, CYCLE, now())
    await demo.until(demo.hub, lambda db: not any(row.promised for row in allotments.list_allotments(db, cycle)))
    again = await _place(demo, group, [(row.id, "1") for row in (await _counted(demo))[:3]])
    text = _("order {number} is cancelled; a new one of {total} is promised")
    return None, text.format(number=placed.number, total=money(again.total, again.currency))


async def privacy(demo: Demo) -> tuple[None, str]:
    """See that the producers' node knows sums, and could open no order."""
    cycle = await demo.farm.read(cycles.find_cycle, CYCLE, now())
    await demo.until(demo.farm, lambda db: sum(row.promised for row in allotments.list_allotments(db, cycle)) == 3)
    opened = await demo.farm.read(lambda db: db.execute("SELECT count(*) FROM placement").fetchone()[0])
    if opened:
        raise DemoError("demo_failed", N_("A producer could read an order."))
    rows = [row for row in await demo.farm.read(allotments.list_allotments, cycle) if row.promised]
    return None, together(titled(row.product, str(row.promised)) for row in rows)


async def close(demo: Demo, hub: Hat, group: Hat) -> tuple[None, str]:
    """Close the cycle, and wait for the confirmation of the group's order."""
    cycle = await demo.hub.read(cycles.find_cycle, CYCLE, now())
    await demo.hub.write(closing.close_cycle, hub, cycle)
    await demo.hub.do_duties()
    await demo.until(demo.group, lambda db: orders.list_orders(db, group, now())[0].state == "confirmed")
    placed = (await demo.group.read(orders.list_orders, group, now()))[0]
    text = _("order {number} is confirmed: {total}")
    return None, text.format(number=placed.number, total=money(placed.total, placed.currency))


async def buy(demo: Demo, hub: Hat, group: Hat) -> tuple[None, str]:
    """Send the purchase orders; the first producer has nothing of one product, the others accept all."""
    cycle = await demo.hub.read(cycles.find_cycle, CYCLE, now())
    sent = await demo.hub.write(purchasing.send_purchases, hub, cycle)
    rows: list[tuple[Hat, purchases.PurchaseRow]] = []
    for hat in await demo.farm.read(hats):
        await demo.until(demo.farm, lambda db: len(_purchases(db)) == sent)
        rows += [(hat, row) for row in await demo.farm.read(purchases.list_purchases, hat, now())]
    lacking = rows[0][1].lines[0]
    for number, (hat, row) in enumerate(rows):
        short = {id_bytes(lacking.product_id): 0} if number == 0 else {}
        await demo.farm.write(purchase_answers.answer_purchase, hat, row, short, _("slugs") if short else "")
    await demo.until(demo.group, lambda db: _share(orders.list_orders(db, group, now())[0], lacking.product_id) == 0)
    return None, ngettext(
        "{count} purchase order; nothing of {product} came, and the group is told",
        "{count} purchase orders; nothing of {product} came, and the group is told",
        sent,
    ).format(count=sent, product=lacking.product)


def _purchases(db: Any) -> list[Any]:
    return db.execute("SELECT 1 FROM purchase").fetchall()  # type: ignore[no-any-return]


def _share(row: orders.OrderRow, product: str) -> int | None:
    return next((line.share for line in row.lines if line.product_id == product), None)


async def compare(demo: Demo, count: int) -> tuple[None, str]:
    """See that all nodes hold the same entries, and show the same shared rows."""
    end = time.monotonic() + PATIENCE
    nodes = (demo.hub, demo.farm, demo.group)
    while len({(await node.read(comparison.frontier_of)) for node in nodes}) != 1:
        if time.monotonic() > end:
            raise DemoError("demo_failed", N_("The nodes do not hold the same entries."))
        await asyncio.sleep(0.05)
    shown = [await node.read(comparison.shared_rows) for node in nodes]
    if any(rows != shown[0] for rows in shown) or shown[0]["products"][0] != count:
        raise DemoError("demo_failed", N_("The nodes do not show the same shared rows."))
    entries, digest = await demo.hub.read(comparison.frontier_of)
    text = _("{entries} entries, {products} products, frontier {digest}")
    return None, text.format(entries=entries, products=count, digest=digest[:12])


@asynccontextmanager
async def nodes(folder: Path) -> AsyncIterator[Demo]:
    """Open three new homes and run their network processes for the length of the block."""
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(open_node(folder / name, create=True)) for name in ("hub", "farm", "group")
        ]
        await asyncio.gather(*(stack.enter_async_context(network(node.home)) for node in opened))
        yield Demo(*opened)


async def show(folder: Path, *, headless: bool) -> None:
    """Tell the story, then open the interface on the hub unless `headless`."""
    began = time.monotonic()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with nodes(folder) as demo:
        click.echo(
            _("Three nodes are running on this machine ({seconds:.1f} s).").format(seconds=time.monotonic() - began)
        )
        hub = await tell(demo)
        click.echo(_("All steps came out as they should ({seconds:.1f} s).").format(seconds=time.monotonic() - began))
        if not headless:
            from foodhub.tui.app import FoodhubApp

            click.echo(_("The hub's screen opens; press q to leave."))
            await asyncio.sleep(1)
            await FoodhubApp(demo.hub, hub).run_async()


@command(
    "demo",
    examples=["foodhub demo", "foodhub demo --headless"],
    more=N_("It works in a folder of its own, which is removed at the end; your home is not touched."),
    up_to_date=False,
)
@option("--headless", is_flag=True, help=N_("Print the steps only; do not open the interface."))
def demo(*, headless: bool) -> None:
    """Show the main job on three real nodes on this machine."""
    folder = Path(tempfile.mkdtemp(prefix="foodhub-demo-"))
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    try:
        asyncio.run(show(folder, headless=headless or not (sys.stdout.isatty() and sys.stdin.isatty())))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
