"""What waits for a person, where it is looked for: the trade's beside the orders, the rest beside the network.

`foodhub status` says all of it; here is room for the gravest alone.
"""

from collections.abc import Sequence

from foodhub.node.alerts import Alert
from foodhub.saying import warned
from foodhub.words import ngettext


def of_trade(alerts: Sequence[Alert]) -> list[Alert]:
    """Return what waits in the trade, the gravest first."""
    return [alert for alert in alerts if alert.trade]


def of_home(alerts: Sequence[Alert]) -> list[Alert]:
    """Return what is to be said of the home and the circuit, the gravest first."""
    return [alert for alert in alerts if not alert.trade]


def in_short(alerts: Sequence[Alert], most: int = 1) -> list[str]:
    """Say the first `most` alerts, each with what to do in a line of its own, and how many others there are."""
    said = [warned(each) for each in alerts[:most]]
    lines = ["\n".join(filter(None, parts)) for parts in said]
    more = len(alerts) - len(said)
    if more > 0:
        lines.append(ngettext("{n} more: foodhub status", "{n} more: foodhub status", more).format(n=more))
    return lines
