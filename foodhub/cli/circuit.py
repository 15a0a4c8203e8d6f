"""`foodhub circuit`: founding one, inviting, and looking at it. Joining, and what stewards do, have other rooms."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from foodhub.catalog.naming import base32_id
from foodhub.circuit.invite import read_code
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.codes import in_pieces, joined
from foodhub.cli.command import FILE, argument, command, option, pass_call
from foodhub.cli.output import cell, facts, say, show, table, text_lines
from foodhub.cli.running import Pen, pen, run
from foodhub.errors import N_, UsageError
from foodhub.node import knocking, live, setup, state
from foodhub.node.reading import read
from foodhub.node.standing import require_standing
from foodhub.saying import roles
from foodhub.words import _, day

KNOWN_SECONDS = 3.0
"""How long an invite waits to be known elsewhere, before it is printed as not known yet."""
ALWAYS_ON_SECONDS = 0.3
_LOOPBACK = ("/ip4/127.", "/ip6/::1/", "/dns4/localhost/", "/dns/localhost/")


def text_of(path: Path) -> str:
    """Read a text file in UTF-8.

    Raises:
        UsageError: `bad_encoding`. OSError: it can't be read.
    """
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            "bad_encoding", N_("{path} is not text in UTF-8."), N_("Save it in UTF-8."), path=str(path)
        ) from None


@command(
    "circuit found",
    signs=True,
    examples=['foodhub circuit found "Panier du Val" --charter charter.md'],
    more=N_("The charter is what every member signs on joining; without --charter a short one is used."),
)
@argument("name")
@option(
    "--charter",
    type=FILE,
    metavar="FILE",
    help=N_("The charter, as a text file."),
)
@option("--currency", default="EUR", metavar="CODE", help=N_("The currency of the circuit (else EUR)."))
@pass_call
def circuit_found(call: Call, name: str, charter: Path | None, currency: str) -> None:
    """Found a circuit."""
    text = text_of(charter) if charter else _(setup.DEFAULT_CHARTER)
    found = run(_found(call, setup.check_name(name), text, currency.upper()))
    show(call, found, lambda: say(_('The circuit "{name}" is founded; its id is {id}.').format(**found)))
    if not (call.json or call.dry_run):
        call.note(_("Next: foodhub node run, and beside it: foodhub circuit invite --role ROLE"))


async def _found(call: Call, name: str, charter: str, currency: str) -> dict[str, Any]:
    async with pen(call, tells_reach=True) as held:
        await held.node.rehearse(setup.found, held.hat, name, charter, currency)
        question = _('Found the circuit "{name}"; a home has one circuit.').format(name=name)
        confirm(call, held.hat.name, f"{titled_charter(name, charter)}\n\n{question}")
        identity = await held.sign(setup.found, name, charter, currency)
    return {"id": base32_id(identity), "name": name, "currency": currency}


def titled_charter(circuit: str, charter: str) -> str:
    """Return a charter under a title, as it is read before it is signed."""
    title = _('The charter of "{circuit}":').format(circuit=circuit)
    return f"{title}\n\n{text_lines(charter)}"


@command(
    "circuit invite",
    signs=True,
    examples=["foodhub circuit invite --role producer", "foodhub circuit invite --role group --days 3"],
    more=N_("Hand the invite over in private: whoever has it can join, once, until it expires."),
)
@option(
    "--role",
    "roles",
    required=True,
    multiple=True,
    metavar="ROLE",
    help=N_("What the newcomer may be: producer, group, hub or household; repeat it for several."),
)
@option(
    "--days",
    type=click.IntRange(1, 365),
    default=setup.INVITE_DAYS,
    metavar="N",
    help=N_("How many days it is good for (else 14)."),
)
@pass_call
def circuit_invite(call: Call, roles: tuple[str, ...], days: int) -> None:
    """Print an invite."""
    setup.check_roles(roles)
    made = run(_invite(call, list(dict.fromkeys(roles)), days))
    show(call, made, lambda: say(made["invite"]))


async def _invite(call: Call, roles: list[str], days: int) -> dict[str, Any]:
    process = live.process(call.home)
    async with pen(call, tells_reach=True) as held:
        await held.node.read(require_standing, held.hat)
        addresses = process.addresses if process else await held.node.read(knocking.remembered_addresses)
        code = await held.sign(setup.invite, roles, addresses, days)
        elsewhere, always_on = (False, False) if call.dry_run else await _reached(held)
    expires = datetime.fromtimestamp(read_code(code).expires / 1000, UTC).astimezone()
    _say_reach(call, addresses, elsewhere=elsewhere, always_on=always_on)
    made = {"roles": roles, "expires": expires, "known_elsewhere": elsewhere, "known_always_on": always_on}
    return {"invite": "" if call.dry_run else code, **made}


async def _reached(held: Pen) -> tuple[bool, bool]:
    """Say whether another node, and whether one that is always on, has our log 0 with the invite at its end."""
    linked = any(peer.state in {"connected", "syncing"} for peer in live.peers(held.call.home))
    end = time.monotonic() + (KNOWN_SECONDS if linked else 0)
    async with held.node.news() as news:
        while True:
            own, elsewhere, always_on = await held.node.read(state.own_reach, held.hat)
            if elsewhere >= own:
                # Nodes take it at about the same moment, one that is always on among them or not.
                end = min(end, time.monotonic() + ALWAYS_ON_SECONDS)
            left = end - time.monotonic()
            if always_on >= own or left <= 0:
                return elsewhere >= own, always_on >= own
            await news.wait(left)


def _say_reach(call: Call, addresses: Sequence[str], *, elsewhere: bool, always_on: bool) -> None:
    if not addresses:
        call.note(_("The invite holds no address, so the newcomer can't find anybody."))
        call.note(_("Begin with: foodhub node run, and make another invite while it runs."))
        return
    if not call.dry_run:
        if always_on:
            call.note(_("A node that is always on has this invite: the newcomer can join at any time."))
        elif elsewhere:
            call.note(_("Another node has this invite, but none that is always on."))
        elif live.is_running(call.home):
            call.note(_("No other node has this invite yet: keep this one running until the newcomer has joined."))
        else:
            call.note(_("No other node has this invite yet, and this one is not running: foodhub node run"))
    if all(address.startswith(_LOOPBACK) for address in addresses):
        call.note(_("The invite holds only addresses of this machine itself: it can't be used from another one."))


@command("circuit uninvite", signs=True, examples=["foodhub circuit uninvite foodhub1abc…"])
@in_pieces("INVITE")
@pass_call
def circuit_uninvite(call: Call, pieces: tuple[str, ...]) -> None:
    """Take an invite back."""
    text = joined(pieces)

    async def uninvite() -> None:
        async with pen(call) as held:
            await held.node.read(require_standing, held.hat)
            await held.sign(setup.uninvite, text)

    run(uninvite())
    show(call, {"revoked": not call.dry_run}, lambda: say(_("The invite is taken back.")) if not call.dry_run else None)


@command(
    "circuit members",
    examples=["foodhub circuit members", "foodhub circuit members --json"],
    more=N_("Stewards have a rank, 1 is the highest: a steward can remove, and change the roles of, those below."),
)
@pass_call
def circuit_members(call: Call) -> None:
    """List the members."""
    rows = read(call.home, state.list_members)
    if not rows:
        call.note(_("No circuit yet. Found one with: foodhub circuit found NAME"))
    for name in state.namesakes(rows):
        call.note(_('Several members are called "{name}": tell them apart by their id.').format(name=cell(name)))

    def draw() -> None:
        titles = (_("member"), _("roles"), _("rank"), _("joined"), _("id"))
        lines = [
            (
                row.name or _("(private)"),
                _("removed") if row.removed else roles(row.roles) or _("no role"),
                row.rank or "",
                day(row.joined_at.astimezone()),
                row.id[:8],
            )
            for row in rows
        ]
        if rows:
            table(titles, lines, right=(2,))

    show(call, rows, draw)


@command("circuit show", examples=["foodhub circuit show"])
@pass_call
def circuit_show(call: Call) -> None:
    """Show the circuit."""
    row = read(call.home, state.circuit)

    def draw() -> None:
        facts([(_("circuit"), row.name), (_("id"), row.id), (_("currency"), row.currency), (_("members"), row.members)])
        say()
        say(titled_charter(row.name, row.charter))

    show(call, row, draw)
