"""What a decoder is to the fuzzers: how it is fed, what it may raise, and what an input may cost.

One body, `Decoder.check`, holds for an input whoever thought of it: hypothesis in `make test`, atheris in `make soak`.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from tests.fuzz.measuring import Cost, cost_of
from tests.fuzz.mutation import Inventor, join, mutate, shuffle, split

KIB = 1024
_warm: set[str] = set()


@dataclass(frozen=True)
class Decoder:
    """A way in for somebody else's bytes.

    `take` feeds it; `seeds` are good inputs, `kind` the type of what they hold, if it is msgpack; `faults` is what may
    come out. `base` is what an input may cost whatever its size, `each` what every byte of it may add. With `pieces` an
    input is a row of values, each with its length in front; `prefix` bytes of each piece steer what is done with it.
    `known` are 32-byte values that mean something to it; `examples` is how many inputs `make test` tries.
    """

    name: str
    take: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    base: Cost
    each: Cost
    kind: Any = None
    faults: tuple[type[Exception], ...] = (PeerFault,)
    pieces: bool = False
    prefix: int = 0
    known: Callable[[], Sequence[bytes]] = tuple
    examples: int = 60

    def check(self, data: bytes) -> None:
        """Feed it; fail when anything else than a fault comes out, or it cost too much."""
        if self.name not in _warm:
            # What is made once and kept (tables, caches, the first papers of a circle) is nobody's input's cost.
            _warm.add(self.name)
            for seed in self.seeds():
                self._feed(seed)
        cost = cost_of(lambda: self._feed(data))
        size = len(data)
        assert cost.memory <= self.base.memory + self.each.memory * size, f"{cost.memory} bytes for {size}"
        assert cost.lines <= self.base.lines + self.each.lines * size, f"{cost.lines} lines for {size} bytes"

    def _feed(self, data: bytes) -> None:
        try:
            self.take(data)
        except self.faults:
            return

    def draw(self, chance: Random) -> bytes:
        """Return an input: a good one or an invented one, changed up to four times, or sheer nonsense."""
        if chance.randrange(12) == 0:
            return chance.randbytes(chance.choice((0, 1, 5, 40)))
        data = self._make(chance) if self.kind and chance.randrange(3) == 0 else chance.choice(self.seeds())
        for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 4))):
            data = self.mutate(chance, data)
        return data

    def mutate(self, chance: Random, data: bytes) -> bytes:
        """Return a neighbour of an input."""
        if not self.pieces:
            return self._mutate_piece(chance, data)
        pieces = split(data)
        if not pieces or chance.randrange(4) == 0:
            return join(shuffle(chance, [*pieces, self._make_piece(chance)]))
        at = chance.randrange(len(pieces))
        pieces[at] = self._mutate_piece(chance, pieces[at])
        return join(pieces)

    def _mutate_piece(self, chance: Random, piece: bytes) -> bytes:
        steering, data = piece[: self.prefix], piece[self.prefix :]
        if self.prefix and chance.randrange(4) == 0:
            return chance.randbytes(self.prefix) + data
        if self.kind and chance.randrange(2):
            with suppress(msgspec.MsgspecError, ValueError, RecursionError):
                value = msgspec.msgpack.decode(data, type=self.kind)
                return steering + encode(Inventor(chance, self.known()).vary(self.kind, value))
        return steering + mutate(chance, data)

    def _make(self, chance: Random) -> bytes:
        if not self.pieces:
            return self._make_piece(chance)
        return join([self._make_piece(chance) for _ in range(chance.choice((1, 2, 5)))])

    def _make_piece(self, chance: Random) -> bytes:
        made = encode(Inventor(chance, self.known()).make(self.kind)) if self.kind else chance.randbytes(20)
        return chance.randbytes(self.prefix) + made
