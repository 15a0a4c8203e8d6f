"""Order cycles: showing where each stands, and making one.

A cycle is closed once its coordinator signed the close, and at its closing time in any case.
"""

import secrets
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from foodhub.catalog.naming import Named, base32_id, find
from foodhub.errors import N_, RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.node.hat import Hat, shown_name
from foodhub.node.rights import require_right
from foodhub.node.standing import is_removed, require_standing, roles_of
from foodhub.orders.cycle import Phase, phase
from foodhub.orders.exchanges import Draft
from foodhub.orders.statements import SALES, Cycle
from foodhub.store.transaction import Transaction

_drafts = msgspec.msgpack.Decoder(Draft)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CycleRow(msgspec.Struct, frozen=True):
    """A cycle as it is listed; times carry the cycle's own zone, `state` is worked out for the moment of asking.

    That of a hub that was removed is closed. `closed` says that its coordinator signed the close,
    `draft` that only its maker knows it. `closed_at` is until when orders counted, as its coordinator signed it.
    """

    id: str
    name: str
    hub: str
    hub_id: str
    state: Phase
    opens: datetime
    closes: datetime
    zone: str
    sale: str
    key: tuple[bytes, bytes]
    device: bytes
    closed: bool = False
    draft: bool = False
    closed_at: datetime | None = None

    def phase_at(self, now: int) -> Phase:
        """Return where the cycle stands at `now` (ms)."""
        return "closed" if self.closed else phase(in_ms(self.opens), in_ms(self.closes), now)

    @property
    def named(self) -> Named:
        """Return how people may call it."""
        return Named(self.id, "", self.name, self.hub)


def moment(timestamp: int, zone: str) -> datetime:
    """Return a time in ms as people of a zone read it; in UTC where this machine does not know the zone."""
    return datetime.fromtimestamp(timestamp / 1000, zone_of(zone))


def zone_of(name: str) -> tzinfo:
    """Return a zone by its name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # it does not exist, or is no name of one: whoever made the cycle chose it
        return UTC


def in_ms(time: datetime) -> int:
    """Return a time with a zone in ms since 1970 UTC, exactly."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


_CLOSED = (
    "(m.id, c.local) IN (SELECT x.cycle_owner, x.cycle FROM close x JOIN member k ON k.ref = x.owner"
    " WHERE k.id = x.cycle_owner AND NOT x.open)"
)
_ROWS = (
    "SELECT m.id, m.removed, c.local, c.name, c.opens, c.closes, c.zone, c.sale, c.device,"
    " x.at FROM cycle c JOIN member m ON m.ref = c.owner"
    # By the cycle: the index of the owner holds all its other cycles too.
    " LEFT JOIN close x ON x.cycle = c.local AND +x.owner = c.owner AND x.cycle_owner = m.id AND NOT x.open"
)


def list_cycles(db: sqlite3.Connection, now: int) -> list[CycleRow]:
    """Return all cycles of the circuit, the ones that close last first."""
    rows = db.execute(f"{_ROWS} ORDER BY c.closes DESC, c.local").fetchall()
    return [_row(db, row, now) for row in rows]


def cycle_at(db: sqlite3.Connection, key: tuple[bytes, bytes], now: int) -> CycleRow | None:
    """Return the cycle with a key (owner, local id), None where it is not known here."""
    row = db.execute(f"{_ROWS} WHERE m.id = ? AND c.local = ?", key).fetchone()
    return _row(db, row, now) if row else None


def own_cycles(db: sqlite3.Connection, member: bytes, now: int) -> list[CycleRow]:
    """Return the cycles of one coordinator, the ones that close last first."""
    rows = db.execute(f"{_ROWS} WHERE m.id = ? ORDER BY c.closes DESC, c.local", (member,)).fetchall()
    return [_row(db, row, now) for row in rows]


def unclosed_cycles(db: sqlite3.Connection, member: bytes, now: int) -> list[CycleRow]:
    """Return the cycles of one coordinator of which no close of its own stands: few, however many there were."""
    rows = db.execute(f"{_ROWS} WHERE m.id = ? AND NOT {_CLOSED} ORDER BY c.closes, c.local", (member,)).fetchall()
    return [_row(db, row, now) for row in rows]


def _row(db: sqlite3.Connection, row: Sequence[Any], now: int) -> CycleRow:
    owner, removed, local, name, opens, closes, zone, sale, device, closed = row
    return CycleRow(
        id=base32_id(local),
        name=name,
        hub=shown_name(db, owner),
        hub_id=base32_id(owner),
        state="closed" if removed or closed is not None else phase(opens, closes, now),
        opens=moment(opens, zone),
        closes=moment(closes, zone),
        zone=zone,
        sale=sale,
        key=(owner, local),
        device=device,
        closed=closed is not None,
        closed_at=None if closed is None else moment(closed, zone),
    )


def find_cycle(db: sqlite3.Connection, text: str, now: int, hub: bytes | None = None) -> CycleRow:
    """Return the cycle that somebody named by id prefix or name; of namesakes, the ones that are not closed come first.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    cycles = [cycle for cycle in list_cycles(db, now) if hub is None or cycle.key[0] == hub]
    alive = [cycle for cycle in cycles if cycle.state != "closed" and cycle.name == text]
    return alive[0] if len(alive) == 1 else find(cycles, text, lambda cycle: cycle.named, "cycle")


def require_hub(db: sqlite3.Connection, cycle: CycleRow) -> None:
    """Make sure that there is still somebody to answer orders in a cycle.

    Raises:
        RefusedError: `hub_removed`.
    """
    if is_removed(db, cycle.key[0]):
        raise hub_removed(cycle.hub, cycle)


def hub_removed(name: str, cycle: CycleRow) -> RefusedError:
    """Return that a hub was removed that sold in a cycle."""
    return RefusedError(
        "hub_removed",
        N_('{hub} was removed from the circuit: nobody answers orders in "{cycle}" any more.'),
        N_("Look for another cycle: foodhub cycle list"),
        hub=name,
        cycle=cycle.name,
    )


def require_coordinator(db: sqlite3.Connection, hat: Hat) -> None:
    """Make sure that this device may make and change cycles of its member.

    Raises:
        RefusedError: `not_a_hub`, or another of its devices does it.
    """
    require_standing(db, hat)
    if not {"hub", "group"} & roles_of(db, hat.member):
        raise RefusedError(
            "not_a_hub",
            N_("{name} runs no order cycles: that is for hubs and groups."),
            N_("Act as a hub with --as NAME, or add one with: foodhub init --name NAME --role hub"),
            name=hat.name,
        )
    require_right(db, hat, "desk")


def check_window(opens: int, closes: int, zone: str, now: int) -> None:
    """Make sure that people can order between two times (ms).

    Raises:
        RefusedError: `bad_window`.
    """
    if closes <= opens or closes <= now:
        raise RefusedError(
            "bad_window",
            N_("The cycle would close at {closes}, before anybody could order."),
            N_("Choose a closing time after the opening time, and in the future."),
            closes=moment(closes, zone),
        )


def open_drafts(db: sqlite3.Connection, member: bytes) -> list[Draft]:
    """Return the drafts of a member of this home that were neither published nor dropped, opening first first."""
    rows = db.execute(
        "SELECT d.body FROM draft d JOIN member m ON m.ref = d.owner WHERE m.id = ? AND NOT d.ended", (member,)
    )
    return sorted((_drafts.decode(body) for (body,) in rows), key=lambda each: (each.cycle.opens, each.local))


def check_cycle_name(db: sqlite3.Connection, hat: Hat, name: str, now: int, but: bytes = b"") -> None:
    """Make sure that no draft of ours, nor a cycle that still runs, has a name, leaving out that with the id `but`.

    Raises:
        RefusedError: `cycle_exists` or `draft_exists`.
    """
    if any(each.cycle.name == name and each.local != but for each in open_drafts(db, hat.member)):
        raise RefusedError(
            "draft_exists",
            N_('You have a draft "{name}" already.'),
            N_('Choose another name, or drop that one: foodhub cycle drop "{name}"'),
            name=name,
        )
    rows = own_cycles(db, hat.member, now)
    if any(row.name == name and row.key[1] != but and row.state != "closed" for row in rows):
        raise RefusedError(
            "cycle_exists",
            N_('Your cycle "{name}" still runs.'),
            N_("Choose another name, such as one with a date."),
            name=name,
        )


def check_cycle(db: sqlite3.Connection, hat: Hat, cycle: Cycle, now: int) -> None:
    """Make sure that a cycle of ours could be made as it is.

    Raises:
        RefusedError: this member runs no cycles, another of its devices makes them, the times make no sense, or the
            name is taken by a cycle that still runs. UsageError: `bad_sale`.
    """
    require_coordinator(db, hat)
    if cycle.sale not in SALES:
        raise UsageError("bad_sale", N_("A sale is one of: {sales}."), sales=", ".join(SALES))
    check_window(cycle.opens, cycle.closes, cycle.zone, now)
    check_cycle_name(db, hat, cycle.name, now, cycle.local)


def new_cycle(tx: Transaction, hat: Hat, name: str, opens: int, closes: int, zone: str, sale: str) -> str:
    """Open an order cycle of our hub for [opens, closes) (ms), which this device will answer; return its id.

    Raises the same as `check_cycle`.
    """
    cycle = Cycle(secrets.token_bytes(16), 1, name, opens, closes, zone, sale, hat.device)  # type: ignore[arg-type]
    check_cycle(tx.db, hat, cycle, tx.now)
    tx.append(hat.member, Log.CATALOG, [cycle])
    return base32_id(cycle.local)
