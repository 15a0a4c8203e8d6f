"""Reads docs/vectors for the tests that hold our code against it."""

import json
from typing import Any

import pytest

from tests.vectors.make import FOLDER


def read(name: str) -> dict[str, Any]:
    """Return the content of a file."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content


def cases(name: str, part: str) -> list[Any]:
    """Return the cases of one part of a file, as parameters of a test that carry their names."""
    return [pytest.param(case, id=case["name"].replace(" ", "-")) for case in read(name)[part]]
