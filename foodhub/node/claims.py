"""A represented member comes to have a home of its own: it says who it is, its representative confirms.

From then on it goes on under the old id, so nothing that was typed for it is lost and its places in queues are kept;
who wrote for it before hands it what still runs.
"""

import sqlite3
from collections.abc import Iterable

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import N_, NotThereError, RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.node.belonging import belong_of
from foodhub.node.buyers import as_itself, enclosing
from foodhub.node.clocks import require_one_time
from foodhub.node.handover import Told, cards_of, counts_of, goods_of
from foodhub.node.hat import Hat, shown_name
from foodhub.node.households import group_of, has_keys, unwritable
from foodhub.node.represented import RepresentedRow, list_represented, require_unclaimed
from foodhub.node.retelling import cycles_of
from foodhub.node.rights import require_right
from foodhub.node.standing import require_standing, roles_of
from foodhub.orders.hands import Claim, ClaimConfirmed, Successor
from foodhub.orders.statements import Order, OrderLine, Remark, derived_id
from foodhub.store.entries import log_row
from foodhub.store.transaction import Transaction

ONCE = 1
"""The only version in which it counts who was confirmed to be a member."""
ID_BYTES = 32
"""How long the id of a member is."""
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
        RefusedError: what we sign counts no more, it was somebody already, the id is none or the other represents
            nobody, it sells something itself and would be a producer, or the other can't be written to.
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
    _require_represented(tx.db, hat, member, representative)
    _require_no_shop(tx.db, hat.member, member)
    _say_claim(tx, hat, member, representative)
    confirmed = itself == member
    return ClaimRow(base32_id(member), shown_name(tx.db, representative), base32_id(representative), confirmed)


def _require_represented(db: sqlite3.Connection, hat: Hat, member: bytes, representative: bytes) -> None:
    """Make sure that an id may be that of a member whom that one represents.

    Raises:
        RefusedError: `not_represented`, or `represents_nobody`.
    """
    if len(member) != ID_BYTES:
        raise RefusedError(
            "id_not_whole",
            N_("{id} is not a whole id, and this home does not know whose it is the beginning of."),
            N_("Copy the id whole from your representative's screen: foodhub member show NAME"),
            id=base32_id(member)[:8],
        )
    if has_keys(db, member) or representative == hat.member:
        raise RefusedError(
            "not_represented",
            N_("{id} is no member that somebody else represents."),
            N_("Copy the id whole from your representative's screen: foodhub member show NAME"),
            id=base32_id(member)[:8],
        )
    if not {"group", "hub"} & roles_of(db, representative):
        raise RefusedError(
            "represents_nobody",
            N_("{name} is neither a group nor a hub, so it represents nobody."),
            N_("Name the one that wrote for you."),
            name=shown_name(db, representative),
        )


def _say_claim(tx: Transaction, hat: Hat, member: bytes, representative: bytes) -> None:
    """Sign a claim for a representative, once for each: whoever named the wrong one first can still name the right one.

    Raises:
        RefusedError: `no_box_key`.
    """
    local = derived_id(b"claim", member)
    held = tx.db.execute(
        "SELECT f.version FROM claim f JOIN party p ON p.ref = f.owner WHERE p.id = ? AND f.local = ?",
        (hat.member, local),
    ).fetchone()
    told = f"claim {hat.member.hex()} {member.hex()} {representative.hex()}"
    if held is not None and tx.db.execute("SELECT 1 FROM meta WHERE key = ?", (told,)).fetchone() is not None:
        return
    try:
        said = Claim(local, held[0] if held else 1, member)
        tx.append(hat.member, Log.TRADE, [said], readers=[representative])
    except LookupError:
        raise unwritable(tx.db, representative) from None
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, 1)", (told,))


def _require_no_shop(db: sqlite3.Connection, claimer: bytes, member: bytes) -> None:
    """Make sure that who goes on as a producer sells nothing besides: what it sells then is that one's.

    Raises:
        RefusedError: `sells_itself`.
    """
    sold = "SELECT 1 FROM product f JOIN party p ON p.ref = f.owner WHERE p.id = ? AND NOT f.withdrawn"
    named = "SELECT 1 FROM profile f JOIN party p ON p.ref = f.owner WHERE p.id = ?"
    if db.execute(named, (member,)).fetchone() and db.execute(sold, (claimer,)).fetchone():
        raise RefusedError(
            "sells_itself",
            N_("{name} sells products of its own; from then on it would sell those of {id} alone."),
            N_("Before that, {name} withdraws them: foodhub product withdraw PRODUCT"),
            name=shown_name(db, claimer),
            id=shown_name(db, member),
        )


def confirm_claim(tx: Transaction, hat: Hat, row: RepresentedRow, who: str | None = None) -> RepresentedRow:
    """Confirm who a represented member is, and hand it what still runs; return it as it is then.

    `who` is the beginning of the id of the one that says so, which is needed where several do.

    Raises:
        RefusedError: what we sign counts no more, somebody was confirmed to be it already, who says so sells something
            itself by now, or another device keeps the stock. NotThereError: nobody says so. UsageError: several do.
    """
    require_standing(tx.db, hat)
    require_unclaimed(row)
    member, claimer = id_bytes(row.id), id_bytes(_claimer(hat, row, who))
    if row.role == "producer":
        _require_no_shop(tx.db, claimer, member)
        _confirm_producer(tx, hat, row, claimer)
        return next(each for each in list_represented(tx.db, hat) if each.id == row.id)
    confirmed = ClaimConfirmed(row.key, ONCE, claimer)
    hubs = {hub for (hub,) in tx.db.execute(_HUBS, (member,)) if has_keys(tx.db, hub)}
    tx.append(hat.member, Log.TRADE, [confirmed], readers=[claimer, *sorted(hubs)])
    _hand_over(tx, hat, row, claimer, _running(tx, member))
    return next(each for each in list_represented(tx.db, hat) if each.id == row.id)


def _claimer(hat: Hat, row: RepresentedRow, who: str | None) -> str:
    """Return the id of the one that says it is a represented member, which a person has to tell from others.

    Raises:
        NotThereError, UsageError: nobody says so, or several do.
    """
    found = [each for each in row.waiting if each.startswith((who or "").lower())]
    if not found:
        raise NotThereError(
            "no_claim",
            N_("Nobody says that it is {name}."),
            N_('{name} does so in its own home: foodhub member claim {id} "{hat}"'),
            name=row.name,
            hat=hat.name,
            id=row.id,
        )
    if len(found) > 1:
        raise UsageError(
            "several_claims",
            N_("Several say that they are {name}: {ids}."),
            N_('Ask {name} for the id of its home, then: foodhub member confirm "{name}" --who ID'),
            name=row.name,
            ids=", ".join(each[:8] for each in found),
        )
    return found[0]


def _confirm_producer(tx: Transaction, hat: Hat, row: RepresentedRow, claimer: bytes) -> None:
    """Hand over what is set aside, then say in the open who may set more aside once it holds that.

    Both are the work of the device that keeps our stock, so nothing is set aside by us behind it.
    """
    member = id_bytes(row.id)
    require_right(tx.db, hat, "stock")
    require_one_time(tx, hat)
    _hand_over(tx, hat, row, claimer, goods_of(tx, member))
    said = Successor(row.key, ONCE, claimer, _heads(tx.db, hat.member))
    enclose = enclosing(member, row.key, row.role)
    tx.append(hat.member, Log.CATALOG, [*map(enclose, counts_of(tx.db, hat, member)), said])


def _heads(db: sqlite3.Connection, member: bytes) -> list[tuple[bytes, int]]:
    """Return how far the logs 2 of a member's devices go, as far as we hold them."""
    rows = db.execute("SELECT key FROM device WHERE member = ? ORDER BY key", (member,)).fetchall()
    heads = ((device, log_row(db, device, Log.TRADE)) for (device,) in rows)
    return [(device, head.seq) for device, head in heads if head is not None and head.seq]


def _hand_over(tx: Transaction, hat: Hat, row: RepresentedRow, claimer: bytes, said: Iterable[Told]) -> None:
    """Say again what stands, so nothing changes by it, to who goes on and to whoever may ask for that entry."""
    for statement, told, readers in said:
        enclose = enclosing(id_bytes(row.id), row.key, row.role, told)
        tx.append(hat.member, Log.TRADE, [enclose(statement)], readers=[claimer, *readers])


_HUBS = "SELECT DISTINCT f.hub FROM placement f JOIN party p ON p.ref = f.owner WHERE p.id = ?"


def _running(tx: Transaction, member: bytes) -> Iterable[Told]:
    """Return what stands of a represented member and is not long over, each with how it was told and who else reads it.

    What is over, who goes on is to see: to its aggregator nothing is said of it.
    """
    db = tx.db
    found = cards_of(db, member)
    group = group_of(db, member)
    belong = belong_of(db, member, group) if group else None
    found += [(belong, "", [])] if belong else []
    cycles = cycles_of(db, member, tx.now)
    orders = db.execute(
        "SELECT f.local, f.version, f.placed, f.cycle_owner, f.cycle, f.hub, f.cancelled, f.lines, f.told, a.outcome"
        " FROM placement f JOIN party p ON p.ref = f.owner LEFT JOIN party h ON h.id = f.hub"
        " LEFT JOIN answer a ON a.owner = h.ref AND a.placement = f.local AND a.buyer = p.id WHERE p.id = ?",
        (member,),
    ).fetchall()
    for local, version, placed, cycle_owner, cycle, hub, cancelled, lines, told, outcome in orders:
        runs = cycles.get((hub, (cycle_owner, cycle)))
        if runs is None or (not runs and outcome == "late"):
            continue  # what is late can be accepted by when it was signed, which is not to change
        head, readers = (local, version, placed, cycle_owner, cycle, hub), [hub] if runs else []
        found.append((Order(*head, bool(cancelled), _order_lines.decode(lines)), told, readers))
        remark = db.execute(
            "SELECT r.body FROM remark r JOIN party p ON p.ref = r.owner WHERE p.id = ? AND r.local = ?",
            (member, local),
        ).fetchone()
        found += [(_remarks.decode(remark[0]), "", readers)] if remark else []
    return found
