"""Bringing a home up to date after an upgrade of the program, before a command works on it, under a progress bar.

It knows nothing of what changed: the store makes its views anew, slice by slice, and can go on after an interruption.
"""

from foodhub.cli.call import Call
from foodhub.words import _


def bring_up_to_date(call: Call) -> None:
    """Make anew what an older program made, if need be; show how far it is."""
    # Loaded here, so that `--help` need not.
    from foodhub.node.reading import open_reading, views_are_old

    if not views_are_old(call.home):
        return

    from foodhub.node import live

    served = live.is_running(call.home)

    def told(done: int, total: int) -> None:
        part = 100 * done // total if total else 100
        call.progress(_("Bringing this home up to date: {part} %").format(part=part))

    with open_reading(call.home, told):
        call.progress("")
    call.note(_("This home was brought up to date."))
    if served:
        call.note(_("The network process here is of the older program. Start it anew: foodhub node run"))
