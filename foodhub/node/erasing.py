"""Erasing entries of our own: choosing them, refusing what has to stay, and signing the erase.

An erase is an entry of log 0 that names places. The payload then goes here and on every node that learns of it; the
header stays, so the log still verifies. It can't be undone, so every command shows first what it names.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from foodhub.catalog.naming import base32_id, find, id_bytes
from foodhub.circuit.statements import Erase
from foodhub.errors import N_, NotThereError, RefusedError, UsageError
from foodhub.log.header import Kind, Log
from foodhub.node.disputed import kind_of
from foodhub.node.erasable import FREE, Judge, OwnEntry, Verdict, devices_of, inside, named, own_entries
from foodhub.node.hat import Hat
from foodhub.node.orders import find_order
from foodhub.node.products import list_products
from foodhub.node.standing import require_standing
from foodhub.node.state import LOG_NAMES
from foodhub.orders.closing import Confirmation
from foodhub.orders.statements import Answer, Order, Remark
from foodhub.store.transaction import Transaction

Span = tuple[bytes, int, int, int]
"""(device, log, first seq, last seq)"""
SPANS_IN_ONE = 400
"""Spans that one statement names: it has to fit into a payload."""


class ErasedRow(msgspec.Struct, frozen=True):
    """An entry that an erase names: where it stands, when it was signed, what it says (names of statements), bytes."""

    log: str
    seq: int
    signed: datetime
    says: list[str]
    bytes: int


def choose_entries(
    tx: Transaction, hat: Hat, log: str, seqs: Sequence[tuple[int, int]], device: str | None = None
) -> list[OwnEntry]:
    """Return the entries at these places (first, last) of a log of our own that are still there to be erased.

    Raises:
        UsageError, NotThereError: there is no such log or device of ours, or nothing at these places.
        RefusedError: one of them has to stay.
    """
    require_standing(tx.db, hat)
    if log not in LOG_NAMES:
        raise UsageError("bad_log_name", N_("A log is one of: {names}."), names=", ".join(LOG_NAMES))
    author, number = _device(tx.db, hat, device), LOG_NAMES.index(log)
    found = [each for first, last in seqs for each in own_entries(tx, hat.member, (author, number), (first, last))]
    if not found:
        raise NotThereError(
            "nothing_to_erase",
            N_('There is nothing left to erase at these places of the log "{log}".'),
            N_("See how far it goes with: foodhub log show"),
            log=log,
        )
    _require_erasable(tx, hat.member, found)
    _require_older_too(tx, hat.member, found)
    return found


def _device(db: sqlite3.Connection, hat: Hat, text: str | None) -> bytes:
    if text is None:
        return hat.device
    found = [key for key in devices_of(db, hat.member) if base32_id(key).startswith(text.strip().lower())]
    if len(found) != 1:
        raise RefusedError(
            "not_your_device",
            N_('"{text}" is no device of {name}: what others signed, they alone can erase.'),
            N_("Ask a hub or group to erase what it holds of your orders with: foodhub erase request HUB"),
            text=text[:60],
            name=hat.name,
        )
    return found[0]


def choose_order(tx: Transaction, hat: Hat, text: str) -> list[OwnEntry]:
    """Return all that we said of an order and that is still there: its buyer every version of it, its hub the answers.

    Raises:
        NotThereError, UsageError: there is no such order, or several. RefusedError: it has to stay.
    """
    order = find_order(tx.db, hat, text, tx.now)
    buyer, hub, cycle = id_bytes(order.customer_id), id_bytes(order.hub_id), id_bytes(order.cycle_id)
    placements = tx.db.execute(
        "SELECT p.local, p.placed FROM placement p JOIN party m ON m.ref = p.owner"
        " WHERE m.id = ? AND p.hub = ? AND p.cycle = ?",
        (buyer, hub, cycle),
    ).fetchall()
    locals_ = {local for local, _ in placements}

    def about(statement: Any) -> bool:
        match inside(statement):
            case Order(local=local) | Remark(local=local):
                return local in locals_
            case Answer(buyer=answered, order=local):
                return answered == buyer and local in locals_
            case Confirmation(buyer=confirmed, cycle=of):
                return (confirmed, of) == (buyer, cycle)
        return False

    found = [
        each
        for device in devices_of(tx.db, hat.member)
        for each in own_entries(tx, hat.member, (device, Log.TRADE))
        if any(map(about, each.statements))
    ]
    if not found:
        raise NotThereError(
            "nothing_to_erase_of_order", N_("Nothing that you said of order {number} is left."), number=order.number
        )
    _require_erasable(tx, hat.member, found)
    return found


def choose_product(tx: Transaction, hat: Hat, text: str) -> tuple[list[OwnEntry], int]:
    """Return the entries with superseded statements of a product of ours, and how many have to stay.

    An entry stays while anything that it says still holds, also of another product.

    Raises:
        NotThereError, UsageError: there is no such product, or several.
    """
    own = list_products(tx.db, producer=hat.member, withdrawn=True)
    local = id_bytes(find(own, text, lambda row: row.named, "product").id)
    judge = Judge(tx, hat.member)
    about = [
        each
        for device in devices_of(tx.db, hat.member)
        for each in own_entries(tx, hat.member, (device, Log.CATALOG))
        if each.kind == Kind.ERASABLE and any(getattr(inside(said), "local", b"") == local for said in each.statements)
    ]
    free = [each for each in about if judge.judge(each) == FREE]
    return free, len(about) - len(free)


def _require_erasable(tx: Transaction, member: bytes, entries: Iterable[OwnEntry]) -> None:
    judge = Judge(tx, member)
    for entry in entries:
        verdict = judge.judge(entry)
        if verdict != FREE:
            raise _refusal(entry, verdict)


def _refusal(entry: OwnEntry, verdict: Verdict) -> RefusedError:
    """Return why an entry can't be erased."""
    place = {"log": LOG_NAMES[entry.log], "seq": entry.seq}
    match verdict.code:
        case "lasting":
            return RefusedError(
                "entry_lasting",
                N_('Entry {seq} of the log "{log}" can\'t be erased: it was signed to last.'),
                N_("Erasable is what was said of products, cycles and orders, outside of checkpoints."),
                **place,
            )
        case "unreadable":
            return RefusedError(
                "entry_unreadable",
                N_('Entry {seq} of the log "{log}" can\'t be read here, so nobody can say what would be lost.'),
                N_("It may be of a newer program, or sealed with a key that this device does not have."),
                **place,
            )
        case "open":
            return RefusedError(
                "order_in_open_cycle",
                N_('Entry {seq} of the log "{log}" is of a cycle that closes at {when}.'),
                N_("An order can be cancelled until then: foodhub order cancel ORDER"),
                **place,
                when=datetime.fromtimestamp(verdict.when / 1000, UTC).astimezone(),
            )
        case "owed":
            return RefusedError(
                "goods_owed",
                N_('Entry {seq} of the log "{log}" is of an order whose goods are to be handed over until {when}.'),
                N_("Erase it then: until then others go by it."),
                **place,
                when=datetime.fromtimestamp(verdict.when / 1000, UTC).astimezone(),
            )
    return RefusedError(
        "entry_holds",
        N_('Entry {seq} of the log "{log}" says something that still holds.'),
        N_("Say it anew first (change or withdraw the product, count the stock again), then erase what was before."),
        **place,
    )


def _require_older_too(tx: Transaction, member: bytes, entries: Sequence[OwnEntry]) -> None:
    """Make sure that no older version of something comes back to life because the newer ones are erased.

    Raises:
        RefusedError: `older_version_left`.
    """
    highest: dict[tuple[object, ...], int] = {}
    for entry in entries:
        for each in entry.statements if entry.log == Log.TRADE else ():
            *fact, version = named(each)
            highest[tuple(fact)] = max(highest.get(tuple(fact), 0), version or 1)
    if all(version == 1 for version in highest.values()):
        return
    chosen = {(entry.device, entry.log, entry.seq) for entry in entries}
    left: defaultdict[tuple[object, ...], list[tuple[int, OwnEntry]]] = defaultdict(list)
    for device in devices_of(tx.db, member):
        for entry in own_entries(tx, member, (device, Log.TRADE)):
            for each in entry.statements if (device, entry.log, entry.seq) not in chosen else ():
                *fact, version = named(each)
                left[tuple(fact)].append((version or 1, entry))
    for key, version in highest.items():
        stays = left.get(key, [])
        if stays and max(number for number, _ in stays) < version:
            raise RefusedError(
                "older_version_left",
                N_(
                    'An older version of what you erase stands in entry {seq} of the log "{log}", and would hold again.'
                ),
                N_("Erase entry {seq} as well."),
                log=LOG_NAMES[Log.TRADE],
                seq=stays[0][1].seq,
            )


def rows(entries: Iterable[OwnEntry]) -> list[ErasedRow]:
    """Return entries as they are shown before they are erased."""
    return [
        ErasedRow(
            log=LOG_NAMES[entry.log],
            seq=entry.seq,
            signed=datetime.fromtimestamp(entry.timestamp / 1000, UTC),
            says=sorted({kind_of(each) for each in entry.statements}),
            bytes=entry.size,
        )
        for entry in entries
    ]


def spans(entries: Iterable[OwnEntry]) -> list[Span]:
    """Return places as ranges: consecutive ones of a log are one span."""
    found: list[Span] = []
    for device, log, seq in sorted({(entry.device, int(entry.log), entry.seq) for entry in entries}):
        if found and found[-1][:2] == (device, log) and found[-1][3] == seq - 1:
            found[-1] = (device, log, found[-1][2], seq)
        else:
            found.append((device, log, seq, seq))
    return found


def erase(tx: Transaction, hat: Hat, entries: Sequence[OwnEntry]) -> list[ErasedRow]:
    """Sign the erase of these entries; their payloads are gone here at once. Return what was erased."""
    named = spans(entries)
    parts = [named[start : start + SPANS_IN_ONE] for start in range(0, len(named), SPANS_IN_ONE)]
    if parts:
        tx.append(hat.member, Log.CIRCUIT, [Erase(part) for part in parts])
    return rows(entries)
