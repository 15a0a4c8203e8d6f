"""That a cycle waits for a close which its coordinator has not signed, and which we may sign as its deputy.

`foodhub status` asks this, and must answer at once: plain reading, nothing that signs.
"""

import sqlite3
from collections.abc import Iterator

import msgspec

from foodhub.errors import N_
from foodhub.node.hat import Hat, shown_name

GRACE = 600_000
"""So long (ms) after the hour a close is on its way."""
RECENT = 30 * 86_400_000
"""What closed longer ago (ms) is nobody's alert any more."""
TEXTS = (
    N_('The hour of "{cycle}" has passed, and {hub} has not closed it. You are its deputy.'),
    N_('If {hub} can not: foodhub cycle close "{cycle}"'),
)


def closes_awaited(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[dict[str, str]]:
    """Yield the cycles that wait for a close that a deputy may sign at `now` (ms): hub and name."""
    rows = db.execute(
        "SELECT m.id, c.name, p.body, c.local, c.closes FROM cycle c JOIN member m ON m.ref = c.owner"
        " JOIN plan p ON p.owner = c.owner AND p.local = c.local"
        " WHERE c.closes BETWEEN ? AND ? AND NOT m.removed AND instr(p.body, ?) ORDER BY c.closes",
        (now - RECENT, now - GRACE, hat.member),
    ).fetchall()
    for owner, name, plan, local, closes in rows:
        # The deputies stand last in a plan. What a plan is would load all that signs.
        deputies = msgspec.msgpack.decode(plan)[-1]
        said = {member: (at, opened) for member, at, opened in db.execute(_CLOSES, (owner, local))}
        done = owner in said and not said[owner][1]
        stood_in = any(who in said and said[who][0] >= closes and not said[who][1] for who in deputies)
        if hat.member in deputies and not done and not stood_in:
            yield {"hub": shown_name(db, owner), "cycle": name}


_CLOSES = (
    "SELECT m.id, x.at, x.open FROM close x JOIN member m ON m.ref = x.owner WHERE x.cycle_owner = ? AND x.cycle = ?"
)
