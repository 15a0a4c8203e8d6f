"""What a checkpoint restates, and when one is worth its bytes: pure rules, asked by each device about its own log 1.

A checkpoint must change nothing that is shown: the highest statement of every fact stays, also one that withdraws, or
an older one of another device would come back; and what a product was when a cycle opened, since that is what it is
sold at. Nothing here knows a clock or what is stored where.
"""

import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from foodhub.catalog.statements import Product

MOST_ENTRIES: Final = 200
"""So many entries behind the last checkpoint make one due."""
MOST_BYTES: Final = 256 * 1024
"""So many bytes of payloads behind the last checkpoint make one due, however few the entries."""
ENTRY_BYTES: Final = 48
"""What an entry takes on the wire besides its payload, in bytes."""


class Said(NamedTuple):
    """A statement of a log 1, the entry it stands in, and when it was first stated (ms).

    Of an envelope `inner` is what is in it, and `whose` whose it is and by what leave: only what has all of that in
    common takes the place of one another.
    """

    seq: int
    stamp: int
    statement: Any
    inner: Any = None
    whose: tuple[object, ...] = ()

    @property
    def says(self) -> Any:
        """Return the statement that counts, without its envelope."""
        return self.statement if self.inner is None else self.inner

    @property
    def fact(self) -> tuple[object, ...]:
        """Return what it is about: kind of statement, local id (empty where there is one per owner), whose."""
        return type(self.says).__name__, getattr(self.says, "local", b""), *self.whose

    @property
    def order(self) -> tuple[int, int]:
        """Return (version, first stated): the higher of two about one fact holds."""
        return self.says.version, self.stamp


def live(said: Iterable[Said], openings: Collection[int]) -> list[Said]:
    """Return what has to be restated of one log so that nothing changes: facts together, in the order of the log.

    `said` are its statements in their order, `openings` are the times (ms) at which cycles opened whose terms may still
    be asked for.
    """
    facts: defaultdict[tuple[object, ...], list[Said]] = defaultdict(list)
    for each in said:
        facts[each.fact].append(each)
    # A product and its stock go side by side: the same id twice in a row is what compresses best.
    together: defaultdict[object, list[Said]] = defaultdict(list)
    for (_, local, *_), about in facts.items():
        together[local] += _of_fact(about, openings)
    return [each for about in together.values() for each in about]


def _of_fact(about: Sequence[Said], openings: Collection[int]) -> list[Said]:
    """Return what one fact needs: the statement that holds, and of a product its terms, the oldest first."""
    highest = about[0]
    for each in about:
        if (*each.order, each.seq) > (*highest.order, highest.seq):
            highest = each
    if len(about) == 1 or not isinstance(highest.says, Product):
        return [highest]
    kept = {each.order: each for each in _terms(about, openings)} | {highest.order: highest}
    return [kept[order] for order in sorted(kept)]


def _terms(about: Sequence[Said], openings: Collection[int]) -> Iterable[Said]:
    """Yield, for each opening, the last statement before it and the first offer from it on.

    Both may decide: where the last before withdrew the product, on this device or another, the first offer does.
    """
    ordered = sorted(about, key=lambda each: each.order)
    for opens in openings:
        before = [each for each in ordered if each.stamp < opens]
        yield from before[-1:]
        offers = (each for each in ordered if each.stamp >= opens and not each.says.withdrawn)
        yield from [each for each in [next(offers, None)] if each is not None]


def due(entries: int, size: int) -> bool:
    """Say whether so many entries, with so many bytes of payloads, behind the last checkpoint make a new one due."""
    return entries > MOST_ENTRIES or size > MOST_BYTES


def wire_bytes(payloads: Iterable[bytes]) -> int:
    """Return about how many bytes entries with these payloads take on the wire, where payloads are compressed."""
    held = list(payloads)
    return len(zlib.compress(b"".join(held), 1)) + ENTRY_BYTES * len(held)


def worthwhile(behind: Iterable[bytes], restated: Iterable[bytes]) -> bool:
    """Say whether whoever comes later is spared as much again as it costs to send the restated payloads to everybody.

    `behind` are the payloads behind the last checkpoint, which the new one would stand for.
    """
    return 2 * wire_bytes(restated) <= wire_bytes(behind)
