"""Cycles that come again: a rule of the coordinator's own, and the duty that makes the next one.

Each next cycle is like the one before, at the same weekdays and hours; its window is counted from the cycle with which
the rule begins. Its id follows from the rule and its day, so that two devices make the same one. It is made when the
one before has opened.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from itertools import islice

import msgspec

from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.arranging import Arrangement, arrangement_of, clone, published, require_arrangement
from foodhub.node.cycles import CycleRow, cycle_at, require_coordinator, zone_of
from foodhub.node.devices import keeper_of
from foodhub.node.hat import Hat
from foodhub.node.waking import is_waking
from foodhub.orders.cycle import day_number, days_later, in_zone, name_again, returns
from foodhub.orders.exchanges import Repeat
from foodhub.orders.statements import derived_id
from foodhub.store.transaction import Transaction

_AHEAD = 600
"""So many returns of a cycle are looked through at most."""
_repeats = msgspec.msgpack.Decoder(Repeat)


def list_repeats(db: sqlite3.Connection, member: bytes) -> list[Repeat]:
    """Return the rules of a member of this home that have not ended."""
    rows = db.execute(
        "SELECT r.body FROM repeat r JOIN member m ON m.ref = r.owner WHERE m.id = ? AND NOT r.ended ORDER BY r.local",
        (member,),
    )
    return [_repeats.decode(body) for (body,) in rows]


def repeat_of(db: sqlite3.Connection, member: bytes, local: bytes) -> Repeat | None:
    """Return the rule with which a cycle of ours begins, or by which it was made."""
    for rule in list_repeats(db, member):
        if local == rule.cycle or any(local == made for _, made in _made(db, member, rule)):
            return rule
    return None


def next_repeat(db: sqlite3.Connection, hat: Hat, now: int) -> int | None:
    """Return when (ms) this device next has to make a cycle by a rule."""
    return min((at for at, _ in _waiting(db, hat, now)), default=None)


def repeat_due(db: sqlite3.Connection, hat: Hat, now: int) -> list[Arrangement]:
    """Return the cycles that this device has to make by rules at `now` (ms)."""
    return [] if is_waking(db) else [make() for at, make in _waiting(db, hat, now) if at <= now]


def repeat_cycles(tx: Transaction, hat: Hat) -> int:
    """Make the cycles that are due; return how many."""
    due = repeat_due(tx.db, hat, tx.now)
    if due:
        tx.append(hat.member, Log.CATALOG, [said for made in due for said in published(None, made)])
    return len(due)


def repeat_cycle(
    tx: Transaction, hat: Hat, local: bytes, weeks: int, skipped: Sequence[int] = (), until: int = 0
) -> Repeat:
    """Let a cycle of ours come again every `weeks` weeks, but on no day of `skipped`, and not after `until` (ms, 0).

    Raises:
        RefusedError: `not_your_cycle`, `still_a_draft`, `never_again`, or another device makes the cycles.
    """
    require_coordinator(tx.db, hat)
    cycle = require_arrangement(tx.db, hat, local)
    if cycle.draft:
        raise RefusedError(
            "still_a_draft",
            N_('"{cycle}" is still a draft.'),
            N_('Publish it first: foodhub cycle publish "{cycle}"'),
            cycle=cycle.cycle.name,
        )
    held = repeat_of(tx.db, hat.member, local)
    rule = Repeat(
        local=held.local if held else secrets.token_bytes(16),
        version=held.version + 1 if held else 1,
        cycle=local,
        weeks=weeks,
        skipped=sorted(set(skipped)),
        until=until,
        ended=False,
    )
    if next(_dates(cycle, rule), None) is None:
        raise RefusedError(
            "never_again",
            N_('"{cycle}" would never come again.'),
            N_("Choose a later --until."),
            cycle=cycle.cycle.name,
        )
    tx.append(hat.member, Log.TRADE, [rule])
    return rule


def end_repeat(tx: Transaction, hat: Hat, local: bytes) -> Repeat:
    """Let a cycle come no more; what was made stays.

    Raises:
        RefusedError: `not_your_cycle`, `no_repeat`, or another device makes the cycles.
    """
    require_coordinator(tx.db, hat)
    cycle = require_arrangement(tx.db, hat, local)
    held = repeat_of(tx.db, hat.member, local)
    if held is None:
        raise RefusedError("no_repeat", N_('"{cycle}" does not come again by itself.'), cycle=cycle.cycle.name)
    rule = msgspec.structs.replace(held, version=held.version + 1, ended=True)
    tx.append(hat.member, Log.TRADE, [rule])
    return rule


def coming_by(db: sqlite3.Connection, hat: Hat, rule: Repeat, now: int) -> list[CycleRow]:
    """Return the cycles that a rule has made and that are still to open."""
    rows = (cycle_at(db, (hat.member, local), now) for _, local in _made(db, hat.member, rule))
    return [row for row in rows if row is not None and row.state == "upcoming"]


def next_openings(db: sqlite3.Connection, member: bytes, rule: Repeat, count: int) -> list[int]:
    """Return when (ms) the next `count` cycles of a rule open, the ones that are made already too."""
    cycle = arrangement_of(db, member, rule.cycle)
    return [opens for _, opens in islice(_dates(cycle, rule), count)] if cycle else []


def _dates(cycle: Arrangement, rule: Repeat, since: int = 0) -> Iterator[tuple[int, int]]:
    """Yield how many weeks after the first one a cycle opens, and when (ms); from about `since` (ms) on."""
    zone, opens = zone_of(cycle.cycle.zone), cycle.cycle.opens
    for weeks in islice(returns(opens, rule.weeks, zone, rule.skipped, rule.until, since), _AHEAD):
        yield weeks, days_later(opens, 7 * weeks, zone)


def _made(db: sqlite3.Connection, member: bytes, rule: Repeat) -> list[tuple[int, bytes]]:
    """Return by weeks after the first one the ids of the cycles that a rule has made so far, in their order."""
    first = arrangement_of(db, member, rule.cycle)
    if first is None:
        return []
    known = {
        local
        for (local,) in db.execute(
            "SELECT c.local FROM cycle c JOIN member m ON m.ref = c.owner WHERE m.id = ?", (member,)
        )
    }
    zone = zone_of(first.cycle.zone)
    dates = ((weeks, _id(rule, day_number(opens, zone))) for weeks, opens in _dates(first, rule))
    return [(weeks, local) for weeks, local in dates if local in known]


def _id(rule: Repeat, day: int) -> bytes:
    return derived_id(b"repeat", rule.local, day.to_bytes(8, "big"))


def _waiting(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[tuple[int, Callable[[], Arrangement]]]:
    """Yield when (ms) this device has to make a cycle, when the one before has opened, and how it is worked out."""
    rules = list_repeats(db, hat.member)
    if not rules or keeper_of(db, hat.member, "desk") != hat.device:
        return
    for rule in rules:
        first = arrangement_of(db, hat.member, rule.cycle)
        following = _next_date(db, hat.member, rule, first, now) if first and not first.draft else None
        if first is not None and following is not None:
            weeks, opens = following
            before, last = _last(db, hat.member, rule, first, weeks)
            yield last.cycle.opens, partial(_following, db, hat, rule, first, (weeks - before, last), opens)


def _next_date(
    db: sqlite3.Connection, member: bytes, rule: Repeat, first: Arrangement, now: int
) -> tuple[int, int] | None:
    """Return of the next cycle that is not made yet how many weeks after the first, and when (ms), it opens.

    What would be over by now is left out.
    """
    zone = zone_of(first.cycle.zone)
    long = first.cycle.closes - first.cycle.opens
    for weeks, opens in _dates(first, rule, now - long):
        closes = days_later(first.cycle.closes, 7 * weeks, zone)
        if closes > now and arrangement_of(db, member, _id(rule, day_number(opens, zone))) is None:
            return weeks, opens
    return None


def _last(
    db: sqlite3.Connection, member: bytes, rule: Repeat, first: Arrangement, weeks: int
) -> tuple[int, Arrangement]:
    """Return the cycle before the one that comes so many weeks after the first, and after how many weeks it came."""
    zone = zone_of(first.cycle.zone)
    before = weeks - rule.weeks
    found = _at(db, member, rule, days_later(first.cycle.opens, 7 * before, zone), zone) if before else first
    if found is not None:
        return before, found
    made = [(number, local) for number, local in _made(db, member, rule) if number < weeks]
    number, local = made[-1] if made else (0, rule.cycle)
    return number, arrangement_of(db, member, local) or first


def _at(db: sqlite3.Connection, member: bytes, rule: Repeat, opens: int, zone: tzinfo) -> Arrangement | None:
    return arrangement_of(db, member, _id(rule, day_number(opens, zone)))


def _following(
    db: sqlite3.Connection, hat: Hat, rule: Repeat, first: Arrangement, last: tuple[int, Arrangement], opens: int
) -> Arrangement:
    """Return the cycle that opens at `opens` (ms), like the last one, which came so many weeks before it."""
    zone, (weeks, like) = zone_of(first.cycle.zone), last
    later = partial(days_later, days=7 * weeks, zone=zone)
    name = name_again(like.cycle.name, like.cycle.opens, opens, zone)
    made = clone(db, like, hat, _id(rule, day_number(opens, zone)), name, later)
    days = (in_zone(opens, zone).date() - in_zone(first.cycle.opens, zone).date()).days
    closes = days_later(first.cycle.closes, days, zone)
    return replace(made, cycle=msgspec.structs.replace(made.cycle, opens=opens, closes=closes))
