"""The network: which peers are there, how far behind, which logs this node holds, what it refused. It only shows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from foodhub.errors import N_, FoodhubError
from foodhub.node import live
from foodhub.node.live import PeerRow
from foodhub.node.state import LogRow, StatusRow
from foodhub.node.trouble import out_of_room
from foodhub.saying import LOGS, PEER_REASONS, PEER_STATES, ago, limited, said
from foodhub.tui.alerts import in_short, of_home
from foodhub.tui.columns import Column, printable
from foodhub.tui.dialog import labelled
from foodhub.tui.table import RowTable
from foodhub.tui.wording import entries, size, when
from foodhub.words import _, ngettext

Running = Literal["starting", "running", "offline"]


@dataclass(frozen=True, slots=True)
class Live:
    """What the network process of the home knows at a moment, nothing when none runs; and what stands in its way."""

    running: Running
    addresses: tuple[str, ...] = ()
    peers: tuple[PeerRow, ...] = ()
    refusal: str = ""
    trouble: FoodhubError | None = None

    @property
    def connected(self) -> int:
        """How many peers are in reach."""
        return sum(peer.state in {"connected", "syncing"} for peer in self.peers)


def look_live(home: Path) -> Live:
    """Look once at what the network process knows; a few ms of file access, for a thread."""
    full = out_of_room(home)
    try:
        found, peers = live.look(home)
    except FoodhubError as error:
        return Live("starting", trouble=full or error)
    if found is None:
        return Live("offline", trouble=full)
    state: Running = "running" if found.state == "running" else "starting"
    return Live(state, tuple(found.addresses), tuple(peers), found.refusal, full)


def network_state(live_now: Live) -> str:
    """Say how the network is, in a word or two; the sign before it repeats the word."""
    if live_now.running == "offline":
        return "○ " + _("offline")
    if live_now.running == "starting":
        return "◌ " + _("starting")
    if not live_now.connected:
        return "◌ " + _("connecting")
    return "● " + ngettext("{n} peer", "{n} peers", live_now.connected).format(n=live_now.connected)


def _members(peer: PeerRow) -> str:
    return ", ".join(name or _("household") for name in peer.members) or _("unknown")


def _peer_state(peer: PeerRow) -> str:
    return f"{'●' if peer.state in {'connected', 'syncing'} else '○'} {said(PEER_STATES, peer.state)}"


def _now() -> int:
    return int(time.time() * 1000)


def _elsewhere(row: LogRow) -> str:
    """Say how much of one of our own logs some peer has."""
    if not row.own:
        return ""
    if row.elsewhere >= row.entries:
        return _("all")
    return _("{n} of {total}").format(n=row.elsewhere, total=row.entries)


def _last(row: LogRow) -> str:
    """Say when the last entry that counts was signed; nothing where none counts."""
    return when(row.last.astimezone(), datetime.now(UTC)) if row.entries else ""


PEERS: tuple[Column[PeerRow], ...] = (
    Column(N_("Members"), _members, 18, 36, 1),
    Column(N_("State"), _peer_state, 15, 17, 2),
    Column(N_("To receive"), lambda peer: str(peer.behind), 10, 10, 3, right=True),
    Column(N_("To send"), lambda peer: str(peer.ahead), 8, 9, 4, right=True),
    Column(N_("Last contact"), lambda peer: ago(peer.contact, _now()), 12, 14, 5),
    Column(N_("Reason"), lambda peer: said(PEER_REASONS, peer.reason), 12, 28, 6),
)
LOG_COLUMNS: tuple[Column[LogRow], ...] = (
    Column(N_("Member"), lambda row: row.member or _("unknown"), 18, 36, 1),
    Column(N_("Log"), lambda row: said(LOGS, row.log), 9, 12, 2),
    Column(N_("Entries"), lambda row: str(row.entries), 8, 9, 3, right=True),
    Column(N_("Size"), lambda row: size(row.bytes), 9, 10, 6, right=True),
    Column(N_("Elsewhere"), _elsewhere, 10, 16, 4),
    Column(N_("Last entry"), _last, 11, 11, 5),
    Column(N_("Limit"), lambda row: limited(row.why, row.limit), 11, 22, 7),
)


class Network(Vertical):
    """Peers above, logs below, and what holds for this node at the bottom."""

    DEFAULT_CSS = """
    Network {
        .heading { text-style: bold; padding: 0 1; }
        #peers-table { height: auto; max-height: 45%; padding-left: 1; }
        #peers-empty { padding: 0 1; }
        #logs-heading { margin-top: 1; }
        #logs-table { height: 1fr; padding-left: 1; }
        #logs-empty { height: 1fr; padding: 0 1; }
        #facts { height: auto; max-height: 8; padding: 0 1; border-top: solid $primary; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="network")
        self.peers: RowTable[PeerRow] = RowTable(PEERS, lambda peer: peer.id, name="peers-table")
        self.logs: RowTable[LogRow] = RowTable(LOG_COLUMNS, lambda row: row.author + row.log, name="logs-table")
        self._no_peers = Static(id="peers-empty")
        self._no_logs = Static(Content(_("This node holds no entries yet.")), id="logs-empty")
        self._facts = Static(id="facts")

    def compose(self) -> ComposeResult:
        """Each table under its heading."""
        yield Static(Content(_("Peers")), classes="heading")
        yield self._no_peers
        yield self.peers
        yield Static(Content(_("Logs held here")), id="logs-heading", classes="heading")
        yield self._no_logs
        yield self.logs
        yield self._facts

    @property
    def table(self) -> RowTable[PeerRow] | RowTable[LogRow]:
        """The table that the cursor keys move in when the screen is opened."""
        return self.logs if self.logs.rows else self.peers

    def show_live(self, live_now: Live) -> None:
        """Replace the peers."""
        self.peers.show_rows(live_now.peers)
        self.peers.appear(bool(live_now.peers))
        self._no_peers.display = not live_now.peers
        self._no_peers.update(Content(_no_peers_text(live_now)))

    def show_logs(self, logs: Sequence[LogRow]) -> None:
        """Replace the logs."""
        self.logs.show_rows(logs)
        self.logs.appear(bool(logs))
        self._no_logs.display = not logs

    def show_facts(self, live_now: Live, status: StatusRow, refusals: Sequence[tuple[str, int, int, str]]) -> None:
        """Say what holds for this node as a whole."""
        refused = ", ".join(f"{said(PEER_REASONS, code)} ({times})" for code, times, _last, _peer in refusals)
        count = ngettext("{n} run", "{n} runs", status.refused).format(n=status.refused)
        pending = _("{entries} of ours that no peer has yet").format(entries=entries(status.pending))
        self._facts.update(
            labelled(
                [
                    (_("Warning"), "\n".join(in_short(of_home(status.warnings)))),
                    (_("Pending"), pending if status.pending else _("nothing: all of ours is with others too")),
                    (_("Listening"), _listening(live_now)),
                    (_("Node"), _node_id(live_now)),
                    (_("Refused"), f"{count}: {refused}" if refused else _("nothing")),
                ]
            )
        )

    def on_row_table_left(self, event: RowTable.Left) -> None:
        """Let the cursor go on from one table into the other."""
        other, direction = (self.logs, 1) if event.table is self.peers else (self.peers, -1)
        if other.rows and event.direction == direction:
            other.focus()


def _listening(live_now: Live) -> str:
    """Say at which addresses this node can be called; their last part, the node's id, stands by itself."""
    places = [address.partition("/p2p/")[0] for address in live_now.addresses]
    return printable(", ".join(dict.fromkeys(places))) or _("not listening")


def _node_id(live_now: Live) -> str:
    return printable(live_now.addresses[0].partition("/p2p/")[2]) if live_now.addresses else ""


def _no_peers_text(live_now: Live) -> str:
    if live_now.running == "offline":
        return _("Offline: no network process runs on this home.")
    if live_now.running == "starting":
        return _("The network process is starting.")
    return _(
        "No peer found yet; looking for some.\n"
        "Another member needs an invite: foodhub circuit invite --role ROLE\n"
        "Known addresses belong into bootstrap_peers.toml: foodhub paths"
    )
