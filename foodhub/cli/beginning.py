"""What is seen to before a command runs: whom `--as` names, and whether the home can read what it shows.

It changes nothing, and answers at once: help and status must not wait for it.
"""

from foodhub.cli.call import Call
from foodhub.errors import N_
from foodhub.words import _

UNSEALED = N_(
    "This home was restored without its keys: orders, what is set aside, purchase orders and all else that was sealed"
    " to its members is missing from what it shows. It comes back with new keys: foodhub device enrol CODE, or foodhub"
    " recover"
)


def see_to(call: Call, command: str) -> None:
    """Make sure that the member named is of this home, also where nobody signs; say if less is shown than there is.

    `command` is the first word of the command that is about to run.

    Raises:
        NotThereError: `no_such_hat`.
    """
    # Loaded here, so that `--help` need not.
    from foodhub.node.home import DATABASE

    if not (call.home / DATABASE).exists():
        return
    from foodhub.node.hat import choose_hat
    from foodhub.node.reading import read
    from foodhub.node.state import is_unsealed

    if call.as_name is not None:
        read(call.home, choose_hat, call.as_name)
    if command not in _NOT_OF_TRADE and read(call.home, is_unsealed):
        call.note(_(UNSEALED))


_NOT_OF_TRADE = frozenset({"init", "circuit", "device", "recover", "node", "status", "peers", "log", "paths"})
