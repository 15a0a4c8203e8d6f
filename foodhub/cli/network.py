"""`foodhub node run`, `status`, `peers`: the network process and what is known of it. `status` must answer at once."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foodhub.cli.call import Call
from foodhub.cli.command import FILE, command, option, pass_call
from foodhub.cli.output import facts, plain, show, table
from foodhub.errors import N_
from foodhub.node import live, state
from foodhub.node.alerts import Alert, turned_away
from foodhub.node.hat import choose_hat, hats
from foodhub.node.reading import read
from foodhub.node.trouble import out_of_room
from foodhub.saying import PEER_REASONS, PEER_STATES, PROCESS_STATES, roles, said, warned
from foodhub.words import _, ngettext, say


@command(
    "node run",
    examples=["foodhub node run", "foodhub node run --listen /ip4/0.0.0.0/tcp/4711 --log node.log"],
    more=N_(
        "It connects to the other nodes, takes orders in and sends what is signed here. Stop it with Ctrl-C."
        " Without --listen only this machine reaches it. Where --listen asked to listen, the home listens from then on,"
        " also while the interface is open; back to this machine alone: --listen /ip4/127.0.0.1/tcp/0"
    ),
)
@option(
    "--listen",
    multiple=True,
    metavar="MULTIADDR",
    help=N_("Listen here, such as /ip4/0.0.0.0/tcp/4711; may be repeated."),
)
@option(
    "--bootstrap",
    type=FILE,
    metavar="FILE",
    help=N_("Where to look for first peers (TOML)."),
)
@option(
    "--log",
    type=FILE,
    metavar="FILE",
    help=N_("Write the log to a file instead of stderr."),
)
@pass_call
def node_run(call: Call, listen: tuple[str, ...], bootstrap: Path | None, log: Path | None) -> None:
    """Become the network process."""
    from foodhub.node import network

    read(call.home, hats)
    words_of_process = network.command(call.home, listen, bootstrap, log)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(words_of_process[0], words_of_process)  # noqa: S606 - our own program, which takes this one's place


@command("status", examples=["foodhub status", "foodhub status --json"])
@pass_call
def status(call: Call) -> None:
    """Show the state of the home."""
    process = live.process(call.home)
    peers = live.peers(call.home) if process else []
    connected = sum(peer.state == "connected" for peer in peers)
    network = process.state if process else "stopped"

    def work(db: Any) -> state.StatusRow:
        _check_name(db, call)
        return state.status(db, str(call.home), connected, network)

    row = read(call.home, work)
    if row.read_only:
        call.note("\n".join(filter(None, say(state.read_only_error(row.read_only)))))
    if full := out_of_room(call.home):
        call.note("\n".join(say(full)))
    away = turned_away(row.warnings, live.refusals(call.home))
    warnings = [said_warning(warning) for warning in [*away, *row.warnings]]
    for _code, text, hint in [] if call.json else warnings:
        call.note("\n".join(filter(None, (text, hint))))
    listed = [dict(zip(("code", "text", "hint"), warning, strict=True)) for warning in warnings]
    show(call, plain(row) | {"warnings": listed}, lambda: _draw_status(row, process))


def _check_name(db: Any, call: Call) -> None:
    """Refuse a name that is of no member here, though these commands speak of the whole home."""
    if call.as_name is not None:
        choose_hat(db, call.as_name)


def said_warning(warning: Alert) -> tuple[str, str, str]:
    """Return code, text and hint of a warning in the user's language."""
    return warning.code, *warned(warning)


def _draw_status(row: state.StatusRow, process: live.Process | None) -> None:
    running = (
        _("{state}, process {pid}").format(state=said(PROCESS_STATES, row.network), pid=process.pid)
        if process
        else _("stopped")
    )
    lines = [
        (_("member"), f"{row.name} ({roles(row.roles)})" if row.name else _("none yet")),
        (_("circuit"), row.circuit or _("none yet")),
        *_not_joined(row),
        (_("home"), row.home),
        (_("network"), running),
        (_("peers"), row.peers),
        (
            _("entries"),
            ngettext("{entries} in {logs} log", "{entries} in {logs} logs", row.logs).format(
                entries=row.entries, logs=row.logs
            ),
        ),
        (
            _("pending"),
            ngettext("{n} entry that no peer has yet", "{n} entries that no peer has yet", row.pending).format(
                n=row.pending
            ),
        ),
    ]
    if row.refused:
        lines.append((_("refused from peers"), ngettext("{n} time", "{n} times", row.refused).format(n=row.refused)))
    facts(lines)


def _not_joined(row: state.StatusRow) -> list[tuple[str, str]]:
    """Say which members are in no circuit though this home knows one, and what to do."""
    if row.knocking:
        text = _("to be let in; go on with the same command as before, or with: foodhub node run")
        return [(_("waits"), text)]
    if row.looked_at:
        text = _('the charter of "{name}"; sign it with: foodhub circuit join INVITE')
        return [(_("looked at"), text.format(name=row.looked_at))]
    if row.circuit and row.not_joined:
        text = _("{names}: foodhub circuit join INVITE --as NAME")
        return [(_("not in it"), text.format(names=", ".join(row.not_joined)))]
    return []


@command("peers", examples=["foodhub peers", "foodhub peers --json"])
@pass_call
def peers(call: Call) -> None:
    """List the peers."""
    read(call.home, _check_name, call)
    rows = live.peers(call.home)
    if not rows:
        call.note(
            _("No peer yet.")
            if live.is_running(call.home)
            else _("The network process is not running. Start it with: foodhub node run")
        )

    def draw() -> None:
        titles = (_("members"), _("state"), _("behind"), _("ahead"), _("last contact"), _("remark"), _("peer"))
        lines = [
            (", ".join(row.members), _state(row), row.behind, row.ahead, _contact(row), _why(row), row.id[-8:])
            for row in rows
        ]
        if rows:
            table(titles, lines, right=(2, 3))

    show(call, [plain(row) | {"contact": _time(row.contact)} for row in rows], draw)


def _why(row: live.PeerRow) -> str:
    return said(PEER_REASONS, row.reason)


def _time(contact: int) -> datetime | None:
    return datetime.fromtimestamp(contact / 1000, UTC) if contact else None


def _contact(row: live.PeerRow) -> str:
    time = _time(row.contact)
    return time.astimezone().strftime("%H:%M:%S") if time else "-"


def _state(row: live.PeerRow) -> str:
    # The word for a refused order has to agree with it, and in some languages can't stand for a node.
    return said(PEER_STATES, row.state)
