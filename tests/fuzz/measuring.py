"""What an input costs: bytes of memory at the peak, and lines of Python run. Both are the same on every machine.

No clock: a decoder whose work grows with the square of what it is fed runs out of lines, however fast the machine is.
"""

import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes at the peak, lines run; as a bound: so many, and so many more for each byte of the input."""

    memory: int
    lines: int


class Lines:
    """Counts the lines of Python that run in its block, in whatever function."""

    def __init__(self) -> None:
        self.count = 0
        self._before: Any = None

    def __enter__(self) -> "Lines":
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, _frame: FrameType, event: str, _arg: Any) -> Any:
        self.count += event == "line"
        return self._trace


def cost_of(work: Callable[[], None]) -> Cost:
    """Run `work` and return what it took; whatever it raises goes through."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    lines = Lines()
    try:
        with lines:
            work()
    finally:
        _, peak = tracemalloc.get_traced_memory()
        if not running:
            tracemalloc.stop()
    return Cost(peak - before, lines.count)
