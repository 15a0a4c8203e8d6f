"""`foodhub erase`: taking back for good what we said, and asking others to."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import facts, show, table
from foodhub.errors import N_, UsageError
from foodhub.node import state
from foodhub.node.erase_requests import RequestRow, list_requests
from foodhub.node.erasing import ErasedRow, choose_entries, choose_order, choose_product, rows
from foodhub.node.erasing import erase as sign_erase
from foodhub.node.hat import Hat, choose_hat
from foodhub.node.reading import open_reading
from foodhub.saying import LOGS, STATEMENTS, said
from foodhub.words import _, moment, ngettext

if TYPE_CHECKING:
    from foodhub.node.application import Transaction
    from foodhub.node.erasable import OwnEntry

LISTED = 10
"""Entries that the question names one by one."""
STATES = {
    "asked": N_("asked"),
    "later": N_("not all yet"),
    "done": N_("done"),
    "withdrawn": N_("withdrawn"),
}
SCOPES = {
    "orders": N_("what it answered to orders"),
    "card": N_("the contact card that it typed"),
}
_RANGE = re.compile(r"(\d{1,15})(?:-(\d{1,15}))?")
_FOR_EVER = N_(
    "What was signed is gone for ever, on every node that hears of it; only that something stood there stays."
)


def read_range(text: str) -> tuple[int, int]:
    """Read "3" or "3-17" as first and last seq.

    Raises:
        UsageError: `bad_range`.
    """
    found = _RANGE.fullmatch(text.strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last:
        raise UsageError(
            "bad_range",
            N_('"{text}" names no entries.'),
            N_("Write the number of an entry, or the first and the last: 3 or 3-17."),
            text=text[:40],
        )
    return first, last


@command(
    "erase entries",
    signs=True,
    examples=["foodhub erase entries --log trade --seq 3-17", "foodhub erase entries --log catalog --seq 5 --dry-run"],
    more=_FOR_EVER,
)
@option(
    "--log", "log", required=True, metavar="LOG", help=N_("The log: catalog, or trade for what was said of orders.")
)
@option(
    "--seq", "seqs", required=True, multiple=True, metavar="N[-M]", help=N_("Which entries; repeat it for several.")
)
@option("--device", metavar="ID", help=N_("Which device of yours signed them (else this one)."))
@pass_call
def erase_entries(call: Call, log: str, seqs: tuple[str, ...], device: str | None) -> None:
    """Erase entries by place."""
    places = [read_range(text) for text in seqs]
    _erase(call, lambda tx, hat: (choose_entries(tx, hat, log, places, device), 0))


@command("erase order", signs=True, examples=["foodhub erase order EGNY-CU4E"], more=_FOR_EVER)
@argument("order")
@pass_call
def erase_order(call: Call, order: str) -> None:
    """Erase what we said of an order."""
    _erase(call, lambda tx, hat: (choose_order(tx, hat, order), 0))


@command("erase product", signs=True, examples=["foodhub erase product Carrots"], more=_FOR_EVER)
@argument("product")
@pass_call
def erase_product(call: Call, product: str) -> None:
    """Erase what is superseded of a product."""
    _erase(call, lambda tx, hat: choose_product(tx, hat, product))


def _erase(call: Call, choose: "Callable[[Transaction, Hat], tuple[list[OwnEntry], int]]") -> None:
    from foodhub.cli.running import run

    erased, kept = run(_signed(call, choose))
    if kept:
        text = ngettext(
            "{n} entry stays, since it says what still holds.", "{n} entries stay: they say what still holds.", kept
        )
        call.note(text.format(n=kept))
    if not erased:
        call.note(_("There was nothing to erase; nothing was signed."))
    show(call, {"erased": erased, "kept": kept}, lambda: _draw(erased))


async def _signed(
    call: Call, choose: "Callable[[Transaction, Hat], tuple[list[OwnEntry], int]]"
) -> tuple[list[ErasedRow], int]:
    from foodhub.cli.running import pen

    def chosen(tx: "Transaction", hat: Hat) -> tuple[list[ErasedRow], int]:
        found, kept = choose(tx, hat)
        return rows(found), kept

    def gone(tx: "Transaction", hat: Hat) -> tuple[list[ErasedRow], int]:
        found, kept = choose(tx, hat)
        return sign_erase(tx, hat, found), kept

    async with pen(call) as held:
        planned, kept = await held.node.rehearse(chosen, held.hat)
        if not planned:
            return planned, kept
        confirm(call, held.hat.name, _question(planned))
        return await held.sign(gone)


def _question(planned: Sequence[ErasedRow]) -> str:
    """Return what is about to be gone, and that it can't be undone."""
    lines = [f"  {said(LOGS, row.log)} {row.seq}  {moment(row.signed.astimezone())}  {_says(row)}" for row in planned]
    more = len(lines) - LISTED
    if more > 0:
        lines[LISTED:] = [_("  … and {n} more").format(n=more)]
    text = ngettext("Erase {n} entry, {bytes} bytes:", "Erase {n} entries, {bytes} bytes:", len(planned))
    head = text.format(n=len(planned), bytes=sum(row.bytes for row in planned))
    return "\n".join([head, *lines, _(_FOR_EVER), _("This can't be undone.")])


def _draw(erased: Sequence[ErasedRow]) -> None:
    titles = (_("log"), _("entry"), _("signed"), _("said"), _("bytes"))
    lines = [(said(LOGS, row.log), row.seq, moment(row.signed.astimezone()), _says(row), row.bytes) for row in erased]
    if lines:
        table(titles, lines, right=(1, 4))


def _says(row: ErasedRow) -> str:
    return ", ".join(said(STATEMENTS, kind) for kind in row.says)


@command(
    "erase request",
    signs=True,
    examples=['foodhub erase request "Hub du Val"', 'foodhub erase request "Hub du Val" --withdraw'],
    more=N_(
        "It answers by itself: at once for cycles that closed more than 30 days ago, else with a date for the rest."
    ),
)
@argument("hub")
@option("--withdraw", is_flag=True, help=N_("Take the request back, as long as it is not done."))
@pass_call
def erase_request(call: Call, hub: str, withdraw: bool) -> None:
    """Ask a hub to erase."""
    from foodhub.cli.running import run

    row = run(_request(call, hub, withdraw))
    show(call, row, lambda: _draw_request(row))


async def _request(call: Call, hub: str, withdraw: bool) -> RequestRow:
    from foodhub.cli.running import pen
    from foodhub.node.erase_requests import request_erase

    async with pen(call) as held:
        about = await held.node.read(state.find_member, hub)

        def ask(tx: "Transaction", hat: Hat) -> RequestRow:
            return request_erase(tx, hat, about, withdraw=withdraw)

        row = await held.node.rehearse(ask, held.hat)
        known = await held.node.read(list_requests, held.hat)
        if row in known:
            call.note(_("It was so already; nothing was signed."))
            return row
        text = (
            _("Take back the request to {hub} to erase its answers to your orders.")
            if withdraw
            else _("Ask {hub} to erase its answers to your orders. Your orders themselves you erase yourself.")
        )
        confirm(call, held.hat.name, text.format(hub=row.about))
        return await held.sign(ask)


def _draw_request(row: RequestRow) -> None:
    lines = [
        (_("asked on"), f"{row.about}, {moment(row.asked_at.astimezone())}"),
        (_("state"), _(STATES[row.state])),
    ]
    if row.earliest:
        lines.append((_("all of it on"), moment(row.earliest.astimezone())))
    facts(lines)


@command("erase list", examples=["foodhub erase list", "foodhub erase list --json"])
@pass_call
def erase_list(call: Call) -> None:
    """List the requests made and got."""
    with open_reading(call.home) as db:
        found = list_requests(db, choose_hat(db, call.as_name))
    if not found:
        call.note(_("Nobody asked to erase anything."))

    def draw() -> None:
        titles = (_("who asks"), _("whom"), _("what"), _("asked on"), _("state"), _("all of it on"))
        lines: list[tuple[Any, ...]] = [
            (
                row.requester,
                row.about,
                _(SCOPES[row.scope]),
                moment(row.asked_at.astimezone()),
                _(STATES[row.state]),
                moment(row.earliest.astimezone()) if row.earliest else "",
            )
            for row in found
        ]
        if lines:
            table(titles, lines)

    show(call, found, draw)
