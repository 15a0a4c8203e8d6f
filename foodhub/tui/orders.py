"""The orders that a member gave or received, and each with its lines. It shows what it is given and signs nothing."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from foodhub.errors import N_
from foodhub.node.orders import LineRow, OrderRow
from foodhub.saying import ORDER_STATES, REASONS, counted, money, ordered_by, price, said
from foodhub.tui.columns import Column
from foodhub.tui.dialog import Dialog, labelled
from foodhub.tui.table import RowTable
from foodhub.tui.wording import ORDER_SENTENCES, full_time, when
from foodhub.words import _, ngettext


def buyer(order: OrderRow) -> str:
    """Say who ordered, and where somebody typed it for it, how it had told that one."""
    return ordered_by(order.customer, order.customer_id, order.written_by, order.told)


def short_lines(order: OrderRow) -> int:
    """Return how many lines got less than was ordered."""
    return sum(line.confirmed is not None and line.confirmed < line.ordered for line in order.lines)


def order_state(order: OrderRow) -> str:
    """Say where an order stands, and whether something of it is missing."""
    state, short = said(ORDER_STATES, order.state), short_lines(order)
    if not short or order.state == "cancelled":
        return state
    return ngettext("{state}, {n} short", "{state}, {n} short", short).format(state=state, n=short)


def order_columns(member_id: Callable[[], str]) -> tuple[Column[OrderRow], ...]:
    """Return the columns of a list of orders as the acting member sees them."""

    def partner(order: OrderRow) -> str:
        return order.hub if order.customer_id == member_id() else buyer(order)

    return (
        Column(N_("Number"), lambda order: order.number, 9, 9, 1),
        Column(N_("Cycle"), lambda order: order.cycle, 8, 24, 5),
        Column(N_("Customer/hub"), partner, 13, 32, 3),
        Column(N_("State"), order_state, 17, 22, 2),
        Column(N_("When"), lambda order: when(order.sent_at, _now()), 11, 11, 4),
        Column(N_("Lines"), lambda order: str(len(order.lines)), 5, 6, 7, right=True),
        Column(N_("Total"), lambda order: money(order.total, order.currency), 9, 12, 6, right=True),
    )


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


class Orders(Vertical):
    """The list of orders, or what to do when there is none."""

    DEFAULT_CSS = """
    Orders {
        #orders-table { height: 1fr; padding-left: 1; }
        #orders-empty { padding: 1 2; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="orders")
        self._member = ""
        self.table: RowTable[OrderRow] = RowTable(
            order_columns(lambda: self._member), lambda order: order.id, name="orders-table"
        )
        self._empty = Static(id="orders-empty")

    def compose(self) -> ComposeResult:
        """The list; the text instead of it is empty at first."""
        yield self.table
        yield self._empty

    def show_orders(self, orders: Sequence[OrderRow], member: str, nothing: str) -> None:
        """Replace the orders by those of a member (its id), newest first; `nothing` is said when there is none."""
        same, self._member = self._member == member, member
        (self.table.show_rows if same else self.table.begin_at)(orders)
        self.table.appear(bool(orders))
        self._empty.display = not orders
        self._empty.update(Content("" if orders else nothing))


LINE_COLUMNS: tuple[Column[tuple[OrderRow, LineRow]], ...] = (
    Column(N_("Product"), lambda pair: pair[1].product, 18, 40, 1),
    Column(N_("Ordered"), lambda pair: counted(pair[1].ordered, pair[1].price_per), 8, 10, 2, right=True),
    Column(N_("Confirmed"), lambda pair: _confirmed(pair[1]), 9, 10, 3, right=True),
    Column(N_("Price"), lambda pair: price(pair[1].price, pair[0].currency, pair[1].price_per), 10, 12, 6, right=True),
    Column(N_("Total"), lambda pair: money(pair[1].total, pair[0].currency), 9, 11, 5, right=True),
    Column(N_("Reason"), lambda pair: said(REASONS, pair[1].reason), 20, 24, 4),
)


def _confirmed(line: LineRow) -> str:
    return _("not yet") if line.confirmed is None else counted(line.confirmed, line.price_per)


class OrderDialog(Dialog):
    """One order with its lines; it follows the order while it is open."""

    DEFAULT_CSS = """
    OrderDialog {
        #order-lines { height: auto; max-height: 1fr; margin: 1 0; }
    }
    """

    def __init__(self, order: OrderRow, *, ours: bool) -> None:
        super().__init__(_("Order {number}").format(number=order.number))
        self.order = order
        self._ours = ours
        self.table: RowTable[tuple[OrderRow, LineRow]] = RowTable(
            LINE_COLUMNS, lambda pair: f"{pair[1].producer_id}{pair[1].product_id}{pair[1].price}", name="order-lines"
        )
        self._facts = Static(id="order-facts")
        self._total = Static(id="order-total")

    def content(self) -> Iterable[Widget]:
        """What holds for the whole order, its lines, what it comes to."""
        yield self._facts
        yield self.table
        yield self._total

    def on_mount(self) -> None:
        """Show the order that was asked for."""
        self.show_order(self.order)
        self.table.focus()

    def on_row_table_chosen(self) -> None:
        """Close on Enter, as any dialog does."""
        self.action_close()

    def show_order(self, order: OrderRow) -> None:
        """Show the order as it stands now."""
        self.order = order
        self._facts.update(
            labelled(
                [
                    (_("Cycle"), order.cycle),
                    (_("Customer"), buyer(order)),
                    (_("Hub"), order.hub),
                    (_("State"), f"{order_state(order)}\n{_sentence(order)}"),
                    (_("Sent"), full_time(order.sent_at)),
                    (_("Received"), full_time(order.received_at) if order.received_at else ""),
                ]
            )
        )
        self.table.show_rows([(order, line) for line in order.lines])
        self._total.update(
            labelled([(_("Total"), money(order.total, order.currency)), (_("To cancel"), self._cancelling())])
        )

    def _cancelling(self) -> str:
        if not self._ours or self.order.state not in {"sent", "received"}:
            return ""
        return _("foodhub order cancel {number}").format(number=self.order.number)


def _sentence(order: OrderRow) -> str:
    short = short_lines(order)
    if order.state == "received" and short:
        return ngettext(
            "In {n} line the hub promises less than was ordered.",
            "In {n} lines the hub promises less than was ordered.",
            short,
        ).format(n=short)
    return said(ORDER_SENTENCES, order.state) if order.state in ORDER_SENTENCES else ""
