"""`foodhub mandate`: letting another member state some of one's facts."""

from collections.abc import Sequence
from datetime import UTC, datetime

from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import show, table
from foodhub.cli.running import pen, run
from foodhub.cli.when import read_when
from foodhub.errors import N_
from foodhub.node.application import Transaction
from foodhub.node.contacts import find_person
from foodhub.node.hat import Hat, choose_hat
from foodhub.node.home import now
from foodhub.node.mandates import MandateRow, end_mandate, give_mandate, list_mandates
from foodhub.node.reading import open_reading
from foodhub.saying import said
from foodhub.words import _, moment, ngettext

_FIELDS = {
    "price": N_("prices"),
    "stock": N_("stock"),
    "label": N_("names and descriptions"),
    "accept": N_("taking purchase orders"),
}
_STATES = {"holds": N_("holds"), "over": N_("over"), "ended": N_("ended")}


@command(
    "mandate give",
    signs=True,
    examples=['foodhub mandate give "Hub du Val" price stock --until 2027-01-01'],
    more=N_(
        "FIELD is price, stock, label (names, descriptions, cases) or accept. What is written for you shows by whom;"
        " what you say yourself at the same time holds. Everybody in the circuit sees a mandate."
    ),
)
@argument("member")
@argument("fields", metavar="FIELD...", nargs=-1, required=True)
@option("--until", required=True, metavar="WHEN", help=N_("Until when it holds."))
@pass_call
def mandate_give(call: Call, member: str, fields: tuple[str, ...], until: str) -> None:
    """Give a mandate."""
    end = read_when(until, datetime.now(UTC), datetime.now().astimezone().tzinfo or UTC, end=True)

    def give(tx: Transaction, hat: Hat) -> MandateRow:
        return give_mandate(tx, hat, find_person(tx.db, member), fields, int(end.timestamp()) * 1000)

    async def work() -> MandateRow:
        async with pen(call) as held:
            row = await held.node.rehearse(give, held.hat)
            text = _("Let {holder} state for you until {until}: {fields}.")
            confirm(
                call,
                held.hat.name,
                text.format(holder=row.holder, until=moment(row.until.astimezone()), fields=_fields(row)),
            )
            return await held.sign(give)

    row = run(work())
    show(call, row, lambda: _draw([row]))


def _fields(row: MandateRow) -> str:
    return ", ".join(said(_FIELDS, field) for field in row.fields)


def _draw(rows: Sequence[MandateRow]) -> None:
    titles = (_("given by"), _("to"), _("for"), _("until"), _("state"), _("id"))
    lines = [
        (row.giver, row.holder, _fields(row), moment(row.until.astimezone()), said(_STATES, row.state), row.id[:8])
        for row in rows
    ]
    if rows:
        table(titles, lines)


@command(
    "mandate end",
    signs=True,
    examples=['foodhub mandate end "Hub du Val"', "foodhub mandate end fjoiu5lm"],
    more=N_("By its id one, by the member all that it holds of you. What was written before stays as it is."),
)
@argument("mandate")
@pass_call
def mandate_end(call: Call, mandate: str) -> None:
    """End a mandate."""

    def end(tx: Transaction, hat: Hat) -> list[MandateRow]:
        return end_mandate(tx, hat, mandate)

    async def work() -> list[MandateRow]:
        async with pen(call) as held:
            rows = await held.node.rehearse(end, held.hat)
            text = ngettext("End {n} mandate of {holder}.", "End {n} mandates of {holder}.", len(rows))
            confirm(call, held.hat.name, text.format(n=len(rows), holder=rows[0].holder))
            return await held.sign(end)

    rows = run(work())
    show(call, rows, lambda: _draw(rows))


@command("mandate list", examples=["foodhub mandate list", "foodhub mandate list --json"])
@pass_call
def mandate_list(call: Call) -> None:
    """List the mandates given and held."""
    with open_reading(call.home) as db:
        rows = list_mandates(db, choose_hat(db, call.as_name), now())
    if not rows:
        call.note(_("You gave no mandate and hold none."))
    show(call, rows, lambda: _draw(rows))
