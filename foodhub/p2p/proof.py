"""The proof with which a session begins: each side signs both peer ids and both nonces with the keys of its devices.

Whoever knows the circuit's id can say hello; whoever holds a member's device, or an invite, is served.
"""

from dataclasses import dataclass

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.keys import SigningKey, digest, verify
from foodhub.p2p import messages as m
from foodhub.p2p.commands import CheckStanding

MAX_DEVICES = 16
MAX_ADDRESSES = 16


@dataclass(frozen=True, slots=True)
class Party:
    """What a session has to know of its own side: peer ids are the transport's, `nonce` is 32 fresh random bytes."""

    circuit: bytes
    dialer: bool
    own_peer: str
    their_peer: str
    nonce: bytes
    devices: tuple[SigningKey, ...]
    invite: SigningKey | None = None
    addresses: tuple[str, ...] = ()

    def hello(self) -> m.Hello:
        """Return the first message of this side."""
        return m.Hello(m.VERSION, self.nonce, _circuit_tag(self.circuit, self.nonce))

    def check_hello(self, hello: m.Hello) -> None:
        """Make sure that the other side speaks of the same circuit, in a version that is known.

        Raises:
            PeerFault: `bad_version` or `other_circuit`.
        """
        if hello.version != m.VERSION:
            raise PeerFault("bad_version")
        if hello.circuit != _circuit_tag(self.circuit, hello.nonce) or hello.nonce == self.nonce:
            raise PeerFault("other_circuit")

    def prove(self, their_nonce: bytes) -> m.Proof:
        """Sign as all devices of this side, and as the invite it joins on."""
        text = self._text(their_nonce, own=True)
        devices = [(key.public, key.sign("session", text)) for key in self.devices[:MAX_DEVICES]]
        invite = [(key.public, key.sign("session", text)) for key in [self.invite] if key]
        return m.Proof(devices, invite, list(self.addresses[:MAX_ADDRESSES]))

    def check_proof(self, their_nonce: bytes, proof: m.Proof) -> CheckStanding:
        """Return what the other side has proved.

        Raises:
            PeerFault: `bad_proof`.
        """
        text = self._text(their_nonce, own=False)
        if len(proof.devices) > MAX_DEVICES or len(proof.invite) > 1 or not proof.devices:
            raise PeerFault("bad_proof")
        if not all(verify("session", key, text, signature) for key, signature in [*proof.devices, *proof.invite]):
            raise PeerFault("bad_proof")
        invite = proof.invite[0][0] if proof.invite else b""
        devices = tuple(key for key, _ in proof.devices)
        return CheckStanding(devices, invite, tuple(proof.addresses[:MAX_ADDRESSES]))

    def salt(self, their_nonce: bytes) -> bytes:
        """Return the 16 bytes that salt the buckets of this session."""
        nonces = (self.nonce, their_nonce) if self.dialer else (their_nonce, self.nonce)
        return digest(b"".join(nonces), b"foodhub-buckets", 16)

    def _text(self, their_nonce: bytes, *, own: bool) -> bytes:
        """Return what one side signs: the dialer's parts stand first, whoever signs."""
        dialer = self.dialer if own else not self.dialer
        peers, nonces = (self.own_peer, self.their_peer), (self.nonce, their_nonce)
        if not self.dialer:
            peers, nonces = peers[::-1], nonces[::-1]
        return encode((self.circuit, int(dialer), peers, nonces))


def _circuit_tag(circuit: bytes, nonce: bytes) -> bytes:
    return digest(circuit + nonce, b"foodhub-hello", 16)
