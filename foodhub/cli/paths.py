"""`foodhub paths`: where everything lies, also before anything is set up."""

from foodhub.cli.call import Call
from foodhub.cli.command import command, pass_call
from foodhub.cli.output import facts, show
from foodhub.node import home


@command("paths", examples=["foodhub paths", "foodhub paths --json"])
@pass_call
def paths(call: Call) -> None:
    """Show the paths."""
    found = {name: str(path) for name, path in home.paths(call.home.absolute()).items()}
    show(call, found, lambda: facts(found.items()))
