"""The import contracts of pyproject.toml leave out no room: a module that no contract names is a hole nobody sees."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import foodhub

PACKAGE = Path(foodhub.__file__).parent
PROJECT = PACKAGE.parent / "pyproject.toml"
# What p2p holds besides its pure protocol: the modules that touch sockets, threads or processes.
P2P_OUTPUT = {
    f"foodhub.p2p.{name}"
    for name in ("bridge", "circle", "frames", "host", "intake", "link", "process", "stack", "swarm", "wire")
}
# Rooms with input and output; every other room is pure.
NOT_PURE = {
    f"foodhub.{name}" for name in ("__main__", "cli", "documents", "node", "p2p", "saying", "store", "tui", "words")
}


def contract(name: str) -> dict[str, Any]:
    contracts = tomllib.loads(PROJECT.read_text())["tool"]["importlinter"]["contracts"]
    return next(dict(each) for each in contracts if each["id"] == name)


def rooms(folder: Path, prefix: str) -> set[str]:
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    return {f"{prefix}.{name}" for name in modules - {"__init__"}}


def layered() -> set[str]:
    parts = [part for layer in contract("layers")["layers"] for part in layer.replace("|", ":").split(":")]
    return {part.strip().strip("()") for part in parts}


def test_every_room_has_its_layer() -> None:
    standing = rooms(PACKAGE, "foodhub") - {"foodhub.p2p"} | rooms(PACKAGE / "p2p", "foodhub.p2p")
    assert standing - layered() == set()


def test_every_room_without_output_is_under_the_contract_of_purity() -> None:
    pure = (rooms(PACKAGE, "foodhub") - NOT_PURE) | (rooms(PACKAGE / "p2p", "foodhub.p2p") - P2P_OUTPUT)
    assert pure - set(contract("pure")["source_modules"]) == set()


@pytest.mark.parametrize(("name", "allowed"), [("libp2p", {"p2p"}), ("textual", {"tui"}), ("click", {"cli"})])
def test_a_library_that_one_room_may_load_is_forbidden_to_every_other(name: str, allowed: set[str]) -> None:
    free = {f"foodhub.{room}" for room in allowed} | {"foodhub.__main__"}
    named = set(contract(name)["source_modules"]) | set(contract("pure")["source_modules"])
    assert rooms(PACKAGE, "foodhub") - free - named == set()


def test_two_modules_import_libp2p() -> None:
    wanted = re.compile(r"^\s*(from|import) (libp2p|multiaddr)\b", re.MULTILINE)
    found = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if wanted.search(path.read_text("utf-8"))}
    assert found == {"p2p/stack.py", "p2p/swarm.py"}
