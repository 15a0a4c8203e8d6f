"""`foodhub paths`: where everything lies, also before anything is set up."""

from typing import Final

from foodhub.cli.call import Call
from foodhub.cli.command import command, pass_call
from foodhub.cli.output import facts, show
from foodhub.errors import N_
from foodhub.node import home
from foodhub.words import _

_NAMES: Final = {
    "home": N_("home"),
    "database": N_("database"),
    "keys": N_("keys"),
    "live": N_("live"),
    "log": N_("log"),
    "state": N_("state"),
    "bootstrap": N_("first peers"),
}


@command("paths", examples=["foodhub paths", "foodhub paths --json"])
@pass_call
def paths(call: Call) -> None:
    """Show the paths."""
    found = {name: str(path) for name, path in home.paths(call.home.absolute()).items()}
    show(call, found, lambda: facts((_(_NAMES[name]), path) for name, path in found.items()))
