"""Every key of the interface, declared once: from here come the bindings, the line at the bottom and the help page."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from textual.binding import Binding, BindingType

from foodhub.errors import N_

MARKET: Final = "market"
ORDERS: Final = "orders"
NETWORK: Final = "network"
FILTER: Final = "filter"
"""The filter is a place of its own: letters typed there are text, not keys."""
SCREENS: Final = (MARKET, ORDERS, NETWORK)
TITLES: Final = {MARKET: N_("Market"), ORDERS: N_("Orders"), NETWORK: N_("Network")}
_LISTS: Final = frozenset(SCREENS)


@dataclass(frozen=True, slots=True)
class Command:
    """A key: its name for Textual and for people, what it does, a word for the bottom line, a sentence for the help.

    `where` names the places whose bottom line shows it; where there is too little room, the highest rank goes first.
    """

    keys: str
    shown: str
    action: str
    label: str
    sentence: str
    where: frozenset[str] = frozenset()
    rank: int = 9


COMMANDS: Final = (
    Command("1", "1", "show('market')", N_("Market"), N_("The market: all products of the circuit")),
    Command("2", "2", "show('orders')", N_("Orders"), N_("The orders that the acting member gave or received")),
    Command("3", "3", "show('network')", N_("Network"), N_("The network: who is there, what this node holds")),
    Command(
        "slash", "/", "filter", N_("Filter"), N_("Type a part of a name to filter the market"), frozenset({MARKET}), 1
    ),
    Command(
        "enter",
        N_("Enter"),
        "details",
        N_("Details"),
        N_("All about the marked product or order"),
        frozenset({MARKET, ORDERS}),
        2,
    ),
    Command("enter", N_("Enter"), "to_list", N_("To the list"), "", frozenset({FILTER}), 1),
    Command(
        "escape",
        N_("Esc"),
        "back",
        N_("Clear"),
        N_("Clear the filter, or close what lies on top"),
        frozenset({FILTER}),
        2,
    ),
    Command("a", "a", "member", N_("Next member"), N_("Act as the next member of this home"), _LISTS, 5),
    Command(
        "tab", N_("Tab"), "step(1)", N_("Next screen"), N_("The next screen; Shift+Tab goes back"), _LISTS | {FILTER}, 6
    ),
    Command("shift+tab", N_("Shift+Tab"), "step(-1)", N_("Last screen"), ""),
    Command("question_mark,f1", "?", "help", N_("Help"), N_("This page (F1 while you type)"), _LISTS, 3),
    Command("f1", "F1", "help", N_("Help"), "", frozenset({FILTER}), 3),
    Command("q", "q", "app.quit", N_("Quit"), N_("Leave (Ctrl+Q from anywhere)"), _LISTS, 4),
)
MEMBER_ACTION: Final = "member"
DETAILS_ACTION: Final = "details"
"""It does something only where the list has rows."""


def bindings() -> list[BindingType]:
    """Return what the main screen binds; what a focused list or filter binds itself is not disturbed."""
    return [Binding(command.keys, command.action, command.label, show=False) for command in COMMANDS]


def shown_at(place: str, *, several_members: bool) -> list[Command]:
    """Return the commands of a place's bottom line, in their order."""
    found = [command for command in COMMANDS if place in command.where]
    return [command for command in found if several_members or command.action != MEMBER_ACTION]


def explained() -> Iterable[Command]:
    """Return the commands of the help page."""
    return (command for command in COMMANDS if command.sentence)
