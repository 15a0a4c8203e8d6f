"""`foodhub cycle announce`: a text that people paste into the chat of their group. Nothing is signed or sent."""

from datetime import datetime

from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.output import say, show, text_lines
from foodhub.errors import N_
from foodhub.node.announcing import Announcement, announce
from foodhub.node.hat import choose_hat
from foodhub.node.home import now
from foodhub.node.overview import find_any
from foodhub.node.reading import open_reading
from foodhub.words import _, day, day_name, ngettext


@command(
    "cycle announce",
    examples=['foodhub cycle announce "Week 48"', 'foodhub cycle announce "Week 48" --lang fr'],
    more=N_("The text is plain, for any chat. A group's own closing time and pickups stand in it when a group asks."),
)
@argument("cycle")
@pass_call
def cycle_announce(call: Call, cycle: str) -> None:
    """Print what to tell your members."""
    with open_reading(call.home) as db:
        hat = choose_hat(db, call.as_name)
        found = announce(db, hat, find_any(db, cycle, now()), now())
    text = announcement(found)
    show(call, {"cycle": found.cycle, "id": found.id, "text": text}, lambda: say(text))


def announcement(found: Announcement) -> str:
    """Return the text of an announcement."""
    lines = [_('{seller}: "{cycle}"').format(seller=found.seller, cycle=found.cycle), ""]
    count = ngettext("{count} product", "{count} products", found.products).format(count=found.products)
    lines.append(count)
    if found.new:
        names = ", ".join(found.new)
        if found.more:
            names = _("{names} and {count} more").format(names=names, count=found.more)
        lines.append(_("New: {names}").format(names=names))
    lines.append(_("Order from {time}").format(time=_moment(found.opens)))
    lines.append(_("until {time} ({zone})").format(time=_moment(found.closes), zone=found.zone))
    lines += [
        _("Group {name}: until {time}").format(name=group.name, time=_moment(group.closes)) for group in found.groups
    ]
    for pickup in found.pickups:
        text = _("Pickup: {place}, {begins} to {ends}")
        same = pickup.opens.date() == pickup.closes.date()
        ends = _clock(pickup.closes) if same else _moment(pickup.closes)
        lines.append(text.format(place=pickup.place, begins=_moment(pickup.opens), ends=ends))
    wanted = _("PRODUCT=QUANTITY")
    lines += ["", _("How to order:"), "foodhub", f'foodhub order place "{found.cycle}" {wanted}']
    return "\n".join(text_lines(line) for line in lines)


def _moment(time: datetime) -> str:
    """Write a time with its weekday: "Thursday 2026-11-26 20:00"."""
    return f"{day_name(time)} {day(time)} {_clock(time)}"


def _clock(time: datetime) -> str:
    return f"{time:%H:%M}"
