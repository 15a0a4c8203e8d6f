"""What a hub promised of a producer's goods, as far as it told that one: sums while it sells, then its purchase order.

The sums stop with the close, and say nothing of goods by the case or on demand; what was ordered in the end does, and
until then what the hub confirmed, which its own home alone knows. For
showing only: what may be set aside or given back never rests on it.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from foodhub.node.cycles import CycleRow
from foodhub.orders.closing import Confirmation
from foodhub.orders.purchase import Purchase

_purchases = msgspec.msgpack.Decoder(Purchase)
_confirmations = msgspec.msgpack.Decoder(Confirmation)
_Key = tuple[bytes, bytes]


class Bought:
    """What hubs ordered in the end in cycles that are closed, as far as this home was told."""

    def __init__(self, db: sqlite3.Connection, cycles: Iterable[CycleRow]) -> None:
        self._db = db
        self._closed = {cycle.key for cycle in cycles if cycle.state == "closed"}
        self._read: dict[_Key, dict[_Key, dict[bytes, int]]] = {}
        self._confirmed: dict[tuple[_Key, bytes], dict[_Key, int] | None] = {}

    def promised(self, cycle: _Key, hub: bytes, product: _Key, told: int, held: int | None = None) -> int:
        """Return how much of a (producer, product) a hub promised (pieces, g or ml), which `told` so while it sold.

        It promises no more than it `held` and did not give back, where it needs to hold it.
        """
        producer, local = product
        lines = self._lines(cycle).get((hub, producer))
        if lines is None:
            lines = self._confirmed_by(cycle, hub, producer)
        promised = told if lines is None else lines.get(local, 0)
        return promised if held is None else min(promised, held)

    def _confirmed_by(self, cycle: _Key, hub: bytes, producer: bytes) -> dict[bytes, int] | None:
        """Return how much a hub of this home confirmed of each product of a producer, None where it has not yet."""
        if cycle not in self._closed:
            return None
        if (cycle, hub) not in self._confirmed:
            query = (
                "SELECT k.body FROM confirmation k JOIN party o ON o.ref = k.owner JOIN own w ON w.member = o.id"
                " WHERE o.id = ? AND k.cycle_owner = ? AND k.cycle = ?"
            )
            said = [_confirmations.decode(body) for (body,) in self._db.execute(query, (hub, *cycle))]
            sums: defaultdict[_Key, int] = defaultdict(int)
            for line in (line for each in said for line in each.lines):
                sums[line.producer, line.product] += line.confirmed
            self._confirmed[cycle, hub] = sums if said else None
        found = self._confirmed[cycle, hub]
        return (
            None if found is None else {local: amount for (whose, local), amount in found.items() if whose == producer}
        )

    def _lines(self, cycle: _Key) -> dict[_Key, dict[bytes, int]]:
        """Return by (hub, producer) how much was ordered of each product of a cycle."""
        if cycle not in self._closed:
            return {}
        if cycle not in self._read:
            query = (
                "SELECT o.id, p.body FROM purchase p JOIN party o ON o.ref = p.owner"
                " WHERE p.cycle_owner = ? AND p.cycle = ?"
            )
            found: defaultdict[_Key, dict[bytes, int]] = defaultdict(dict)
            for hub, body in self._db.execute(query, cycle):
                part = _purchases.decode(body)
                found[hub, part.producer] |= {line.product: line.quantity for line in part.lines}
            self._read[cycle] = dict(found)
        return self._read[cycle]
