"""What a node does by itself when something arrived: admit newcomers, answer orders.

Each duty belongs to one device, its keeper, so no other node ever does it too. Duties are done by the network process,
and by a command on the same home when none runs; doing them twice changes nothing.
"""

import sqlite3

from foodhub.circuit.statements import Admit
from foodhub.log.header import Log
from foodhub.node.answering import answer_orders, has_work
from foodhub.node.hat import Hat, hats
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction


def perform(tx: Transaction) -> int:
    """Do one slice of what is due for every member of this home; return how much was done, 0 when nothing is left."""
    done = 0
    for hat in hats(tx.db):
        if tx.db.execute("SELECT 1 FROM member WHERE id = ?", (hat.member,)).fetchone():
            done += _admit(tx, hat)
            if {"hub", "group"} & set(hat.roles):
                done += answer_orders(tx, hat)
    return done


def due(db: sqlite3.Connection) -> bool:
    """Say, without writing anything, whether a duty may be due."""
    own = [hat for hat in hats(db) if db.execute("SELECT 1 FROM member WHERE id = ?", (hat.member,)).fetchone()]
    return any(_unadmitted(db, hat) or has_work(db, hat) for hat in own)


def _admit(tx: Transaction, hat: Hat) -> int:
    """Confirm who came in on an invite of ours: from then on no other join on it can count."""
    rows = _unadmitted(tx.db, hat)
    if rows:
        tx.append(hat.member, Log.CIRCUIT, [Admit(member, join) for member, join in rows])
    return len(rows)


def _unadmitted(db: sqlite3.Connection, hat: Hat) -> list[tuple[bytes, bytes]]:
    """Return (member, join entry) of those who came in on an invite of ours and are not admitted yet."""
    return db.execute(
        "SELECT m.id, e.id FROM invite i JOIN member m ON m.id = i.used_by JOIN device d ON d.member = m.id"
        " JOIN log l ON l.author = d.key AND l.log = 0 JOIN entry e ON e.place = (l.ref << ?) + 1"
        " WHERE i.issuer = ? AND NOT m.admitted",
        (SEQ_BITS, hat.member),
    ).fetchall()
