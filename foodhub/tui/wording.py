"""How contents, times and sizes are said on the screen, beside what both front ends say alike (`saying`).

It never decides anything: it turns values into words, and every value it does not know is shown as it is.
"""

from datetime import datetime
from typing import Final

from foodhub import words
from foodhub.errors import N_
from foodhub.node.products import ProductRow
from foodhub.saying import counted, decimal_mark, quantity
from foodhub.words import _, day, ngettext


def packing(product: ProductRow) -> str:
    """Say what one piece of a product is, or in which steps goods by weight or volume are sold."""
    if product.price_per != "piece":
        # Translators: goods that are weighed or poured out for the buyer, in steps of 100 g or the like.
        return _("by {step}").format(step=counted(product.step, product.price_per))
    if product.unit != "piece":
        content = quantity(product.unit_value, product.unit)
        return f"{product.unit_name} {content}" if product.unit_name else content
    name = product.unit_name or _("piece")
    return name if product.unit_value == 1 else f"{product.unit_value} × {name}"


def case(product: ProductRow) -> str:
    """Say how much a case of a product holds; nothing where it is sold one by one."""
    if not product.case:
        return ""
    text = _("{case} of {amount}: what fills none may not be delivered")
    return text.format(case=product.case_word or _("case"), amount=counted(product.case, product.price_per))


def on_hand(amount: int | None, per: str) -> str:
    """Say how much of a product is there; None is on demand."""
    return _("on demand") if amount is None else counted(amount, per)


def when(moment: datetime, now: datetime) -> str:
    """Say a time in at most 11 characters: the hour today, day and hour this year, else the date."""
    today = now.astimezone(moment.tzinfo)
    if moment.date() == today.date():
        # Translators: formats of strftime, month and day as your readers write them; at most 11 characters when shown.
        return moment.strftime(_("today %H:%M"))
    return moment.strftime(_("%m-%d %H:%M")) if moment.year == today.year else day(moment)


def full_time(moment: datetime) -> str:
    """Say a time with its year and its zone."""
    return f"{words.moment(moment)} ({moment:%Z})"


def size(count: int) -> str:
    """Say a number of bytes."""
    if count < 1000:
        return ngettext("{n} byte", "{n} bytes", count).format(n=count)
    if count < 1_000_000:
        return _("{n} kB").format(n=count // 1000)
    whole, part = divmod(count // 100_000, 10)
    return _("{n} MB").format(n=f"{whole}{decimal_mark()}{part}")


ORDER_SENTENCES: Final = {
    "sent": N_("Signed; there is no answer yet."),
    "received": N_("It has arrived, and a receipt was signed for it."),
    "late": N_("It arrived after the cycle had closed."),
    "refused": N_("It was not taken: it was signed outside the cycle."),
    "cancelled": N_("The buyer has cancelled it."),
}


def entries(count: int) -> str:
    """Say a number of entries."""
    return ngettext("{n} entry", "{n} entries", count).format(n=count)
