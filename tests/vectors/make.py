"""Writes docs/vectors: what a second implementation checks itself against. Everything follows from fixed seeds.

Run it with `python -m tests.vectors.make`; a test fails while the files are not what it writes. A case that has to
fail carries the code of `foodhub/log/faults.py` with which it does. Bytes are hex.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.vectors.checkpoint_cases import checkpoints
from tests.vectors.circuit_cases import invites, logs, members
from tests.vectors.desk_cases import desk
from tests.vectors.fold_cases import folding
from tests.vectors.fork_cases import forks
from tests.vectors.log_cases import headers, runs
from tests.vectors.pass_cases import circuits
from tests.vectors.private_cases import private_payloads
from tests.vectors.seeds import Json
from tests.vectors.session_cases import sessions
from tests.vectors.share_cases import allocations
from tests.vectors.statement_cases import statements

FOLDER = Path(__file__).parents[2] / "docs" / "vectors"
FILES: dict[str, Callable[[], Json]] = {
    "headers.json": headers,
    "runs.json": runs,
    "private_payloads.json": private_payloads,
    "members.json": members,
    "invites.json": invites,
    "statements.json": statements,
    "logs.json": logs,
    "forks.json": forks,
    "circuits.json": circuits,
    "checkpoints.json": checkpoints,
    "folding.json": folding,
    "sessions.json": sessions,
    "allocations.json": allocations,
    "desk.json": desk,
}


WIDTH = 120


def text_of(make: Callable[[], Json]) -> str:
    """Return a file's text."""
    return _text(make(), 0) + "\n"


def _text(value: Any, depth: int) -> str:
    """Return a value as JSON: on one line where it fits."""
    whole = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list | tuple) or depth + len(whole) < WIDTH:
        return whole
    if isinstance(value, dict):
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {_text(each, depth + 1)}" for name, each in value.items()]
        opening, closing = "{}"
    else:
        parts = [_text(each, depth + 1) for each in value]
        opening, closing = "[]"
    margin = "\n" + " " * (depth + 1)
    return f"{opening}{margin}{(',' + margin).join(parts)}{margin[:-1]}{closing}"


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        (FOLDER / name).write_text(text_of(make), encoding="utf-8")
        sys.stderr.write(f"{FOLDER / name}\n")


if __name__ == "__main__":
    main()
