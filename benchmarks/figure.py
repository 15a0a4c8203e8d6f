"""What a benchmark gives: figures with a unit, and where there is one a goal and a reference of the same run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Literal

Unit = Literal["s", "ms", "bytes", "MB", "per_s", "ratio", "count"]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure, or its ratio to its reference, has to stay below, or to reach."""

    bound: float
    at_least: bool = False
    of_ratio: bool = False

    def met(self, figure: "Figure") -> bool:
        """Say whether a figure reaches the goal."""
        value = figure.ratio if self.of_ratio else figure.value
        return value is not None and (value >= self.bound if self.at_least else value < self.bound)

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '<'} {self.bound:g}{' ×' if self.of_ratio else ''}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; `reference` names the figure of the same run that `ratio` is to; `detail` is for people."""

    name: str
    value: float
    unit: Unit
    goal: Goal | None = None
    reference: str | None = None
    ratio: float | None = None
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the object for `bench.json`; what does not apply is left out."""
        row: dict[str, Any] = {"value": round(self.value, 4), "unit": self.unit}
        if self.goal is not None:
            row |= {"goal": str(self.goal), "met": self.goal.met(self)}
        if self.reference is not None and self.ratio is not None:
            row |= {"reference": self.reference, "ratio": round(self.ratio, 3)}
        if self.detail:
            row["detail"] = self.detail
        return row | {"command": f"make bench ONLY={self.name}"}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One benchmark: the names of the figures it gives, and how; it gets an empty folder of its own."""

    gives: tuple[str, ...]
    run: Callable[[Path], Sequence[Figure]]


def below(bound: float) -> Goal:
    """Return the goal to stay below `bound`."""
    return Goal(bound)


def at_least(bound: float) -> Goal:
    """Return the goal to reach `bound`."""
    return Goal(bound, at_least=True)


def at_least_times(bound: float) -> Goal:
    """Return the goal to reach `bound` times the reference."""
    return Goal(bound, at_least=True, of_ratio=True)


def below_times(bound: float) -> Goal:
    """Return the goal to stay below `bound` times the reference."""
    return Goal(bound, of_ratio=True)


def percentile(values: Sequence[float], part: float) -> float:
    """Return the smallest value that `part` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(part * len(ordered)) - 1)]
