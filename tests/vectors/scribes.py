"""Members that write for the vectors: as `tests.pens`, but nothing in what they write is left to chance."""

from hashlib import blake2b

from nacl import bindings

from foodhub.circuit.statements import Certify, Device, Enrol, Epoch, Role, Ticket, proof_of_enrolment
from foodhub.log.encoding import encode
from foodhub.log.keys import BoxKey
from tests.pens import MORNING, Paper, Pen, invite_key
from tests.vectors.seeds import Json, seed


def sealed_box(public: bytes, message: bytes, name: str) -> bytes:
    """Return libsodium's sealed box, made with the ephemeral key that has this name."""
    once = BoxKey(seed(f"{name}, once"))
    nonce = blake2b(once.public + public, digest_size=24).digest()
    return once.public + bindings.crypto_box(message, nonce, public, once.secret)


class Scribe(Pen):
    """A member that writes the same bytes every time."""

    @property
    def epoch(self) -> Epoch:
        """Return its box key, for its device and for its recovery words."""
        mine = sealed_box(self.keys.box.public, self.box.secret, self.name)
        words = sealed_box(self.inception.recovery_box, self.box.secret, f"words of {self.name}")
        return Epoch(1, self.box.public, [(self.device, mine)], words)


class Laptop(Scribe):
    """A further device of a member."""

    def __init__(self, name: str, owner: Pen) -> None:
        super().__init__(name, *owner.roles, circuit=owner.circuit)
        self.box, self.inception = owner.box, owner.inception


def enrolled(name: str, owner: Pen) -> tuple[Laptop, list[Paper]]:
    """Return a further device of a member, and the papers that make it one."""
    laptop, ticket = Laptop(name, owner), invite_key(f"ticket of {name}")
    device = Device(laptop.device, laptop.keys.box.public, always_on=False)
    proof = ticket.sign("enrol", proof_of_enrolment(owner.circuit, owner.id, device))
    papers = [
        owner.write(0, Ticket(ticket.public, MORNING)),
        laptop.write(0, Enrol(owner.id, device, ticket.public, proof)),
        owner.write(0, Certify(laptop.device)),
    ]
    return laptop, papers


def member(founder: Pen, name: str, *roles: Role) -> tuple[Scribe, list[Paper]]:
    """Return a member, and the papers that let it in."""
    scribe = Scribe(name, *(roles or ("producer",)), circuit=founder.circuit)
    return scribe, [founder.invite(name, *scribe.roles), scribe.join(invite_key(name))]


def shown(paper: Paper) -> Json:
    """Return a run and its payloads as JSON shows them."""
    run, payloads = paper
    return {"run": encode(run).hex(), "payloads": [each.hex() for each in payloads]}
