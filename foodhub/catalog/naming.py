"""How people name a thing that already stands in the log: by a part of its id, its sku, or its name.

A command signs what it is told about, so a guess is never taken silently: of two things that fit, both are listed.
"""

import re
from base64 import b32decode, b32encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from hashlib import blake2b
from typing import Final, Literal, NamedTuple, TypeVar
from unicodedata import combining, normalize

from foodhub.errors import N_, FoodhubError, NotThereError, UsageError

T = TypeVar("T")
Kind = Literal["product", "cycle", "member", "order", "standing", "purchase"]

SHORTEST_PREFIX: Final = 4
"""Characters of an id that are enough to try it: a million ids apart from each other."""
LISTED: Final = 10
"""How many candidates a sentence lists; the details hold them all."""

_ID_PREFIX: Final = re.compile(f"[a-z2-7]{{{SHORTEST_PREFIX},}}")
# Letters that stay whole in NFKD, though people without them on their keyboard type two: bœuf, boeuf.
_LETTERS: Final = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ł": "l", "’": "'", "‘": "'"})
_MISSING: Final[dict[Kind, tuple[str, str]]] = {
    "product": ("no_such_product", N_('There is no product "{text}".')),
    "cycle": ("no_such_cycle", N_('There is no order cycle "{text}".')),
    "member": ("no_such_member", N_('There is no member "{text}".')),
    "order": ("no_such_order", N_('There is no order "{text}".')),
    "purchase": ("no_such_purchase_order", N_('There is no purchase order "{text}".')),
    "standing": ("no_such_standing_order", N_('There is no standing order "{text}".')),
}

_CALLED: Final[dict[Kind, str]] = {
    "product": N_("Name it by the beginning of its id, its sku, or its name."),
    "order": N_("Name it by its number, or whose it is."),
    "purchase": N_("Name it by its number, its hub, its producer or its cycle."),
    "standing": N_("Name it by its hub, or the beginning of its id."),
}


class Named(NamedTuple):
    """How a thing may be called: id in base32, sku or "", name, and what tells namesakes apart (a variant)."""

    id: str
    sku: str
    name: str
    extra: str = ""


def id_of_both(owner: bytes, local: bytes) -> str:
    """Return an id of a fact whose local id others have too, such as the purchase orders of two hubs in one cycle."""
    return base32_id(blake2b(owner + local, digest_size=16).digest())


def full_name(name: str, variant: str) -> str:
    """Return what a product is called: its name, and its variant if it has one."""
    return f"{name}, {variant}" if variant else name


def base32_id(identity: bytes) -> str:
    """Return an id as people see it: lowercase base32 without padding."""
    return b32encode(identity).decode("ascii").rstrip("=").lower()


def id_bytes(text: str) -> bytes:
    """Return the bytes of a whole id that `base32_id` wrote.

    Raises:
        UsageError: `bad_id` when the text is no such id.
    """
    try:
        identity = b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        identity = b""
    if base32_id(identity) != text or not text:
        raise UsageError("bad_id", N_('"{text}" is not an id.'), N_("Copy it from a list, whole."), text=text[:60])
    return identity


def fold(text: str) -> str:
    """Return the form in which texts are searched: without case, accents, ligatures and needless space."""
    lowered = text.casefold()
    if not lowered.isascii():
        letters = normalize("NFKD", lowered.translate(_LETTERS))
        lowered = "".join(letter for letter in letters if not combining(letter)).casefold()
    return " ".join(lowered.split())


def find(candidates: Iterable[T], text: str, view: Callable[[T], Named], kind: Kind = "product") -> T:
    """Return the one candidate that `text` names; the first of these ways that any candidate fits decides.

    The whole id; the whole sku or name (alone or with `extra`); the beginning of the id (4 characters or more) or of
    the name; the beginning of a word of the name or of `extra`. Case and accents do not matter.

    Raises:
        NotThereError: `no_such_product` and its kin, with near names in the hint.
        UsageError: `ambiguous`, with every candidate in the details.
    """
    things = list(candidates)
    names = [view(thing) for thing in things]
    for matches in _ways(names, text):
        if len(matches) == 1:
            return things[matches[0]]
        if matches:
            raise _ambiguous(text, [names[index] for index in matches])
    raise _missing(kind, text, names)


def _ways(names: Sequence[Named], text: str) -> Iterator[list[int]]:
    """Yield which of `names` the text fits, from the strictest way to the loosest."""
    wanted = fold(text)
    if not wanted:
        return
    yield [index for index, named in enumerate(names) if named.id == wanted]
    prefix = wanted if _ID_PREFIX.fullmatch(wanted) else None
    folded = [_forms(named) for named in names]
    # A sku and a name count alike: else a seller could take another's orders by using their product's name as a sku.
    yield [index for index, forms in enumerate(folded) if wanted in forms]
    yield [
        index
        for index, (named, forms) in enumerate(zip(names, folded, strict=True))
        if any(form.startswith(wanted) for form in forms[2:]) or (prefix is not None and named.id.startswith(prefix))
    ]
    # Any part of a name would let a slip of the finger name another product: "x" stands in one, "ait" in another.
    beginning = re.compile(rf"(?<![^\W_]){re.escape(wanted)}")
    yield [index for index, forms in enumerate(folded) if beginning.search(forms[2])]


def _forms(named: Named) -> tuple[str, str, str, str]:
    """Return what a thing may be called whole, folded: sku, name, and name with `extra` as typed and as shown."""
    shown = full_name(named.name, named.extra)
    return fold(named.sku), fold(named.name), fold(f"{named.name} {named.extra}"), fold(shown)


def _ambiguous(text: str, names: Sequence[Named]) -> UsageError:
    listed = ", ".join(_label(named) for named in names[:LISTED])
    return UsageError(
        "ambiguous",
        N_('"{text}" may be any of {count}: {listed}.'),
        N_("Write more of the name, or the beginning of the id."),
        text=text[:60],
        count=len(names),
        listed=f"{listed}, …" if len(names) > LISTED else listed,
        candidates=[named._asdict() for named in names],
    )


def _missing(kind: Kind, text: str, names: Sequence[Named]) -> FoodhubError:
    code, message = _MISSING[kind]
    by_form = {fold(named.name): named.name for named in names}
    near = [by_form[form] for form in get_close_matches(fold(text), by_form, n=3) if form]
    hint = N_("Near it: {near}.") if near else _CALLED.get(kind, N_("Name it by its name, or the beginning of its id."))
    return NotThereError(code, message, hint, text=text[:60], near=", ".join(near), suggestions=near)


def _label(named: Named) -> str:
    """Return what tells a candidate from the others, shortest id last: it is what can be typed."""
    return " ".join(part for part in (named.name, named.extra, f"({named.id[:8]})") if part)
