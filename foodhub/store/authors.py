"""Whose first run may come in: that of a member's device, of the founder, or one that stands on what we hold."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from foodhub.circuit.membership import enrolment_holds, founding_holds, join_holds, recovery_holds
from foodhub.circuit.statements import Enrol, Found, Join, Recover, charter_hash
from foodhub.log.body import open_payload
from foodhub.log.faults import PeerFault
from foodhub.log.header import Log
from foodhub.log.run import CheckedRun
from foodhub.store.fold import READERS, Fold
from foodhub.store.schema import SEQ_BITS


def author_known(fold: Fold, run: CheckedRun, payloads: Sequence[bytes | None]) -> bool:
    """Say whether the first run of a log may come in.

    A log 0 has to begin with a founding, with a join on an invite, an enrolment on a ticket that we hold, or a recovery
    of a member; logs 1 and 2 need a device of a member.
    """
    if _known_so_far(fold, run, payloads):
        return True
    # Who is a member, or may become one, may stand in what this very transaction took before.
    return fold.flush() and _known_so_far(fold, run, payloads)


def _known_so_far(fold: Fold, run: CheckedRun, payloads: Sequence[bytes | None]) -> bool:
    if run.log != Log.CIRCUIT or run.first != 1:
        return fold.view.member_of(run.author) is not None
    match _first_statement(payloads):
        case Found() as first:
            return founding_holds(fold.circuit, run.author, first)
        case Join(invite=invite) as first:
            charter = charter_hash(fold.view.charter())
            held = fold.db.execute("SELECT 1 FROM invite WHERE public = ?", (invite,)).fetchone()
            return held is not None and join_holds(fold.circuit, run.author, charter, first)
        case Enrol(member=member, ticket=ticket) as first:
            query = "SELECT 1 FROM ticket WHERE public = ? AND member = ?"
            held = fold.db.execute(query, (ticket, member)).fetchone()
            return held is not None and enrolment_holds(fold.circuit, run.author, first)
        case Recover(member=member) as first:
            signing = fold.view.recovery_key(member) or _stated_key(fold.db, member)
            return signing is not None and recovery_holds(fold.circuit, run.author, first, signing)
    return False


def _stated_key(db: sqlite3.Connection, member: bytes) -> bytes | None:
    """Return the recovery key in the join of somebody who is no member just now, None where no such join is held.

    The cut of one recovery may leave nothing of the join's log that is signed here; then only a later recovery can
    say who counts, and it must not be turned away for the lack of what it brings.
    """
    rows = db.execute(
        "SELECT e.payload FROM log l JOIN entry e ON e.place = (l.ref << ?) + 1"
        " WHERE l.log = ? AND NOT EXISTS (SELECT 1 FROM device WHERE key = l.author)",
        (SEQ_BITS, int(Log.CIRCUIT)),
    )
    joins = (first for row in rows if isinstance(first := _first_statement(row), Join))
    return next((join.inception.recovery_signing for join in joins if join.inception.id == member), None)


def _first_statement(payloads: Sequence[bytes | None]) -> Any:
    payload = payloads[0] if payloads else None
    if payload is None:
        return None
    try:
        return next(iter(READERS[Log.CIRCUIT].read(open_payload(payload))), None)
    except PeerFault:
        return None
