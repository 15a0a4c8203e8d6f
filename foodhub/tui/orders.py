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
from foodhub.node.alerts import Alert
from foodhub.node.order_lines import LineRow
from foodhub.node.orders import OrderRow
from foodhub.saying import REASONS, counted, line_remark, money, ordered_by, price, said, together, wished
from foodhub.saying import order_state as state_and_parts
from foodhub.tui.alerts import in_short
from foodhub.tui.columns import Column
from foodhub.tui.dialog import Dialog, labelled
from foodhub.tui.table import RowTable
from foodhub.tui.wording import ORDER_SENTENCES, full_time, when
from foodhub.words import _, ngettext


def buyer(order: OrderRow) -> str:
    """Say who ordered, and where somebody typed it for it, how it had told that one."""
    return ordered_by(order.customer, order.customer_id, order.written_by, order.told)


def short_lines(order: OrderRow) -> int:
    """Return how many lines get less than was ordered: of what was confirmed, or of what is left of it to share."""
    known = [line for line in order.lines if line.reason not in _OPEN]
    got = [(gets(line), line.ordered) for line in known]
    return sum(amount is not None and amount < ordered for amount, ordered in got)


def gets(line: LineRow) -> int | None:
    """Return what the buyer gets of a line as far as is known (pieces, g or ml): it is what the total is made of."""
    return line.confirmed if line.share is None else line.share


_OPEN = {"undecided", "by_hand"}
"""Reasons that leave open what becomes of the rest of a line."""


def order_state(order: OrderRow) -> str:
    """Say where an order stands, what else became of a part of it, and whether something of it is missing."""
    state, short = state_and_parts(order.state, order.partly), short_lines(order)
    if not short or order.state == "cancelled":
        return state
    return ngettext("{state}, {n} short", "{state}, {n} short", short).format(state=state, n=short)


def order_columns(member_id: Callable[[], str]) -> tuple[Column[OrderRow], ...]:
    """Return the columns of a list of orders as the acting member sees them."""

    def partner(order: OrderRow) -> str:
        return order.hub if order.customer_id == member_id() else buyer(order)

    return (
        Column(N_("Number"), lambda order: order.number, 9, 9, 1),
        # Cycles that follow each other differ at the end of their names.
        Column(N_("Cycle"), lambda order: order.cycle, 10, 24, 5, tail=4),
        Column(N_("Who"), partner, 11, 32, 3),
        Column(N_("State"), order_state, 18, 24, 2),
        Column(N_("When"), lambda order: when(order.sent_at.astimezone(), _now()), 11, 11, 4),
        Column(N_("Lines"), lambda order: str(len(order.lines)), 5, 6, 7, right=True),
        Column(N_("Total"), lambda order: money(order.total, order.currency), 9, 12, 6, right=True),
    )


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


class Orders(Vertical):
    """The list of orders, or what to do when there is none."""

    DEFAULT_CSS = """
    Orders {
        #orders-waiting { padding: 0 1; max-height: 8; border-left: outer $warning; display: none; }
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
        self._waiting = Static(id="orders-waiting")

    def compose(self) -> ComposeResult:
        """What waits for a person, then the list; the text instead of it is empty at first."""
        yield self._waiting
        yield self.table
        yield self._empty

    def say_nothing_yet(self, text: str) -> None:
        """Say what to show while there is no order."""
        self._empty.update(Content(text))

    def show_waiting(self, alerts: Sequence[Alert]) -> None:
        """Say what waits in the trade, and what to do about it."""
        self._waiting.update(Content("\n".join(f"! {line}" for line in in_short(alerts, _WAITING))))
        self._waiting.display = bool(alerts)

    def show_orders(self, orders: Sequence[OrderRow], member: str) -> None:
        """Replace the orders by those of a member (its id), newest first."""
        same, self._member = self._member == member, member
        (self.table.show_rows if same else self.table.begin_at)(orders)
        self.table.appear(bool(orders))
        self._empty.display = not orders


_LEAST = 4
"""Lines of the terminal that the lines of an order have at least, however much stands beside them."""
_WAITING = 3
"""Things that wait for a person, at most, above the list."""
_REASON = 20
"""Cells that a reason has in the narrowest card; what is longer stands below the lines."""
_NOTES = 5
"""Notes below the lines, at most."""
_WHY: Column[tuple[OrderRow, LineRow]] = Column(N_("Reason"), lambda pair: line_reason(pair[1]), _REASON, 40, 4)
LINE_COLUMNS: tuple[Column[tuple[OrderRow, LineRow]], ...] = (
    Column(N_("Product"), lambda pair: pair[1].product, 16, 40, 1),
    Column(N_("Ordered"), lambda pair: _ordered(pair[1]), 8, 14, 2, right=True),
    # Translators: how much of a product the buyer of an order gets.
    Column(N_("Gets"), lambda pair: _gets(pair[1]), 9, 10, 3, right=True),
    Column(N_("Price"), lambda pair: price(pair[1].price, pair[0].currency, pair[1].price_per), 10, 12, 6, right=True),
    Column(N_("Total"), lambda pair: money(pair[1].total, pair[0].currency), 9, 11, 5, right=True),
    _WHY,
)


def _ordered(line: LineRow) -> str:
    return wished(line.ordered, line.tolerance, line.price_per)


def _gets(line: LineRow) -> str:
    amount = gets(line)
    return _("not yet") if amount is None else counted(amount, line.price_per)


def line_reason(line: LineRow) -> str:
    """Say in a few words why a line got less."""
    return said(REASONS, line.reason)


def notes(order: OrderRow) -> list[tuple[str, str]]:
    """Return (product, words) of what has no room in the lines: what was confirmed at first, and longer reasons."""
    found = []
    for line in order.lines:
        left, substitute = line.left, line.substitute
        words = line_remark(line.reason, None, None, line.price_per, line.note, left=left, substitute=substitute)
        if line.confirmed is not None and line.confirmed != gets(line):
            before = _("confirmed {amount}").format(amount=counted(line.confirmed, line.price_per))
            words = together((before, words))
        if words != line_reason(line) or len(words) > _REASON:
            found.append((line.product, words))
    return (
        found
        if len(found) <= _NOTES
        else [*found[: _NOTES - 1], ("…", _("foodhub order show {number}").format(number=order.number))]
    )


class OrderDialog(Dialog):
    """One order with its lines; it follows the order while it is open."""

    DEFAULT_CSS = """
    OrderDialog {
        #box { overflow-y: auto; scrollbar-size: 0 1; }
        #order-lines { height: auto; margin: 1 0; }
        #order-notes { margin-bottom: 1; }
    }
    """

    def __init__(self, order: OrderRow, *, ours: bool) -> None:
        super().__init__(_("Order {number}").format(number=order.number))
        self.order = order
        self._ours = ours
        self.table: RowTable[tuple[OrderRow, LineRow]] = RowTable(
            LINE_COLUMNS, lambda pair: str(pair[0].lines.index(pair[1])), name="order-lines"
        )
        self._facts = Static(id="order-facts")
        self._notes = Static(id="order-notes")
        self._total = Static(id="order-total")

    def content(self) -> Iterable[Widget]:
        """What holds for the whole order, its lines with what is to be said of them, what it comes to."""
        yield self._facts
        yield self.table
        yield self._notes
        yield self._total

    def on_mount(self) -> None:
        """Show the order that was asked for."""
        self.show_order(self.order)
        self.table.focus()

    def on_row_table_chosen(self) -> None:
        """Close on Enter, as any dialog does."""
        self.action_close()

    def on_resize(self) -> None:
        """Share the new room out, once the texts beside the lines are laid out in it."""
        self.call_after_refresh(self._share_room)

    def _share_room(self) -> None:
        """Give the lines the room that the texts beside them leave, and no more than they need."""
        texts = (self._facts, self._notes, self._total)
        taken = sum(each.outer_size.height + each.styles.margin.height for each in texts if each.display)
        needed, edges = len(self.order.lines) + 1, 2 + self.table.styles.margin.height
        self.table.styles.height = min(needed, max(self.size.height - taken - edges, _LEAST))

    def on_row_table_left(self, event: RowTable.Left) -> None:
        """Go on in the box where the lines end, for what has no room below or above them."""
        self.query_one("#box").scroll_relative(y=event.direction, animate=False)

    def show_order(self, order: OrderRow) -> None:
        """Show the order as it stands now."""
        self.order = order
        self._facts.update(
            labelled(
                [
                    (_("Cycle"), order.cycle),
                    (_("Customer"), buyer(order)),
                    (_("Given to"), order.hub),
                    (_("Comment"), order.comment),
                    (_("State"), f"{order_state(order)}\n{_sentence(order)}"),
                    (_("Sent"), full_time(order.sent_at.astimezone())),
                    (_("Received"), full_time(order.received_at.astimezone()) if order.received_at else ""),
                ]
            )
        )
        said = notes(order)
        noted = {product for product, _words in said}
        plain = [column for column in LINE_COLUMNS if column is not _WHY]
        unsaid = any(line.reason and line.product not in noted for line in order.lines)
        self.table.show_columns(LINE_COLUMNS if unsaid else plain)
        self.table.show_rows([(order, line) for line in order.lines])
        self._notes.update(labelled(said))
        self._notes.display = bool(said)
        self._total.update(
            labelled([(_("Total"), money(order.total, order.currency)), (_("To cancel"), self._cancelling())])
        )
        self.call_after_refresh(self._share_room)

    def _cancelling(self) -> str:
        if not self._ours or self.order.state not in {"sent", "received"}:
            return ""
        return _("foodhub order cancel {number}").format(number=self.order.number)


def _sentence(order: OrderRow) -> str:
    short = short_lines(order)
    if order.state == "received" and short:
        return ngettext(
            "In {n} line less is promised than was ordered.",
            "In {n} lines less is promised than was ordered.",
            short,
        ).format(n=short)
    return said(ORDER_SENTENCES, order.state) if order.state in ORDER_SENTENCES else ""
