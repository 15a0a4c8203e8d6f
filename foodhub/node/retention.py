"""How long this home keeps what it signed: rules of the home, and the duty that erases what is older.

Once a day the duty names, in ranges, what cycles closed long ago have left in our own logs. What is lasting
(settlements, documents) stays, and so does whatever still holds. The rules are this home's own: they are settings, no
entries.
"""

import sqlite3
from calendar import monthrange
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from foodhub.errors import N_, UsageError
from foodhub.log.header import Log
from foodhub.node.devices import desk_of
from foodhub.node.erasable import FREE, Judge, OwnEntry, Slices, devices_of, of_a_cycle
from foodhub.node.erasing import erase
from foodhub.node.hat import Hat
from foodhub.store.transaction import Transaction

Rule = Literal["orders", "catalog"]
RULES: Final[tuple[Rule, ...]] = ("orders", "catalog")
LEAST_MONTHS: Final = 1
"""Nothing of a cycle is erased by a rule sooner: so long it may still be packed, corrected and settled."""
MOST_MONTHS: Final = 600
EVERY: Final = 24 * 3_600_000
"""How often (ms) the duty looks."""
SLICE: Final = 300
"""Entries that one transaction opens: about 25 ms of work."""
_LOGS: Final[dict[Rule, Log]] = {"orders": Log.TRADE, "catalog": Log.CATALOG}


class RetentionRow(msgspec.Struct, frozen=True):
    """A rule: after how many months what it covers is erased, 0 for never; `erases_before` is what that means today."""

    rule: Rule
    months: int
    erases_before: datetime | None


def months_before(now: int, months: int) -> int:
    """Return the moment (ms) so many calendar months before `now`, in UTC; the day is cut to the month's last."""
    time = datetime.fromtimestamp(now // 1000, UTC)
    year, month = divmod(time.year * 12 + time.month - 1 - months, 12)
    day = min(time.day, monthrange(year, month + 1)[1])
    return int(time.replace(year=year, month=month + 1, day=day).timestamp()) * 1000


def list_rules(db: sqlite3.Connection, now: int) -> list[RetentionRow]:
    """Return the rules of this home."""
    rows = []
    for rule in RULES:
        months = months_of(db, rule)
        before = datetime.fromtimestamp(months_before(now, months) / 1000, UTC) if months else None
        rows.append(RetentionRow(rule, months, before))
    return rows


def months_of(db: sqlite3.Connection, rule: Rule) -> int:
    """Return after how many months a rule erases, 0 for never."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (f"retention {rule}",)).fetchone()
    return int(row[0]) if row else 0


def set_rule(tx: Transaction, rule: str, months: int) -> list[RetentionRow]:
    """Set after how many months a rule erases, 0 for never; return all rules.

    Raises:
        UsageError: there is no such rule, or it would erase too soon.
    """
    if rule not in RULES:
        raise UsageError("bad_rule", N_("A rule is one of: {rules}."), rules=", ".join(RULES))
    if months and not LEAST_MONTHS <= months <= MOST_MONTHS:
        raise UsageError(
            "bad_months",
            N_("A rule keeps for {least} to {most} months, or for ever (0)."),
            least=LEAST_MONTHS,
            most=MOST_MONTHS,
        )
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"retention {rule}", months))
    tx.db.execute("DELETE FROM meta WHERE key LIKE 'swept %'")
    return list_rules(tx.db, tx.now)


def sweep_due(db: sqlite3.Connection, hat: Hat, now: int) -> bool:
    """Say whether the rules of this home have to be applied to a member's logs."""
    if not any(months_of(db, rule) for rule in RULES):
        return False
    return _sweeping(db, hat) is not None or _value(db, f"swept {hat.member.hex()}") + EVERY <= now


def sweep(tx: Transaction, hat: Hat) -> int:
    """Erase one slice of what the rules say; return how many entries were looked at, 0 when the day's work is done."""
    if not sweep_due(tx.db, hat, tx.now):
        return 0
    at = _sweeping(tx.db, hat)
    if at is None:
        tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"swept {hat.member.hex()}", tx.now))
    entries, goes_on = Slices(tx, hat.member, _covered(tx, hat)).read(at or 0, SLICE)
    judge = Judge(tx, hat.member)
    erase(tx, hat, [entry for entry in entries if _is_doomed(tx, judge, entry)])
    key = f"sweeping {hat.member.hex()}"
    if goes_on:
        tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, goes_on))
    else:
        tx.db.execute("DELETE FROM meta WHERE key = ?", (key,))
    return len(entries)


def _is_doomed(tx: Transaction, judge: Judge, entry: OwnEntry) -> bool:
    """Say whether a rule covers an old entry, and nothing else keeps it."""
    if judge.judge(entry) != FREE:
        return False
    if entry.log == Log.CATALOG:
        return True
    before = months_before(tx.now, months_of(tx.db, "orders"))
    closes = [judge.closes(each, entry.timestamp) for each in entry.statements]
    return all(map(of_a_cycle, entry.statements)) and max(closes, default=0) < before


def _covered(tx: Transaction, hat: Hat) -> list[tuple[bytes, int, int]]:
    """Return the logs that rules cover, and before when (ms) something has to be signed to be old: device, log, time.

    What a retired device signed is its heir's to erase.
    """
    devices = [device for device in devices_of(tx.db, hat.member) if desk_of(tx.db, device) == hat.device]
    months = [(rule, months_of(tx.db, rule)) for rule in RULES]
    return [
        (device, int(_LOGS[rule]), months_before(tx.now, count))
        for rule, count in months
        if count
        for device in devices
    ]


def _sweeping(db: sqlite3.Connection, hat: Hat) -> int | None:
    """Return the place at which a sweep goes on, None when none has been begun."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (f"sweeping {hat.member.hex()}",)).fetchone()
    return int(row[0]) if row else None


def _value(db: sqlite3.Connection, key: str) -> int:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return int(row[0]) if row else 0
