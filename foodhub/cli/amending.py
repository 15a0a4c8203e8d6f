"""`foodhub order amend`, `cancel` and `remark`: changing an order that stands."""

from collections.abc import Callable
from typing import Any, Concatenate

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.cli.allot import split_pairs
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.order import draw_order
from foodhub.cli.output import show
from foodhub.cli.running import Pen, run
from foodhub.cli.speaking import told, told_by
from foodhub.cli.texts import joined
from foodhub.errors import N_, NotThereError, UsageError
from foodhub.node.amending import amend_order, cancel_order
from foodhub.node.application import Transaction, open_node
from foodhub.node.buyers import Buyer
from foodhub.node.cycles import CycleRow, list_cycles
from foodhub.node.hat import Hat, hats
from foodhub.node.home import now
from foodhub.node.orders import OrderRow, find_order_of_home, line_of, list_orders
from foodhub.node.remarks import set_remark
from foodhub.node.represented import buyer_of
from foodhub.node.wanted import Wanted, read_changes, require_once
from foodhub.saying import money, wished
from foodhub.words import _

_CONSENTS = {"none": None, "ask": "ask", "size": "size", "cheaper": "cheaper"}


@command(
    "order amend",
    signs=True,
    examples=["foodhub order amend EGNY-CU4E Carrots=2kg", 'foodhub order amend EGNY-CU4E "Apple juice=3+1" Eggs=0'],
    more=N_(
        "Quantities are what the order is to hold from now on; 0 takes a product out. What is more joins the end of the"
        " queue, what is less is taken from what you ordered last."
    ),
)
@argument("order")
@argument("pairs", metavar="PRODUCT=QUANTITY...", nargs=-1, required=True)
@told_by
@pass_call
def order_amend(call: Call, order: str, pairs: tuple[str, ...]) -> None:
    """Change an order."""
    wanted: list[Wanted] = []

    def amend(tx: Transaction, hat: Hat, row: OrderRow) -> int:
        wanted[:] = read_changes(tx.db, _cycle_of(tx, row), split_pairs(pairs))
        return amend_order(tx, hat, row, wanted, _buyer(call, tx, hat, row))

    def question(row: OrderRow) -> str:
        lines = [f"  {wished(w.amount, w.tolerance, w.terms.price_per)} × {w.row.name}" for w in wanted]
        return "\n".join([_("Change order {number} to hold:").format(number=row.number), *lines])

    row, changed = run(_changing(call, order, amend, question))
    if not changed:
        call.note(_("It was so already; nothing was signed."))
    show(call, row, lambda: draw_order(row))


def _buyer(call: Call, tx: Transaction, hat: Hat, row: OrderRow) -> Buyer:
    """Return in whose name an order is changed: whoever wrote it down for a member changes it for that one."""
    return buyer_of(tx.db, hat, id_bytes(row.customer_id), told(call))


def _cycle_of(tx: Transaction, row: OrderRow) -> CycleRow:
    found = next((cycle for cycle in list_cycles(tx.db, tx.now) if cycle.id == row.cycle_id), None)
    if found is None:
        raise NotThereError("no_such_cycle", N_('There is no order cycle "{text}".'), text=row.cycle)
    return found


@command(
    "order cancel",
    signs=True,
    examples=["foodhub order cancel EGNY-CU4E"],
    more=N_("Until the cycle closes you may cancel; what was promised goes to whoever waits for it."),
)
@argument("order")
@told_by
@pass_call
def order_cancel(call: Call, order: str) -> None:
    """Cancel an order."""

    def cancel(tx: Transaction, hat: Hat, row: OrderRow) -> int:
        return cancel_order(tx, hat, row, _buyer(call, tx, hat, row))

    def question(row: OrderRow) -> str:
        total = money(row.total, row.currency)
        return _("Cancel order {number} ({total}).").format(number=row.number, total=total)

    row, cancelled = run(_changing(call, order, cancel, question))
    if not cancelled:
        call.note(_("It was cancelled already; nothing was signed."))
    show(call, row, lambda: draw_order(row))


@command(
    "order remark",
    signs=True,
    examples=[
        'foodhub order remark EGNY-CU4E --comment "No plastic, please"',
        "foodhub order remark EGNY-CU4E --substitute Carrots=cheaper --substitute Eggs=ask",
    ],
    more=N_(
        "What may stand in for a product: none (as long as you say nothing), ask (you are asked), size (the same in"
        " another size), cheaper (something equal that costs no more)."
    ),
)
@argument("order")
@option("--comment", metavar="TEXT", help=N_("A word to whoever packs it; an empty one takes it back."))
@option("--substitute", "pairs", metavar="PRODUCT=CONSENT", multiple=True, help=N_("What may stand in for a product."))
@told_by
@pass_call
def order_remark(call: Call, order: str, comment: str | None, pairs: tuple[str, ...]) -> None:
    """Say a word about an order, and what may stand in for its lines."""
    said = None if comment is None else joined(comment)
    if said is None and not pairs:
        raise UsageError("no_remark", N_("Say what to remark."), N_("Write --comment or --substitute."))
    consents = [_consent(*pair) for pair in split_pairs(pairs)]

    def remark(tx: Transaction, hat: Hat, row: OrderRow) -> int:
        keys: dict[tuple[bytes, bytes], Any] = {}
        for name, consent in consents:
            line = line_of(row, name)
            key = (id_bytes(line.producer_id), id_bytes(line.product_id))
            require_once(key in keys, line.product)
            keys[key] = consent
        aggregator, local = id_bytes(row.hub_id), id_bytes(row.id)
        buyer = _buyer(call, tx, hat, row)
        return int(set_remark(tx, hat, local, aggregator, comment=said, consents=keys, buyer=buyer))

    row, changed = run(
        _changing(call, order, remark, lambda row: _("Remark on order {number}.").format(number=row.number))
    )
    if not changed:
        call.note(_("It was so already; nothing was signed."))
    show(call, row, lambda: draw_order(row))


def _consent(product: str, text: str) -> tuple[str, Any]:
    if text not in _CONSENTS:
        raise UsageError(
            "bad_consent",
            N_('"{text}" does not say what may stand in.'),
            N_("It is one of: {known}."),
            text=text,
            known=", ".join(_CONSENTS),
        )
    return product, _CONSENTS[text]


async def _changing(
    call: Call,
    order: str,
    work: Callable[Concatenate[Transaction, Hat, OrderRow, ...], int],
    question: Callable[[OrderRow], str],
) -> tuple[OrderRow, int]:
    """Let the owner of an order change it: asked first, then signed; return how it is then, and what `work` said."""
    async with open_node(call.home) as node:
        row = await node.read(find_order_of_home, call.as_name, order, now())
        own = [hat for hat in await node.read(hats) if base32_id(hat.member) == row.customer_id]
        hat = own[0] if own and call.as_name is None else await node.hat(call.as_name)
        held = Pen(call, node, hat)

        def change(tx: Transaction, hat: Hat) -> tuple[int, OrderRow]:
            done = work(tx, hat, row)
            return done, next(one for one in list_orders(tx.db, hat, tx.now) if one.id == row.id)

        await node.rehearse(change, hat)
        confirm(call, hat.name, question(row))
        done, after = await held.sign(change)
        await held.do_duties()
        call.end_dry_run()
        return after, done
