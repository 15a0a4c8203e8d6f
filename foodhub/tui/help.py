"""The help page: every key, from the table where keys are declared, and the commands that begin things."""

from collections.abc import Iterable

from textual.content import Content
from textual.widget import Widget

from foodhub.errors import N_
from foodhub.tui.commands import explained
from foodhub.tui.dialog import Dialog, Reading, labelled
from foodhub.words import _

_MOVING = (N_("↑ ↓ PgUp PgDn"), N_("Move in a list; Home and End go to its ends"))
_SHELL = (
    ("foodhub product import FILE", N_("publish your products")),
    ("foodhub cycle list", N_("what can be ordered until when")),
    ("foodhub order place CYCLE PRODUCT=2", N_("place an order")),
    ("foodhub circuit invite --role ROLE", N_("let somebody in")),
    ("foodhub --help", N_("everything else")),
)


class Help(Dialog):
    """All keys, and where to go on."""

    def __init__(self) -> None:
        super().__init__(_("Keys"))

    def content(self) -> Iterable[Widget]:
        """The keys, then the commands; they scroll when there are too many."""
        keys = [(_(command.shown), _(command.sentence)) for command in explained()]
        keys.insert(3, (_(_MOVING[0]), _(_MOVING[1])))
        shell = [(command, _(sentence)) for command, sentence in _SHELL]
        parts = [
            labelled(keys),
            Content(""),
            Content.styled(_("This screen shows. To change something, type in a terminal:"), "bold"),
        ]
        yield Reading(Content("\n").join([*parts, labelled(shell)]))
