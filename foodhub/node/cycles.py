"""Order cycles: making one, and showing where each stands."""

import secrets
import sqlite3
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from foodhub.catalog.naming import Named, base32_id, find
from foodhub.errors import N_, RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.node.hat import Hat, shown_name
from foodhub.node.rights import require_right
from foodhub.node.standing import is_removed, require_standing, roles_of
from foodhub.orders.cycle import Phase, phase
from foodhub.orders.statements import SALES, Cycle
from foodhub.store.transaction import Transaction

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CycleRow(msgspec.Struct, frozen=True):
    """A cycle as it is listed; times carry the cycle's own zone, `state` is worked out for the moment of asking.

    That of a hub that was removed is closed.
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

    def phase_at(self, now: int) -> Phase:
        """Return where the cycle stands at `now` (ms)."""
        return phase(in_ms(self.opens), in_ms(self.closes), now)

    @property
    def named(self) -> Named:
        """Return how people may call it."""
        return Named(self.id, "", self.name, self.hub)


def moment(timestamp: int, zone: str) -> datetime:
    """Return a time in ms as people of a zone read it; in UTC where this machine does not know the zone."""
    return datetime.fromtimestamp(timestamp / 1000, _zone(zone))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # it does not exist, or is no name of one: whoever made the cycle chose it
        return UTC


def in_ms(time: datetime) -> int:
    """Return a time with a zone in ms since 1970 UTC, exactly."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def list_cycles(db: sqlite3.Connection, now: int) -> list[CycleRow]:
    """Return all cycles of the circuit, the ones that close last first."""
    rows = db.execute(
        "SELECT m.id, m.removed, c.local, c.name, c.opens, c.closes, c.zone, c.sale, c.device"
        " FROM cycle c JOIN member m ON m.ref = c.owner ORDER BY c.closes DESC, c.local"
    ).fetchall()
    return [
        CycleRow(
            id=base32_id(local),
            name=name,
            hub=shown_name(db, owner),
            hub_id=base32_id(owner),
            state="closed" if removed else phase(opens, closes, now),
            opens=moment(opens, zone),
            closes=moment(closes, zone),
            zone=zone,
            sale=sale,
            key=(owner, local),
            device=device,
        )
        for owner, removed, local, name, opens, closes, zone, sale, device in rows
    ]


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
        raise RefusedError(
            "hub_removed",
            N_('{hub} was removed from the circuit: nobody answers orders in "{cycle}" any more.'),
            N_("Look for another cycle: foodhub cycle list"),
            hub=cycle.hub,
            cycle=cycle.name,
        )


def new_cycle(tx: Transaction, hat: Hat, name: str, opens: int, closes: int, zone: str, sale: str) -> str:
    """Open an order cycle of our hub for [opens, closes) (ms), which this device will answer; return its id.

    Raises:
        RefusedError: this member runs no cycles, another of its devices makes them, the times make no sense, or the
            name is taken by a cycle that still runs.
    """
    require_standing(tx.db, hat)
    if not {"hub", "group"} & roles_of(tx.db, hat.member):
        raise RefusedError(
            "not_a_hub",
            N_("{name} runs no order cycles: that is for hubs and groups."),
            N_("Act as a hub with --as NAME, or add one with foodhub init --role hub."),
            name=hat.name,
        )
    require_right(tx.db, hat, "desk")
    if sale not in SALES:
        raise UsageError("bad_sale", N_("A sale is one of: {sales}."), sales=", ".join(SALES))
    if closes <= opens or closes <= tx.now:
        raise RefusedError(
            "bad_window",
            N_("The cycle would close at {closes}, before anybody could order."),
            N_("Choose a closing time after the opening time, and in the future."),
            closes=moment(closes, zone).isoformat(timespec="minutes"),
        )
    if any(
        row.name == name and row.key[0] == hat.member and row.state != "closed" for row in list_cycles(tx.db, tx.now)
    ):
        raise RefusedError(
            "cycle_exists",
            N_('Your cycle "{name}" still runs.'),
            N_("Choose another name, such as one with a date."),
            name=name,
        )
    local = secrets.token_bytes(16)
    tx.append(hat.member, Log.CATALOG, [Cycle(local, 1, name, opens, closes, zone, sale, hat.device)])
    return base32_id(local)
