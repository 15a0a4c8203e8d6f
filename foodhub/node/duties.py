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
from foodhub.node.enrolling import certify, to_certify
from foodhub.node.epochs import keys_due, renew
from foodhub.node.erase_requests import answer_requests, requests_due
from foodhub.node.hat import Hat, hats
from foodhub.node.home import now
from foodhub.node.retention import sweep, sweep_due
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


def due(db: sqlite3.Connection) -> bool:
    """Say, without writing anything, whether a duty may be due."""
    own = [hat for hat in hats(db) if _counts(db, hat)]
    return any(
        _unadmitted(db, hat) or to_certify(db, hat) or keys_due(db, hat) or has_work(db, hat) or _house_waits(db, hat)
        for hat in own
    )


def _trade(tx: Transaction, hat: Hat) -> int:
    """Answer orders and keep house; nothing is done while the member's newest key has not come to this device."""
    try:
        answered = answer_orders(tx, hat) if {"hub", "group"} & set(hat.roles) else 0
        return answered + _keep_house(tx, hat)
    except RefusedError as error:
        if error.code != "key_awaited":
            raise
        return 0  # it is asked for before anything is sealed, so nothing is half done


def _keep_house(tx: Transaction, hat: Hat) -> int:
    """Restate what holds in our catalog log, honour requests to erase, and erase what is older than our rules keep."""
    if _read_only(tx.db):
        return 0
    return write_checkpoint(tx, hat) + answer_requests(tx, hat) + sweep(tx, hat)


def _house_waits(db: sqlite3.Connection, hat: Hat) -> bool:
    waits = checkpoint_due(db, hat) or requests_due(db, hat, now()) or sweep_due(db, hat, now())
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
    rows = _unadmitted(tx.db, hat)
    if rows:
        tx.append(hat.member, Log.CIRCUIT, [Admit(member, join) for member, join in rows])
    return len(rows)


def _unadmitted(db: sqlite3.Connection, hat: Hat) -> list[tuple[bytes, bytes]]:
    """Return (member, join entry) of those who came in on an invite of ours and are not admitted yet."""
    rows = db.execute(
        "SELECT m.id, e.id, d.key FROM invite i JOIN member m ON m.id = i.used_by JOIN device d ON d.member = m.id"
        " JOIN log l ON l.author = d.key AND l.log = 0 JOIN entry e ON e.place = (l.ref << ?) + 1"
        " WHERE i.issuer = ? AND NOT m.admitted",
        (SEQ_BITS, hat.member),
    ).fetchall()
    return [(member, join) for member, join, device in rows if isinstance(first_statement(db, device), Join)]
