"""Who acts for whom: households and their groups, contact cards, members without a computer, mandates.

A `Behalf` is an envelope: the statement inside counts as its owner's, though somebody else wrote it. It is either for a
member whom the writer represents, whose id is a hash of the writer's, or under a mandate that the owner gave.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from foodhub.catalog.statements import Case, Product, Stock
from foodhub.catalog.texts import text_fault
from foodhub.log.encoding import Key, LocalId, Moment, Seq, encode
from foodhub.log.keys import digest
from foodhub.orders.purchase import PurchaseAnswer
from foodhub.orders.reserving import Delivered, Lower, Shortfall
from foodhub.orders.statements import Allot, Order, Profile, Remark, derived_id

MAX_CARD = 200
Means = Literal["", "phone", "paper", "sms", "person"]
"""How the owner told whoever wrote it down."""
Field = Literal["price", "stock", "label", "accept"]
FIELDS: tuple[Field, ...] = ("price", "stock", "label", "accept")
MOST_VERSION = 2**40
"""From this version on nobody speaks for somebody else, so that the owner always finds one that is higher."""
RepresentedRole = Literal["household", "producer"]
Mandated = Annotated[bytes, msgspec.Meta(max_length=16)]


class Contact(msgspec.Struct, frozen=True, array_like=True, tag="contact"):
    """A contact card, sealed to whom it is meant for: a household's group and hubs, a producer's hubs. Erasable."""

    local: LocalId
    version: Seq
    name: str
    phone: str
    address: str


class Belong(msgspec.Struct, frozen=True, array_like=True, tag="belong"):
    """A household buys through a group since a time (ms); sealed to the group, and to the hub where that needs to know.

    It is said again to hubs that come to need it, so when it was signed does not tell since when it holds.
    """

    local: LocalId
    version: Seq
    group: Key
    since: Moment
    left: bool


class Represented(msgspec.Struct, frozen=True, array_like=True, tag="represented"):
    """A member without a computer, for whom the writer writes; its id is `represented_id`. Sealed to the writer."""

    local: LocalId
    version: Seq
    role: RepresentedRole
    ended: bool


class Claim(msgspec.Struct, frozen=True, array_like=True, tag="claim"):
    """A member says that it is whom the reader represents as `member`; from the confirmation on it is one with it."""

    local: LocalId
    version: Seq
    member: Key


class ClaimConfirmed(msgspec.Struct, frozen=True, array_like=True, tag="claim_confirmed"):
    """The representative confirms: the represented household with the salt `local` is the member `by`. Sealed.

    The first one decides for ever: from then on the member is `by`'s own, and its representative moves it no more.
    """

    local: LocalId
    version: Seq
    by: Key


class Successor(msgspec.Struct, frozen=True, array_like=True, tag="successor"):
    """The same of a producer, in the open (log 1): its products and its stock are read by everybody.

    `basis` says how far the logs 2 of the representative's devices (device, seq) went by then: of what they say for the
    producer nothing behind that counts. `by` has to hold so much before it sets more aside.
    """

    local: LocalId
    version: Seq
    by: Key
    basis: list[tuple[Key, Seq]]


class Mandate(msgspec.Struct, frozen=True, array_like=True, tag="mandate"):
    """The writer lets `holder` state these fields of its facts until `until` (ms), or no more when `ended` (log 1)."""

    local: LocalId
    version: Seq
    holder: Key
    fields: list[Field]
    until: Moment
    ended: bool


class Behalf(msgspec.Struct, frozen=True, array_like=True, tag="for"):
    """A statement of the member `owner`, written by somebody else.

    For a represented member `salt` and `role` are those of its id, and `mandate` is empty; under a mandate `salt` is
    16 zero bytes and `mandate` names it. `told` is how the owner said it.
    """

    owner: Key
    salt: LocalId
    role: RepresentedRole
    mandate: Mandated
    told: Means
    statement: (
        Order
        | Remark
        | Belong
        | Contact
        | Product
        | Stock
        | Case
        | Profile
        | Allot
        | Lower
        | Shortfall
        | Delivered
        | PurchaseAnswer
    )


_COVERED: dict[type, frozenset[Field]] = {
    Product: frozenset({"price", "label"}),
    Profile: frozenset({"label"}),
    Case: frozenset({"label"}),
    Stock: frozenset({"stock"}),
    PurchaseAnswer: frozenset({"accept"}),
    Shortfall: frozenset({"accept"}),  # what is not accepted is said to be short in the same breath
}
"""By kind of statement: which fields of a mandate let its holder state it, any of them.

None lets it set stock aside: that is spending a right, and two who spend one give the same goods away twice.
"""


def covers(fields: Iterable[Field], statement: object) -> bool:
    """Say whether a mandate for these fields lets its holder make a statement."""
    return not _COVERED.get(type(statement), frozenset()).isdisjoint(fields)


def represented_id(representative: bytes, salt: bytes, role: RepresentedRole) -> bytes:
    """Return the 32-byte id of a member whom `representative` represents."""
    return digest(encode((representative, salt, role)), b"foodhub-stands")


def contact_faults(contact: Contact) -> str | None:
    """Judge a contact card, of which each member has one."""
    if contact.local != derived_id(b"contact"):
        return "other_id"
    least = {"name": 1}
    texts = ((name, getattr(contact, name)) for name in ("name", "phone", "address"))
    return next((f for name, text in texts if (f := text_fault(name, text, least.get(name, 0), MAX_CARD))), None)


def belong_faults(belong: Belong) -> str | None:
    """Judge that a household buys through a group: one for each group."""
    return None if belong.local == derived_id(b"belong", belong.group) else "other_id"


def claim_faults(claim: Claim) -> str | None:
    """Judge a claim: one for each member claimed."""
    return None if claim.local == derived_id(b"claim", claim.member) else "other_id"


def confirmed_faults(confirmed: ClaimConfirmed | Successor) -> str | None:
    """Judge who was confirmed to be a represented member: it is said once, and names each device once."""
    if confirmed.version != 1:
        return "version_range"
    devices = [device for device, _ in confirmed.basis] if isinstance(confirmed, Successor) else []
    return "named_twice" if len(set(devices)) < len(devices) else None


def mandate_faults(mandate: Mandate) -> str | None:
    """Judge a mandate: it names each field once."""
    return "named_twice" if len(set(mandate.fields)) < len(mandate.fields) else None


def behalf_faults(behalf: Behalf) -> str | None:
    """Judge an envelope, without what is in it: it is under a mandate or for a represented member, not both."""
    if not behalf.mandate:
        return None
    return None if (len(behalf.mandate), behalf.salt) == (16, bytes(16)) else "mandate_and_salt"
