"""A whole session as a decoder: frames of any kind, in any state, between those of an honest conversation.

Both sides are real. At moments that the input chooses, a frame of its making is slipped in front of what one of them
reads, as a peer would that stops being honest there; what it has to sign for that, it signs with keys of its own.
"""

from collections.abc import Sequence
from functools import cache
from random import Random

from foodhub.log.encoding import NO_ID, encode
from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof
from foodhub.log.run import Run
from foodhub.p2p import messages as m
from foodhub.p2p.session import State
from tests.fuzz.decoder import KIB, Decoder
from tests.fuzz.measuring import Cost
from tests.fuzz.mutation import join, split
from tests.p2p.memory import CIRCUIT, MemoryShelf
from tests.p2p.playbook import Playbook, Side, Verdict, parties, talk
from tests.p2p.shelves import pen, shelf_of
from tests.vectors.log_cases import signed

VERDICTS: tuple[Verdict, ...] = (
    ("member", ""),
    ("joiner", ""),
    (None, "unknown_author"),
    ("stranger", "unknown_author"),
)
PENS = [pen(number) for number in (1, 2, 3, 4)]
KEYS = {each.key.public: each.key for each in PENS}
MOST_PIECES = 100
MOST_STEPS = 5000
"""After so many, two sides that still have something to do go round in circles."""


@cache
def shelves() -> tuple[MemoryShelf, MemoryShelf]:
    """Return two shelves: logs that are equal, longer on either side, forked, and without a payload."""
    one = shelf_of([(1, 0), (1, 1), (1, 2), (2, 0)], 3)
    other = one.copy()
    pen(2).write(one, 1, [b"only here", b"and here"])
    pen(1).write(other, 2, [b"one more"])
    pen(3).write(other, 0, [b"a newcomer"])
    pen(4).write(one, 1, [b"first", b"one branch"])
    pen(4).write(other, 1, [b"first", b"another branch", b"which goes on"])
    withheld = pen(3).write(other, 1, [b"withheld"])
    assert one.take(withheld, [None]) is None
    return one, other


def take_conversation(data: bytes) -> None:
    """Let two sides talk, slip the frames in, and see that both come to an end."""
    head, *pieces = split(data) or [b""]
    seed, before, verdict = (*head, 0, 0, 0)[:3]
    one, other = shelves()
    talking = talk(one.copy(), other.copy(), seed, VERDICTS[verdict % 4])
    if talking.other.verdict[0] == "stranger":
        talking.other.verdict = VERDICTS[0]  # who answers a stranger's call knows it
    steps(talking, before)
    for piece in pieces[:MOST_PIECES]:
        whom, wait = (*piece[:1], 0)[0] & 1, (*piece[:1], 0)[0] >> 1 & 7
        frame = piece[1:] if (*piece[:1], 0)[0] & 16 else sign_anew(piece[1:])
        victim = talking.other if whom else talking.one
        victim.incoming.appendleft(frame)
        steps(talking, wait + 1)
    talking.settle(MOST_STEPS)
    for side in (talking.one, talking.other):
        assert side.ended or side.session.state in {State.STRANGER, State.READY}


def steps(talking: Playbook, count: int) -> None:
    """Let a few things happen."""
    for _ in range(count):
        talking.step()


def sign_anew(frame: bytes) -> bytes:
    """Sign the run in a frame, if there is one and we have the key of its author."""
    try:
        message = m.read_message(frame)
    except PeerFault:
        return frame
    match message:
        case m.Headers(run):
            return encode(m.Headers(_signed(run)))
        case m.Announce(run, payloads):
            return encode(m.Announce(_signed(run), payloads))
        case m.Branch(runs):
            return encode(m.Branch([_signed(run) for run in runs]))
        case m.Forks(proofs):
            return encode(m.Forks([ForkProof(_signed(proof.one), _signed(proof.other)) for proof in proofs]))
    return frame


def _signed(run: Run) -> Run:
    key = KEYS.get(run.author)
    if key is None:
        return run
    return signed(key, run.log, run.first, run.backlink, run.lines, version=run.version, circuit=CIRCUIT)


@cache
def conversations() -> Sequence[bytes]:
    """Return, for some beginnings, what was said after that, as if it were slipped in again by the other side."""
    one, other = shelves()
    found = []
    for seed in range(6):
        talking = talk(one.copy(), other.copy(), seed).settle(MOST_STEPS)
        said = [(0, frame) for frame in frames_of(talking.other)] + [(1, frame) for frame in frames_of(talking.one)]
        chosen = Random(seed).sample(said, 6)
        pieces = [bytes([whom + 2 * seed + 16 * (seed & 1)]) + frame for whom, frame in chosen]
        found.append(join([bytes([seed, 5 * seed, 0]), *pieces]))
    return found


def frames_of(side: Side) -> list[bytes]:
    """Return the frames that a side has sent."""
    return [encode(message) for message in side.said()]


@cache
def known() -> Sequence[bytes]:
    """Return keys and ids that mean something on these shelves."""
    ids = [kept.id for shelf in shelves() for log in shelf.logs.values() for kept in log]
    dialer, answerer = parties()
    return [*KEYS, *ids, NO_ID, dialer.nonce, answerer.nonce]


DECODERS = [
    Decoder(
        "session",
        take_conversation,
        conversations,
        Cost(1024 * KIB, 60_000),
        Cost(400, 60),
        m.Message,
        pieces=True,
        prefix=1,
        known=known,
        examples=15,
    )
]
