"""What to say where there is nothing to show, or nothing can be done: always with the next step."""

from foodhub.errors import N_, FoodhubError, RefusedError
from foodhub.node.alerts import Alert, turned_away
from foodhub.node.hat import Hat
from foodhub.node.state import StatusRow, read_only_error
from foodhub.saying import INVITE_REASONS, said
from foodhub.tui.network import Live
from foodhub.words import _

_FALLEN = frozenset({"removed", "retired", "log_forked"})
"""Warnings that a person has to see whatever it looks at: nothing that is done here counts."""


def market(hat: Hat, *, in_circuit: bool, joining: bool) -> str:
    """Say what to do while there is no product."""
    if joining:
        return _("On the way into the circuit: its products appear here as soon as one of its nodes answers.")
    if not in_circuit:
        return _outside()
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


def _outside() -> str:
    return _(
        "This home is in no circuit yet.\n\n"
        "Found one with:  foodhub circuit found NAME\n"
        "or join with:    foodhub circuit join INVITE"
    )


def orders(hat: Hat, *, in_circuit: bool) -> str:
    """Say what to do while a member has no order."""
    if not in_circuit:
        return _outside()
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
    """Return why this home may not sign, or why nothing that it signs counts, None while neither is so."""
    if status.read_only:
        return read_only_error(status.read_only)
    return next((_error(alert) for alert in status.warnings if alert.code in _FALLEN), None)


def turned_down(status: StatusRow | None, live_now: Live) -> FoodhubError | None:
    """Return why other nodes turn this one away, where this home has not heard of it otherwise."""
    known = status.warnings if status else []
    said = turned_away(known, [peer.reason for peer in live_now.peers if peer.state == "refused" and peer.members])
    return _error(said[0]) if said else None


def _error(alert: Alert) -> FoodhubError:
    return FoodhubError(alert.code, alert.text, alert.hint, **alert.details)


def refused_joining(live_now: Live) -> FoodhubError | None:
    """Return why the circuit does not let this home in, None while nothing speaks against it."""
    if live_now.refusal not in INVITE_REASONS:
        return None
    return RefusedError(
        "not_let_in",
        N_("The circuit does not let this home in: {reason}."),
        N_("Ask for a new invite."),
        reason=said(INVITE_REASONS, live_now.refusal),
    )
