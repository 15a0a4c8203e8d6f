"""Showing one sealed entry to somebody to whom it is not sealed: what it says, and that its author said it.

Whoever can open a payload can pass its key on, together with the payload and the headers from it to the next signature.
Nobody can make one up: the signature covers the payload's hash, and the payload commits to its key.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from foodhub.log.encoding import Key, decode, encode
from foodhub.log.faults import PeerFault
from foodhub.log.header import payload_hash
from foodhub.log.run import Run, check_run
from foodhub.log.seal import content_key, open_with


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """An entry that is shown: a signed run that begins with it, its payload, and the key that opens this."""

    run: Run
    payload: bytes
    key: Key


@dataclass(frozen=True, slots=True)
class Seen:
    """What was shown: whose device said it, where in which of its logs, when (ms), and the body."""

    author: bytes
    log: int
    seq: int
    timestamp: int
    body: bytes


_decoder = msgspec.msgpack.Decoder(Shown)


def show(run: Run, payload: bytes, secrets: Sequence[bytes]) -> bytes | None:
    """Return the bytes that show the first entry of a signed run; None when none of the shared secrets opens it."""
    key = content_key(payload, secrets)
    return None if key is None else encode(Shown(run, payload, key))


def look(circuit: bytes, data: bytes) -> Seen:
    """Check what somebody shows and open it.

    Raises:
        PeerFault: it is no such thing, not signed, or not what was signed.
    """
    shown = decode(_decoder, data)
    checked = check_run(circuit, shown.run)
    if not checked.signature:
        raise PeerFault("unsigned")
    if len(shown.payload) != checked.sizes[0] or payload_hash(shown.payload) != checked.hashes[0]:
        raise PeerFault("bad_payload")
    place = (circuit, checked.author, checked.log, checked.first)
    body = open_with(shown.payload, place, shown.key)
    return Seen(checked.author, checked.log, checked.first, checked.timestamps[0], body)
