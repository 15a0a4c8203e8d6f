"""What the laptops of one member hand each other: the code with which a further device enrols, and the circuit's card.

A code holds a secret key and is good for one device until it expires. A card holds no secret: it says where the circuit
is, for somebody who has nothing left but the recovery words. Both are one word, as invites are.
"""

import msgspec

from foodhub.circuit.invite import read_word, write_word
from foodhub.circuit.statements import Role
from foodhub.errors import N_, RefusedError
from foodhub.log.encoding import Key, Moment, encode
from foodhub.log.keys import SigningKey

PREFIX = "foodhubdevice1"
CARD_PREFIX = "foodhubcard1"


class DeviceCode(msgspec.Struct, frozen=True, array_like=True):
    """What the first laptop tells the second: the ticket key's secret half, whose device it will be, where to knock.

    `name` and `roles` are those of the member; `expires` (ms) is a rule of the door.
    """

    circuit: Key
    member: Key
    seed: Key
    expires: Moment
    name: str
    roles: list[Role]
    addresses: list[str]

    @property
    def key(self) -> SigningKey:
        """Return the ticket key."""
        return SigningKey(self.seed)

    def __repr__(self) -> str:
        """Name the code without its secret."""
        return f"<code for a device of member {self.member.hex()[:8]}>"


class Card(msgspec.Struct, frozen=True, array_like=True):
    """Where a circuit is: its id, and libp2p multiaddrs of some of its nodes."""

    circuit: Key
    addresses: list[str]


_codes = msgspec.msgpack.Decoder(DeviceCode)
_cards = msgspec.msgpack.Decoder(Card)


def write_device_code(code: DeviceCode) -> str:
    """Return the code as one word."""
    return write_word(PREFIX, encode(code))


def read_device_code(text: str) -> DeviceCode:
    """Read a code; white space and capitals do not matter.

    Raises:
        RefusedError: `code_unreadable` when it is not whole.
    """
    found = read_word(PREFIX, text, _codes)
    if found is None:
        raise RefusedError(
            "code_unreadable",
            N_("This is not a whole code for a device."),
            N_("Copy it whole, as foodhub device add shows it; it begins with {prefix}."),
            prefix=PREFIX,
        )
    return found


def write_card(card: Card) -> str:
    """Return the card as one word."""
    return write_word(CARD_PREFIX, encode(card))


def read_card(text: str) -> Card:
    """Read a card.

    Raises:
        RefusedError: `card_unreadable` when it is not whole.
    """
    found = read_word(CARD_PREFIX, text, _cards)
    if found is None:
        raise RefusedError(
            "card_unreadable",
            N_("This is not a whole circuit card."),
            N_("Copy it whole, as foodhub circuit card shows it; it begins with {prefix}."),
            prefix=CARD_PREFIX,
        )
    return found
