"""What a represented household was told is said again, to who goes on as it: it was sealed to its representative.

Whoever had said it says it again, in the version that holds, so nothing changes by it. It is so much as one needs to go
on: of each aggregator the cycles that run, and the one that closed last.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from foodhub.log.faults import PeerFault
from foodhub.log.header import Log
from foodhub.log.seal import unseal
from foodhub.node.confirmations import confirmation_of, parts_of
from foodhub.node.hat import Hat
from foodhub.orders.statements import Answer
from foodhub.store.fold import READERS
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

CycleKey = tuple[bytes, bytes]
"""(owner, local id)"""


def cycles_of(db: sqlite3.Connection, buyer: bytes, now: int) -> dict[tuple[bytes, CycleKey], bool]:
    """Return the cycles, by (aggregator, cycle), that run for a buyer or closed last, and whether they run."""
    rows = db.execute(
        "SELECT DISTINCT f.hub, f.cycle_owner, f.cycle, c.closes FROM placement f JOIN party p ON p.ref = f.owner"
        " JOIN party q ON q.id = f.cycle_owner JOIN cycle c ON c.owner = q.ref AND c.local = f.cycle"
        " WHERE p.id = ? ORDER BY c.closes DESC, f.cycle",
        (buyer,),
    ).fetchall()
    found: dict[tuple[bytes, CycleKey], bool] = {}
    over: set[bytes] = set()
    for hub, owner, local, closes in rows:
        if closes > now or hub not in over:
            found[hub, (owner, local)] = closes > now
        over |= {hub} if closes <= now else set()
    return found


def retell(tx: Transaction, hat: Hat, buyer: bytes, by: bytes) -> int:
    """Seal to `by` what we answered and confirmed to a buyer; return how many statements that were."""
    done = 0
    for hub, cycle in cycles_of(tx.db, buyer, tx.now):
        if hub == hat.member:
            told = confirmation_of(tx.db, hat.member, buyer, cycle)
            said = [*_answers(tx, hat, buyer, cycle), *(parts_of(told) if told else [])]
            if said:
                tx.append(hat.member, Log.TRADE, said, readers=[by])
            done += len(said)
    return done


def _answers(tx: Transaction, hat: Hat, buyer: bytes, cycle: CycleKey) -> Iterator[Answer]:
    """Yield our answers to the placements of a buyer in a cycle, as we signed them."""
    rows = tx.db.execute(
        "SELECT a.local, l.author, a.place, e.payload FROM answer a JOIN party o ON o.ref = a.owner"
        " JOIN party b ON b.id = a.buyer JOIN placement f ON f.owner = b.ref AND f.local = a.placement"
        " JOIN log l ON l.ref = a.place >> ? JOIN entry e ON e.place = a.place"
        " WHERE o.id = ? AND a.buyer = ? AND f.cycle_owner = ? AND f.cycle = ? ORDER BY a.local",
        (SEQ_BITS, hat.member, buyer, *cycle),
    ).fetchall()
    secrets = tx.keyring.opening_secrets(tx.db, hat.member)
    for local, author, place, payload in rows:
        body = _body(tx, author, place & ((1 << SEQ_BITS) - 1), payload, secrets)
        found = [] if body is None else READERS[Log.TRADE].read(body)
        yield from (each for each in found if isinstance(each, Answer) and each.local == local)


def _body(tx: Transaction, author: bytes, seq: int, payload: bytes | None, secrets: Sequence[bytes]) -> bytes | None:
    try:
        return None if payload is None else unseal(payload, (tx.circuit, author, int(Log.TRADE), seq), secrets)
    except PeerFault:
        return None
