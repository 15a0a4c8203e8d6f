"""`foodhub standing`: what a member orders at every opening of a cycle, by itself."""

from datetime import UTC, datetime
from typing import Any

from foodhub.catalog.naming import id_bytes
from foodhub.cli.allot import split_pairs
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.output import plain, show, table
from foodhub.cli.running import pen, run
from foodhub.errors import N_
from foodhub.node import state
from foodhub.node.application import Transaction
from foodhub.node.hat import Hat, choose_hat
from foodhub.node.reading import read
from foodhub.node.standing_orders import (
    StandingRow,
    add_standing,
    change_standing,
    find_standing,
    list_standing,
)
from foodhub.node.wanted import read_products
from foodhub.saying import wished
from foodhub.words import _


@command(
    "standing add",
    signs=True,
    examples=['foodhub standing add "Hub du Val" Carrots=1kg "Apple juice=2+1"'],
    more=N_(
        "It is ordered at every opening from now on, at the terms of that cycle; what is not sold then is left out."
    ),
)
@argument("hub")
@argument("pairs", metavar="PRODUCT=QUANTITY...", nargs=-1, required=True)
@pass_call
def standing_add(call: Call, hub: str, pairs: tuple[str, ...]) -> None:
    """Order the same at every opening."""
    row = run(_add(call, hub, split_pairs(pairs)))
    show(call, _data(row), lambda: draw([row]))


async def _add(call: Call, hub: str, pairs: list[tuple[str, str]]) -> StandingRow:
    async with pen(call) as held:
        member = await held.node.read(state.find_member, hub)

        def add(tx: Transaction, hat: Hat) -> StandingRow:
            identity = add_standing(tx, hat, id_bytes(member.id), read_products(tx.db, pairs))
            return find_standing(tx.db, hat, identity)

        row = await held.node.rehearse(add, held.hat)
        text = _("Order this from {hub} at every opening: {lines}.").format(hub=row.hub, lines=_lines(row))
        confirm(call, held.hat.name, text)
        return await held.sign(add)


@command("standing list", examples=["foodhub standing list", "foodhub standing list --json"])
@pass_call
def standing_list(call: Call) -> None:
    """List the standing orders."""
    rows = read(call.home, lambda db: list_standing(db, choose_hat(db, call.as_name)))
    if not rows:
        call.note(_("No standing order yet. Begin one with: foodhub standing add HUB PRODUCT=QUANTITY"))
    show(call, [_data(row) for row in rows], lambda: draw(rows))


@command("standing pause", signs=True, examples=["foodhub standing pause hubd"])
@argument("order")
@pass_call
def standing_pause(call: Call, order: str) -> None:
    """Pause a standing order."""
    _change(call, order, paused=True, text=N_("Pause the standing order at {hub}."))


@command("standing resume", signs=True, examples=["foodhub standing resume hubd"])
@argument("order")
@pass_call
def standing_resume(call: Call, order: str) -> None:
    """Go on with a standing order, from the next opening."""
    _change(call, order, text=N_("Go on with the standing order at {hub}, from the next opening."))


@command("standing end", signs=True, examples=["foodhub standing end hubd"])
@argument("order")
@pass_call
def standing_end(call: Call, order: str) -> None:
    """End a standing order."""
    _change(call, order, ended=True, text=N_("End the standing order at {hub}; orders that were placed stay."))


def _change(call: Call, order: str, *, text: str, paused: bool = False, ended: bool = False) -> None:
    row, changed = run(_changing(call, order, text, paused, ended))
    if not changed:
        call.note(_("It was so already; nothing was signed."))
    show(call, _data(row) | {"ended": ended}, lambda: draw([row], ended=ended))


async def _changing(call: Call, order: str, text: str, paused: bool, ended: bool) -> tuple[StandingRow, bool]:
    async with pen(call) as held:
        row = await held.node.read(find_standing, held.hat, order)
        confirm(call, held.hat.name, _(text).format(hub=row.hub))

        def change(tx: Transaction, hat: Hat) -> tuple[StandingRow, bool]:
            changed = change_standing(tx, hat, row, paused=paused, ended=ended)
            return (row if ended else find_standing(tx.db, hat, row.id)), changed

        return await held.sign(change)


def _data(row: StandingRow) -> dict[str, Any]:
    data: dict[str, Any] = plain(row)
    del data["statement"]
    names = ("product", "price_per", "quantity", "tolerance")
    since = datetime.fromtimestamp(row.since / 1000, UTC).isoformat()
    return data | {"since": since, "lines": [dict(zip(names, line, strict=True)) for line in row.lines]}


def _lines(row: StandingRow) -> str:
    return ", ".join(f"{wished(quantity, tolerance, per)} × {name}" for name, per, quantity, tolerance in row.lines)


def draw(rows: list[StandingRow], *, ended: bool = False) -> None:
    """Print standing orders, which may have been `ended` just now; nothing for none."""
    states = [_("at an end") if ended else _("paused") if row.paused else _("goes on") for row in rows]
    lines = [(row.hub, _lines(row), state, row.id[:8]) for row, state in zip(rows, states, strict=True)]
    if rows:
        table((_("hub"), _("order"), _("state"), _("id")), lines)
