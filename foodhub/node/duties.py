"""What a node does by itself when something arrived: admit newcomers, certify devices, renew keys, answer orders.

Each duty belongs to one device, its keeper, so no other node ever does it too; only admissions are said by any device
of a steward, and say the same. Duties are done by the network process, and by a command on the same home when none
runs; doing them twice changes nothing.
"""

import sqlite3

from foodhub.circuit.statements import Admit, Join
from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.answering import answer_orders, has_work
from foodhub.node.checkpoints import checkpoint_due, write_checkpoint
from foodhub.node.circuit_log import first_statement
from foodhub.node.closing import close_due, next_close, next_in_force, write_closes
from foodhub.node.contacts import cards_due, share_cards
from foodhub.node.delivered import counts_due, say_for_others
from foodhub.node.enrolling import certify, to_certify
from foodhub.node.epochs import keys_due, renew
from foodhub.node.erase_requests import answer_requests, requests_due
from foodhub.node.exchanges import own_closings
from foodhub.node.groups import belongs_due, share_belongs
from foodhub.node.handover import successors_due, tell_successors
from foodhub.node.hat import Hat, hats
from foodhub.node.home import now
from foodhub.node.opening import next_opening, opening_due, write_openings
from foodhub.node.purchasing import next_purchase, purchases_due, send_due_purchases
from foodhub.node.rejoining import again_due, sell_again
from foodhub.node.repeating import next_repeat, repeat_cycles, repeat_due
from foodhub.node.reserving import grant_by_rule, grants_due
from foodhub.node.retention import sweep, sweep_due
from foodhub.node.returning import give_back, returns_due
from foodhub.node.standing import fallen
from foodhub.node.standing_orders import place_standing, standing_due
from foodhub.node.tallies import next_tally
from foodhub.node.waking import is_waking
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction


def perform(tx: Transaction) -> int:
    """Do one slice of what is due for every member of this home; return how much was done, 0 when nothing is left."""
    done = 0
    for hat in hats(tx.db):
        if _counts(tx.db, hat) and tx.may_sign(hat.member):
            done += _admit(tx, hat) + certify(tx, hat) + renew(tx, hat)
            done += _trade(tx, hat)
    return done


def due(db: sqlite3.Connection, at: int | None = None) -> bool:
    """Say, without writing anything, whether a duty may be due, now or at another time (ms)."""
    at = now() if at is None else at
    own = [hat for hat in hats(db) if _counts(db, hat)]
    return any(
        unadmitted(db, hat)
        or to_certify(db, hat)
        or keys_due(db, hat)
        or _stock_moves(db, hat, at)
        or has_work(db, hat, at)
        or _cycle_turns(db, hat, at)
        or standing_due(db, hat, at)
        or purchases_due(db, hat, at)
        or _house_waits(db, hat, at)
        for hat in own
    )


def next_due(db: sqlite3.Connection, at: int) -> int | None:
    """Return when (ms) the clock next makes something due, maybe at `at` or before; None for nothing that is known.

    Whatever waits until this home has heard the others (see `waking`) is left out: it is looked at when that is over.
    """
    own = [hat for hat in hats(db) if _counts(db, hat)]
    if is_waking(db) or _read_only(db):
        return None
    finds = (next_opening, next_close, next_in_force, next_repeat, next_purchase)
    times = [find(db, hat, at) for hat in own for find in finds]
    times += [time for hat in own for time in own_closings(db, hat.member, at)]
    times += [next_tally(db, hat) for hat in own]
    return min((time for time in times if time is not None), default=None)


def _cycle_turns(db: sqlite3.Connection, hat: Hat, at: int) -> bool:
    """Say whether a cycle of this member opens, closes or comes again, or one in which it sells."""
    if _read_only(db) or fallen(db, hat) is not None:
        return False
    turns = opening_due(db, hat, at) or repeat_due(db, hat, at) or close_due(db, hat, at)
    return bool(turns or again_due(db, hat, at))


def _stock_moves(db: sqlite3.Connection, hat: Hat, at: int) -> bool:
    """Say whether there may be stock to give back, or counted for us, or to set aside as this home grants it."""
    return not _read_only(db) and (returns_due(db, hat) or counts_due(db, hat) or grants_due(db, hat, at))


def _trade(tx: Transaction, hat: Hat) -> int:
    """Open and close cycles, answer orders and keep house; nothing while the newest key has not come to this device."""
    try:
        turned = _turn_cycles(tx, hat) + place_standing(tx, hat)
        # What a producer asks for is given back before more is promised.
        moved = give_back(tx, hat) + say_for_others(tx, hat) + grant_by_rule(tx, hat)
        answered = answer_orders(tx, hat) if {"hub", "group"} & set(hat.roles) else 0
        return turned + moved + answered + send_due_purchases(tx, hat) + _keep_house(tx, hat)
    except RefusedError as error:
        if error.code != "key_awaited":
            raise
        return 0  # it is asked for before anything is sealed, so nothing is half done


def _turn_cycles(tx: Transaction, hat: Hat) -> int:
    """Open and close our cycles, make those that come again, and sell again in those of others."""
    if not _cycle_turns(tx.db, hat, tx.now):
        return 0
    return write_openings(tx, hat) + repeat_cycles(tx, hat) + sell_again(tx, hat) + write_closes(tx, hat)


def _keep_house(tx: Transaction, hat: Hat) -> int:
    """Show our cards, restate what holds in our catalog log, honour requests to erase, and erase what our rules say."""
    if _read_only(tx.db):
        return 0
    told = share_cards(tx, hat) + share_belongs(tx, hat) + tell_successors(tx, hat)
    return told + write_checkpoint(tx, hat) + answer_requests(tx, hat) + sweep(tx, hat)


def _house_waits(db: sqlite3.Connection, hat: Hat, at: int) -> bool:
    told = cards_due(db, hat) or belongs_due(db, hat, at) or successors_due(db, hat)
    waits = told or checkpoint_due(db, hat) or requests_due(db, hat, at) or sweep_due(db, hat, at)
    return waits and not _read_only(db)


def _read_only(db: sqlite3.Connection) -> bool:
    """Say whether this home may not sign any more: then its house has to be kept from another one."""
    return db.execute("SELECT 1 FROM meta WHERE key = 'read_only'").fetchone() is not None


def _counts(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether what this device signs for a member counts, so that it has duties."""
    query = (
        "SELECT 1 FROM device d JOIN member m ON m.id = d.member"
        " WHERE d.key = ? AND m.id = ? AND NOT d.retired AND NOT m.removed"
    )
    return db.execute(query, (hat.device, hat.member)).fetchone() is not None


def _admit(tx: Transaction, hat: Hat) -> int:
    """Confirm who came in on an invite of ours: from then on no other join on it can count."""
    rows = unadmitted(tx.db, hat)
    if rows:
        tx.append(hat.member, Log.CIRCUIT, [Admit(member, join) for member, join in rows])
    return len(rows)


def unadmitted(db: sqlite3.Connection, hat: Hat) -> list[tuple[bytes, bytes]]:
    """Return (member, join entry) of those who came in on an invite of ours and are not admitted yet."""
    rows = db.execute(
        "SELECT m.id, e.id, d.key FROM invite i JOIN member m ON m.id = i.used_by JOIN device d ON d.member = m.id"
        " JOIN log l ON l.author = d.key AND l.log = 0 JOIN entry e ON e.place = (l.ref << ?) + 1"
        " WHERE i.issuer = ? AND NOT m.admitted",
        (SEQ_BITS, hat.member),
    ).fetchall()
    return [(member, join) for member, join, device in rows if isinstance(first_statement(db, device), Join)]
