"""`foodhub order place`: signs an order, and with `--wait` stays until the hub has it."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import click

from foodhub.catalog.naming import id_bytes
from foodhub.cli.allot import split_pairs
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.contact import nameless
from foodhub.cli.order import draw_order
from foodhub.cli.output import show
from foodhub.cli.product import label
from foodhub.cli.running import Pen, pen, run
from foodhub.cli.speaking import for_member, told
from foodhub.cli.texts import joined
from foodhub.errors import N_, NotReceivedError, NotThereError
from foodhub.money import line_amount
from foodhub.node import live, state
from foodhub.node.application import Transaction
from foodhub.node.buyers import Buyer, known_as
from foodhub.node.contacts import is_nameless
from foodhub.node.cycles import CycleRow, find_cycle
from foodhub.node.exchanges import Exchange, require_exchange
from foodhub.node.hat import Hat, shown_name
from foodhub.node.home import now
from foodhub.node.network import network
from foodhub.node.orders import OrderRow, list_orders
from foodhub.node.placing import order_of, place_order, seller_of
from foodhub.node.remarks import set_remark
from foodhub.node.represented import behalf
from foodhub.node.wanted import Wanted, read_lines
from foodhub.saying import money, price, wished
from foodhub.words import _

Lines = Sequence[Wanted]


class _Wanted(NamedTuple):
    """What was typed: cycle, hub if it was named, and (product, quantity) pairs."""

    cycle: str
    hub: str | None
    pairs: Sequence[tuple[str, str]]


@command(
    "order place",
    signs=True,
    examples=[
        'foodhub order place "Week 48" Carrots=1.5kg VO-LAI-1=2',
        'foodhub order place "Week 48" "Lait ribot=3" --wait 30 --ref basket-17',
        'foodhub order place "Week 48" "Apple juice=2+1" --comment "No plastic, please"',
    ],
    more=N_(
        "A product is named by name, sku or the beginning of its id. Pieces are bare numbers, weights and volumes carry"
        " their unit. QUANTITY+TOLERANCE takes up to so much more if it completes a case. A second placement in the"
        " same cycle adds to the first. A household of a group orders from its group."
    ),
)
@argument("cycle")
@argument("pairs", metavar="PRODUCT=QUANTITY...", nargs=-1, required=True)
@option("--hub", metavar="NAME", help=N_("The hub or group to order from, where there are several."))
@option(
    "--wait",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help=N_("Wait so long for the hub's receipt; exit code 7 if it does not come."),
)
@option("--ref", metavar="TEXT", help=N_("A name of your own for this placement: the same one twice is one placement."))
@option("--comment", default="", metavar="TEXT", help=N_("A word to whoever packs it."))
@for_member
@pass_call
def order_place(
    call: Call, cycle: str, pairs: tuple[str, ...], hub: str | None, wait: float | None, ref: str | None, comment: str
) -> None:
    """Place an order."""
    row = run(_Placing(call, _Wanted(cycle, hub, split_pairs(pairs)), wait).run(ref, joined(comment)))
    show(call, row, lambda: draw_order(row))
    if row.state != "sent" or call.dry_run:
        return
    if wait is None:
        call.note(
            _("Signed. {hub} has not received it yet; follow it with: foodhub order show {number}").format(
                hub=row.hub, number=row.number
            )
        )
        return
    raise NotReceivedError(
        "not_received",
        N_("Order {number} is signed, but {hub} has not received it within {seconds} s."),
        N_("It is kept and sent as soon as a node is reached; follow it with: foodhub order show {number}"),
        number=row.number,
        order=row.id,
        hub=row.hub,
        seconds=f"{wait:g}",
    )


class _Placing:
    """One placement, from the words to the receipt."""

    def __init__(self, call: Call, wanted: _Wanted, wait: float | None) -> None:
        self._call = call
        self._wanted = wanted
        self._wait = wait

    async def run(self, ref: str | None, comment: str) -> OrderRow:
        async with pen(self._call) as held, AsyncExitStack() as stack:
            cycle, lines, hub = await self._find(held, stack)
            buyer = await held.node.read(behalf, held.hat, self._call.for_name, told(self._call))
            seller = await held.node.read(seller_of, buyer.member, cycle, hub)
            buyer = await held.node.read(known_as, held.hat, buyer, seller.aggregator)

            def place(tx: Transaction, hat: Hat) -> OrderRow:
                local = place_order(tx, hat, cycle, lines, ref, buyer=buyer, seller=seller)
                if comment:
                    set_remark(tx, hat, local, seller.aggregator, comment=comment, buyer=buyer)
                return _own(tx.db, hat, buyer, cycle, seller)

            await held.node.rehearse(place, held.hat)
            name = await held.node.read(shown_name, seller.aggregator)
            confirm(self._call, held.hat.name, _question(cycle, name, lines))
            row = await held.sign(place)
            if self._call.dry_run:
                return row
            if not self._call.for_name and await held.node.read(is_nameless, held.hat):
                self._call.note(nameless(name))
            await held.do_duties()
            row = await held.node.read(_own, held.hat, buyer, cycle, seller)
            if self._wait is not None and row.state == "sent":
                row = await self._receipt(held, stack, buyer, cycle, seller)
            return row

    async def _find(self, held: Pen, stack: AsyncExitStack) -> tuple[CycleRow, Lines, bytes | None]:
        """Find the cycle and the products; what is not here yet may come if there is time to wait and nobody synced."""
        home = self._call.home
        try:
            return await held.node.read(_understood, self._wanted)
        except NotThereError:
            if self._wait is None or live.is_running(home):
                raise
        self._call.progress(_("Looking for it at other nodes…"))
        news = await stack.enter_async_context(held.node.news())
        await stack.enter_async_context(network(home))
        end = time.monotonic() + self._wait
        while True:
            came = await news.wait(end - time.monotonic())
            try:
                return await held.node.read(_understood, self._wanted)
            except NotThereError:
                if not came:
                    raise

    async def _receipt(
        self, held: Pen, stack: AsyncExitStack, buyer: Buyer, cycle: CycleRow, seller: Exchange
    ) -> OrderRow:
        """Wait until the aggregator has answered or time runs out; a network process runs meanwhile."""
        news = await stack.enter_async_context(held.node.news())
        await stack.enter_async_context(network(self._call.home))
        end = time.monotonic() + (self._wait or 0)
        row = await held.node.read(_own, held.hat, buyer, cycle, seller)
        self._call.progress(_("Waiting for {hub}…").format(hub=row.hub))
        while row.state == "sent" and await news.wait(end - time.monotonic()):
            row = await held.node.read(_own, held.hat, buyer, cycle, seller)
        self._call.progress("")
        return await held.node.read(_own, held.hat, buyer, cycle, seller)


def _understood(db: Any, wanted: _Wanted) -> tuple[CycleRow, Lines, bytes | None]:
    """Return the cycle and the lines that were named, and whom to order from if that was named."""
    hub = id_bytes(state.find_member(db, wanted.hub).id) if wanted.hub else None
    cycle = find_selling_cycle(db, wanted.cycle, hub)
    return cycle, read_lines(db, cycle, wanted.pairs), hub


def find_selling_cycle(db: Any, text: str, hub: bytes | None) -> CycleRow:
    """Return the cycle that was named, of the hub if one was: as its owner, else as one that sells in it."""
    try:
        return find_cycle(db, text, now(), hub)
    except NotThereError:
        cycle = find_cycle(db, text, now())
        if hub is None:
            raise
        require_exchange(db, hub, cycle)
        return cycle


def _own(db: Any, hat: Hat, buyer: Buyer, cycle: CycleRow, seller: Exchange) -> OrderRow:
    """Return the one order of a buyer in a cycle."""
    return order_of(list_orders(db, hat, now()), buyer.member, cycle, seller.aggregator)


def _question(cycle: CycleRow, hub: str, lines: Lines) -> str:
    """Say what is about to be ordered, and what it costs."""
    shown, total, currency = [], 0, ""
    for row, terms, amount, tolerance in lines:
        cost = line_amount(terms.price, terms.price_per, amount)
        total, currency = total + cost, terms.currency
        each = price(terms.price, terms.currency, terms.price_per)
        shown.append(
            f"  {wished(amount, tolerance, terms.price_per)} × {label(row)}  ({each})  {money(cost, currency)}"
        )
    text = _('Order from {hub} in "{cycle}", {total} in all:').format(
        hub=hub, cycle=cycle.name, total=money(total, currency)
    )
    return "\n".join([text, *shown])
