"""A small circuit whose members sign whatever an input says: what the fuzzers of the fold write with.

There are a founder (hub and steward), a farm with a second laptop and recovery words, a household, and a stranger with
an invite that nobody has used. Statements that need a proof get a good one, if one of our keys can give it.
"""

from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any

import msgspec

from foodhub.circuit.statements import (
    Certify,
    CircuitStatement,
    Enrol,
    Erase,
    Grant,
    Join,
    Keeper,
    Recover,
    Remove,
    Retire,
    Ticket,
    proof_of_enrolment,
    proof_of_join,
    proof_of_recovery,
)
from foodhub.log.encoding import encode
from foodhub.log.keys import SigningKey, digest
from foodhub.log.run import write_run
from foodhub.log.seal import seal
from foodhub.orders.statements import Order, OrderLine, Profile
from tests.pens import MORNING, Paper, Pen, changed, invite_key
from tests.stories import product

TICKET, RECOVERY = (SigningKey(digest(name, b"a fuzzer's key")) for name in (b"ticket", b"recovery words"))
INVITES = {invite_key(name).public: invite_key(name) for name in ("farm", "house", "stranger")}
ROLES: Any = [
    ("farm", "producer"),
    ("house", "household"),
    ("stranger", "group"),
    ("laptop", "group"),
    ("rescue", "hub"),
]
_body = msgspec.msgpack.Decoder(list[CircuitStatement])


class Circle:
    """The members and what they said first; `pens` are founder, farm, house, stranger, laptop and rescue."""

    def __init__(self) -> None:
        founder = Pen("founder", "hub", "producer")
        self.papers = [founder.found()]
        others = [Pen(name, role, circuit=founder.circuit) for name, role in ROLES]
        self.pens: list[Pen] = [founder, *others]
        self.circuit = founder.circuit
        farm, house, *_ = others
        farm.inception = changed(farm.inception, recovery_signing=RECOVERY.public)
        self.papers += [founder.invite("farm", "producer"), founder.invite("house", "household")]
        self.papers += [farm.join(invite_key("farm"), Ticket(TICKET.public, MORNING)), house.join(invite_key("house"))]
        self.papers += [founder.invite("stranger", "group"), farm.write(1, Profile(1, "Farm"), product(1, 1, 250))]
        self.papers += [farm.write(1, product(1, 2, 260)), house.write(2, self.order(), readers=[founder])]
        self.heads = [dict(pen.heads) for pen in self.pens]
        self._chance = count()

    def order(self) -> Order:
        """Return an order of the household."""
        founder, farm, house, *_ = self.pens
        line = OrderLine(farm.id, bytes([1]) * 16, 1, "", "P", "", "piece", 1, 250, "piece", "EUR", 2, 0)
        assert house.roles == ["household"]
        return Order(bytes(16), 1, MORNING, founder.id, bytes(16), founder.id, cancelled=False, lines=[line])

    def rewind(self) -> None:
        """Let all pens stand where they stood behind the first papers."""
        for pen, heads in zip(self.pens, self.heads, strict=True):
            pen.heads = dict(heads)
        self._chance = count()

    def write(self, pen: Pen, log: int, kind: int, back: int, body: bytes) -> Paper:
        """Write one entry `back` entries before the head, where a fork is what comes of it.

        Raises:
            PeerFault: no such entry may be written in this log.
        """
        head = pen.heads.get(log)
        seq, link = (head.last, head.ids[-1]) if head else (0, b"")
        if head and 0 < back <= len(head.ids):
            seq -= back
            link = head.ids[-1 - back] if back < len(head.ids) else head.backlink
        payload = self._payload(pen, log, seq + 1, self.proven(pen, body) if log == 0 else body)
        run, checked = write_run(self.circuit, pen.keys.signing, log, (seq, link), [(kind, MORNING, payload)])
        if not back:
            pen.heads[log] = checked
        return run, [payload]

    def _payload(self, pen: Pen, log: int, seq: int, body: bytes) -> bytes:
        if log != 2:
            return self._bytes(16) + body
        secrets = [pen.box.shared(reader.box.public) for reader in (pen, self.pens[0])]
        return seal(body, (self.circuit, pen.device, log, seq), secrets, self._bytes)

    def _bytes(self, size: int) -> bytes:
        return digest(b"%d" % next(self._chance), b"a fuzzer's salt", 64)[:size]

    def proven(self, pen: Pen, body: bytes) -> bytes:
        """Give the statements of a body the proofs that they need."""
        try:
            statements = _body.decode(body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return body
        return encode([self._proven(pen, statement) for statement in statements])

    def _proven(self, pen: Pen, said: Any) -> Any:
        device = pen.inception.device
        match said:
            case Join():
                said = changed(said, inception=pen.inception)
                text = proof_of_join(self.circuit, pen.id, said.roles, said.charter)
                key = INVITES.get(said.invite, TICKET)
                return changed(said, proof=key.sign("invite", text))
            case Enrol():
                proof = TICKET.sign("enrol", proof_of_enrolment(self.circuit, said.member, device))
                return changed(said, device=device, proof=proof)
            case Recover():
                text = proof_of_recovery(self.circuit, said.member, said.number, device, said.cuts)
                return changed(said, device=device, proof=RECOVERY.sign("recover", text))
        return said


@cache
def circle() -> Circle:
    """Return the one circle of this process."""
    return Circle()


@cache
def known() -> Sequence[bytes]:
    """Return the keys and ids that mean something in the circle."""
    here = circle()
    ids = [identity for heads in here.heads for run in heads.values() for identity in run.ids]
    pens = [each for pen in here.pens for each in (pen.id, pen.device, pen.box.public)]
    return [*pens, *ids, *INVITES, TICKET.public, here.circuit, bytes(32)]


@cache
def sayings() -> dict[str, tuple[int, int, list[Any]]]:
    """Return what each scene needs said: number of the pen, log, statements."""
    farm, house, stranger, laptop, rescue = circle().pens[1:]
    join = stranger.join(invite_key("stranger"))
    circle().rewind()
    joined = _body.decode(join[1][0][16:])
    zero = bytes(64)
    return {
        "join": (3, 0, joined),
        "enrol": (4, 0, [Enrol(farm.id, laptop.inception.device, TICKET.public, zero)]),
        "certify": (1, 0, [Certify(laptop.device)]),
        "speak": (4, 1, [product(3, 1, 5)]),
        "recover": (5, 0, [Recover(farm.id, 1, rescue.inception.device, [], zero)]),
        "remove": (0, 0, [Remove(house.id, [])]),
        "grant": (0, 0, [Grant(farm.id, "steward")]),
        "retire": (1, 0, [Retire(farm.device, [], farm.device)]),
        "keep": (1, 0, [Keeper("stock", 1, laptop.device, [])]),
        "erase": (1, 0, [Erase([(farm.device, 1, 1, 2)])]),
        "publish": (1, 1, [Profile(2, "Farm"), product(2, 1, 90)]),
        "order": (2, 2, [circle().order()]),
    }
