"""Members without a home, for tests: they sign whatever a test wants, honest or not, and remember only their keys.

A `Paper` is what they hand out: a run and its payloads, as it would travel.
"""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import msgspec

from foodhub.circuit.invite import read_code
from foodhub.circuit.statements import (
    Device,
    Epoch,
    Found,
    Founding,
    Inception,
    Invite,
    Join,
    Role,
    charter_hash,
    proof_of_join,
)
from foodhub.log.encoding import encode
from foodhub.log.forks import ForkProof, prove_fork
from foodhub.log.keys import BoxKey, DeviceKeys, SigningKey, digest, seal_to
from foodhub.log.run import CheckedRun, Run, write_run
from foodhub.log.seal import seal
from foodhub.store.keyring import KeyFile

CHARTER = "We own it together."
MORNING = 1_790_000_000_000
Paper = tuple[Run, list[bytes]]


class Pen:
    """The keys of one member, and how far it has written each of its logs."""

    def __init__(self, name: str, *roles: Role, circuit: bytes = b"") -> None:
        self.name = name
        self.roles: list[Role] = list(roles or ("producer",))
        self.circuit = circuit
        self.keys = DeviceKeys(SigningKey(self._seed("signs")), BoxKey(self._seed("boxes")))
        self.box = BoxKey(self._seed("first epoch"))
        device = Device(self.keys.signing.public, self.keys.box.public, always_on=False)
        self.inception = Inception(self._seed("salt")[:16], device, self._seed("recovery"), self.box.public)
        self.heads: dict[int, CheckedRun] = {}
        self._chance = count()

    def _seed(self, what: str) -> bytes:
        return digest(f"{self.name} {what}".encode(), b"a test's pen")

    def _bytes(self, size: int) -> bytes:
        return b"".join(self._seed(f"chance {next(self._chance)}") for _ in range(-(-size // 32)))[:size]

    @property
    def id(self) -> bytes:
        return self.inception.id

    @property
    def device(self) -> bytes:
        return self.keys.signing.public

    @property
    def file(self) -> KeyFile:
        return KeyFile(self.id, self.keys, "", 0)

    @property
    def epoch(self) -> Epoch:
        return Epoch(1, self.box.public, [(self.device, seal_to(self.keys.box.public, self.box.secret))], b"")

    def write(
        self, log: int, *statements: Any, at: int = MORNING, readers: Iterable["Pen"] = (), body: bytes | None = None
    ) -> Paper:
        """Write one entry behind the last; a statement may also be a plain list, and `body` any bytes."""
        data = encode(list(statements)) if body is None else body
        head = self.heads.get(log)
        seq, link = (head.last, head.ids[-1]) if head else (0, b"")
        if log == 2:
            secrets = [self.box.shared(reader.box.public) for reader in (self, *readers)]
            payload = seal(data, (self.circuit, self.device, log, seq + 1), secrets, self._bytes)
        else:
            payload = self._bytes(16) + data
        return self.write_payloads(log, [payload], at, (seq, link))

    def write_payloads(self, log: int, payloads: Sequence[bytes], at: int, after: tuple[int, bytes]) -> Paper:
        """Write payloads as one run behind a place, whether or not that is the head."""
        entries = [(0 if log == 0 else 1, at, payload) for payload in payloads]
        run, self.heads[log] = write_run(self.circuit, self.keys.signing, log, after, entries)
        return run, list(payloads)

    def found(self) -> Paper:
        """Found a circuit."""
        founding = Founding(self._seed("founding")[:16], CHARTER, self.inception, 1)
        self.circuit = founding.circuit
        return self.write(0, Found(founding, "Circuit", "EUR", self.roles), self.epoch)

    def invite(self, name: str, *roles: Role) -> Paper:
        """Invite somebody with the invite key of that name."""
        return self.write(0, Invite(invite_key(name).public, list(roles), MORNING))

    def join(self, invite: SigningKey, *more: Any, charter: str = CHARTER) -> Paper:
        """Join on an invite."""
        return self.write(0, self.joining(invite, charter), self.epoch, *more)

    def joining(self, invite: SigningKey, charter: str = CHARTER) -> Join:
        """Return what is signed to join on an invite, without any keys."""
        accepted = charter_hash(charter)
        proof = invite.sign("invite", proof_of_join(self.circuit, self.id, self.roles, accepted))
        return Join(self.inception, self.roles, accepted, invite.public, proof)


def invite_key(name: str) -> SigningKey:
    """Return the invite key of a name."""
    return SigningKey(digest(name.encode(), b"a test's invite"))


def newcomer(founder: Pen, name: str, *roles: Role) -> tuple[Pen, list[Paper]]:
    """Return a member and the papers that let it in."""
    pen = Pen(name, *roles, circuit=founder.circuit)
    return pen, [founder.invite(name, *pen.roles), pen.join(invite_key(name))]


def stranger_with(code: str, name: str, *roles: Role) -> tuple[Pen, Paper]:
    """Return a member that joins the circuit of an invite code."""
    read = read_code(code)
    pen = Pen(name, *roles, circuit=read.circuit)
    return pen, pen.join(read.key)


def keyless_with(code: str, name: str, *roles: Role) -> tuple[Pen, list[Paper], ForkProof]:
    """Return a member that joins with an invite code, and the proof of a fork by which it has no box key."""
    read = read_code(code)
    pen = Pen(name, *roles, circuit=read.circuit)
    joined = pen.write(0, pen.joining(read.key))
    head = pen.heads[0]
    one = pen.write(0, pen.epoch)
    other = pen.write_payloads(0, one[1], MORNING + 1, (head.last, head.ids[-1]))
    proof = prove_fork(pen.circuit, one[0], other[0])
    assert proof is not None
    return pen, [joined, one], proof


changed = msgspec.structs.replace
