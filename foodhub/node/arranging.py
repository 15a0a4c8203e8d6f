"""What a coordinator says of one of its cycles, taken together: its window, its plan and its own outgoing exchange.

It stands in log 1, or in a draft that only its maker reads. Whoever changes it changes the whole in one place, so that
what holds for a published cycle holds for a draft too.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.asking_again import asking_again
from foodhub.node.cycles import (
    CycleRow,
    check_cycle_name,
    check_window,
    cycle_at,
    moment,
    open_drafts,
    require_coordinator,
)
from foodhub.node.exchanges import check_deadlines
from foodhub.node.hat import Hat, shown_name
from foodhub.orders.cycle import phase
from foodhub.orders.exchanges import Draft, Outgoing, Plan
from foodhub.orders.statements import Cycle, derived_id
from foodhub.store.transaction import Transaction

_plans = msgspec.msgpack.Decoder(Plan)
_outgoing = msgspec.msgpack.Decoder(Outgoing)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A cycle of ours as it stands; `draft` is the version of the draft that holds it, 0 where it is published.

    A plan that was never stated has the version 0.
    """

    cycle: Cycle
    plan: Plan
    outgoing: Outgoing | None
    draft: int = 0

    @property
    def local(self) -> bytes:
        """Return the local id of the cycle."""
        return self.cycle.local


def list_drafts(db: sqlite3.Connection, member: bytes) -> list[Arrangement]:
    """Return the drafts of a member of this home that are not published, the ones that open first first."""
    return [_of_draft(each) for each in open_drafts(db, member)]


def arrangement_of(db: sqlite3.Connection, member: bytes, local: bytes) -> Arrangement | None:
    """Return how a cycle or a draft of a member stands, None where it has neither with this local id."""
    row = db.execute(
        "SELECT c.local, c.version, c.name, c.opens, c.closes, c.zone, c.sale, c.device"
        " FROM cycle c JOIN member m ON m.ref = c.owner WHERE m.id = ? AND c.local = ?",
        (member, local),
    ).fetchone()
    if row is None:
        return next((each for each in list_drafts(db, member) if each.local == local), None)
    plan = _body(db, "plan", member, local)
    outgoing = _body(db, "outgoing", member, derived_id(b"outgoing", member, local))
    return Arrangement(
        Cycle(*row),
        _plans.decode(plan) if plan else _no_plan(local),
        _outgoing.decode(outgoing) if outgoing else None,
    )


def _body(db: sqlite3.Connection, table: str, member: bytes, local: bytes) -> bytes | None:
    row = db.execute(
        f"SELECT f.body FROM {table} f JOIN member m ON m.ref = f.owner WHERE m.id = ? AND f.local = ?",  # noqa: S608 - names of ours
        (member, local),
    ).fetchone()
    return row[0] if row else None


def row_of(db: sqlite3.Connection, member: bytes, arrangement: Arrangement, now: int) -> CycleRow:
    """Return an arrangement as a cycle is listed; a draft counts as upcoming until its closing time."""
    cycle = arrangement.cycle
    row = None if arrangement.draft else cycle_at(db, (member, cycle.local), now)
    return row or CycleRow(
        id=base32_id(cycle.local),
        name=cycle.name,
        hub=shown_name(db, member),
        hub_id=base32_id(member),
        state=phase(max(cycle.opens, now + 1), cycle.closes, now) if cycle.closes > now else "closed",
        opens=moment(cycle.opens, cycle.zone),
        closes=moment(cycle.closes, cycle.zone),
        zone=cycle.zone,
        sale=cycle.sale,
        key=(member, cycle.local),
        device=cycle.device,
        draft=bool(arrangement.draft),
    )


def state(tx: Transaction, hat: Hat, before: Arrangement | None, after: Arrangement) -> None:
    """Sign an arrangement: what changed of a published one in log 1, a draft as a whole for ourselves.

    Raises:
        RefusedError: this member runs no cycles, another of its devices does, or a deadline is out of order.
    """
    require_coordinator(tx.db, hat)
    check_deadlines(tx.db, after.plan, after.cycle.closes, after.cycle.zone)
    if after.draft:
        tx.append(hat.member, Log.TRADE, [draft_of(after, ended=False)])
        return
    tx.append(hat.member, Log.CATALOG, published(before, after))


def draft_of(arrangement: Arrangement, *, ended: bool) -> Draft:
    """Return an arrangement as a draft; in what it will say every version is the first."""
    plan = msgspec.structs.replace(arrangement.plan, version=1)
    exchanges = [msgspec.structs.replace(arrangement.outgoing, version=1)] if arrangement.outgoing else []
    cycle = msgspec.structs.replace(arrangement.cycle, version=1)
    return Draft(arrangement.local, arrangement.draft, ended, cycle, plan, exchanges)


def published(before: Arrangement | None, after: Arrangement) -> list[Any]:
    """Return the statements that bring a published cycle from one state to another, each as its next version."""
    old = (before.cycle, before.plan, before.outgoing) if before else (None, None, None)
    new = (after.cycle, after.plan, after.outgoing)
    changed = []
    for said, wanted in zip(old, new, strict=True):
        if wanted is None or wanted == said or (said is None and _says_nothing(wanted)):
            continue
        changed.append(msgspec.structs.replace(wanted, version=said.version + 1 if said else 1))
    return changed


def change(
    tx: Transaction,
    hat: Hat,
    local: bytes,
    work: Callable[[Arrangement], Arrangement],
    *,
    window: bool = False,
    late: bool = False,
) -> CycleRow:
    """Change a cycle or a draft of ours that is not closed, and return it as it is then.

    With `window` its name or times change, which are checked again; with `late` it may be closed.

    Raises:
        RefusedError: `not_your_cycle`, `cycle_closed`, and what `state` raises.
    """
    before = require_arrangement(tx.db, hat, local)
    if row_of(tx.db, hat.member, before, tx.now).state == "closed" and not (before.draft or late):
        raise RefusedError(
            "cycle_closed",
            N_('"{cycle}" is closed.'),
            N_('It can be opened again: foodhub cycle reopen "{cycle}" --closes WHEN'),
            cycle=before.cycle.name,
        )
    after = work(before)
    if window:
        check_window(after.cycle.opens, after.cycle.closes, after.cycle.zone, tx.now)
        check_cycle_name(tx.db, hat, after.cycle.name, tx.now, local)
    if before.draft:
        after = replace(after, draft=before.draft + 1)
    state(tx, hat, before, after)
    return row_of(tx.db, hat.member, require_arrangement(tx.db, hat, local), tx.now)


def require_arrangement(db: sqlite3.Connection, hat: Hat, local: bytes) -> Arrangement:
    """Return a cycle or draft of ours.

    Raises:
        RefusedError: `not_your_cycle`.
    """
    found = arrangement_of(db, hat.member, local)
    if found is None:
        raise RefusedError(
            "not_your_cycle",
            N_("This is no cycle of {name}, and only its coordinator may change a cycle."),
            N_("Look at yours with: foodhub cycle list"),
            name=hat.name,
        )
    return found


def clone(
    db: sqlite3.Connection, arrangement: Arrangement, hat: Hat, local: bytes, name: str, later: Callable[[int], int]
) -> Arrangement:
    """Return a cycle like another one, with an id and a name of its own, and each of its times as `later` moves it.

    What was decided for the other one is asked again.
    """
    cycle, plan, outgoing = arrangement.cycle, arrangement.plan, arrangement.outgoing
    if outgoing is not None and not arrangement.draft:
        outgoing = asking_again(db, hat.member, outgoing)
    incoming = [
        msgspec.structs.replace(each, weighed=later(each.weighed), lead=later(each.lead)) for each in plan.incoming
    ]
    return Arrangement(
        msgspec.structs.replace(
            cycle,
            local=local,
            version=1,
            name=name,
            opens=later(cycle.opens),
            closes=later(cycle.closes),
            device=hat.device,
        ),
        msgspec.structs.replace(plan, local=local, version=min(plan.version, 1), incoming=incoming),
        None if outgoing is None else moved(outgoing, hat, local, later),
    )


def moved(outgoing: Outgoing, hat: Hat, local: bytes, later: Callable[[int], int]) -> Outgoing:
    """Return an outgoing exchange of ours as one of another cycle of the same coordinator."""
    pickups = [
        msgspec.structs.replace(each, opens=later(each.opens), closes=later(each.closes)) for each in outgoing.pickups
    ]
    return msgspec.structs.replace(
        outgoing,
        local=derived_id(b"outgoing", outgoing.cycle_owner, local),
        version=1,
        cycle=local,
        device=hat.device,
        closes=later(outgoing.closes),
        pickups=pickups,
    )


def _of_draft(draft: Draft) -> Arrangement:
    return Arrangement(draft.cycle, draft.plan, draft.outgoing[0] if draft.outgoing else None, draft.version)


def _says_nothing(statement: Any) -> bool:
    return isinstance(statement, Plan) and msgspec.structs.replace(statement, version=0) == _no_plan(statement.local)


def _no_plan(local: bytes) -> Plan:
    return Plan(local, 0, [], [], False, [])
