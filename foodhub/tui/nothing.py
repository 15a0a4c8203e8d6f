"""What to say where there is nothing to show, or nothing can be done: always with the next step."""

from foodhub.errors import N_, FoodhubError, RefusedError
from foodhub.node.hat import Hat
from foodhub.node.state import StatusRow, read_only_error
from foodhub.saying import said
from foodhub.tui.network import Live
from foodhub.tui.wording import REFUSALS
from foodhub.words import _


def market(hat: Hat, *, in_circuit: bool, joining: bool) -> str:
    """Say what to do while there is no product."""
    if joining:
        return _("On the way into the circuit: its products appear here as soon as one of its nodes answers.")
    if not in_circuit:
        return _(
            "This home is in no circuit yet.\n\n"
            "Found one with:  foodhub circuit found NAME\n"
            "or join with:    foodhub circuit join INVITE"
        )
    if {"producer", "hub"} & set(hat.roles):
        return _(
            "No products yet.\n\n"
            "Publish yours with:       foodhub product import FILE\n"
            "Let a producer in with:   foodhub circuit invite --role producer"
        )
    return _(
        "No products yet: they appear here as soon as a producer of the circuit publishes some.\n\n"
        "Let a producer in with:  foodhub circuit invite --role producer"
    )


def orders(hat: Hat) -> str:
    """Say what to do while a member has no order."""
    if "hub" in hat.roles:
        return _(
            "No orders yet: they appear here as buyers place them.\n\n"
            "Open an order cycle with:  foodhub cycle new NAME --opens WHEN --closes WHEN"
        )
    if {"group", "household"} & set(hat.roles):
        return _(
            "No orders yet.\n\n"
            "See what can be ordered:  foodhub cycle list\n"
            "Place one with:           foodhub order place CYCLE PRODUCT=2"
        )
    return _(
        "No orders of {name}: a producer sees totals only, never who ordered.\n\n"
        "What was ordered of your products:  foodhub cycle show CYCLE"
    ).format(name=hat.name)


def read_only(status: StatusRow) -> FoodhubError | None:
    """Return why this home may not sign, None when it may."""
    return read_only_error(status.read_only) if status.read_only else None


def refused_joining(live_now: Live) -> FoodhubError | None:
    """Return why the circuit does not let this home in, None while nothing speaks against it."""
    if live_now.refusal not in REFUSALS:
        return None
    return RefusedError(
        "not_let_in",
        N_("The circuit does not let this home in: {reason}."),
        N_("Ask for a new invite."),
        reason=said(REFUSALS, live_now.refusal),
    )
