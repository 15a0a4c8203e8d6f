"""What a count of stock takes as gone of what was set aside, said before it is signed, and the option to say what is.

A count that takes too much as gone sells goods twice, so where a closed cycle leaves it in doubt, somebody is asked.
"""

from collections.abc import Callable, Sequence
from typing import Any

from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import option
from foodhub.cli.output import cell
from foodhub.errors import N_
from foodhub.node.hat import Hat
from foodhub.node.recounting import AtCount
from foodhub.saying import quantity
from foodhub.words import _


def delivered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--delivered`, the closed cycles of which our goods have left."""
    text = N_("What you sold in this closed cycle has left your shelf. May be repeated.")
    return option("--delivered", metavar="CYCLE", multiple=True, help=text)(function)


def tell_leaving(call: Call, rows: Sequence[AtCount]) -> bool:
    """Say what a count takes as gone and as still on the shelf; return whether that is in doubt."""
    for row in rows:
        text = (
            _("{product}, {cycle}: {amount} set aside for {hub}, taken as gone")
            if row.gone
            else _("{product}, {cycle}: {amount} set aside for {hub}, taken as still on the shelf")
        )
        amount = quantity(row.set_aside, row.unit)
        call.note(cell(text.format(product=row.product, cycle=row.cycle, amount=amount, hub=row.hub)))
    doubtful = any(row.closed and not row.gone for row in rows)
    if doubtful:
        call.note(_("If that of a closed cycle has left, and your count is without it, add: --delivered CYCLE"))
    return doubtful


def confirm_leaving(call: Call, hat: Hat, rows: Sequence[AtCount]) -> None:
    """Say what a count takes as gone, and ask where that is in doubt.

    Raises:
        FoodhubError: `declined`.
    """
    if tell_leaving(call, rows):
        confirm(call, hat.name, _("The count is signed as being with what is still on the shelf."))
