"""Runs: consecutive headers of one log under one signature, the unit in which entries travel and are checked.

One signature for up to 256 entries instead of one for each is what makes catching up cheap. Checking a run reads
nothing but the run: whether its author is known and whether it fits what we hold is asked later, by the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import msgspec

from foodhub.log.encoding import LATEST, MAX_SEQ, Count, Key, Seq, decode, encode
from foodhub.log.faults import PeerFault
from foodhub.log.header import MAX_PAYLOAD, RANDOM_BYTES, VERSION, Kind, Log, entry_id, payload_hash
from foodhub.log.keys import SigningKey, verify

MAX_ENTRIES = 256
MAX_RUN_BYTES = 1024 * 1024

_HIGHEST_KIND: dict[int, Kind] = {
    Log.CIRCUIT: Kind.LASTING,
    Log.CATALOG: Kind.CHECKPOINT_END,
    Log.TRADE: Kind.ERASABLE,
}

Line = tuple[Count, Count, Count, Key]
"""What a run says of one entry: kind, ms since the entry before (the first: since 1970), payload size, payload hash."""


class Run(msgspec.Struct, frozen=True, array_like=True):
    """A run as it travels: what every header shares stands once, and what can be derived is left out.

    `signature` is that of the last entry (64 bytes), or empty where a cut or a fork proof names that entry instead.
    """

    version: Count
    author: Key
    log: Count
    first: Seq
    backlink: bytes
    lines: list[Line]
    signature: bytes


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """A run whose headers were rebuilt and whose signature holds. Lists run over the entries, in order.

    Where the signature is empty nothing vouches for it yet: the store asks whether its last entry is named.
    """

    author: bytes
    log: int
    first: int
    backlink: bytes
    kinds: list[int]
    timestamps: list[int]
    sizes: list[int]
    hashes: list[bytes]
    ids: list[bytes]
    signature: bytes

    @property
    def last(self) -> int:
        """Return the seq of the last entry."""
        return self.first + len(self.ids) - 1


_decoder = msgspec.msgpack.Decoder(Run)


def read_run(circuit: bytes, data: bytes) -> CheckedRun:
    """Decode and check a run for the circuit with this id.

    Raises:
        PeerFault: the first rule it breaks, sizes before headers before the signature.
    """
    if len(data) > MAX_RUN_BYTES:
        raise PeerFault("too_large")
    return check_run(circuit, decode(_decoder, data))


def check_run(circuit: bytes, run: Run) -> CheckedRun:
    """Check the sizes, rebuild the headers and verify the one signature of a run.

    Raises:
        PeerFault: the first rule it breaks.
    """
    _check_frame(run)
    kinds, delays, sizes, hashes = map(list, zip(*run.lines, strict=True))
    timestamps = list(accumulate(delays))
    ids: list[bytes] = []
    log, author, backlink, header = run.log, run.author, run.backlink, b""
    for seq, (kind, timestamp, size, payload) in enumerate(
        zip(kinds, timestamps, sizes, hashes, strict=True), run.first
    ):
        header = encode((VERSION, circuit, author, log, kind, seq, backlink, timestamp, size, payload))
        backlink = entry_id(header)
        ids.append(backlink)
    if len(run.signature) not in {0, 64} or (run.signature and not verify("entry", author, header, run.signature)):
        raise PeerFault("bad_signature")
    return CheckedRun(author, log, run.first, run.backlink, kinds, timestamps, sizes, hashes, ids, run.signature)


def _check_frame(run: Run) -> None:
    """Check all that needs no hashing, the cheapest first."""
    if run.version != VERSION:
        raise PeerFault("bad_version")
    if run.log not in frozenset(Log):
        raise PeerFault("bad_log")
    if not run.lines:
        raise PeerFault("empty_run")
    kinds, delays, sizes, _ = zip(*run.lines, strict=True)
    if len(sizes) > MAX_ENTRIES or sum(sizes) > MAX_RUN_BYTES:
        raise PeerFault("too_large")
    if run.first + len(run.lines) > MAX_SEQ:
        raise PeerFault("bad_sequence")
    if sum(delays) >= LATEST:
        raise PeerFault("bad_timestamp")
    if len(run.backlink) != (0 if run.first == 1 else 32):
        raise PeerFault("bad_backlink")
    if max(sizes) > MAX_PAYLOAD or min(sizes) < RANDOM_BYTES:
        raise PeerFault("too_large")
    if max(kinds) > _HIGHEST_KIND[run.log]:
        raise PeerFault("bad_kind")


def check_payloads(run: CheckedRun, payloads: Sequence[bytes | None]) -> None:
    """Check that each payload is the one its header names, and that none is missing but what may be.

    What is erasable may have been erased, and payloads of log 2 may be left out; the store asks for what it wants.

    Raises:
        PeerFault: `bad_payload` or `payload_missing`.
    """
    if len(payloads) != len(run.ids):
        raise PeerFault("payload_missing")
    for payload, expected, size, kind in zip(payloads, run.hashes, run.sizes, run.kinds, strict=True):
        if payload is None:
            if run.log != Log.TRADE and (run.log == Log.CIRCUIT or kind != Kind.ERASABLE):
                raise PeerFault("payload_missing")
        elif len(payload) != size or payload_hash(payload) != expected:
            raise PeerFault("bad_payload")


def write_run(
    circuit: bytes,
    key: SigningKey,
    log: int,
    after: tuple[int, bytes],
    entries: Sequence[tuple[int, int, bytes]],
) -> tuple[Run, CheckedRun]:
    """Write entries of our own, one run long, and sign the last.

    `after` is (seq, id) of the entry before, (0, b"") for none; `entries` are (kind, timestamp, payload), timestamps
    never falling.
    """
    seq, backlink = after
    lines: list[Line] = []
    before = 0
    for kind, timestamp, payload in entries:
        lines.append((kind, timestamp - before, len(payload), payload_hash(payload)))
        before = timestamp
    author = key.public
    signature = key.sign("entry", _last_header(circuit, author, log, seq + 1, backlink, lines))
    run = Run(VERSION, author, log, seq + 1, backlink, lines, signature)
    return run, check_run(circuit, run)


def _last_header(circuit: bytes, author: bytes, log: int, seq: int, backlink: bytes, lines: Sequence[Line]) -> bytes:
    header, timestamp = b"", 0
    for place, (kind, delay, size, payload) in enumerate(lines, seq):
        timestamp += delay
        header = encode((VERSION, circuit, author, log, kind, place, backlink, timestamp, size, payload))
        backlink = entry_id(header)
    return header
