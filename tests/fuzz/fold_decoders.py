"""The fold as a decoder: entries of members whose payloads are anything, into the real store and its views.

Whatever they say, no statement may keep another from counting: nothing is unforeseen, and views that are made again are
the same.
"""

from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from typing import Any, Union

from foodhub.circuit.statements import CircuitStatement
from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.store.facts import FACTS
from tests.fuzz.circle import circle, known, sayings
from tests.fuzz.decoder import KIB, Decoder
from tests.fuzz.measuring import Cost
from tests.fuzz.mutation import join, split
from tests.pens import Paper
from tests.shelf import Shelf

KINDS = ((0,), (0, 1, 2, 3), (0, 1))
SCENES = (
    ("publish", "order", "erase"),
    ("join", "grant", "remove"),
    ("enrol", "certify", "speak", "keep", "erase"),
    ("enrol", "certify", "recover", "speak", "publish"),
    ("certify", "enrol", "retire", "publish", "keep"),
    ("grant", "enrol", "erase", "join", "order"),
)
MOST_PIECES = 40
"""Each piece is a transaction with a pass over all logs 0, so that what all of them cost grows with the square."""


@cache
def template() -> tuple[Shelf, Any]:
    """Return a shelf that holds the circle's first papers, and its keyring at that moment."""
    here = circle()
    shelf = Shelf(here.circuit, here.pens[0])
    shelf.take_until_settled(here.papers)
    assert shelf.reasons() == []
    return shelf, deepcopy(shelf.keyring)


def take_entries(data: bytes) -> None:
    """Let members write what the pieces say, take it in, make all views again, and undo it."""
    here, (shelf, keyring) = circle(), template()
    here.rewind()
    shelf.keyring = deepcopy(keyring)
    shelf.db.execute("SAVEPOINT fuzz")
    try:
        for piece in split(data)[:MOST_PIECES]:
            shelf.take(*written(piece))
        assert [reason for reason in shelf.reasons() if reason.startswith("unforeseen")] == []
        before = shelf.rows()
        shelf.transaction().fold.rebuild()
        assert shelf.rows() == before
    finally:
        shelf.db.execute("ROLLBACK TO fuzz")
        shelf.db.execute("RELEASE fuzz")


def written(piece: bytes) -> list[Paper]:
    """Write what a piece says: its first two bytes choose pen, log, kind and place."""
    who, how = (*piece[:2], 0, 0)[:2]
    pens, log = circle().pens, (who >> 3) % 3
    kind = KINDS[log][(how & 3) % len(KINDS[log])]
    try:
        run, payloads = circle().write(pens[(who & 7) % len(pens)], log, kind, how >> 2 & 3, piece[2:])
    except (PeerFault, ValueError):
        return []
    return [(run, [b""] if how & 128 else payloads)]


@cache
def scenes() -> Sequence[bytes]:
    """Return stories that hold."""
    return [join([piece_of(*sayings()[name]) for name in scene]) for scene in SCENES]


def piece_of(who: int, log: int, said: list[Any]) -> bytes:
    """Return the piece that makes a pen say this; in log 1 it may be erased."""
    return bytes([who + 8 * log, log % 2]) + encode(said)


STATEMENT: Any = Union[(CircuitStatement, *FACTS)]


DECODERS = [
    Decoder(
        "fold",
        take_entries,
        scenes,
        Cost(2048 * KIB, 60_000),
        Cost(1000, 200),
        list[STATEMENT],
        pieces=True,
        prefix=2,
        known=known,
        examples=15,
    )
]
