"""The messages of a session, as they stand in frames: 4 bytes of length (big-endian) and one canonical msgpack array.

Field order is wire order. Whatever is decoded here is only well-formed: nothing in it is believed before it was
checked.
"""

import zlib
from typing import Annotated

import msgspec

from foodhub.log.encoding import Count, Key, Seq, Signature, decode, encode
from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof
from foodhub.log.frontier import Item
from foodhub.log.run import Run

VERSION = 1
MAX_FRAME = 1024 * 1024
ITEMS_PER_FRAME = 4000
PACK_FROM = 2048
"""Payload frames of logs 0 and 1 are compressed from this size on."""

PROOFS_ASKED = 1000
PROOFS_PER_FRAME = 16
PROBES = 16
LACK_BYTES = 1024 * 1024

Nonce = Key
Digest = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """The first message of each side; `circuit` names the circuit only to those who know its id."""

    version: Count
    nonce: Nonce
    circuit: Digest


class Proof(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Which devices speak, each with its signature; a joiner adds the key of its invite.

    `addresses` is where the speaker can be dialed.
    """

    devices: list[tuple[Key, Signature]]
    invite: list[tuple[Key, Signature]]
    addresses: list[str]


class Summary(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """For each of the three logs: how many there are and the digest of how far they go."""

    classes: list[tuple[Count, Digest]]


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The asker's buckets for these logs (0; or 1 and 2); no digests: send all items."""

    logs: list[Count]
    digests: bytes


class Items(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The answerer's items in the buckets that differ, by author; `last` ends the list."""

    buckets: list[Count]
    authors: list[tuple[Key, list[tuple[Count, Count, Key, Count]]]]
    last: bool


class Want(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """The logs that the asker wants, each with the seq up to which it has it; `last` ends the list."""

    logs: list[tuple[Key, Count, Count]]
    last: bool


class Totals(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """How many entries will follow: for a progress bar, and for nothing else."""

    entries: Count


class Headers(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """One run; its payloads follow in frames of their own."""

    run: Run


class Payloads(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """The next payloads of the run before, in order; an empty one is absent."""

    payloads: list[bytes]


class Packed(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """The same, compressed with zlib: `data` unpacks to exactly `size` bytes, a msgpack list of payloads."""

    size: Count
    data: bytes


class Sent(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """All that was wanted has been sent."""


class Credit(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """So many more bytes of run frames may be sent; given after commit."""

    bytes: Count


class Have(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """Up to where logs have been committed; a hint for who still has to be told."""

    logs: list[tuple[Key, Count, Seq]]


class Announce(msgspec.Struct, frozen=True, array_like=True, tag=13):
    """What is new in a log, with its payloads while it is small, else its newest header alone."""

    run: Run
    payloads: list[bytes]


class Nudge(msgspec.Struct, frozen=True, array_like=True, tag=14):
    """The side that answers rounds asks the other to start one."""


class Refuse(msgspec.Struct, frozen=True, array_like=True, tag=15):
    """The session ends, and why."""

    code: str


class AskForks(msgspec.Struct, frozen=True, array_like=True, tag=16):
    """Send the fork proofs that are held for these logs (author, log), at most `PROOFS_ASKED`."""

    logs: list[tuple[Key, Count]]


class Forks(msgspec.Struct, frozen=True, array_like=True, tag=17):
    """Fork proofs, at most `PROOFS_PER_FRAME`: asked for, or of logs whose limit the other side does not know."""

    proofs: list[ForkProof]


class Probe(msgspec.Struct, frozen=True, array_like=True, tag=18):
    """Which entries stand at these places of a log, at most `PROBES`? It finds out where two branches part."""

    author: Key
    log: Count
    seqs: list[Seq]


class Ids(msgspec.Struct, frozen=True, array_like=True, tag=19):
    """The ids at the places asked for, in that order; empty where none is held or none counts."""

    author: Key
    log: Count
    ids: list[bytes]


class Show(msgspec.Struct, frozen=True, array_like=True, tag=20):
    """Send the headers of the run behind `after`."""

    author: Key
    log: Count
    after: Count


class Branch(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """The headers asked for: one run, or none."""

    runs: list[Run]


class Lack(msgspec.Struct, frozen=True, array_like=True, tag=22):
    """Payloads that are wanted: (author, log, seqs); together at most `LACK_BYTES` by their headers."""

    places: list[tuple[Key, Count, list[Seq]]]


class Found(msgspec.Struct, frozen=True, array_like=True, tag=23):
    """Payloads that were wanted and are held here: (author, log, seq, payload); `last` ends the answer to a `Lack`."""

    payloads: list[tuple[Key, Count, Seq, bytes]]
    last: bool


Message = (
    Hello
    | Proof
    | Summary
    | Ask
    | Items
    | Want
    | Totals
    | Headers
    | Payloads
    | Packed
    | Sent
    | Credit
    | Have
    | Announce
    | Nudge
    | Refuse
    | AskForks
    | Forks
    | Probe
    | Ids
    | Show
    | Branch
    | Lack
    | Found
)
_decoder: "msgspec.msgpack.Decoder[Message]" = msgspec.msgpack.Decoder(Message)
_payload_list = msgspec.msgpack.Decoder(list[bytes])


def read_message(frame: bytes) -> Message:
    """Decode a frame.

    Raises:
        PeerFault: `too_large` or `not_canonical`.
    """
    if len(frame) > MAX_FRAME:
        raise PeerFault("too_large")
    return decode(_decoder, frame)


def is_newer(frame: bytes) -> bool:
    """Say whether a frame that can't be read is the hello of a newer program, whatever else stands in it."""
    try:
        match msgspec.msgpack.decode(frame[:MAX_FRAME]):
            case [0, int(version), *_]:
                return version > VERSION
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    return False


def write_items(items: list[Item], buckets: list[int]) -> list[Items]:
    """Group items by author into as many messages as fit into a frame each."""
    messages = []
    for start in range(0, max(len(items), 1), ITEMS_PER_FRAME):
        part: dict[bytes, list[tuple[int, int, bytes, int]]] = {}
        for item in items[start : start + ITEMS_PER_FRAME]:
            part.setdefault(item.author, []).append((item.log, item.seq, item.id, item.limit))
        messages.append(Items(buckets, list(part.items()), last=start + ITEMS_PER_FRAME >= len(items)))
    return messages


def write_payloads(payloads: list[bytes], *, pack: bool) -> Payloads | Packed:
    """Return one payload message, compressed where that is allowed and helps."""
    plain = encode(payloads)
    if pack and len(plain) >= PACK_FROM:
        data = zlib.compress(plain, 1)
        if len(data) < len(plain):
            return Packed(len(plain), data)
    return Payloads(payloads)


def cost(message: Message, size: int) -> int:
    """Return how much credit a run frame of `size` bytes costs: its bytes, or what it unpacks to where that is more."""
    return max(size, message.size) if isinstance(message, Packed) else size


def unpack(packed: Packed) -> list[bytes]:
    """Return the payloads of a compressed message, never more than it said and never more than a frame.

    Raises:
        PeerFault: `too_large`, or `not_canonical` when it is not what it says.
    """
    if packed.size > MAX_FRAME:
        raise PeerFault("too_large")
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(packed.data, packed.size + 1)
    except zlib.error:
        raise PeerFault("not_canonical") from None
    if len(plain) != packed.size or not stream.eof or stream.unused_data:
        raise PeerFault("not_canonical")
    return decode(_payload_list, plain)
