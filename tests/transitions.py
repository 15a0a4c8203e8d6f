"""Draws the tables of transitions into docs/transitions.md: `python -m tests.transitions` after a change of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from foodhub.orders.order import TRANSITIONS, Transition
from foodhub.orders.purchase import PURCHASE_TRANSITIONS, PurchaseTransition

PAGE = Path(__file__).parent.parent / "docs" / "transitions.md"
_HEAD = """# Transitions

Drawn from the tables in the code by `python -m tests.transitions`; a test fails while this page differs from them.
What no table has nobody may do. A state is never stored: every node works it out from what was signed.
"""


def page() -> str:
    """Return the whole page."""
    order = _section("An order", "`foodhub/orders/order.py`", TRANSITIONS)
    purchase = _section("A purchase order", "`foodhub/orders/purchase.py`", PURCHASE_TRANSITIONS)
    return "\n".join([_HEAD, *order, *purchase])


def _section(title: str, where: str, table: Sequence[Transition | PurchaseTransition]) -> Iterable[str]:
    yield f"## {title}\n\n{where}\n\n```mermaid\nstateDiagram-v2"
    for each in table:
        yield f"    {each.before} --> {each.after}: {each.act.replace('_', ' ')} ({each.actor})"
    yield "```\n\n| from | what happens | by | to | when |\n|---|---|---|---|---|"
    for each in table:
        words = [each.before, each.act, each.actor, each.after]
        yield f"| {' | '.join(word.replace('_', ' ') for word in words)} | {each.when} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
