"""At the door of a circuit: what a home that wants in leaves for its network process, and where nodes may be reached.

The invite or code to knock with is a secret: it stands in a file that its owner alone may read.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from foodhub.circuit.device_code import PREFIX as DEVICE_PREFIX
from foodhub.circuit.device_code import DeviceCode, read_device_code
from foodhub.circuit.invite import InviteCode, read_code
from foodhub.errors import RefusedError
from foodhub.node.bootstrap import bootstrap_peers
from foodhub.store.place import knock_file
from foodhub.store.transaction import Transaction


def begin_knocking(home: Path, text: str, member: bytes) -> None:
    """Leave an invite, or the code for a device, where the network process finds it."""
    write_secret(knock_file(home), {"code": text, "member": member.hex()})


def write_secret(path: Path, content: object) -> None:
    """Write a small file of JSON that its owner alone may read."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(content, stream)
    unfinished.replace(path)


def joining(home: Path) -> tuple[InviteCode | DeviceCode, bytes] | None:
    """Return the invite or code that this home knocks with and the member that it is for, None when it does not."""
    try:
        content = json.loads(knock_file(home).read_text("utf-8"))
        text = content["code"]
        code = read_device_code(text) if text.startswith(DEVICE_PREFIX) else read_code(text)
        return code, bytes.fromhex(content["member"])
    except (FileNotFoundError, ValueError, KeyError, RefusedError):
        return None


def end_joining(home: Path) -> None:
    """Forget the invite or code that this home was knocking with."""
    knock_file(home).unlink(missing_ok=True)


def remember_addresses(tx: Transaction, addresses: Sequence[str], source: str) -> None:
    """Remember where other nodes of the circuit may be reached; what an `invite` told us stays told by it."""
    tx.db.executemany(
        "INSERT INTO address VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET seen = ?2,"
        " source = CASE 'invite' WHEN source THEN source ELSE ?3 END",
        [(address, tx.now, source) for address in addresses[:32] if len(address) <= 300],
    )


def remember_peer(tx: Transaction, circuit: bytes, addresses: Sequence[str]) -> None:
    """Remember where a peer may be reached, unless this home has turned to another circuit since that said so."""
    if tx.circuit == circuit:
        remember_addresses(tx, addresses, "peer")


def leads_somewhere(db: sqlite3.Connection, home: Path, code: InviteCode) -> bool:
    """Say whether an invite, or what this home remembers of its circuit, tells where a node of it might be."""
    bound = db.execute("SELECT 1 FROM meta WHERE key = 'circuit' AND value = ?", (code.circuit,)).fetchone()
    return bool(code.addresses or bootstrap_peers(home) or (bound and remembered_addresses(db, 1)))


def remembered_addresses(db: sqlite3.Connection, most: int = 8) -> list[str]:
    """Return where other nodes of the circuit were reachable, the latest known first."""
    rows = db.execute("SELECT address FROM address ORDER BY seen DESC, address LIMIT ?", (most,))
    return [address for (address,) in rows]
