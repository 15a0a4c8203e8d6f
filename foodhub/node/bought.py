"""What a hub promised of a producer's goods, as far as it told that one: sums while it sells, then its purchase order.

The sums stop with the close, and say nothing of goods by the case or on demand; what was ordered in the end does. For
showing only: what may be set aside or given back never rests on it.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from foodhub.node.cycles import CycleRow
from foodhub.orders.purchase import Purchase

_purchases = msgspec.msgpack.Decoder(Purchase)
_Key = tuple[bytes, bytes]


class Bought:
    """What hubs ordered in the end in cycles that are closed, as far as this home was told."""

    def __init__(self, db: sqlite3.Connection, cycles: Iterable[CycleRow]) -> None:
        self._db = db
        self._closed = {cycle.key for cycle in cycles if cycle.state == "closed"}
        self._read: dict[_Key, dict[_Key, dict[bytes, int]]] = {}

    def promised(self, cycle: _Key, hub: bytes, product: _Key, told: int, held: int | None = None) -> int:
        """Return how much of a (producer, product) a hub promised (pieces, g or ml), which `told` so while it sold.

        It promises no more than it `held` and did not give back, where it needs to hold it.
        """
        producer, local = product
        lines = self._lines(cycle).get((hub, producer))
        promised = told if lines is None else lines.get(local, 0)
        return promised if held is None else min(promised, held)

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
