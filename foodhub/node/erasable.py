"""What of our own logs may be erased: our entries, opened, and the rules that say which of them have to stay.

What says something that still holds is never erased, and neither is what an open cycle needs: else an older statement
would come back to life, or stock that was set aside would look free. Nothing is written here.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from foodhub.catalog.checkpoint import live
from foodhub.log.body import Unread
from foodhub.log.faults import PeerFault
from foodhub.log.header import Kind, Log
from foodhub.log.seal import unseal
from foodhub.node.checkpoints import openings, read_log
from foodhub.node.cycles import cycle_at
from foodhub.node.deliveries import Deliveries
from foodhub.node.exchanges import exchange_of
from foodhub.node.shelf import Shelf, shelf_of
from foodhub.orders.closing import Confirmation, Counted
from foodhub.orders.exchanges import Draft, Repeat
from foodhub.orders.hands import Behalf, Belong, Claim, ClaimConfirmed, Represented
from foodhub.orders.purchase import Purchase, PurchaseAnswer
from foodhub.orders.reserving import Delivered, Lower, Return
from foodhub.orders.shown_queue import Queue
from foodhub.orders.statements import Allot, Answer, EraseAnswer, EraseRequest, Order, Remark, Standing
from foodhub.store.facts import FACTS
from foodhub.store.fold import READERS, read_catalog
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """An entry of ours whose payload is still here; `said` is None where it can't be read, else (when, statement)."""

    device: bytes
    log: int
    seq: int
    kind: int
    timestamp: int
    size: int
    said: Sequence[tuple[int, Any]] | None

    @property
    def statements(self) -> list[Any]:
        """Return what it says."""
        return [statement for _, statement in self.said or ()]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an entry may be erased: `code` is "" or why not, `when` (ms) from when on, if time will tell.

    `open` is of a cycle that is not over, `owed` of one that is closed and whose goods are not handed over yet.
    """

    code: str = ""
    when: int = 0


FREE = Verdict()
_LASTS = (EraseRequest, EraseAnswer, Standing, Represented, Belong, Claim, ClaimConfirmed, Draft, Repeat)
"""What holds, whatever the time, until it is said anew."""
HANDED_OVER = 7 * 86_400_000
"""So long (ms) after a close the goods are taken to be with whoever ordered them, where nobody said a pickup."""
LAST_PICKUP = 60 * 86_400_000
"""No pickup is waited for longer (ms) after a close: nobody keeps what others ordered by naming a far one."""
EVER = 1 << 62
"""Later than any time (ms)."""


def devices_of(db: sqlite3.Connection, member: bytes) -> list[bytes]:
    """Return all devices of a member, the retired ones too."""
    return [key for (key,) in db.execute("SELECT key FROM device WHERE member = ? ORDER BY key", (member,))]


def own_entries(
    tx: Transaction, member: bytes, place: tuple[bytes, int], within: tuple[int, int] = (1, 0)
) -> Iterator[OwnEntry]:
    """Yield the entries of a log of ours (device, log) whose payload is here, from first to last seq (0: all)."""
    row = tx.db.execute("SELECT ref, seq FROM log WHERE author = ? AND log = ?", place).fetchone()
    if row is None:
        return
    start, (first, last) = row[0] << SEQ_BITS, within
    secrets = tx.keyring.opening_secrets(tx.db, member)
    rows = tx.db.execute(
        f"SELECT {_COLUMNS} FROM entry WHERE place BETWEEN ? AND ? AND payload IS NOT NULL ORDER BY place",  # noqa: S608 - names of ours
        (start + first, start + min(last or row[1], row[1])),
    )
    for found in rows:
        yield _opened(tx, place, found, secrets)


class Slices:
    """Reads long logs of ours a slice at a time: `logs` are (device, log, signed before, in ms).

    With `readers` (members) only what is sealed to one of them is returned.
    """

    def __init__(
        self, tx: Transaction, member: bytes, logs: Iterable[tuple[bytes, int, int]], readers: Collection[bytes] = ()
    ) -> None:
        self._tx = tx
        self._readers = readers
        self._secrets = [
            secret for reader in readers or [member] for secret in tx.keyring.opening_secrets(tx.db, reader)
        ]
        self._logs: list[tuple[int, int, tuple[bytes, int], int]] = []
        for device, log, before in logs:
            row = tx.db.execute("SELECT ref, seq FROM log WHERE author = ? AND log = ?", (device, log)).fetchone()
            self._logs += [(*row, (device, log), before)] if row else []
        self._logs.sort()

    def read(self, at: int, most: int) -> tuple[list[OwnEntry], int]:
        """Return erasable entries from the place `at` on, having opened `most`, and where to go on: 0 when done."""
        found: list[OwnEntry] = []
        for ref, head, place, before in self._logs:
            first = ref << SEQ_BITS
            rows = self._tx.db.execute(
                f"SELECT {_COLUMNS} FROM entry WHERE place BETWEEN ? AND ? AND payload IS NOT NULL AND kind = ?"  # noqa: S608 - names of ours
                " AND timestamp < ? ORDER BY place LIMIT ?",
                (max(at, first + 1), first + head, int(Kind.ERASABLE), before, most),
            ).fetchall()
            opened = [_opened(self._tx, place, row, self._secrets) for row in rows]
            found += [entry for entry in opened if entry.said is not None or not self._readers]
            most -= len(rows)
            if not most:
                return found, rows[-1][0] + 1
        return found, 0


_COLUMNS = "place, kind, timestamp, size, payload"


def _opened(tx: Transaction, place: tuple[bytes, int], row: Sequence[Any], secrets: Sequence[bytes]) -> OwnEntry:
    at, kind, timestamp, size, payload = row
    seq = at & ((1 << SEQ_BITS) - 1)
    said = _read(payload, kind, timestamp, (tx.circuit, *place, seq), secrets)
    return OwnEntry(*place, seq, kind, timestamp, size, said)


def _read(
    payload: bytes, kind: int, timestamp: int, place: tuple[bytes, bytes, int, int], secrets: Sequence[bytes]
) -> Sequence[tuple[int, Any]] | None:
    if place[2] != Log.TRADE:
        return read_catalog(payload, kind, timestamp)
    try:
        body = unseal(payload, place, secrets)
        return None if body is None else [(timestamp, each) for each in READERS[Log.TRADE].read(body)]
    except PeerFault:
        return None


class Judge:
    """Says which entries of one member may be erased, as things stand in one transaction."""

    def __init__(self, tx: Transaction, member: bytes) -> None:
        self._tx = tx
        self._db = tx.db
        self._member = member
        self._cycles: dict[tuple[bytes, bytes], tuple[int, int]] = {
            (owner, local): (opens, closes)
            for owner, local, opens, closes in tx.db.execute(
                "SELECT m.id, c.local, c.opens, coalesce(min(c.closes, x.at), c.closes) FROM cycle c"
                " JOIN member m ON m.ref = c.owner"
                " LEFT JOIN close x ON x.owner = c.owner AND x.cycle_owner = m.id AND x.cycle = c.local AND NOT x.open"
            )
        }
        self._handed_over: dict[tuple[bytes, bytes, bytes], int] = {}
        self._live: dict[bytes, set[tuple[Any, ...]]] = {}
        self._shelves: dict[bytes, tuple[Shelf, Deliveries]] = {}

    def judge(self, entry: OwnEntry, kept_for: int = 0) -> Verdict:
        """Say whether an entry may be erased now; orders and what answers them `kept_for` ms after their close."""
        if entry.kind != Kind.ERASABLE or entry.log == Log.CIRCUIT:
            return Verdict("lasting")
        if entry.said is None or any(isinstance(each, Unread) for each in entry.statements):
            return Verdict("unreadable")
        if entry.log == Log.CATALOG:
            return Verdict("holds") if self._holds(entry) else FREE
        if any(map(self._needed, entry.statements)):
            return Verdict("holds")
        closes = max((self.closes(each, entry.timestamp) for each in entry.statements), default=0)
        if closes and closes + kept_for > self._tx.now:
            return Verdict("open", closes + kept_for)
        owed = max(map(self._owed_until, entry.statements), default=0)
        return Verdict("owed", owed) if owed > self._tx.now else FREE

    def closes(self, statement: Any, signed: int) -> int:
        """Return when the cycle of a statement of a log 2 closes (ms), 0 where it is of none that is known.

        An answer to an order that is gone, and a remark on one, name no cycle: it is one that was open when they were
        signed, or before.
        """
        match statement:
            case Behalf(owner=owner, statement=Remark(local=order)):
                return self._closes_of_order(owner, order, signed)
            case Behalf(statement=inner):
                return self.closes(inner, signed)
            case Answer(buyer=buyer, order=order):
                return self._closes_of_order(buyer, order, signed)
            case Remark(local=order):
                return self._closes_of_order(self._member, order, signed)
            case Draft() | Repeat():
                return 0
        if hasattr(statement, "cycle_owner"):
            return self._cycles.get((statement.cycle_owner, statement.cycle), (0, 0))[1]
        return 0

    def _owed_until(self, statement: Any) -> int:
        """Return until when (ms) goods are handed over by what a statement says, 0 where it is of none.

        An order that was cancelled binds nobody.
        """
        owner = statement.owner if isinstance(statement, Behalf) else self._member
        match inside(statement):
            case Order(local=local, cycle_owner=coordinator, cycle=cycle, hub=hub):
                row = self._db.execute(
                    "SELECT p.cancelled FROM placement p JOIN party m ON m.ref = p.owner"
                    " WHERE m.id = ? AND p.local = ?",
                    (owner, local),
                ).fetchone()
                return 0 if row and row[0] else self._over(hub, (coordinator, cycle))
            case Confirmation() | Counted() | Queue() as said:
                return self._over(self._member, (said.cycle_owner, said.cycle))
        return 0

    def _over(self, seller: bytes, cycle: tuple[bytes, bytes]) -> int:
        """Return when (ms) the goods that were ordered from somebody in a cycle are handed over, 0 where it is unknown.

        That is after the last pickup there or where that one is supplied, as far as it is known here.
        """
        key = (seller, *cycle)
        if key not in self._handed_over:
            _, closes = self._cycles.get(cycle, (0, 0))
            last = max(self._pickups(seller, cycle), default=closes + HANDED_OVER)
            self._handed_over[key] = min(last, closes + LAST_PICKUP) if closes else 0
        return self._handed_over[key]

    def _pickups(self, seller: bytes, cycle: tuple[bytes, bytes]) -> Iterator[int]:
        """Yield when (ms) the pickups end of who sells in a cycle, and of those who supply it; of nobody else."""
        row = cycle_at(self._db, cycle, self._tx.now)
        exchange = exchange_of(self._db, seller, row) if row else None
        while exchange is not None:
            yield from (pickup.closes for pickup in exchange.pickups)
            exchange = exchange.above

    def _closes_of_order(self, buyer: bytes, order: bytes, signed: int) -> int:
        row = self._db.execute(
            "SELECT p.cycle_owner, p.cycle FROM placement p JOIN party m ON m.ref = p.owner"
            " WHERE m.id = ? AND p.local = ?",
            (buyer, order),
        ).fetchone()
        return self._cycles.get(row, (0, 0))[1] if row else self._last_close(signed)

    def _last_close(self, signed: int) -> int:
        own = [times for (owner, _), times in self._cycles.items() if owner == self._member]
        return max((closes for opens, closes in own if opens <= signed), default=0)

    def _holds(self, entry: OwnEntry) -> bool:
        """Say whether an entry of a log 1 says something that still holds, or on which terms of a cycle rest."""
        if entry.device not in self._live:
            self._live[entry.device] = _live_facts(self._db, entry.device, self._tx.now)
        return any((entry.seq, *named(each)) in self._live[entry.device] for each in entry.statements)

    def _needed(self, statement: Any) -> bool:
        """Say whether a statement of a log 2 still does its work, whatever the time."""
        owner = statement.owner if isinstance(statement, Behalf) else self._member
        return self._needed_of(owner, inside(statement))

    def _needed_of(self, owner: bytes, statement: Any) -> bool:
        match statement:
            case Allot():
                return self._lies(owner, statement)
            case Lower(product=product):
                return self._allotted(owner, statement, {product})
            case Return(producer=producer, product=product):
                return self._allotted(producer, statement, {product})
            case Delivered(rows=rows):
                return self._allotted(owner, statement, {row.product for row in rows})
        if isinstance(statement, _LASTS):
            query = (
                f"SELECT f.version FROM {FACTS[type(statement)].table} f JOIN party p ON p.ref = f.owner"  # noqa: S608 - names of ours
                " WHERE p.id = ? AND f.local = ?"
            )
            row = self._db.execute(query, (owner, statement.local)).fetchone()
            return row is not None and row[0] == statement.version
        return False

    def _lies(self, producer: bytes, allot: Allot) -> bool:
        """Say whether what there is would look free, or short, if what was set aside were forgotten (see `shelf`).

        Goods that are not counted now may be at any moment.
        """
        if producer not in self._shelves:
            self._shelves[producer] = shelf_of(self._db, producer), Deliveries(self._db, producer)
        shelf, guess = self._shelves[producer]
        aside = shelf.aside((allot.cycle_owner, allot.cycle), allot.hub, allot.device, allot.product)
        leaves = guess.leaves(aside)
        return shelf.lies(aside) > 0 or (leaves is not None and leaves >= self._tx.now)

    def _allotted(self, producer: bytes, statement: Lower | Return | Delivered, products: Collection[bytes]) -> bool:
        """Say whether the allotment of which a statement speaks is still held: without it, that would count whole."""
        rows = self._db.execute(
            "SELECT a.product FROM allotment a JOIN party p ON p.ref = a.owner"
            " WHERE p.id = ? AND a.cycle_owner = ? AND a.cycle = ? AND a.device = ?",
            (producer, statement.cycle_owner, statement.cycle, statement.device),
        )
        return any(product in products for (product,) in rows)


def _live_facts(db: sqlite3.Connection, device: bytes, now: int) -> set[tuple[Any, ...]]:
    row = db.execute(
        "SELECT ref, base, seq FROM log WHERE author = ? AND log = ?", (device, int(Log.CATALOG))
    ).fetchone()
    said = read_log(db, row[0], max(row[1], 1), row[2]) if row else []
    return {(each.seq, *named(each.statement)) for each in live(said, openings(db, device, now))}


def named(statement: Any) -> tuple[bytes, str, bytes, int]:
    """Return what tells a statement apart: whose it is (b"" for its writer's own), kind, local id and version."""
    owner = statement.owner if isinstance(statement, Behalf) else b""
    inner = inside(statement)
    return owner, type(inner).__name__, getattr(inner, "local", b""), getattr(inner, "version", 0)


def of_a_cycle(statement: Any) -> bool:
    """Say whether a statement of a log 2 is of a cycle and is over with it; a purchase order and its answer stay."""
    inner = inside(statement)
    if isinstance(inner, Purchase | PurchaseAnswer):
        return False
    return isinstance(inner, Answer | Remark) or hasattr(inner, "cycle_owner")


def inside(statement: Any) -> Any:
    """Return a statement without the envelope in which somebody else put it."""
    return statement.statement if isinstance(statement, Behalf) else statement
