"""Vectors of the rules of statements at their edges: what just counts, and what just does not count any more."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from foodhub.log.encoding import encode
from foodhub.orders.hands import Behalf
from foodhub.orders.statements import derived_id
from tests.vectors.trade_cases import PRODUCT

Edge = tuple[str, int, str | None, Any]
"""name, log, why it does not count or None, and the statement or its bytes"""

DERIVED = {
    "allot": "cycle_owner cycle device product",
    "answer": "buyer order",
    "total": "cycle_owner cycle producer product",
    "erase_request": "about scope",
    "erase_answer": "requester request",
    "outgoing": "cycle_owner cycle",
    "close": "cycle_owner cycle",
    "tally": "cycle_owner cycle",
    "baskets": "cycle_owner cycle part",
    "delivered": "cycle_owner cycle device part",
    "allot_request": "cycle_owner cycle producer product",
    "lower": "cycle_owner cycle device product",
    "return": "cycle_owner cycle device producer product",
    "shortfall": "cycle_owner cycle hub product",
    "counted": "cycle_owner cycle part",
    "queue": "cycle_owner cycle part",
    "confirmation": "buyer cycle_owner cycle part",
    "purchase": "cycle_owner cycle producer part",
    "purchase_answer": "hub cycle_owner cycle part",
    "contact": "",
    "belong": "group",
    "claim": "member",
}
"""From which fields the local id of a statement is derived."""
_LENGTHS = {
    "sku": 100,
    "name": 200,
    "variant": 200,
    "category": 100,
    "description": 2000,
    "unit_name": 50,
    "tax_category": 100,
    "shipping_category": 100,
}
_FORBIDDEN = "\x00\x1f\x7f\x9f\u2028\u2029\u202a\u202e\u2066\u2069\r\t"
_ALLOWED = "\u2027\u202f\u2065\u206a\u200e\ufeff\xa0\U0001f955"
_RAW: Mapping[str, tuple[str, bytes]] = {
    "a version that is a boolean": ("unknown", b"\x93\xa7profile\xc3\xa1a"),
    "a version that is negative": ("unknown", b"\x93\xa7profile\xff\xa1a"),
    "a version that is 2^53": ("unknown", b"\x93\xa7profile\xcf\x00\x20\x00\x00\x00\x00\x00\x00\xa1a"),
    "a name that is bytes": ("unknown", b"\x93\xa7profile\x01\xc4\x01a"),
    "a name in the form str 8": ("not_canonical", b"\x93\xa7profile\x01\xd9\x01a"),
    "a name that is no UTF-8": ("unknown", b"\x93\xa7profile\x01\xa1\xff"),
    "its own name in a long form": ("not_canonical", b"\x93\xd9\x07profile\x01\xa1a"),
    "its own length in a long form": ("not_canonical", b"\xdc\x00\x03\xa7profile\x01\xa1a"),
    "a mark of Unicode 15 before one of Unicode 1": ("", b"\x93\xa7profile\x01\xa8q\xf0\x9e\x82\x8f\xcc\xa3a"),
}


def edges(good: Iterable[tuple[int, msgspec.Struct]]) -> Iterator[Edge]:
    """Yield cases, made from one good statement of each kind."""
    log_of = {_tag(each): log for log, each in good}
    one = {_tag(each): each for _, each in good}
    for tag, name, reason, changes in (*_texts(), *_numbers(one), *_lists(one), *_inside(one)):
        yield f"{tag}: {name}", log_of[tag], reason, altered(one[tag], **changes)
    for tag in DERIVED:
        other = msgspec.structs.replace(one[tag], local=b"\x07" * 16)
        yield f"{tag}: another local id", log_of[tag], "other_id", other
    yield from _envelopes(one["for"], one["profile"])
    yield from _words(one)
    for name, (reason, data) in _RAW.items():
        yield f"profile: {name}", 1, reason or None, data


def _tag(statement: msgspec.Struct) -> str:
    return str(statement.__struct_config__.tag)


def altered(statement: msgspec.Struct, **changes: Any) -> msgspec.Struct:
    """Return a statement with other fields, and the local id that follows from them."""
    made = msgspec.structs.replace(statement, **changes)
    if _tag(made) not in DERIVED:
        return made
    parts = [_part(getattr(made, field)) for field in DERIVED[_tag(made)].split()]
    return msgspec.structs.replace(made, local=derived_id(_tag(made).encode(), *parts))


def _part(value: Any) -> bytes:
    if isinstance(value, int):
        return value.to_bytes(8, "big")
    return value.encode() if isinstance(value, str) else bytes(value)


_Change = tuple[str, str, str | None, dict[str, Any]]
"""tag, name, reason, what is changed"""


def _texts() -> Iterator[_Change]:
    for field, most in _LENGTHS.items():
        yield "product", f"{field} of {most}", None, {field: "é" * most}
        yield "product", f"{field} of {most + 1}", f"{field}_length", {field: "é" * (most + 1)}
        yield "product", f"{field} with a direction", f"{field}_characters", {field: "a\u202eb"}
        reason = None if field == "description" else f"{field}_characters"
        yield "product", f"{field} with a line feed", reason, {field: "a\nb"}
    for character in _FORBIDDEN:
        yield "product", f"name with U+{ord(character):04X}", "name_characters", {"name": f"a{character}"}
    for character in _ALLOWED:
        yield "product", f"name with U+{ord(character):04X}", None, {"name": f"a{character}"}
    yield "product", "description with a tab", "description_characters", {"description": "a\tb"}
    for currency in ("EURO", "EUR\n", "ÉUR"):
        yield "product", f"currency {currency!r}", "currency_code", {"currency": currency}
    yield "cycle", "name of 101", "name_length", {"name": "a" * 101}
    for zone, reason in (("A" * 64, None), ("A" * 65, "zone_characters"), ("Europe/Paris\n", "zone_characters")):
        yield "cycle", f"zone {zone[:12]!r} of {len(zone)}", reason, {"zone": zone}
    yield "case", "word of 51", "word_length", {"word": "a" * 51}
    for size, reason in ((500, None), (501, "comment_length")):
        yield "remark", f"comment of {size}", reason, {"comment": "a" * size}
    yield "remark", "comment with a line feed", "comment_characters", {"comment": "a\nb"}
    yield "purchase", "comment of 501", "comment_length", {"comment": "a" * 501}
    yield "purchase", "place of 201", "place_length", {"place": "a" * 201}
    yield "purchase", "place with an escape", "place_characters", {"place": "\x1b"}
    yield "purchase_answer", "reason with an escape", "reason_characters", {"reason": "\x1b"}
    yield "shortfall", "reason of 201", "reason_length", {"reason": "a" * 201}
    yield "shortfall", "reason with a line feed", "reason_characters", {"reason": "a\n"}
    yield "contact", "phone of 201", "phone_length", {"phone": "1" * 201}
    yield "contact", "address with a line feed", "address_characters", {"address": "a\nb"}
    yield "answer", "reason of 41", "reason_characters", {"reason": "a" * 41}
    yield "answer", "reason with a line feed behind it", "reason_characters", {"reason": "late\n"}


def _numbers(one: Mapping[str, Any]) -> Iterator[_Change]:
    for per, unit, value, reason in (
        ("kg", "ml", 1, "unit_of_price"),
        ("l", "g", 1, "unit_of_price"),
        ("l", "ml", 2, "unit_value_of_price"),
        ("kg", "g", 1, None),
    ):
        changes = {"price_per": per, "unit": unit, "unit_value": value}
        yield "product", f"{value} {unit} per {per}", reason, changes
        line = msgspec.structs.replace(one["order"].lines[0], **changes)
        yield "order", f"{value} {unit} per {per}", "unit_of_price" if reason else None, {"lines": [line]}
    for field in ("size", "minimum"):
        yield "case", f"{field} of 2^40 - 1", None, {field: 2**40 - 1}
        yield "case", f"{field} of 2^40", "size_range", {field: 2**40}
    yield "case", "no size, but a minimum", None, {"size": 0, "minimum": 5}
    yield "outgoing", "it closes at 0", "time_range", {"closes": 0}
    yield "successor", "no basis", None, {"basis": []}
    yield "successor", "a device twice in its basis", "named_twice", {"basis": [(bytes(32), 1), (bytes(32), 2)]}
    for tag in ("successor", "claim_confirmed"):
        yield tag, "version 2", "version_range", {"version": 2}
    for tag in ("counted", "queue", "confirmation", "baskets"):
        yield tag, "part 2 of 1", "part_of", {"part": 2, "of": 1}
        yield tag, "part 2 of 2", None, {"part": 2, "of": 2}


def _lists(one: Mapping[str, Any]) -> Iterator[_Change]:
    for tag, field, reason in (
        ("plan", "deputies", "named_twice"),
        ("plan", "incoming", "named_twice"),
        ("mandate", "fields", "named_twice"),
        ("delivered", "rows", "named_twice"),
        ("opening", "pins", "named_twice"),
        ("outgoing", "products", "named_twice"),
        ("outgoing", "pickups", None),
        ("answer", "lines", "line_twice"),
        ("remark", "consents", "line_twice"),
        ("standing", "lines", "line_twice"),
        ("receipt", "rows", "named_twice"),
        ("confirmation", "lines", "line_twice"),
        ("purchase", "lines", "line_twice"),
        ("purchase_answer", "lines", "line_twice"),
        ("counted", "rows", None),
        ("counted", "goods", None),
        ("queue", "places", None),
        ("queue", "goods", "line_twice"),
        ("tally", "lines", None),
        ("baskets", "rows", None),
    ):
        yield tag, f"{field}: one of them twice", reason, {field: [*(said := getattr(one[tag], field)), said[0]]}
    yield "plan", "a hub twice", "named_twice", {"hubs": [bytes(32)] * 2}
    rules = [(*PRODUCT, rule) for rule in (one["outgoing"].rule, one["outgoing"].rules[0][2])]
    yield "outgoing", "two rules for a product", "named_twice", {"rules": rules}
    yield "order", "no lines, but cancelled", "no_lines", {"lines": [], "cancelled": True}
    yield "purchase", "no lines", None, {"lines": []}


def _inside(one: Mapping[str, Any]) -> Iterator[_Change]:
    """Yield cases in which a row of a statement is another."""
    for tag, field, name, reason, changes in (
        ("plan", "incoming", "a product twice", None, {"products": [PRODUCT[1]] * 2}),
        ("plan", "incoming", "place of 201", "place_length", {"place": "a" * 201}),
        ("outgoing", "pickups", "no place", "place_length", {"place": ""}),
        ("order", "lines", "currency", "currency_code", {"currency": "eur"}),
        ("order", "lines", "variant of 201", "variant_length", {"variant": "a" * 201}),
        ("order", "lines", "sku with an escape", "sku_characters", {"sku": "\x1b"}),
        ("order", "lines", "quantity 0", "unknown", {"quantity": 0}),
        ("standing", "lines", "quantity 0", "unknown", {"quantity": 0}),
        ("answer", "lines", "reason", "reason_characters", {"reason": "Not this"}),
        ("answer", "lines", "quantity 0", None, {"quantity": 0, "promised": 0}),
        ("confirmation", "lines", "reason", "reason_characters", {"reason": "No"}),
        ("receipt", "rows", "a product twice in a row", "line_twice", {"lines": one["receipt"].rows[0].lines * 2}),
        ("purchase", "lines", "no name", "name_length", {"name": ""}),
        ("purchase", "lines", "a currency in small letters", None, {"currency": "eur"}),
        ("purchase_answer", "lines", "reason of 501", "reason_length", {"reason": "a" * 501}),
    ):
        row = msgspec.structs.replace(getattr(one[tag], field)[0], **changes)
        yield tag, f"{field}: {name}", reason, {field: [row]}
    rows = one["receipt"].rows
    second = msgspec.structs.replace(rows[0], version=2)
    yield "receipt", "a placement in two versions", "named_twice", {"rows": [rows[0], second]}
    nothing = msgspec.structs.replace(rows[0].lines[0], quantity=0, tolerance=0)
    yield "receipt", "nothing in a row", None, {"rows": [msgspec.structs.replace(rows[0], lines=[nothing])]}
    yield "baskets", "nothing of a product", None, {"rows": [(1, [(*PRODUCT, 0)])]}
    backwards = msgspec.structs.replace(one["cycle"], closes=one["cycle"].opens)
    yield "draft", "a cycle that closes when it opens", None, {"cycle": backwards}
    yield "draft", "the id of another cycle", None, {"local": b"\x07" * 16}
    yield "found", "a name with an escape, a role twice", None, {"name": "a\x1b", "currency": "", "roles": ["hub"] * 2}
    yield "retire", "a cut of log 7", None, {"cuts": [msgspec.structs.replace(one["retire"].cuts[0], log=7)]}


def _envelopes(behalf: Any, profile: Any) -> Iterator[Edge]:
    """Yield what somebody says for another that is wrong whoever says it."""
    order, changed = behalf.statement, msgspec.structs.replace
    twice = changed(order, lines=order.lines * 2)
    inside = {
        "a part": ["part", 1, 1, []],
        "a statement of log 0": ["uninvite", bytes(32)],
        "what nobody knows": ["weather", 1],
        "another for": msgspec.msgpack.decode(encode(behalf)),
    }
    yield "for: an order with a product twice", 2, "line_twice", changed(behalf, statement=twice)
    yield "for: a profile in log 2", 2, "wrong_log", changed(behalf, statement=profile)
    yield "for: an order in log 1", 1, "wrong_log", behalf
    yield "for: a mandate and a salt", 2, "mandate_and_salt", changed(behalf, mandate=bytes(16))
    yield "for: a mandate", 2, None, changed(behalf, mandate=bytes(16), salt=bytes(16))
    yield "for: a mandate of 15 bytes", 2, "mandate_and_salt", changed(behalf, mandate=bytes(15), salt=bytes(16))
    yield "for: a mandate of 17 bytes", 2, "unknown", changed(behalf, mandate=bytes(17), salt=bytes(16))
    for name, statement in inside.items():
        yield f"for: {name}", 2, "unknown", encode([*msgspec.msgpack.decode(encode(behalf))[:-1], statement])
    assert isinstance(behalf, Behalf)


def _words(one: Mapping[str, Any]) -> Iterator[Edge]:
    """Yield words that are none of those that a field may hold."""
    for tag, log, field, word in (
        ("for", 2, "told", "fax"),
        ("for", 2, "role", "hub"),
        ("for", 2, "role", "steward"),
        ("represented", 2, "role", "group"),
        ("keeper", 0, "right", "pump"),
        ("grant", 0, "role", "king"),
        ("stock", 1, "mode", "guessed"),
        ("cycle", 1, "sale", "barter"),
        ("outgoing", 1, "buying", "nobody"),
        ("mandate", 1, "fields", ["everything"]),
        ("purchase_answer", 2, "state", "lost"),
    ):
        yield f"{tag}: {field} {word}", log, "unknown", msgspec.structs.replace(one[tag], **{field: word})
    line = one["confirmation"].lines[0]
    for field, word in (("rule", "luck"), ("about", "weather")):
        slip = msgspec.structs.replace(line.slips[0], **{field: word})
        said = altered(one["confirmation"], lines=[msgspec.structs.replace(line, slips=[slip])])
        yield f"confirmation: {field} {word} in a slip", 2, "unknown", said


Pieces = list[tuple[bytes, int]]
"""A body: bytes, each so many times."""


def bodies() -> list[dict[str, Any]]:
    """Return bodies of log 1 with what counts of them: the name or the fault of each statement, or of them all."""
    a, b, unknown = encode(["profile", 1, "a"]), encode(["profile", 2, "b"]), encode(["weather"])
    parts: dict[str, tuple[Pieces, str | dict[str, int] | list[str]]] = {
        "two statements": ([(b"\x92", 1), (a, 2)], ["profile", "profile"]),
        "none": ([(b"\x90", 1)], []),
        "an empty body": ([], "not_canonical"),
        "a map": ([(b"\x80", 1)], "not_canonical"),
        "a byte behind it": ([(b"\x91", 1), (a, 1), (b"\x00", 1)], "not_canonical"),
        "one missing": ([(b"\x92", 1), (a, 1)], "not_canonical"),
        "one that is cut": ([(b"\x92", 1), (a, 1), (b[:-1], 1)], "not_canonical"),
        "its length in a long form": ([(b"\xdc\x00\x02", 1), (a, 2)], "not_canonical"),
        "what is no MessagePack in between": ([(b"\x93", 1), (a, 1), (b"\xc1", 1), (b, 1)], "not_canonical"),
        "2,001 statements": ([(b"\xdc\x07\xd1", 1), (a, 2001)], {"profile": 2001}),
        "2,001, one of them unknown": ([(b"\xdc\x07\xd1", 1), (a, 2000), (unknown, 1)], "too_large"),
        "2,000, one of them unknown": (
            [(b"\xdc\x07\xd0", 1), (a, 1999), (unknown, 1)],
            {"profile": 1999, "unknown": 1},
        ),
    }
    for name, part in _BETWEEN.items():
        reason = "not_canonical" if name.startswith("a statement") else "unknown"
        parts[f"{name}, in between"] = [(b"\x93", 1), (a, 1), *part, (b, 1)], ["profile", reason, "profile"]
    for depth in (65, 5000):
        deep = [(b"\x93", 1), (a, 1), (b"\x91", depth - 2), (b"\x90", 1), (b, 1)]
        parts[f"arrays in one another, {depth} with the body's"] = deep, "not_canonical"
    return [{"name": name, "log": 1, "body": _shown(body), **_reads(reads)} for name, (body, reads) in parts.items()]


_BETWEEN: Mapping[str, Pieces] = {
    "all that no statement holds": [(b"\x95\xa7weather\x81\x01\x02\xcb" + bytes(8) + b"\xc0\xd4\x01\x01", 1)],
    "nil": [(b"\xc0", 1)],
    "a number": [(b"\x07", 1)],
    "a map": [(b"\x81\x01\x02", 1)],
    "an empty array": [(b"\x90", 1)],
    "a text": [(b"\xa7profile", 1)],
    "a text that is no UTF-8": [(b"\x92\xa7weather\xa1\xff", 1)],
    "the number 2^64 - 1": [(b"\x92\xa7weather\xcf" + b"\xff" * 8, 1)],
    "arrays in one another, 64 with the body's": [(b"\x91", 62), (b"\x90", 1)],
    "maps in one another, 64 with the body's": [(b"\x81\x01", 63), (b"\x01", 1)],
    "a statement with an array behind its last field": [(b"\x94\xa7profile\x01\xa1a\x90", 1)],
}


def _shown(body: Pieces) -> list[str | tuple[str, int]]:
    """Return a body as JSON shows it: hex, with a number of times where it is more than once."""
    return [part.hex() if times == 1 else (part.hex(), times) for part, times in body]


def _reads(found: str | dict[str, int] | list[str]) -> dict[str, Any]:
    """Return the fault of a body, or what its statements are; of very many, how many are of which kind."""
    if isinstance(found, str):
        return {"fault": found}
    return {"counts": found} if isinstance(found, dict) else {"reads": found}
