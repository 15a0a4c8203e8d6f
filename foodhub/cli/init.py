"""`foodhub init`: a member of this home, its keys, and the recovery words, which are shown once and kept nowhere.

On a terminal some of them are asked back; until somebody has shown that they are on paper, a warning stays.
"""

import sys
from typing import Any

import click

from foodhub.catalog.naming import base32_id
from foodhub.cli.asking import on_terminal
from foodhub.cli.call import Call
from foodhub.cli.command import command, option, pass_call
from foodhub.cli.output import say, show
from foodhub.cli.paper_words import ask_back
from foodhub.cli.running import run
from foodhub.errors import N_, UsageError
from foodhub.node import recovery, setup
from foodhub.node.application import open_node
from foodhub.node.hat import Hat
from foodhub.node.home import DATABASE
from foodhub.node.reading import read
from foodhub.saying import roles as roles_said
from foodhub.words import _

_IN_A_ROW = 4


@command(
    "init",
    signs=True,
    examples=['foodhub init --name "Ferme du Val" --role producer', "foodhub init --name AMAP --role group --role hub"],
    more=N_(
        "A second one in the same home adds a member, for somebody who wears several hats."
        " The 24 recovery words are shown now and never again: write them on paper."
    ),
)
@option("--name", required=True, metavar="TEXT", help=N_("What the member is called."))
@option(
    "--role",
    "roles",
    required=True,
    multiple=True,
    metavar="ROLE",
    help=N_("producer, group, hub or household; repeat it for several."),
)
@option(
    "--always-on/--not-always-on",
    default=None,
    help=N_("Whether this machine is meant to run day and night (else: if it is a hub's)."),
)
@pass_call
def init(call: Call, name: str, roles: tuple[str, ...], always_on: bool | None) -> None:
    """Make a member."""
    name = setup.check_name(name)
    setup.check_roles(roles)
    if call.dry_run:
        if (call.home / DATABASE).exists():
            read(call.home, setup.check_free, name)
        call.end_dry_run()
        return
    _require_shown(call)
    hat, words = run(_make(call, name, roles, "hub" in roles if always_on is None else always_on))
    found = {"id": base32_id(hat.member), "name": hat.name, "roles": list(hat.roles), "home": str(call.home)}
    show(call, found | {"recovery_words": words}, lambda: _draw(call, found, words))
    if on_terminal() and not (call.json or call.yes):
        _confirm(call, hat, words)
    if not call.json:
        call.note(_("Next: foodhub circuit found NAME, or foodhub circuit join INVITE"))


def _require_shown(call: Call) -> None:
    """Make sure that the recovery words will be seen by somebody: they are kept nowhere, and never shown again.

    Raises:
        UsageError: `words_unseen`.
    """
    if not (call.json or sys.stderr.isatty() or sys.stdout.isatty()):
        raise UsageError(
            "words_unseen",
            N_("Nobody would see the 24 recovery words, as there is no terminal, and they are shown only once."),
            N_("Run this on a terminal, or with --json and keep what it prints: the words stand in it."),
        )


async def _make(call: Call, name: str, roles: tuple[str, ...], always_on: bool) -> tuple[Hat, list[str]]:
    async with open_node(call.home, create=True) as node:
        return await node.write(setup.make_member, call.home, name, roles, always_on=always_on)


def _confirm(call: Call, hat: Hat, words: list[str]) -> None:
    """Ask some of the words back, and note that they stand on paper; whoever can't say them may do so later."""
    if not ask_back(call, words):
        call.note(_("Compare them with the paper, then confirm them with: foodhub recover --check"))
        return

    async def confirmed() -> None:
        async with open_node(call.home) as node:
            await node.write(recovery.confirm_words, hat.member)

    run(confirmed())
    call.note(_("The recovery words are on paper."))


def _draw(call: Call, found: dict[str, Any], words: list[str]) -> None:
    say(_("{name} ({roles}) is set up in {home}.").format(**found | {"roles": roles_said(found["roles"])}))
    call.note(_("Recovery words: write them on paper, in this order. They are shown only now."))
    for first in range(0, len(words), _IN_A_ROW):
        row = [f"{first + n + 1:>2} {one:<10}" for n, one in enumerate(words[first : first + _IN_A_ROW])]
        click.echo("  " + " ".join(row).rstrip(), err=sys.stderr.isatty())
