"""What aggregators confirmed to their customers, as the views hold it; nothing here signs.

A confirmation too long for one entry goes in parts, all of one version. It counts once all of them are here.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable

import msgspec

from foodhub.log.body import ROOM
from foodhub.node.exchanges import Exchange
from foodhub.orders.closing import Confirmation, ConfirmedLine, confirmation_id
from foodhub.orders.parts import in_parts, newest

_HEAD = 512
"""What a part takes besides its lines, in bytes; less than that."""
MOST_ROWS = 1500
"""A line whose slips have more rows fits no entry: it goes without them."""
_confirmations = msgspec.msgpack.Decoder(Confirmation)


def confirmation_of(
    db: sqlite3.Connection, aggregator: bytes, buyer: bytes, cycle: tuple[bytes, bytes]
) -> Confirmation | None:
    """Return what an aggregator confirmed to a customer in a cycle (owner, local id), None while it has not."""
    parts: list[Confirmation] = []
    while not parts or len(parts) < parts[0].of:
        row = db.execute(
            "SELECT c.body FROM confirmation c JOIN party o ON o.ref = c.owner WHERE o.id = ? AND c.local = ?",
            (aggregator, confirmation_id(buyer, cycle, len(parts) + 1)),
        ).fetchone()
        if row is None:
            return None
        parts.append(_confirmations.decode(row[0]))
    return joined(parts)


def confirmations_of(db: sqlite3.Connection, exchange: Exchange) -> dict[bytes, Confirmation]:
    """Return what an aggregator confirmed in a cycle, by customer."""
    rows = db.execute(
        "SELECT c.body FROM confirmation c JOIN party o ON o.ref = c.owner"
        " WHERE o.id = ? AND c.cycle = ? AND c.cycle_owner = ?",
        (exchange.aggregator, exchange.cycle[1], exchange.cycle[0]),
    )
    by_buyer: defaultdict[bytes, list[Confirmation]] = defaultdict(list)
    for (body,) in rows:
        part = _confirmations.decode(body)
        by_buyer[part.buyer].append(part)
    return {buyer: found for buyer, parts in by_buyer.items() if (found := joined(parts)) is not None}


def confirmed_to(
    db: sqlite3.Connection, buyers: Collection[bytes], cycle: tuple[bytes, bytes]
) -> list[tuple[bytes, Confirmation]]:
    """Return what these customers were confirmed in a cycle, and by whom, by (aggregator, customer)."""
    marks = ",".join("?" * len(buyers))
    rows = db.execute(
        "SELECT o.id, c.buyer FROM confirmation c JOIN party o ON o.ref = c.owner WHERE c.cycle_owner = ?"  # noqa: S608 - marks only
        f" AND c.cycle = ? AND c.buyer IN ({marks})",
        (*cycle, *buyers),
    ).fetchall()
    told = [(owner, confirmation_of(db, owner, buyer, cycle)) for owner, buyer in sorted(set(rows))]
    return [(owner, found) for owner, found in told if found is not None]


def last_version(db: sqlite3.Connection, aggregator: bytes, buyer: bytes, cycle: tuple[bytes, bytes]) -> int:
    """Return the highest version in which an aggregator confirmed anything to a customer in a cycle, 0 for none."""
    (version,) = db.execute(
        # By the buyer: the index of the cycle holds all other customers too.
        "SELECT max(c.version) FROM confirmation c JOIN party o ON o.ref = c.owner"
        " WHERE o.id = ? AND c.buyer = ? AND +c.cycle = ? AND c.cycle_owner = ?",
        (aggregator, buyer, cycle[1], cycle[0]),
    ).fetchone()
    return version or 0


def joined(parts: Iterable[Confirmation]) -> Confirmation | None:
    """Return what parts for one customer say together, None while one is missing; older versions count no more."""
    found = newest(parts)
    if not found or len({(each.at, each.fingerprint) for each in found}) > 1:
        return None
    return msgspec.structs.replace(found[0], of=1, lines=[line for each in found for line in each.lines])


def parts_of(confirmation: Confirmation) -> list[Confirmation]:
    """Return the parts in which a whole confirmation is signed, each of which fits an entry."""
    lines = in_parts(confirmation.lines, ROOM - _HEAD) or [[]]
    cycle = (confirmation.cycle_owner, confirmation.cycle)
    return [
        msgspec.structs.replace(
            confirmation,
            local=confirmation_id(confirmation.buyer, cycle, number),
            part=number,
            of=len(lines),
            lines=some,
        )
        for number, some in enumerate(lines, 1)
    ]


def fitted(line: ConfirmedLine) -> ConfirmedLine:
    """Return a line that fits an entry: whoever changed its mind too often gets no slips."""
    rows = 0
    for slip in line.slips:
        rows += len(slip.rows)
    return line if rows <= MOST_ROWS else msgspec.structs.replace(line, slips=[])
