"""What devices say about cycles (log 1, public in the circuit) and orders (log 2, sealed to their parties).

An answer restates what it answers, so that each stands by itself. Money in minor units, quantities in g, ml or pieces,
times in ms.
"""

from typing import Literal

import msgspec

from foodhub.log.encoding import Count, Key, LocalId, Moment, Seq, encode
from foodhub.log.keys import digest

Sale = Literal["direct", "agency", "resale"]
SALES: tuple[Sale, ...] = ("direct", "agency", "resale")
Outcome = Literal["received", "late", "refused"]
Consent = Literal["ask", "size", "cheaper"]
"""What may stand in for a line: what its buyer says yes to, the same product in another size, or what costs no more."""
MAX_COMMENT = 500


class Profile(msgspec.Struct, frozen=True, array_like=True, tag="profile"):
    """The public name of a producer, group or hub; households have none in the open."""

    version: Seq
    name: str


class Cycle(msgspec.Struct, frozen=True, array_like=True, tag="cycle"):
    """An order cycle of one hub, open in [opens, closes); `zone` is the IANA zone in which people read its times.

    `device` is the device of the hub that answers orders and to whose log 2 allotments are made.
    """

    local: LocalId
    version: Seq
    name: str
    opens: Moment
    closes: Moment
    zone: str
    sale: Sale
    device: Key


class Allot(msgspec.Struct, frozen=True, array_like=True, tag="allot"):
    """A quantity set aside by the product's keeper for one device log of a hub; absolute, and only ever raised.

    `seen` is the seq of that device's log 2 up to which the writer knew what was returned.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    hub: Key
    device: Key
    product: LocalId
    quantity: Count
    seen: Count


class OrderLine(msgspec.Struct, frozen=True, array_like=True):
    """One product of an order, restated as the buyer saw it when it signed."""

    producer: Key
    product: LocalId
    version: Seq
    sku: str
    name: str
    variant: str
    unit: Literal["g", "ml", "piece"]
    unit_value: Seq
    price: Count
    price_per: Literal["piece", "kg", "l"]
    currency: str
    quantity: Seq
    tolerance: Count


class Order(msgspec.Struct, frozen=True, array_like=True, tag="order"):
    """One placement of a buyer, first signed at `placed` (ms); quantities are absolute.

    A cancelled one still says what it was.
    """

    local: LocalId
    version: Seq
    placed: Moment
    cycle_owner: Key
    cycle: LocalId
    hub: Key
    cancelled: bool
    lines: list[OrderLine]


class Remark(msgspec.Struct, frozen=True, array_like=True, tag="remark"):
    """What a buyer says of its placement `local` besides quantities: a comment, and what may stand in for a line.

    Of a product that is not named nothing may stand in.
    """

    local: LocalId
    version: Seq
    comment: str
    consents: list[tuple[Key, LocalId, Consent]]


class StandingLine(msgspec.Struct, frozen=True, array_like=True):
    """One product of a standing order."""

    producer: Key
    product: LocalId
    quantity: Seq
    tolerance: Count


class Standing(msgspec.Struct, frozen=True, array_like=True, tag="standing"):
    """What its owner orders from the aggregator `hub` at every opening of a cycle, unless paused; sealed to itself."""

    local: LocalId
    version: Seq
    hub: Key
    paused: bool
    ended: bool
    lines: list[StandingLine]


class ReceiptLine(msgspec.Struct, frozen=True, array_like=True):
    """What a placement wants of one product, restated."""

    producer: Key
    product: LocalId
    quantity: Count
    tolerance: Count


class ReceiptRow(msgspec.Struct, frozen=True, array_like=True):
    """One placement in a receipt: whose, which, which version, the entry it was read from, and what it wants now.

    A cancelled one has no lines.
    """

    buyer: Key
    order: LocalId
    version: Seq
    entry: Key
    lines: list[ReceiptLine]


class Receipt(msgspec.Struct, frozen=True, array_like=True, tag="receipt"):
    """What an aggregator took in for a cycle, in the order of its queue, sealed to itself.

    `basis` names the logs its promises rest on, and how far.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    basis: list[tuple[Key, Seq]]
    rows: list[ReceiptRow]


class AnswerLine(msgspec.Struct, frozen=True, array_like=True):
    """What a hub says of one line; `decided` is false while it waits for the close, and then nothing is promised."""

    producer: Key
    product: LocalId
    quantity: Count
    promised: Count
    decided: bool
    reason: str


class Answer(msgspec.Struct, frozen=True, array_like=True, tag="answer"):
    """A hub's answer to one placement: its place in the queue (receipt entry, position) and what is promised."""

    local: LocalId
    version: Seq
    buyer: Key
    order: LocalId
    order_version: Seq
    order_entry: Key
    outcome: Outcome
    reason: str
    receipt: Key
    position: Count
    lines: list[AnswerLine]


class Total(msgspec.Struct, frozen=True, array_like=True, tag="total"):
    """All that a producer learns of a cycle's orders before the close: one sum per product, in base units or pieces."""

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    producer: Key
    product: LocalId
    ordered: Count
    promised: Count


class EraseRequest(msgspec.Struct, frozen=True, array_like=True, tag="erase_request"):
    """A member asks the member `about` to erase what that one wrote of its orders, or the card it typed for it.

    `withdrawn` takes it back.
    """

    local: LocalId
    version: Seq
    about: Key
    scope: Literal["orders", "card"]
    withdrawn: bool


class EraseAnswer(msgspec.Struct, frozen=True, array_like=True, tag="erase_answer"):
    """What came of a request: `done`, or `later`, and then `earliest` is when what is left may be erased (else 0)."""

    local: LocalId
    version: Seq
    request: LocalId
    request_version: Seq
    requester: Key
    outcome: Literal["done", "later"]
    earliest: Moment


def derived_id(*parts: bytes) -> bytes:
    """Return a 16-byte local id for a fact of which there is one per combination of `parts`."""
    return digest(encode(parts), b"foodhub-derived", 16)
