"""What was decided for one cycle is no rule of the next: where a rule asked a person, its copy asks again.

Read from what we said of the cycle before, as far as our logs still say it.
"""

import sqlite3
from collections.abc import Iterator

import msgspec

from foodhub.log.header import Log
from foodhub.orders.exchanges import Outgoing
from foodhub.store.fold import read_catalog
from foodhub.store.schema import SEQ_BITS


def asking_again(db: sqlite3.Connection, member: bytes, outgoing: Outgoing) -> Outgoing:
    """Return an exchange of ours with the rules that asked what becomes of the rest, before somebody decided it."""
    if not outgoing.rules or outgoing.version < 2:
        return outgoing
    earlier = list(_earlier(db, member, outgoing))
    rules = []
    for producer, product, rule in outgoing.rules:
        before = (_rule_in(each, (producer, product)) for each in earlier)
        asked = any(leftover == "ask" for leftover in before)
        rules.append((producer, product, msgspec.structs.replace(rule, leftover="ask") if asked else rule))
    return msgspec.structs.replace(outgoing, rules=rules)


def _rule_in(outgoing: Outgoing, key: tuple[bytes, bytes]) -> str:
    said = {(producer, product): rule for producer, product, rule in outgoing.rules}
    return said.get(key, outgoing.rule).leftover


def _earlier(db: sqlite3.Connection, member: bytes, outgoing: Outgoing) -> Iterator[Outgoing]:
    """Yield the earlier versions of an exchange of ours."""
    rows = db.execute(
        "SELECT e.kind, e.timestamp, e.payload FROM device d JOIN log l ON l.author = d.key AND l.log = ?1"
        " CROSS JOIN entry e ON e.place BETWEEN (l.ref << ?2) + 1 AND (l.ref << ?2) + l.seq"
        " WHERE d.member = ?3 AND instr(e.payload, ?4)",
        (int(Log.CATALOG), SEQ_BITS, member, outgoing.local),
    )
    for kind, timestamp, payload in rows:
        for _, said in read_catalog(payload, kind, timestamp):
            if isinstance(said, Outgoing) and said.local == outgoing.local and said.version < outgoing.version:
                yield said
