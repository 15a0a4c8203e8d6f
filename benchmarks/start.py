"""How soon a program answers that is started anew each time, and how soon the interface shows 10,000 products."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, Measurement, below
from benchmarks.homes import fill, founded
from benchmarks.terminal import interface

TIMES = 15


def _run(*words: str) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "foodhub", *words], check=True, capture_output=True, stdin=subprocess.DEVNULL, text=True
    )
    return time.perf_counter() - began, done.stdout


def help_(_folder: Path, times: int = TIMES) -> list[Figure]:
    """Measure `foodhub --help`."""
    found = [_run("--lang", "en", "--help") for _ in range(times)]
    assert all("product" in said for _, said in found)
    return [Figure("start_help", median(seconds for seconds, _ in found), "s", below(0.2))]


async def _home(folder: Path, products: int) -> Path:
    async with founded(folder / "hub") as (hub, hat):
        await fill(hub, hat, products)
    return folder / "hub"


def status(folder: Path, products: int = 10_000, times: int = TIMES) -> list[Figure]:
    """Measure `foodhub status` on a home with 10,000 products."""
    home = asyncio.run(_home(folder, products))
    found = [_run("--home", str(home), "--lang", "en", "status") for _ in range(times)]
    assert all("Circuit" in said for _, said in found)
    return [
        Figure(
            "start_status", median(seconds for seconds, _ in found), "s", below(0.2), detail=f"{products:,} products"
        )
    ]


def _paint(home: Path, products: int) -> float:
    """Open the interface in a terminal; return the seconds until some products and the count of all are drawn."""
    began = time.perf_counter()
    with interface(home) as terminal:
        return terminal.until("Tomate", f"{products} ") - began


def first_paint(folder: Path, products: int = 10_000, times: int = 5) -> list[Figure]:
    """Measure from the start of the program in a terminal until the list of 10,000 products is on it."""
    home = asyncio.run(_home(folder, products))
    seconds = median(_paint(home, products) for _ in range(times))
    return [
        Figure(
            "tui_first_paint_10k",
            seconds,
            "s",
            below(1),
            detail="from the start of Python to the drawn list, in a terminal",
        )
    ]


MEASUREMENTS = (
    Measurement(("start_help",), help_),
    Measurement(("start_status",), status),
    Measurement(("tui_first_paint_10k",), first_paint),
)
