"""docs/protocol.md names what the code knows; the vectors say whether it tells the truth about it."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

import foodhub
from foodhub.catalog.statements import Part
from foodhub.circuit.statements import CircuitStatement
from foodhub.log.faults import FAULTS
from foodhub.p2p.messages import Message
from foodhub.store.facts import FACTS
from tests.vectors.make import FILES

PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
CODE = Path(foodhub.__file__).parent
ON_THE_WIRE = ("log", "circuit", "catalog", "orders", "p2p")
LOCAL = {"foodhub-shared", "foodhub-machine"}
STATEMENTS: list[type[msgspec.Struct]] = [*get_args(CircuitStatement), Part, *FACTS]


def row_of(name: str) -> str:
    """Return the row of a table that begins with a name."""
    found = re.findall(rf"^\| {re.escape(name)} \|.*$", PROTOCOL, re.MULTILINE)
    assert len(found) == 1, name
    return str(found[0])


@pytest.mark.parametrize("code", FAULTS)
def test_every_fault_stands_there(code: str) -> None:
    assert f"`{code}`" in PROTOCOL


def test_every_tag_of_a_hash_or_signature_stands_there() -> None:
    source = "\n".join(path.read_text("utf-8") for room in ON_THE_WIRE for path in (CODE / room).glob("*.py"))
    source += (CODE / "node" / "setup.py").read_text("utf-8")
    tags = set(re.findall(r'b"(foodhub[-/][a-z0-9/-]+)', source)) - LOCAL
    assert len(tags) > 15
    assert {tag for tag in tags if f"`{tag}`" not in PROTOCOL} == set()


@pytest.mark.parametrize("kind", STATEMENTS, ids=lambda kind: kind.__name__)
def test_every_field_of_a_statement_stands_in_its_row(kind: type[msgspec.Struct]) -> None:
    tag = kind.__struct_config__.tag
    row = row_of(f"`{tag}`")
    words = set(re.findall(r"\w+", row))
    names = [name for name in kind.__struct_fields__ if name not in words]
    assert names == []


@pytest.mark.parametrize("kind", Message.__args__, ids=lambda kind: kind.__name__)
def test_every_message_stands_there_with_its_number_and_fields(kind: type[msgspec.Struct]) -> None:
    words = row_of(str(kind.__struct_config__.tag)).split()
    assert words[3] == kind.__name__
    assert [name for name in kind.__struct_fields__ if name not in " ".join(words)] == []


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_vectors_stands_there(name: str) -> None:
    assert f"`{name}`" in PROTOCOL
