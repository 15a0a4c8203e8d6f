"""Drafts of cycles, which only their maker reads, and cycles made like another one.

A draft is changed by the same functions as a cycle (see `arranging`); published, it becomes one with the same id.
"""

import secrets
import sqlite3
from dataclasses import replace

import msgspec

from foodhub.catalog.naming import find
from foodhub.errors import N_, NotThereError, RefusedError
from foodhub.log.header import Log
from foodhub.node.arranging import (
    Arrangement,
    clone,
    draft_of,
    list_drafts,
    published,
    require_arrangement,
    row_of,
    state,
)
from foodhub.node.cycles import CycleRow, check_cycle, find_cycle, own_cycles, require_coordinator, zone_of
from foodhub.node.exchanges import check_deadlines
from foodhub.node.hat import Hat
from foodhub.node.planning import require_one_currency
from foodhub.orders.cycle import days_later, in_zone, name_again
from foodhub.orders.exchanges import Plan
from foodhub.orders.statements import Cycle
from foodhub.store.transaction import Transaction


def draft_rows(db: sqlite3.Connection, member: bytes, now: int) -> list[CycleRow]:
    """Return the drafts of a member of this home as cycles are listed."""
    return [row_of(db, member, each, now) for each in list_drafts(db, member)]


def find_own(db: sqlite3.Connection, hat: Hat, text: str, now: int) -> CycleRow:
    """Return the cycle or draft of ours that somebody named; of namesakes, the one that is not closed comes first.

    Where we have none it is that of somebody else: who wants to change it is told so.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    rows = [*draft_rows(db, hat.member, now), *own_cycles(db, hat.member, now)]
    alive = [row for row in rows if row.state != "closed" and row.name == text]
    try:
        return alive[0] if len(alive) == 1 else find(rows, text, lambda row: row.named, "cycle")
    except NotThereError:
        return find_cycle(db, text, now)


def draft_cycle(tx: Transaction, hat: Hat, name: str, opens: int, closes: int, zone: str, sale: str) -> CycleRow:
    """Make a draft of a cycle for [opens, closes) (ms), and return it.

    Raises the same as `check_cycle`.
    """
    local = secrets.token_bytes(16)
    cycle = Cycle(local, 1, name, opens, closes, zone, sale, hat.device)  # type: ignore[arg-type]
    check_cycle(tx.db, hat, cycle, tx.now)
    made = Arrangement(cycle, Plan(local, 0, [], [], False, []), None, draft=1)
    state(tx, hat, None, made)
    return row_of(tx.db, hat.member, made, tx.now)


def publish(tx: Transaction, hat: Hat, local: bytes) -> CycleRow:
    """Publish a draft of ours: from now on everybody knows it. Where its opening has passed it opens now.

    Raises:
        RefusedError: `not_a_draft`, `two_currencies`, a deadline out of order, and what `check_cycle` raises.
    """
    draft = require_arrangement(tx.db, hat, local)
    if not draft.draft:
        raise RefusedError("not_a_draft", N_('"{cycle}" is published already.'), cycle=draft.cycle.name)
    cycle = msgspec.structs.replace(draft.cycle, opens=max(draft.cycle.opens, tx.now), device=hat.device, version=1)
    check_cycle(tx.db, hat, cycle, tx.now)
    check_deadlines(tx.db, draft.plan, cycle.closes, cycle.zone)
    require_one_currency(tx.db, draft.plan, cycle.name)
    outgoing = draft.outgoing and msgspec.structs.replace(draft.outgoing, device=hat.device)
    made = replace(draft, cycle=cycle, outgoing=outgoing, draft=0)
    tx.append(hat.member, Log.CATALOG, published(None, made))
    tx.append(hat.member, Log.TRADE, [draft_of(replace(made, draft=draft.draft + 1), ended=True)])
    return row_of(tx.db, hat.member, made, tx.now)


def drop_draft(tx: Transaction, hat: Hat, local: bytes) -> CycleRow:
    """Drop a draft of ours, and return what it was; nobody else ever knew it.

    Raises:
        RefusedError: `not_a_draft`, or this device makes no cycles.
    """
    require_coordinator(tx.db, hat)
    draft = require_arrangement(tx.db, hat, local)
    if not draft.draft:
        raise RefusedError(
            "not_a_draft",
            N_('"{cycle}" is published: others know of it, so it can\'t be taken back.'),
            N_('Nobody can order in it once it is closed: foodhub cycle close "{cycle}"'),
            cycle=draft.cycle.name,
        )
    tx.append(hat.member, Log.TRADE, [draft_of(replace(draft, draft=draft.draft + 1), ended=True)])
    return row_of(tx.db, hat.member, draft, tx.now)


class Copy(msgspec.Struct, frozen=True):
    """How a copy differs: so many weeks later, or opening and closing at these times (ms); with a name of its own."""

    name: str | None = None
    weeks: int = 1
    opens: int | None = None
    closes: int | None = None
    draft: bool = False


def clone_cycle(tx: Transaction, hat: Hat, local: bytes, copy: Copy) -> CycleRow:
    """Make a cycle, or a draft, like another one of ours, and return it.

    With an opening time of its own all other times move by as many days; with a closing time of its own those from the
    close on move with that.

    Raises:
        RefusedError: `not_your_cycle`, and what `draft_cycle` and `publish` raise.
    """
    like = require_arrangement(tx.db, hat, local)
    zone = zone_of(like.cycle.zone)
    days = 7 * copy.weeks
    if copy.opens is not None:
        days = (in_zone(copy.opens, zone).date() - in_zone(like.cycle.opens, zone).date()).days
    behind = days
    if copy.closes is not None:
        behind = (in_zone(copy.closes, zone).date() - in_zone(like.cycle.closes, zone).date()).days

    def later(time: int) -> int:
        return days_later(time, days=behind if time >= like.cycle.closes else days, zone=zone)

    opens = copy.opens if copy.opens is not None else later(like.cycle.opens)
    closes = copy.closes if copy.closes is not None else later(like.cycle.closes)
    name = copy.name or name_again(like.cycle.name, like.cycle.opens, opens, zone)
    made = clone(tx.db, like, hat, secrets.token_bytes(16), name, later)
    made = replace(
        made, cycle=msgspec.structs.replace(made.cycle, opens=opens, closes=closes), draft=1 if copy.draft else 0
    )
    check_cycle(tx.db, hat, made.cycle, tx.now)
    if not copy.draft:
        require_one_currency(tx.db, made.plan, name)
    state(tx, hat, None, made)
    return row_of(tx.db, hat.member, made, tx.now)
