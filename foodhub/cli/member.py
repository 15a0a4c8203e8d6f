"""`foodhub member`: members without a computer, for whom a group or hub writes."""

from collections.abc import Sequence
from typing import Literal

import click

from foodhub.catalog.naming import id_bytes
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import facts, say, show, table
from foodhub.cli.running import pen, run
from foodhub.errors import N_, UsageError
from foodhub.node.application import Transaction
from foodhub.node.claims import ClaimRow, claim, confirm_claim
from foodhub.node.hat import Hat, choose_hat
from foodhub.node.reading import open_reading
from foodhub.node.represented import (
    RepresentedRow,
    add_represented,
    end_represented,
    find_represented,
    list_represented,
)
from foodhub.node.state import find_member
from foodhub.saying import roles
from foodhub.words import _

_ROLES: tuple[Literal["household", "producer"], ...] = ("household", "producer")


@command(
    "member add",
    signs=True,
    examples=['foodhub member add "Denise Roux" --represented --phone "06 12 34 56 78"'],
    more=N_(
        "A represented member has no computer: you write for it, and all that you write shows that you did. A household"
        " that a group represents buys through that group. Whoever has a computer comes in on an invite: circuit invite"
    ),
)
@argument("name")
@option("--represented", is_flag=True, help=N_("It has no computer, and you write for it."))
@option(
    "--role",
    type=click.Choice(_ROLES),
    default="household",
    metavar="ROLE",
    help=N_("household (if you say nothing) or producer."),
)
@option("--phone", default="", metavar="NUMBER", help=N_("How to reach it."))
@option("--address", default="", metavar="TEXT", help=N_("Where it lives."))
@pass_call
def member_add(call: Call, name: str, represented: bool, role: str, phone: str, address: str) -> None:
    """Begin to write for a member."""
    if not represented:
        raise UsageError(
            "say_represented",
            N_("A member with a computer comes in on an invite: foodhub circuit invite --role household"),
            N_("For one without, add --represented."),
        )
    chosen = next(each for each in _ROLES if each == role)

    def add(tx: Transaction, hat: Hat) -> RepresentedRow:
        return add_represented(tx, hat, name, chosen, phone, address)

    async def work() -> RepresentedRow:
        async with pen(call) as held:
            await held.node.rehearse(add, held.hat)
            confirm(call, held.hat.name, _("Write for {name} from now on.").format(name=name))
            return await held.sign(add)

    row = run(work())
    show(call, row, lambda: _draw(row))


def _draw(row: RepresentedRow) -> None:
    facts(
        [
            (_("member"), row.name),
            (_("role"), roles([row.role])),
            *[(title, text) for title, text in ((_("phone"), row.phone), (_("address"), row.address)) if text],
            (_("represented"), _state(row)),
            (_("id"), row.id),
        ]
    )


def _state(row: RepresentedRow) -> str:
    if row.ended:
        return _("no more")
    if row.claimed_by:
        return _("has a home of its own")
    ids = ", ".join(each[:8] for each in row.waiting)
    return _("by this home; {id} says it is this member").format(id=ids) if ids else _("yes")


@command("member list", examples=["foodhub member list", "foodhub member list --json"])
@pass_call
def member_list(call: Call) -> None:
    """List the represented members."""
    with open_reading(call.home) as db:
        rows = list_represented(db, choose_hat(db, call.as_name))
    if not rows:
        call.note(_("You write for nobody. Begin with: foodhub member add NAME --represented"))
    show(call, rows, lambda: _draw_all(rows))


def _draw_all(rows: Sequence[RepresentedRow]) -> None:
    titles = (_("member"), _("role"), _("phone"), _("address"), _("represented"), _("id"))
    lines = [(row.name, roles([row.role]), row.phone, row.address, _state(row), row.id[:8]) for row in rows]
    if rows:
        table(titles, lines)


@command("member show", examples=['foodhub member show "Denise Roux"'])
@argument("name")
@pass_call
def member_show(call: Call, name: str) -> None:
    """Show a represented member."""
    with open_reading(call.home) as db:
        row = find_represented(db, choose_hat(db, call.as_name), name)
    show(call, row, lambda: _draw(row))


@command(
    "member end",
    signs=True,
    examples=['foodhub member end "Denise Roux"'],
    more=N_("What you wrote for it stays. It leaves its group."),
)
@argument("name")
@pass_call
def member_end(call: Call, name: str) -> None:
    """Write for a member no more."""

    def end(tx: Transaction, hat: Hat) -> RepresentedRow:
        row = find_represented(tx.db, hat, name)
        end_represented(tx, hat, row)
        return next(each for each in list_represented(tx.db, hat) if id_bytes(each.id) == id_bytes(row.id))

    async def work() -> RepresentedRow:
        async with pen(call) as held:
            row = await held.node.rehearse(end, held.hat)
            confirm(call, held.hat.name, _("Write for {name} no more.").format(name=row.name))
            return await held.sign(end)

    row = run(work())
    show(call, row, lambda: _draw(row))


@command(
    "member claim",
    signs=True,
    examples=['foodhub member claim fjoiu5lm2xl7bxfpvsbydgimuyepm4lmocsk6dslhsfq42yikvga "AMAP du Val"'],
    more=N_(
        "Whoever wrote for you so far has your id: member show. Once it has confirmed, you go on under that id: what it"
        " typed for you is yours, and you keep your places in the queue."
    ),
)
@argument("member_id", metavar="ID")
@argument("representative", metavar="REPRESENTATIVE")
@pass_call
def member_claim(call: Call, member_id: str, representative: str) -> None:
    """Say whom another member represented."""

    def write(tx: Transaction, hat: Hat) -> ClaimRow:
        return claim(tx, hat, id_bytes(member_id.strip().lower()), id_bytes(find_member(tx.db, representative).id))

    async def work() -> ClaimRow:
        async with pen(call) as held:
            row = await held.node.rehearse(write, held.hat)
            text = _("Say that you are whom {name} represents as {id}.")
            confirm(call, held.hat.name, text.format(name=row.representative, id=row.id[:8]))
            return await held.sign(write)

    row = run(work())
    waits = _("{name} has to confirm it.").format(name=row.representative)
    done = _("You are {id} from now on.").format(id=row.id[:8])
    show(call, row, lambda: say(done if row.confirmed else waits))


@command(
    "member confirm",
    signs=True,
    examples=['foodhub member confirm "Denise Roux"'],
    more=N_("Make sure by other means who it is. You type no more for it from then on; its own entries rule."),
)
@argument("name")
@option("--who", metavar="ID", help=N_("Which of several that say so, by the beginning of its id."))
@pass_call
def member_confirm(call: Call, name: str, who: str | None) -> None:
    """Confirm who a represented member is."""

    def write(tx: Transaction, hat: Hat) -> RepresentedRow:
        return confirm_claim(tx, hat, find_represented(tx.db, hat, name), who)

    async def work() -> RepresentedRow:
        async with pen(call) as held:
            row = await held.node.rehearse(write, held.hat)
            text = _("Confirm that {id} is {name}, who writes for itself from now on.")
            confirm(call, held.hat.name, text.format(id=row.claimed_by[:8], name=row.name))
            return await held.sign(write)

    row = run(work())
    show(call, row, lambda: _draw(row))
