"""A represented member comes to have a home of its own: it says who it is, its representative confirms.

From then on it goes on under the old id, so nothing that was typed for it is lost and its places in queues are kept;
who wrote for it before hands it what still runs.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import N_, NotThereError, RefusedError
from foodhub.log.header import Log
from foodhub.node.buyers import as_itself, enclosing
from foodhub.node.hat import Hat, shown_name
from foodhub.node.households import has_keys
from foodhub.node.represented import RepresentedRow, list_represented
from foodhub.node.standing import require_standing
from foodhub.orders.hands import Claim, ClaimConfirmed, Contact, Means
from foodhub.orders.statements import Order, OrderLine, Remark, derived_id
from foodhub.store.transaction import Transaction

_order_lines = msgspec.msgpack.Decoder(list[OrderLine])
_remarks = msgspec.msgpack.Decoder(Remark)


class ClaimRow(msgspec.Struct, frozen=True):
    """What a member said of itself: who it was, who wrote for it, and whether that one has confirmed it."""

    id: str
    representative: str
    representative_id: str
    confirmed: bool


def claim(tx: Transaction, hat: Hat, member: bytes, representative: bytes) -> ClaimRow:
    """Say that this hat is whom another member represents as `member`; that one has to confirm it.

    Raises:
        RefusedError: what we sign counts no more, it was somebody already, or the other can't be written to.
    """
    require_standing(tx.db, hat)
    itself = as_itself(tx.db, hat).member
    if itself not in {hat.member, member}:
        raise RefusedError(
            "claimed_already",
            N_("{name} was confirmed to be {id} already."),
            N_("A home goes on for one member."),
            name=hat.name,
            id=base32_id(itself)[:8],
        )
    if has_keys(tx.db, member) or representative == hat.member:
        raise RefusedError(
            "not_represented",
            N_("{id} is no member that somebody else represents."),
            N_("Copy the id from your representative's list: foodhub member show NAME"),
            id=base32_id(member)[:8],
        )
    local = derived_id(b"claim", member)
    held = tx.db.execute(
        "SELECT 1 FROM claim f JOIN party p ON p.ref = f.owner WHERE p.id = ? AND f.local = ?", (hat.member, local)
    ).fetchone()
    if held is None:
        try:
            tx.append(hat.member, Log.TRADE, [Claim(local, 1, member)], readers=[representative])
        except LookupError:
            name = shown_name(tx.db, representative)
            raise RefusedError(
                "no_box_key", N_("{hub} can't be written to yet."), N_("Sync first."), hub=name
            ) from None
    confirmed = itself == member
    return ClaimRow(base32_id(member), shown_name(tx.db, representative), base32_id(representative), confirmed)


def confirm_claim(tx: Transaction, hat: Hat, row: RepresentedRow) -> RepresentedRow:
    """Confirm who a represented member is, and hand it what still runs; return it as it is then.

    Raises:
        RefusedError: what we sign counts no more. NotThereError: nobody says so.
    """
    require_standing(tx.db, hat)
    if not row.waiting:
        raise NotThereError(
            "no_claim",
            N_("Nobody says that it is {name}."),
            N_("{name} does so in its own home: foodhub member claim {id} {hat}"),
            name=row.name,
            hat=hat.name,
            id=row.id,
        )
    member, claimer = id_bytes(row.id), id_bytes(row.waiting)
    row_before = tx.db.execute("SELECT version FROM claim_confirmed WHERE member = ?", (member,)).fetchone()
    confirmed = ClaimConfirmed(row.key, row_before[0] + 1 if row_before else 1, row.role, claimer)
    hubs = {hub for (hub,) in tx.db.execute(_HUBS, (member,)) if has_keys(tx.db, hub)}
    tx.append(hat.member, Log.TRADE, [confirmed], readers=[claimer, *sorted(hubs)])
    # As it stands, so nothing changes by it; an order goes to its aggregator as well, which may ask for that entry.
    for statement, told, readers in _running(tx, member):
        enclose = enclosing(member, row.key, row.role, told)
        tx.append(hat.member, Log.TRADE, [enclose(statement)], readers=[claimer, *readers])
    return next(each for each in list_represented(tx.db, hat) if each.id == row.id)


_HUBS = "SELECT DISTINCT f.hub FROM placement f JOIN party p ON p.ref = f.owner WHERE p.id = ?"


def _running(tx: Transaction, member: bytes) -> Iterable[tuple[Any, Means, list[bytes]]]:
    """Return what stands of a represented member and is not over, each with how it was told and who else reads it."""
    db = tx.db
    cards = db.execute(
        "SELECT c.local, c.version, c.name, c.phone, c.address FROM contact c JOIN party p ON p.ref = c.owner"
        " WHERE p.id = ?",
        (member,),
    ).fetchall()
    found: list[tuple[Any, Means, list[bytes]]] = [(Contact(*row), "", []) for row in cards]
    orders = db.execute(
        "SELECT f.local, f.version, f.placed, f.cycle_owner, f.cycle, f.hub, f.cancelled, f.lines, f.told"
        " FROM placement f JOIN party p ON p.ref = f.owner JOIN party q ON q.id = f.cycle_owner"
        " JOIN cycle c ON c.owner = q.ref AND c.local = f.cycle WHERE p.id = ? AND c.closes > ?",
        (member, tx.now),
    ).fetchall()
    for local, version, placed, cycle_owner, cycle, hub, cancelled, lines, told in orders:
        head = (local, version, placed, cycle_owner, cycle, hub)
        found.append((Order(*head, bool(cancelled), _order_lines.decode(lines)), told, [hub]))
        remark = db.execute(
            "SELECT r.body FROM remark r JOIN party p ON p.ref = r.owner WHERE p.id = ? AND r.local = ?",
            (member, local),
        ).fetchone()
        found += [(_remarks.decode(remark[0]), "", [hub])] if remark else []
    return found
