"""The close of a cycle: until when orders counted, who says so, and opening it again.

The coordinator's statement counts; while there is none, or it opened the cycle again, a deputy's does, but only for the
closing time that the cycle has now. Whoever slept through the hour first hears what the others have (see `waking`).
"""

import sqlite3
from collections.abc import Iterator

import msgspec

from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.cycles import CycleRow, cycle_at, in_ms, list_cycles, moment, unclosed_cycles
from foodhub.node.devices import desk_of, keeper_of
from foodhub.node.exchanges import Exchange, check_deadlines, plan_of
from foodhub.node.hat import Hat
from foodhub.node.rights import require_right
from foodhub.node.standing import require_standing
from foodhub.node.waking import is_waking
from foodhub.orders.exchanges import Close
from foodhub.orders.purchase import Purchase
from foodhub.orders.statements import Cycle, derived_id
from foodhub.store.transaction import Transaction

DEPUTY_WAITS = 3_600_000
"""So long (ms) after the closing time the first deputy waits for the coordinator; each further one as much longer."""
LONGEST_LATE = 30 * 24 * 3_600_000
"""So long (ms) after the closing time a deputy's node still closes a cycle by itself."""
_purchases = msgspec.msgpack.Decoder(Purchase)


def close_of(db: sqlite3.Connection, cycle: CycleRow) -> int | None:
    """Return until when (ms) orders of a cycle counted; None while nobody closed it, or it was opened again."""
    said = _closes(db, cycle)
    _, at, opened = said.get(cycle.key[0], (0, 0, True))
    if not opened:
        return at
    closes = in_ms(cycle.closes)
    deputies = [said[deputy] for deputy in plan_of(db, cycle).deputies if deputy in said] if said else []
    # A deputy that had not heard of a later closing time has not closed the cycle that it is now.
    return closes if any(at >= closes and not opened for _, at, opened in deputies) else None


def closer_of(db: sqlite3.Connection, cycle: CycleRow) -> bytes | None:
    """Return who signed the close that counts: the coordinator, else a deputy; None while nobody has."""
    if close_of(db, cycle) is None:
        return None
    said, owner = _closes(db, cycle), cycle.key[0]
    if owner in said and not said[owner][2]:
        return owner
    closes = in_ms(cycle.closes)
    named = (deputy for deputy in plan_of(db, cycle).deputies if deputy in said)
    return next((deputy for deputy in named if said[deputy][1] >= closes and not said[deputy][2]), None)


def is_reopened(db: sqlite3.Connection, cycle: CycleRow, now: int) -> bool:
    """Say whether a cycle was closed and opened again by its coordinator, and runs at `now` (ms)."""
    _, _, opened = _closes(db, cycle).get(cycle.key[0], (0, 0, False))
    return opened and cycle.phase_at(now) == "open" and close_of(db, cycle) is None


def left_closed(db: sqlite3.Connection, exchange: Exchange, cycle: CycleRow, now: int) -> bool:
    """Say whether a cycle was opened again, but not this sale in it: whoever sells there has to say a new time.

    Whoever closed after that did so on purpose.
    """
    if exchange.aggregator == cycle.key[0] or exchange.closes > now or not is_reopened(db, cycle, now):
        return False
    (opened,) = db.execute(
        "SELECT x.timestamp FROM close x JOIN party o ON o.ref = x.owner"
        " WHERE o.id = ?1 AND x.cycle_owner = ?1 AND x.cycle = ?2",
        cycle.key,
    ).fetchone()
    return bool(exchange.closes <= opened)


def ready_to_close(db: sqlite3.Connection, cycle: CycleRow) -> bool:
    """Say whether what the clock says of a cycle may be signed now: not before this home has heard the others.

    A cycle of ours that a person closed before its hour does not wait: that one knew what is here.
    """
    if not is_waking(db):
        return True
    closed = close_of(db, cycle)
    ours = db.execute("SELECT 1 FROM own WHERE member = ?", (cycle.key[0],)).fetchone() is not None
    return ours and closed is not None and closed < in_ms(cycle.closes)


def next_close(db: sqlite3.Connection, hat: Hat, now: int) -> int | None:
    """Return when (ms) the next close is due that a member of this home signs; None when there is none to come."""
    return min((at for at, _ in _waiting(db, hat, now)), default=None)


def next_in_force(db: sqlite3.Connection, _hat: Hat, now: int) -> int | None:
    """Return when (ms) the next close that was signed ahead of its time comes into force; None when none waits."""
    (at,) = db.execute("SELECT min(at) FROM close WHERE NOT open AND at > ?", (now,)).fetchone()
    return at  # type: ignore[no-any-return]


def close_due(db: sqlite3.Connection, hat: Hat, now: int) -> list[CycleRow]:
    """Return the cycles whose close this device has to sign at `now` (ms)."""
    return [cycle for at, cycle in _waiting(db, hat, now) if at <= now and ready_to_close(db, cycle)]


def write_closes(tx: Transaction, hat: Hat) -> int:
    """Sign the closes that are due; return how many."""
    due = close_due(tx.db, hat, tx.now)
    if due:
        tx.append(hat.member, Log.CATALOG, [_close(tx.db, hat, cycle, in_ms(cycle.closes)) for cycle in due])
    return len(due)


def close_cycle(tx: Transaction, hat: Hat, cycle: CycleRow) -> None:
    """Close a cycle now: orders count until this moment, or until its closing time if that has passed.

    Raises:
        RefusedError: `closed_already`, `not_your_cycle`, `deputy_too_early`, or what this device may not.
    """
    require_standing(tx.db, hat)
    if close_of(tx.db, cycle) is not None:
        raise RefusedError("closed_already", N_('"{cycle}" is closed already.'), cycle=cycle.name)
    closes = in_ms(cycle.closes)
    if hat.member == cycle.key[0]:
        _require_desk(tx.db, hat, cycle)
    elif hat.member not in plan_of(tx.db, cycle).deputies:
        raise _not_yours(cycle, deputies=True)
    elif tx.now < closes:
        raise RefusedError(
            "deputy_too_early",
            N_('"{cycle}" is open until {closes}: before that only {hub} may close it.'),
            N_("A deputy may close it afterwards, if {hub} has not."),
            cycle=cycle.name,
            closes=cycle.closes,
            hub=cycle.hub,
        )
    tx.append(hat.member, Log.CATALOG, [_close(tx.db, hat, cycle, min(tx.now, closes))])


def reopen_cycle(tx: Transaction, hat: Hat, cycle: CycleRow, closes: int) -> CycleRow:
    """Open a closed cycle of ours again until `closes` (ms), and return it as it is then.

    Raises:
        RefusedError: `not_your_cycle`, `not_closed`, `bad_window`, `closed_by_deputy`, a deadline out of order, or
            `accepted_already` once a producer has accepted a purchase order, or a part of one.
    """
    require_standing(tx.db, hat)
    if hat.member != cycle.key[0]:
        raise _not_yours(cycle)
    _require_desk(tx.db, hat, cycle)
    if cycle.phase_at(tx.now) != "closed" and close_of(tx.db, cycle) is None:
        raise RefusedError(
            "not_closed",
            N_('"{cycle}" is not closed.'),
            N_('Its closing time can be changed: foodhub cycle set "{cycle}" --closes WHEN'),
            cycle=cycle.name,
        )
    if closes <= tx.now:
        raise RefusedError(
            "bad_window",
            N_("The cycle would close at {closes}, before anybody could order."),
            N_("Choose a closing time after the opening time, and in the future."),
            closes=moment(closes, cycle.zone),
        )
    _require_later_than_deputies(tx.db, cycle, closes)
    require_nothing_accepted(tx.db, hat.member, cycle)
    check_deadlines(tx.db, plan_of(tx.db, cycle), closes, cycle.zone)
    version, *_ = _closes(tx.db, cycle).get(hat.member, (0, 0, False))
    local = derived_id(b"close", *cycle.key)
    tx.append(
        hat.member,
        Log.CATALOG,
        [_with_closes(tx.db, cycle, closes), Close(local, version + 1, *cycle.key, at=closes, open=True)],
    )
    row = cycle_at(tx.db, cycle.key, tx.now)
    assert row is not None
    return row


def _closes(db: sqlite3.Connection, cycle: CycleRow) -> dict[bytes, tuple[int, int, bool]]:
    """Return by member what each said: version, until when orders counted (ms), and whether it was opened again."""
    rows = db.execute(
        "SELECT m.id, c.version, c.at, c.open FROM close c JOIN member m ON m.ref = c.owner"
        " WHERE c.cycle_owner = ? AND c.cycle = ?",
        cycle.key,
    )
    return {member: (version, at, bool(opened)) for member, version, at, opened in rows}


def _waiting(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[tuple[int, CycleRow]]:
    """Yield when (ms) this device is to close which cycle: its own ones, and those of which it is a deputy."""
    for cycle in unclosed_cycles(db, hat.member, now):
        if desk_of(db, cycle.device) == hat.device and close_of(db, cycle) is None:
            yield in_ms(cycle.closes), cycle
    if not _is_deputy(db, hat):
        return
    for cycle in list_cycles(db, now):
        closes = in_ms(cycle.closes)
        if cycle.key[0] == hat.member or cycle.closed or now - closes > LONGEST_LATE:
            continue
        deputies = plan_of(db, cycle).deputies
        if hat.member in deputies and close_of(db, cycle) is None:
            yield closes + DEPUTY_WAITS * (deputies.index(hat.member) + 1), cycle


def _is_deputy(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether this device could be the one that signs as somebody's deputy."""
    named = db.execute("SELECT 1 FROM plan WHERE instr(body, ?) LIMIT 1", (hat.member,)).fetchone() is not None
    return named and keeper_of(db, hat.member, "desk") == hat.device


def _close(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, at: int) -> Close:
    version, *_ = _closes(db, cycle).get(hat.member, (0, 0, False))
    return Close(derived_id(b"close", *cycle.key), version + 1, *cycle.key, at=at, open=False)


def _with_closes(db: sqlite3.Connection, cycle: CycleRow, closes: int) -> Cycle:
    """Return the next version of a cycle, with another closing time."""
    owner, local = cycle.key
    (version,) = db.execute(
        "SELECT c.version FROM cycle c JOIN member m ON m.ref = c.owner WHERE m.id = ? AND c.local = ?", (owner, local)
    ).fetchone()
    opens, sale = in_ms(cycle.opens), cycle.sale
    return Cycle(local, version + 1, cycle.name, opens, closes, cycle.zone, sale, cycle.device)  # type: ignore[arg-type]


def _require_desk(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> None:
    """Make sure that this is the device that answers a cycle of ours, or the one that makes new ones."""
    if desk_of(db, cycle.device) != hat.device:
        require_right(db, hat, "desk")


def _require_later_than_deputies(db: sqlite3.Connection, cycle: CycleRow, closes: int) -> None:
    """Make sure that no deputy has closed a cycle for its new closing time (ms) already: it would not be open."""
    deputies, said = plan_of(db, cycle).deputies, _closes(db, cycle)
    latest = max((said[deputy][1] for deputy in deputies if deputy in said and not said[deputy][2]), default=0)
    if closes <= latest:
        raise RefusedError(
            "closed_by_deputy",
            N_('A deputy has closed "{cycle}" for {closes} already.'),
            N_("Choose a later closing time."),
            cycle=cycle.name,
            closes=moment(latest, cycle.zone),
        )


def require_nothing_accepted(db: sqlite3.Connection, hub: bytes, cycle: CycleRow) -> None:
    """Make sure that no producer has accepted what a hub ordered from it in a cycle, or a part of it.

    Raises:
        RefusedError: `accepted_already`.
    """
    accepted = db.execute(
        "SELECT p.body FROM purchase p JOIN party o ON o.ref = p.owner JOIN party f ON f.id = p.producer"
        " JOIN purchase_answer a ON a.owner = f.ref AND a.hub = o.id AND a.cycle_owner = p.cycle_owner"
        " AND a.cycle = p.cycle AND a.part = p.part AND a.purchase_version <= p.version"
        " WHERE o.id = ? AND p.cycle_owner = ? AND p.cycle = ? AND a.state IN ('accepted', 'part')",
        (hub, *cycle.key),
    )
    # A yes to a purchase order that wanted nothing any more binds nobody.
    if any(line.quantity for (body,) in accepted for line in _purchases.decode(body).lines):
        raise RefusedError(
            "accepted_already",
            N_('A producer has accepted its purchase order of "{cycle}": it can\'t be opened again.'),
            N_("What is wanted besides can go into the next cycle."),
            cycle=cycle.name,
        )


def _not_yours(cycle: CycleRow, *, deputies: bool = False) -> RefusedError:
    alone = N_('"{cycle}" is a cycle of {hub}, who alone may do that.')
    return RefusedError(
        "not_your_cycle",
        N_('"{cycle}" is a cycle of {hub}: only it and its deputies may do that.') if deputies else alone,
        N_("Look at yours with: foodhub cycle list"),
        cycle=cycle.name,
        hub=cycle.hub,
    )
