"""What two runs of one trading seed have in common to the last entry, whatever chance and hash seed the machine has.

Salts, box keys and ids of entries are left to chance: they may differ, and nothing else may. So nothing that is signed
can depend on them, or on the order of a set.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from foodhub.log.header import Log
from foodhub.store.fold import READERS, read_catalog
from foodhub.store.schema import SEQ_BITS
from tests.node.bazaar import open_all
from tests.simulator.stall import Stall
from tests.simulator.trading import Trading

_CATALOG = f"SELECT e.payload, e.kind, e.timestamp FROM log l JOIN entry e ON e.place >> {SEQ_BITS} = l.ref"  # noqa: S608


def footprint(trading: Trading) -> str:
    """Return a digest of what happened, what each node signed in which order, and what it drew from the seed."""
    market = trading.market
    known = {pen for node in trading.nodes for pen in (node.pen.id, node.pen.device)}
    known |= set(market.cycles) | {goods.local for goods in market.goods}
    found: list[object] = [trading.clock.happened, sorted(trading.dealings.done.items()), trading.losses.happened]
    for node in trading.nodes:
        found += [node.name, node.chance.getstate(), *_named(_signed(node), known)]
    return sha256(repr(found).encode()).hexdigest()


def _signed(node: Stall) -> Iterable[Any]:
    """Yield what a node signed in its logs 1 and 2, in order."""
    rows = node.disk.db.execute(f"{_CATALOG} WHERE l.author = ? AND l.log = 1 ORDER BY e.place", (node.pen.device,))
    for payload, kind, timestamp in rows.fetchall():
        yield from (said for _, said in read_catalog(payload, kind, timestamp)) if payload is not None else ()
    opened = node.disk.write(open_all)
    for device, seq in sorted(opened):
        if device == node.pen.device:
            yield from READERS[Log.TRADE].read(opened[device, seq])


def _named(said: Iterable[Any], known: set[bytes]) -> Iterable[object]:
    """Yield statements without bytes that are nobody's name."""
    for statement in said:
        yield type(statement).__name__
        yield from _plain(msgspec.to_builtins(statement, builtin_types=(bytes,)), known)


def _plain(value: object, known: set[bytes]) -> Iterable[object]:
    """Yield what a value consists of, in order."""
    match value:
        case bytes():
            yield value if value in known else len(value)
        case dict():
            yield from (part for each in value.values() for part in _plain(each, known))
        case list() | tuple():
            yield from (part for each in value for part in _plain(each, known))
        case _:
            yield value
