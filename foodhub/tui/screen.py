"""The main screen: who and where at the top, a list of three, the keys at the bottom. It shows what the feed reads."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from foodhub.catalog.naming import base32_id
from foodhub.errors import FoodhubError
from foodhub.node.application import Node
from foodhub.node.hat import Hat
from foodhub.node.state import StatusRow
from foodhub.tui import commands, nothing
from foodhub.tui.alerts import of_home, of_trade
from foodhub.tui.bars import Bar, HeadLine, key_items, tab_items
from foodhub.tui.feed import Feed, HomeSeen, LogsSeen, MarketSeen, OrdersSeen
from foodhub.tui.help import Help
from foodhub.tui.market import Market
from foodhub.tui.network import Live, Network, network_state
from foodhub.tui.orders import OrderDialog, Orders
from foodhub.tui.product_card import product_card
from foodhub.tui.table import RowTable
from foodhub.words import _, ngettext, say


class MainScreen(Screen[None]):
    """Market, orders and network, of which one is in view."""

    AUTO_FOCUS = "#market-table"
    BINDINGS: ClassVar[list[BindingType]] = commands.bindings()
    DEFAULT_CSS = """
    MainScreen {
        #banner { padding: 0 1; max-height: 6; border-left: outer $warning; display: none; }
        #panes { height: 1fr; }
    }
    """

    def __init__(self, node: Node, hat: Hat) -> None:
        super().__init__()
        self.hat = hat
        self.place = commands.MARKET
        self.status: StatusRow | None = None
        self.live_now = Live("offline")
        self.feed = Feed(node, hat, self.post_message)
        self.market, self.orders, self.network = Market(), Orders(), Network()
        self._panes: dict[str, Market | Orders | Network] = {
            commands.MARKET: self.market,
            commands.ORDERS: self.orders,
            commands.NETWORK: self.network,
        }
        self._hats: list[Hat] = [hat]
        self._logs = LogsSeen([], [])
        self._errors: dict[str, FoodhubError] = {}
        self._joining = False
        self._head, self._tabs, self._keys = HeadLine(name="head"), Bar(name="tabs"), Bar(name="keys")
        self._banner = Static(id="banner")
        self.said_wrong = ""
        self._upgrading = ""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self._head
        yield self._tabs
        yield self._banner
        with Vertical(id="panes"):
            yield from self._panes.values()
        yield self._keys

    def on_mount(self) -> None:
        """Show the market and begin to follow the home."""
        self.action_show(commands.MARKET)
        self.run_worker(self._follow_home(), name="feed")

    async def _follow_home(self) -> None:
        """Follow the home until a newer program has upgraded it: what is shown stays, with what to do."""
        try:
            await self.feed.follow()
        except FoodhubError as error:
            self.show_error("feed", error)

    # What the feed and the network have to say.

    @on(HomeSeen)
    def _home_seen(self, event: HomeSeen) -> None:
        self.status, self._hats, self._joining = event.status, event.hats, event.joining
        self._say_home()
        self.orders.show_waiting(of_trade(event.status.warnings))
        self.show_error("home", nothing.read_only(event.status))
        self._say_tabs()
        self._say_network()
        self._say_keys()

    @on(MarketSeen)
    def _market_seen(self, event: MarketSeen) -> None:
        self.market.show_lines(event.lines)
        self._say_tabs()
        self._say_keys()
        self._keep_focus()

    @on(OrdersSeen)
    def _orders_seen(self, event: OrdersSeen) -> None:
        if event.hat.member != self.hat.member:
            return
        self.orders.show_orders(event.orders, self._member)
        top = self.app.screen
        if isinstance(top, OrderDialog):
            for order in event.orders:
                if order.id == top.order.id and order != top.order:
                    top.show_order(order)
        self._say_tabs()
        self._say_keys()
        self._keep_focus()

    @on(LogsSeen)
    def _logs_seen(self, event: LogsSeen) -> None:
        self._logs = event
        self.network.show_logs(event.logs)
        self._say_network()
        self._keep_focus()

    def show_live(self, live_now: Live) -> None:
        """Show what the network process knows now."""
        self.live_now = live_now
        if self.place == commands.NETWORK:
            self.network.show_live(live_now)
        self.show_error("joining", None if self._in_circuit else nothing.refused_joining(live_now))
        self.show_error("disk", live_now.trouble)
        self.show_error("turned away", nothing.turned_down(self.status, live_now))
        self._say_network()

    def show_upgrade(self, part: int | None) -> None:
        """Say how much (in %) of what an older program made has been made anew; None when that is done."""
        text = "" if part is None else _("Bringing this home up to date: {part} %").format(part=part)
        if text != self._upgrading:
            self._upgrading = text
            self._say_network()

    def show_error(self, source: str, error: FoodhubError | None) -> None:
        """Show the banner with what is wrong, or take it away; one error for each source."""
        self._errors.pop(source, None)
        if error is not None:
            self._errors[source] = error
        said = [" ".join(part for part in say(found) if part) for found in self._errors.values()]
        # The interface and its network process may have come upon the same.
        text = "\n".join(f"! {line}" for line in dict.fromkeys(said))
        if text != self.said_wrong:
            self.said_wrong = text
            self._banner.update(Content(text))
            self._banner.display = bool(text)

    # What the keys do; the table of keys is in `commands`.

    def action_show(self, place: str) -> None:
        """Bring one of the lists into view."""
        self.place = place
        for name, pane in self._panes.items():
            pane.display = name == place
        self.feed.logs_wanted = place == commands.NETWORK
        if self.feed.logs_wanted:
            self.network.show_live(self.live_now)
            self.run_worker(self.feed.look_at_logs(), name="logs", exclusive=True, group="logs")
        self._say_tabs()
        self._say_network()
        self.set_focus(None)
        self._keep_focus()
        self._say_keys()

    def action_step(self, by: int) -> None:
        """Bring the next list into view."""
        at = commands.SCREENS.index(self.place) + by
        self.action_show(commands.SCREENS[at % len(commands.SCREENS)])

    def action_filter(self) -> None:
        """Go to the filter."""
        if self.place == commands.MARKET and self.market.lines:
            self.market.filter.focus()

    def action_to_list(self) -> None:
        """Go from the filter to the list."""
        if self.market.table.display:
            self.market.table.focus()

    def action_back(self) -> None:
        """Clear the filter."""
        if self.place == commands.MARKET:
            self.market.clear()

    def action_details(self) -> None:
        """Show all about the row under the cursor."""
        if self.place != commands.NETWORK:
            self._panes[self.place].table.action_choose()

    @on(RowTable.Chosen)
    def _chosen(self, event: RowTable.Chosen) -> None:
        if event.table is self.market.table and (line := self.market.table.current):
            self.app.push_screen(product_card(line.row, ours=line.row.producer_id == self._member))
        elif event.table is self.orders.table and (order := self.orders.table.current):
            self.app.push_screen(OrderDialog(order, ours=order.customer_id == self._member))

    def action_member(self) -> None:
        """Act as the next member of this home."""
        names = [hat.member for hat in self._hats]
        if len(names) > 1:
            at = names.index(self.hat.member) if self.hat.member in names else -1
            self.hat = self._hats[(at + 1) % len(names)]
            self._say_home()
            self.run_worker(self.feed.wear(self.hat), name="member", exclusive=True, group="member")

    def action_help(self) -> None:
        """Show the help page."""
        self.app.push_screen(Help())

    # The bars.

    def on_descendant_focus(self) -> None:
        """Say which keys work here."""
        self._say_keys()

    def _keep_focus(self) -> None:
        """Put the focus on the list in view if nothing has it."""
        table = self._panes[self.place].table
        if self.focused is None and table.display:
            self.set_focus(table)

    @property
    def _member(self) -> str:
        return base32_id(self.hat.member)

    @property
    def _in_circuit(self) -> bool:
        return self.status is not None and self.status.circuit is not None

    def _say_home(self) -> None:
        circuit = self.status.circuit if self.status else None
        self._head.show_left(circuit or _("no circuit yet"), self.hat.name)
        self.market.say_nothing_yet(nothing.market(self.hat, in_circuit=self._in_circuit, joining=self._joining))
        self.orders.say_nothing_yet(nothing.orders(self.hat, in_circuit=self._in_circuit))

    def _say_keys(self) -> None:
        place = commands.FILTER if self.market.filter.has_focus else self.place
        shown = commands.shown_at(place, several_members=len(self._hats) > 1)
        listed = bool(self._panes[self.place].table.rows)
        self._keys.show_items(key_items([each for each in shown if listed or each.action != commands.DETAILS_ACTION]))

    def _say_tabs(self) -> None:
        counts = {commands.MARKET: len(self.market.lines), commands.ORDERS: len(self.orders.table.rows)}
        warnings = self.status.warnings if self.status else []
        waits = {commands.ORDERS: of_trade(warnings), commands.NETWORK: of_home(warnings)}
        warned = [place for place, found in waits.items() if found]
        self._tabs.show_items(tab_items(self.place, counts, warned))

    def _say_network(self) -> None:
        parts = [self._upgrading] if self._upgrading else []
        parts.append(network_state(self.live_now))
        if self.status is not None and self.status.pending:
            count = self.status.pending
            parts.append(ngettext("{n} entry to send", "{n} entries to send", count).format(n=count))
        self._head.show_right(" · ".join(parts))
        if self.status is not None and self.place == commands.NETWORK:
            self.network.show_facts(self.live_now, self.status, self._logs.refusals)
