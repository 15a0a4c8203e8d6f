"""What foodhub says to people, in their language.

Used by the front ends alone: the rooms below them mark text with `N_` and hand over codes and amounts. Text is
translated first and filled in afterwards (`_("{name} is away").format(name=...)`), so a message is never an f-string.
English is the language of the source, and until `use` is called nothing else is spoken.
"""

import os
from datetime import date, datetime
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

from foodhub.errors import N_, FoodhubError, Unnamed

LOGS: Final = {"circuit": N_("members"), "catalog": N_("catalog"), "trade": N_("orders")}
"""What a log is called where a person reads it; its code stays what is typed, and what programs read."""
_DAYS: Final = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
# Translators: the date as your readers write and type it, in the signs of strftime: year, month, day.
_DATE: Final = N_("%Y-%m-%d")
_LOCALE = Path(__file__).parent / "locale"
_spoken = NullTranslations()


def use(language: str | None = None) -> str:
    """Speak `language`, else what FOODHUB_LANG, LC_ALL, LC_MESSAGES or LANG asks for, and return its code.

    Languages are named as in `fr`, `fr-CA` or `fr_FR.UTF-8`; one that has no catalog is English.
    """
    global _spoken  # noqa: PLW0603 - a process speaks one language
    asked = (language or _asked_for()).partition(".")[0].partition("@")[0].replace("-", "_")
    for code in (asked, asked.partition("_")[0].lower()):
        catalog = _LOCALE / code / "LC_MESSAGES" / "foodhub.mo"
        # Letters only: a variable of the environment must not choose which file is opened.
        if code.replace("_", "").isalpha() and catalog.exists():
            with catalog.open("rb") as file:
                _spoken = GNUTranslations(file)
            return code
    _spoken = NullTranslations()
    return "en"


def _asked_for() -> str:
    """The first of the environment's languages that is set, as POSIX ranks them."""
    names = ("FOODHUB_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    return next((value for name in names if (value := os.environ.get(name))), "en")


def _(message: str) -> str:
    """The message in the language spoken."""
    # A catalog's header is the translation of "", and no one should read it.
    return _spoken.gettext(message) if message else ""


def ngettext(singular: str, plural: str, n: int) -> str:
    """The message for `n` things in the language spoken."""
    return _spoken.ngettext(singular, plural, n)


def say(error: FoodhubError) -> tuple[str, str]:
    """The message and the hint of an error, translated and filled in; the hint may be empty."""
    details = _Details({name: _shown(name, value) for name, value in error.details.items()})
    return _(error.message).format_map(details), _(error.hint).format_map(details)


def day_name(time: datetime) -> str:
    """The day of the week of a time."""
    return _(_DAYS[time.weekday()])


def day(time: datetime) -> str:
    """The date of a time, as the language writes it: "2026-11-26"."""
    return time.strftime(_(_DATE))


def read_day(text: str) -> date | None:
    """Return the date that `day` writes so, None where it writes none so."""
    try:
        return datetime.strptime(text, _(_DATE)).date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None


def moment(time: datetime) -> str:
    """A time as tables have it: "2026-11-26 20:00"."""
    return f"{day(time)} {time:%H:%M}"


def full_moment(time: datetime) -> str:
    """A time with a zone, so that nothing about it is left open: "Thursday 2026-11-26 20:00 (Europe/Paris)"."""
    zone = getattr(time.tzinfo, "key", None) or time.tzname() or ""
    return f"{day_name(time)} {moment(time)} ({zone})"


def unnamed(identity: str) -> str:
    """What a household is called whose name is not known here, by the beginning of its id."""
    return _("Household {id}").format(id=identity)


class _Details(dict[str, object]):
    """Details to fill in, where a forgotten one shows as its name: saying an error must never raise another."""

    __slots__ = ()

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def _shown(name: str, value: object) -> object:
    """A detail as people read it: lists joined, times with day and zone, log names and errors translated too."""
    if isinstance(value, FoodhubError):
        return say(value)[0]
    if isinstance(value, Unnamed):
        return unnamed(value.id)
    if isinstance(value, datetime):
        return full_moment(value)
    if isinstance(value, list | tuple):
        return ", ".join(str(_shown(name, item)) for item in value)
    return _(LOGS[value]) if name == "log" and isinstance(value, str) and value in LOGS else value
