"""`foodhub circuit remove`, `grant`, `revoke`: what stewards do to those who rank below, shown before it is signed."""

from collections.abc import Callable, Sequence
from typing import Any

from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.output import say, show, table
from foodhub.cli.running import Pen, pen, run
from foodhub.errors import N_
from foodhub.node import state
from foodhub.node.application import Transaction
from foodhub.node.hat import Hat
from foodhub.node.home import now
from foodhub.node.removal import KeptRow, grant_role, remove_member, revoke_role
from foodhub.saying import LOGS, ROLES, ago, said
from foodhub.words import _, moment, ngettext


@command(
    "circuit remove",
    signs=True,
    examples=["foodhub circuit remove Laiterie", "foodhub circuit remove Laiterie --dry-run"],
    more=N_(
        "It can't be undone. What of its logs is held here still counts: old deliveries and orders stay. Sync first, or"
        " what it signed lately is lost."
    ),
)
@argument("member")
@pass_call
def circuit_remove(call: Call, member: str) -> None:
    """Remove a member."""
    name, kept = run(_remove(call, member))
    data = {"member": name, "removed": not call.dry_run, "kept": kept}

    def draw() -> None:
        draw_kept(kept)
        if not call.dry_run:
            say(_("{member} is removed from the circuit.").format(member=name))

    show(call, data, draw)


async def _remove(call: Call, member: str) -> tuple[str, list[KeptRow]]:
    async with pen(call) as held:
        row = await held.node.read(state.find_member, member)
        name = shown(row)
        kept = await held.node.rehearse(remove_member, held.hat, row)
        question = _("Remove {member} for ever. Of its logs counts what is held here:").format(member=name)
        confirm(call, held.hat.name, "\n".join([question, *(kept_line(each) for each in kept)]))
        return name, await held.sign(remove_member, row)


def shown(row: state.MemberRow) -> str:
    """Return what a member is called, or the beginning of its id."""
    return row.name or row.id[:8]


def kept_line(row: KeptRow) -> str:
    """Say what of one log will still count, and how old it is."""
    text = ngettext(
        "{log}: {n} entry, signed {time} ({age})",
        "{log}: {n} entries, the last one signed {time} ({age})",
        row.entries,
    )
    return "  " + text.format(log=said(LOGS, row.log), n=row.entries, time=signed(row), age=age(row))


def signed(row: KeptRow) -> str:
    """Say when the last entry that counts was signed."""
    return moment(row.last.astimezone())


def age(row: KeptRow) -> str:
    """Say how old the last entry that counts is."""
    return ago(int(row.last.timestamp() * 1000), now())


def draw_kept(kept: Sequence[KeptRow]) -> None:
    """Print what will still count of a member."""
    titles = (_("log"), _("entries that count"), _("last"), _("age"), _("device"))
    lines = [(said(LOGS, row.log), row.entries, signed(row), age(row), row.author[:8]) for row in kept]
    if lines:
        table(titles, lines, right=(1,))


@command(
    "circuit grant",
    signs=True,
    examples=["foodhub circuit grant Laiterie hub", "foodhub circuit grant Camille steward"],
    more=N_(
        "Roles are steward, producer, group, household and hub. A steward may invite and remove members, and give and"
        " take roles."
    ),
)
@argument("member")
@argument("role")
@pass_call
def circuit_grant(call: Call, member: str, role: str) -> None:
    """Give a role."""
    question = _("Give {member} the role {role}.")
    if role == "steward":
        question = _(
            "Make {member} a steward, who may invite and remove members, and give and take roles of those below."
        )
    _set_role(call, member, role, grant_role, question)


@command(
    "circuit revoke",
    signs=True,
    examples=["foodhub circuit revoke Laiterie hub"],
    more=N_(
        "What the member said in that role counts no more, its products or cycles included, until the role is given"
        " back."
    ),
)
@argument("member")
@argument("role")
@pass_call
def circuit_revoke(call: Call, member: str, role: str) -> None:
    """Take a role."""
    question = _("Take the role {role} from {member}: what it said in this role counts no more.")
    _set_role(call, member, role, revoke_role, question)


Change = Callable[[Transaction, Hat, state.MemberRow, str], bool]


def _set_role(call: Call, member: str, role: str, change: Change, question: str) -> None:
    data = run(_sign_role(call, member, role, change, question))
    if not data["changed"]:
        call.note(_("It was so already; nothing was signed."))

    def draw() -> None:
        if data["changed"] and not call.dry_run:
            if not data["roles"]:
                # Its name counted in its role alone, so it can only be named by its id from now on.
                text = _("{member} has no role now. To give one back: foodhub circuit grant {id} ROLE")
                say(text.format(member=data["member"], id=data["member_id"][:8]))
                return
            text = _("{member} is now: {roles}.")
            say(text.format(member=data["member"], roles=", ".join(said(ROLES, each) for each in data["roles"])))

    show(call, data, draw)


async def _sign_role(call: Call, member: str, role: str, change: Change, question: str) -> dict[str, Any]:
    async with pen(call) as held:
        row = await held.node.read(state.find_member, member)
        role = role.strip().lower()
        changed = await held.node.rehearse(change, held.hat, row, role)
        if changed:
            confirm(call, held.hat.name, question.format(member=shown(row), role=said(ROLES, role)))
            await held.sign(change, row, role)
        return {"member": shown(row), "member_id": row.id, "changed": changed, "roles": await _roles(held, row)}


async def _roles(held: Pen, row: state.MemberRow) -> list[str]:
    rows = await held.node.read(state.list_members)
    return next(each.roles for each in rows if each.id == row.id)
