"""Whether a first statement is what it says: a founding, a join, a further device, a recovery. No state, no ranks.

Each is signed, or named by a hash, so that whoever holds it can tell; whether it counts is for the pass to say.
"""

from functools import lru_cache

from foodhub.circuit.statements import (
    FORMAT,
    Enrol,
    Found,
    Join,
    Recover,
    proof_of_enrolment,
    proof_of_join,
    proof_of_recovery,
)
from foodhub.log.keys import verify

_proof_holds = lru_cache(8192)(verify)
"""Every pass asks for every proof again, and a signature costs more than all else that a pass does."""


def founding_holds(circuit: bytes, author: bytes, first: object) -> bool:
    """Say whether `first` is the founding of this circuit by `author`, in a format that this program knows."""
    return (
        isinstance(first, Found)
        and first.founding.format == FORMAT
        and first.founding.inception.device.signing == author
        and first.founding.circuit == circuit
    )


def join_holds(circuit: bytes, author: bytes, charter: bytes, first: object) -> bool:
    """Say whether `first` is a join by `author`, signed by the key of its invite, to the charter with this hash."""
    return (
        isinstance(first, Join)
        and first.inception.device.signing == author
        and first.charter == charter
        and _proof_holds(
            "invite", first.invite, proof_of_join(circuit, first.inception.id, first.roles, first.charter), first.proof
        )
    )


def enrolment_holds(circuit: bytes, author: bytes, first: object) -> bool:
    """Say whether `first` is the enrolment of the device `author`, signed by the key of its ticket."""
    return (
        isinstance(first, Enrol)
        and first.device.signing == author
        and _proof_holds("enrol", first.ticket, proof_of_enrolment(circuit, first.member, first.device), first.proof)
    )


def recovery_holds(circuit: bytes, author: bytes, first: object, recovery_signing: bytes) -> bool:
    """Say whether `first` is a recovery onto the device `author`, signed by the recovery key of its member."""
    return (
        isinstance(first, Recover)
        and first.device.signing == author
        and _proof_holds(
            "recover",
            recovery_signing,
            proof_of_recovery(circuit, first.member, first.number, first.device, first.cuts),
            first.proof,
        )
    )
