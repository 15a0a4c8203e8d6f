"""`python -m benchmarks [NAME]`: measures, prints a table and writes `build/bench.json`.

Each measurement runs in a process of its own, so that none inherits the memory or the caches of another; one that is
named runs here. The results of single runs are merged into the file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import back, desk, disk, ingest, live, protocol, seals, settling, start, sync
from benchmarks.figure import Figure, Measurement

REPORT = Path("build/bench.json")
MEASUREMENTS: tuple[Measurement, ...] = (
    *live.MEASUREMENTS,
    *ingest.MEASUREMENTS,
    *start.MEASUREMENTS,
    *sync.MEASUREMENTS,
    *protocol.MEASUREMENTS,
    *disk.MEASUREMENTS,
    *seals.MEASUREMENTS,
    *back.MEASUREMENTS,
    *desk.MEASUREMENTS,
    *settling.MEASUREMENTS,
)


def measure(measurement: Measurement) -> Sequence[Figure]:
    """Run one measurement in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="foodhub-bench-") as name:
        # What the guard remembers of a home, and the user's own settings, stay out of it.
        os.environ["XDG_STATE_HOME"] = f"{name}/state"
        os.environ.pop("FOODHUB_HOME", None)
        os.environ["FOODHUB_LANG"] = "en"
        return measurement.run(Path(name))


def line(name: str, value: str, goal: str, ratio: str, detail: str) -> str:
    """Return one line of the table."""
    return f"{name:<30} {value:>16}  {goal:<9} {ratio:<26} {detail}".rstrip()


def show(figure: Figure) -> str:
    """Return the line of one figure."""
    digits = 0 if figure.unit in {"bytes", "count", "per_s"} else 1 if figure.unit in {"ms", "MB"} else 2
    goal = "" if figure.goal is None else f"{figure.goal} {'✓' if figure.goal.met(figure) else '✗'}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} × {figure.reference}"
    return line(figure.name, f"{figure.value:,.{digits}f} {figure.unit}", goal, ratio, figure.detail)


def report(figures: Sequence[Figure]) -> None:
    """Merge figures into the report."""
    REPORT.parent.mkdir(exist_ok=True)
    known = json.loads(REPORT.read_text("utf-8")) if REPORT.exists() else {}
    known |= {figure.name: figure.as_json() for figure in figures}
    REPORT.write_text(json.dumps(known, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def main() -> int:
    """Measure one figure, or all of them; return 0 unless one could not be measured."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", help="the figure to measure; all when none is named")
    name = parser.parse_args().name
    if name is None:
        print(line("figure", "value", "goal", "ratio", ""))
        codes = [
            subprocess.run([sys.executable, "-m", "benchmarks", m.gives[0]], check=False).returncode
            for m in MEASUREMENTS
        ]
        return int(any(codes))
    chosen = [measurement for measurement in MEASUREMENTS if name in measurement.gives]
    if not chosen:
        parser.error(f"no such figure; there are: {', '.join(given for m in MEASUREMENTS for given in m.gives)}")
    figures = measure(chosen[0])
    report(figures)
    print("\n".join(map(show, figures)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
