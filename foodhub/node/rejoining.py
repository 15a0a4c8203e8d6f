"""Selling again in somebody else's cycle that comes again: what a group or hub said of the one before holds for it too.

A cycle comes again where its coordinator opens one whole weeks later, at the same hour, which is called as the one
before would be called then. Our times move by as many days. Nothing is said again where it would be another bargain:
who sells to whom or who supplies us changed; nor where we said that the one before was the last. We say it once for
each such hour and name, and not of a time far ahead: what others open does not make us sign without end.
"""

import secrets
import sqlite3
from functools import partial

import msgspec

from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.arranging import moved
from foodhub.node.asking_again import asking_again
from foodhub.node.cycles import CycleRow, cycle_at, in_ms, unclosed_cycles, zone_of
from foodhub.node.devices import keeper_of
from foodhub.node.exchanges import outgoing_of
from foodhub.node.hat import Hat
from foodhub.node.offering import as_supplied
from foodhub.node.rights import require_right
from foodhub.node.standing import require_standing
from foodhub.node.waking import is_waking
from foodhub.orders.cycle import days_later, name_again
from foodhub.orders.exchanges import Outgoing, Repeat
from foodhub.store.transaction import Transaction

WITHIN = 8
"""So many weeks after a cycle it may come again; after a longer pause a person says anew how we sell."""
AHEAD = WITHIN * 7 * 86_400_000
"""What opens later than so long (ms) from now is left until then."""
_Hour = tuple[bytes, int, str]
"""Whose a cycle is, when it opens (ms), and its name."""
_repeats = msgspec.msgpack.Decoder(Repeat)


def again_due(db: sqlite3.Connection, hat: Hat, now: int) -> list[Outgoing]:
    """Return how we sell in cycles of others that have come again, as far as nothing was said of them yet."""
    owners = _owners(db, hat)
    if not owners or is_waking(db) or keeper_of(db, hat.member, "desk") != hat.device:
        return []
    coming = [cycle for owner in owners for cycle in unclosed_cycles(db, owner, now) if cycle.state != "closed"]
    said = _said(db, hat, coming)
    found: dict[_Hour, Outgoing] = {}
    for cycle in coming:
        hour = (cycle.key[0], in_ms(cycle.opens), cycle.name)
        made = None if hour in said or hour in found or hour[1] > now + AHEAD else _again(db, hat, cycle, now)
        if made is not None:
            found[hour] = made
    return list(found.values())


def _said(db: sqlite3.Connection, hat: Hat, coming: list[CycleRow]) -> set[_Hour]:
    """Return where we said how we sell: in these cycles, and in all that open later than the first of them."""
    if not coming:
        return set()
    rows = db.execute(
        "SELECT o.cycle_owner, c.opens, c.name FROM outgoing o JOIN member h ON h.ref = o.owner"
        " JOIN member m ON m.id = o.cycle_owner JOIN cycle c ON c.owner = m.ref AND c.local = o.cycle"
        " WHERE h.id = ? AND c.opens >= ?",
        (hat.member, min(in_ms(cycle.opens) for cycle in coming)),
    )
    return {(owner, opens, name) for owner, opens, name in rows}


def sell_again(tx: Transaction, hat: Hat) -> int:
    """Say how we sell in the cycles that have come again; return how many."""
    due = again_due(tx.db, hat, tx.now)
    if due:
        tx.append(hat.member, Log.CATALOG, due)
    return len(due)


def set_again(tx: Transaction, hat: Hat, cycle: CycleRow, *, comes: bool) -> CycleRow:
    """Say whether what we sell in somebody else's cycle comes again with it; return the last one of which that holds.

    Raises:
        RefusedError: `sells_nothing_there`, or this device may not.
    """
    require_standing(tx.db, hat)
    require_right(tx.db, hat, "desk")
    if outgoing_of(tx.db, hat.member, cycle) is None:
        raise RefusedError(
            "sells_nothing_there",
            N_('{name} sells nothing in "{cycle}".'),
            N_('Say how with: foodhub cycle sell "{cycle}"'),
            name=hat.name,
            cycle=cycle.name,
        )
    last = _last(tx.db, hat, cycle, tx.now)
    held = _rule(tx.db, hat, last)
    if (held is None or not held.ended) is not comes:
        local, version = (held.local, held.version + 1) if held else (secrets.token_bytes(16), 1)
        tx.append(hat.member, Log.TRADE, [Repeat(local, version, last.key[1], 1, [], 0, ended=not comes)])
    return last


def comes_again(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> bool:
    """Say whether what we sell in somebody else's cycle would be said of the next one too."""
    if cycle.draft or cycle.key[0] == hat.member or outgoing_of(db, hat.member, cycle) is None:
        return False
    rule = _rule(db, hat, cycle)
    return rule is None or not rule.ended


def _owners(db: sqlite3.Connection, hat: Hat) -> list[bytes]:
    """Return in whose cycles we have sold, but for our own."""
    rows = db.execute(
        "SELECT DISTINCT o.cycle_owner FROM outgoing o JOIN member m ON m.ref = o.owner"
        " WHERE m.id = ? AND o.cycle_owner != m.id",
        (hat.member,),
    )
    return [owner for (owner,) in rows]


def _again(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, now: int) -> Outgoing | None:
    """Return how we sell in a cycle of which we said nothing, None where it is none that comes again as it was."""
    before = _before(db, cycle, now)
    said = outgoing_of(db, hat.member, before) if before else None
    if before is None or said is None or before.sale != cycle.sale or not comes_again(db, hat, before):
        return None
    later = partial(days_later, days=(cycle.opens.date() - before.opens.date()).days, zone=zone_of(cycle.zone))
    made = moved(asking_again(db, hat.member, said), hat, cycle.key[1], later)
    usual = 0 if _closed_by_hand(db, hat, said) else made.closes
    lead = max(in_ms(before.closes) - said.closes, 0)
    try:
        made = as_supplied(db, hat, cycle, made, (usual, lead), now)
    except RefusedError:
        return None
    opens = max(in_ms(cycle.opens), now)
    return made if made.supplier == said.supplier and made.closes > opens else None


def _before(db: sqlite3.Connection, cycle: CycleRow, now: int) -> CycleRow | None:
    """Return the cycle that comes again as this one, the last of several; None where it is a new one."""
    zone, opens = zone_of(cycle.zone), in_ms(cycle.opens)
    for weeks in range(1, WITHIN + 1):
        rows = db.execute(
            "SELECT c.local, c.name FROM cycle c JOIN member m ON m.ref = c.owner WHERE m.id = ? AND c.opens = ?",
            (cycle.key[0], earlier := days_later(opens, -7 * weeks, zone)),
        )
        for local, name in rows.fetchall():
            if name_again(name, earlier, opens, zone) == cycle.name:
                return cycle_at(db, (cycle.key[0], local), now)
    return None


def _last(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, now: int) -> CycleRow:
    """Return the last of the cycles in which we sell already that came again after one."""
    coming = [each for each in unclosed_cycles(db, cycle.key[0], now) if outgoing_of(db, hat.member, each) is not None]
    for each in sorted(coming, key=lambda row: row.opens):
        before = _before(db, each, now)
        if before is not None and before.key == cycle.key:
            cycle = each
    return cycle


def _rule(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> Repeat | None:
    """Return what we said of whether our sale in a cycle of somebody else comes again."""
    row = db.execute(
        "SELECT r.body FROM repeat r JOIN member m ON m.ref = r.owner WHERE m.id = ? AND r.cycle = ?",
        (hat.member, cycle.key[1]),
    ).fetchone()
    return _repeats.decode(row[0]) if row else None


def _closed_by_hand(db: sqlite3.Connection, hat: Hat, said: Outgoing) -> bool:
    """Say whether a person closed our sale before its time, so that its closing time is none that comes again."""
    (stated,) = db.execute(
        "SELECT o.timestamp FROM outgoing o JOIN member m ON m.ref = o.owner WHERE m.id = ? AND o.local = ?",
        (hat.member, said.local),
    ).fetchone()
    return bool(said.closes <= stated)
