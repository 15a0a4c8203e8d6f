"""A person's request to erase, and the answer to it.

A member asks a hub or group to erase what that one wrote about its orders; its own orders it erases itself. The desk's
device honours it for cycles that closed long enough ago, and says from when on it may do the rest. Receipts stay until
the hub's own retention: they hold the queue of all. Who was represented also asks for the card that was typed for it,
which goes at once.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.contacts import card_entries
from foodhub.node.devices import keeper_of
from foodhub.node.erasable import EVER, FREE, Judge, OwnEntry, Slices, devices_of, inside
from foodhub.node.erasing import erase
from foodhub.node.hat import Hat, shown_name
from foodhub.node.households import unwritable
from foodhub.node.standing import require_standing
from foodhub.node.state import MemberRow
from foodhub.orders.closing import Confirmation
from foodhub.orders.hands import Contact
from foodhub.orders.statements import Answer, EraseAnswer, EraseRequest, derived_id
from foodhub.store.schema import CONFIRMED
from foodhub.store.transaction import Transaction

KEPT_AFTER_CLOSE = 30 * 24 * 3_600_000
"""How long (ms) after a cycle's close its answers stay, whatever anybody asks: goods are handed over and corrected."""
SLICE = 400
"""Entries that one transaction looks at: about 25 ms of work where most of them are sealed to the requester."""
Scope = Literal["orders", "card"]
RequestState = Literal["asked", "later", "done", "withdrawn"]
_Asked = tuple[bytes, bytes, int, int]
"""A request that waits: requester, local id, version, and the version of our last answer to it."""


class RequestRow(msgspec.Struct, frozen=True):
    """A request as either side sees it; `earliest` is when the rest may be erased, where that is for later."""

    id: str
    requester: str
    requester_id: str
    about: str
    about_id: str
    own: bool
    scope: Scope
    state: RequestState
    asked_at: datetime
    answered_at: datetime | None
    earliest: datetime | None


_REQUESTS = (
    "SELECT q.id, r.local, r.version, r.timestamp, r.about, r.scope, r.withdrawn, a.version, a.request_version,"
    " a.timestamp, a.outcome, a.earliest FROM erase_request r JOIN member q ON q.ref = r.owner"
    " LEFT JOIN member h ON h.id = r.about"
    " LEFT JOIN erase_answer a ON a.owner = h.ref AND a.requester = q.id AND a.request = r.local"
)


def list_requests(db: sqlite3.Connection, hat: Hat) -> list[RequestRow]:
    """Return the requests that a member made or got, the newest first."""
    rows = db.execute(f"{_REQUESTS} WHERE q.id = ? OR r.about = ? ORDER BY r.timestamp DESC", (hat.member, hat.member))
    return [_row(db, hat, row) for row in rows.fetchall()]


def _row(db: sqlite3.Connection, hat: Hat, row: Sequence[Any]) -> RequestRow:
    requester, local, version, asked, about, scope, withdrawn, _, answered, answered_at, outcome, earliest = row
    current = answered is not None and answered >= version
    state: RequestState = "withdrawn" if withdrawn else outcome if current else "asked"
    return RequestRow(
        id=base32_id(local),
        requester=shown_name(db, requester),
        requester_id=base32_id(requester),
        about=shown_name(db, about),
        about_id=base32_id(about),
        own=requester == hat.member,
        scope=scope,
        state=state,
        asked_at=_moment(asked),
        answered_at=_moment(answered_at) if current else None,
        earliest=_moment(earliest) if current and earliest else None,
    )


def _moment(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp / 1000, UTC)


def request_erase(tx: Transaction, hat: Hat, about: MemberRow, *, withdraw: bool = False) -> RequestRow:
    """Ask a hub or group to erase what it wrote about our orders, or take that back; asking again asks anew.

    Raises:
        RefusedError: it is no hub or group, or we ourselves; there is nothing to take back; it can't be written to yet.
    """
    require_standing(tx.db, hat)
    member = id_bytes(about.id)
    name = shown_name(tx.db, member)
    if member == hat.member or not {"hub", "group"} & set(about.roles):
        raise RefusedError(
            "nothing_to_ask_for",
            N_("{name} answers no orders of yours, so there is nothing that it could erase."),
            N_("Ask who answered your orders. What you signed is yours to erase: foodhub erase order ORDER"),
            name=name,
        )
    held = _held(tx.db, hat, _local(member, "orders"))
    if withdraw and (held is None or held.state == "withdrawn"):
        raise RefusedError("nothing_asked", N_("You ask {name} for nothing."), N_("See: foodhub erase list"), name=name)
    return ask_to_erase(tx, hat, member, "orders", withdraw=withdraw)


def ask_to_erase(tx: Transaction, hat: Hat, about: bytes, scope: Scope, *, withdraw: bool = False) -> RequestRow:
    """Sign a request, unless one that asks the same waits for its answer; return it.

    Raises:
        RefusedError: `no_box_key`, while the other can't be written to.
    """
    local = _local(about, scope)
    held = _held(tx.db, hat, local)
    if withdraw or held is None or held.state not in {"asked", "later"}:
        row = tx.db.execute(
            "SELECT r.version FROM erase_request r JOIN member m ON m.ref = r.owner WHERE m.id = ? AND r.local = ?",
            (hat.member, local),
        ).fetchone()
        request = EraseRequest(local, row[0] + 1 if row else 1, about, scope, withdraw)
        try:
            tx.append(hat.member, Log.TRADE, [request], readers=[about])
        except LookupError:
            raise unwritable(tx.db, about) from None
        held = _held(tx.db, hat, local)
    assert held is not None, "it was just signed, or held before"
    return held


def _local(about: bytes, scope: Scope) -> bytes:
    return derived_id(b"erase_request", about, scope.encode())


def _held(db: sqlite3.Connection, hat: Hat, local: bytes) -> RequestRow | None:
    row = db.execute(f"{_REQUESTS} WHERE q.id = ? AND r.local = ?", (hat.member, local)).fetchone()
    return _row(db, hat, row) if row else None


def requests_due(db: sqlite3.Connection, hat: Hat, now: int) -> bool:
    """Say whether a request waits that this device has to answer."""
    return bool(_waiting(db, hat, now))


def answer_requests(tx: Transaction, hat: Hat) -> int:
    """Honour a slice of the requests that wait, and say what came of each; return how much was done."""
    waiting = _waiting(tx.db, hat, tx.now)
    return sum(
        _forget_cards(tx, hat, asked) if scope == "card" else _honour(tx, hat, asked) for scope, asked in waiting[:1]
    )


def _forget_cards(tx: Transaction, hat: Hat, asked: _Asked) -> int:
    """Erase the cards that we typed for who came to be that member, and say so."""
    cards = card_entries(tx, hat, _claimed_by(tx.db, hat, asked[0]))
    erase(tx, hat, [entry for entry in cards if all(isinstance(inside(each), Contact) for each in entry.statements)])
    return _answer(tx, hat, asked, 0)


def _claimed_by(db: sqlite3.Connection, hat: Hat, member: bytes) -> list[bytes]:
    """Return the members whom this one represented and confirmed to be `member`."""
    rows = db.execute(
        f'SELECT c.member FROM {CONFIRMED.format("")} c JOIN party p ON p.ref = c.owner WHERE p.id = ? AND c."by" = ?',  # noqa: S608 - names of ours
        (hat.member, member),
    )
    return [each for (each,) in rows]


def _honour(tx: Transaction, hat: Hat, asked: _Asked) -> int:
    """Erase one slice of what we may of what we answered to a member; after the last, answer its request."""
    requester, _request, version, _answered = asked
    key = f"honouring {hat.member.hex()} {requester.hex()} {version}"
    at, left = _value(tx.db, f"{key} at"), _value(tx.db, f"{key} left")
    logs = [(device, int(Log.TRADE), EVER) for device in devices_of(tx.db, hat.member)]
    buyers, readers = _names_and_readers(tx.db, requester)
    entries, goes_on = Slices(tx, hat.member, logs, readers).read(at, SLICE)
    free, rest = _sort(tx, hat, buyers, entries)
    erase(tx, hat, free)
    left = max(left, rest)
    if goes_on:
        tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?), (?, ?)", (f"{key} at", goes_on, f"{key} left", left))
        return 1
    tx.db.execute("DELETE FROM meta WHERE key IN (?, ?)", (f"{key} at", f"{key} left"))
    return _answer(tx, hat, asked, left)


def _answer(tx: Transaction, hat: Hat, asked: _Asked, left: int) -> int:
    """Answer a request: from when on (ms) what is left may be erased, 0 where nothing is."""
    requester, request, version, answered = asked
    outcome: Literal["done", "later"] = "later" if left else "done"
    head = (derived_id(b"erase_answer", requester, request), answered + 1, request, version, requester)
    tx.append(hat.member, Log.TRADE, [EraseAnswer(*head, outcome, left)], readers=[requester])
    return 1


def _names_and_readers(db: sqlite3.Connection, requester: bytes) -> tuple[set[bytes], set[bytes]]:
    """Return under which ids a member ordered, and to whom the answers were sealed.

    Who was confirmed to be a represented member ordered as that one too, whose representative was told before.
    """
    rows = db.execute(
        f'SELECT c.member, p.id FROM {CONFIRMED.format("")} c JOIN party p ON p.ref = c.owner WHERE c."by" = ?',  # noqa: S608 - names of ours
        (requester,),
    ).fetchall()
    return {requester, *(member for member, _ in rows)}, {requester, *(told for _, told in rows)}


def _sort(
    tx: Transaction, hat: Hat, buyers: Collection[bytes], entries: Iterable[OwnEntry]
) -> tuple[list[OwnEntry], int]:
    """Return those of our answers to these ids that we may erase now, and from when on (ms) the rest, 0 for none."""
    judge = Judge(tx, hat.member)
    free, left = [], 0
    for entry in entries:
        if all(isinstance(each, Answer | Confirmation) and each.buyer in buyers for each in entry.statements):
            verdict = judge.judge(entry, KEPT_AFTER_CLOSE)
            left = max(left, verdict.when)
            free += [entry] if verdict == FREE else []
    return free, left


def _value(db: sqlite3.Connection, key: str) -> int:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return int(row[0]) if row else 0


def _waiting(db: sqlite3.Connection, hat: Hat, now: int) -> list[tuple[Scope, _Asked]]:
    """Return what this device has to answer now, each with its scope."""
    rows = db.execute(
        f"{_REQUESTS} WHERE r.about = ? AND q.id != r.about AND NOT r.withdrawn AND (a.version IS NULL"  # noqa: S608
        " OR a.request_version < r.version OR a.outcome = 'later' AND a.earliest <= ?)"
        " AND EXISTS (SELECT 1 FROM epoch e WHERE e.member = q.id)",
        (hat.member, now),
    ).fetchall()
    if not rows or keeper_of(db, hat.member, "desk") != hat.device:
        return []
    return [(row[5], (row[0], row[1], row[2], row[7] or 0)) for row in rows]
