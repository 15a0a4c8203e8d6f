"""The rules that a statement about a product or its stock has to keep, and how a buyer says how much of it they want.

A rule here judges one statement by itself; it never knows the time, the network or who else sells what.
"""

import re
from operator import attrgetter, le
from typing import Final
from unicodedata import is_normalized

from foodhub.catalog.statements import LENGTHS, Case, Product, Stock, StockMode, product_id
from foodhub.catalog.texts import forbidden
from foodhub.errors import N_, RefusedError, UsageError
from foodhub.log.encoding import LIMIT
from foodhub.money import PricePer
from foodhub.quantity import COUNTED_IN, Unit, format_quantity, parse_quantity

__all__ = [
    "DEFAULT_STEP",
    "LENGTHS",
    "Product",
    "Stock",
    "StockMode",
    "check",
    "default_step",
    "faults",
    "ordered_quantity",
    "ordered_unit",
    "product_id",
    "quantity_in_steps",
    "stock_faults",
]

MAX_CASE_WORD: Final = 50
MAX_CASE: Final = 2**40
"""A case holds less than this: sums of cases stay below what can be signed."""
DEFAULT_STEP: Final = 100
"""The step of goods by weight or volume whose producer names none, in g or ml."""

MOST_ORDERED: Final[dict[Unit, int]] = {"piece": 10_000, "g": 10_000_000, "ml": 10_000_000}
"""What one line takes when it is typed: beyond it a slip of the finger would falsify the sums of everybody else."""
_CURRENCY: Final = re.compile("[A-Z]{3}")
_texts: Final = attrgetter(*LENGTHS)
_MOST: Final = tuple(most for _, most in LENGTHS.values())


def ordered_unit(product: Product) -> Unit:
    """Return the unit in which the product is counted, ordered and promised."""
    return COUNTED_IN[product.price_per]


def default_step(price_per: PricePer) -> int:
    """Return the step of a product whose producer names none: 1 piece, 100 g or 100 ml."""
    return 1 if price_per == "piece" else DEFAULT_STEP


def faults(product: Product) -> str | None:
    """Return a short stable code for the first rule that the product breaks, or None; never raises.

    That its texts are in normal form C is a rule of the encoding, and not asked again here.
    """
    texts: tuple[str, ...] = _texts(product)
    if not (product.name and _flawless(texts)):  # the name alone may not be empty
        for (field, (least, most)), text in zip(LENGTHS.items(), texts, strict=True):
            if not least <= len(text) <= most:
                return f"{field}_length"
            if forbidden(text, lines=field == "description"):
                return f"{field}_characters"
    return _range_faults(product) or _price_faults(product)


def _flawless(texts: tuple[str, ...]) -> bool:
    """Say at once that no text breaks a rule, as nearly none does: this is asked of every product that ever arrives."""
    return "".join(texts).isprintable() and all(map(le, map(len, texts), _MOST))


def _range_faults(product: Product) -> str | None:
    if len(product.local) != 16:
        return "local_length"
    if not 1 <= product.version < LIMIT:
        return "version_range"
    if not 0 <= product.price < LIMIT:
        return "price_range"
    if not 1 <= product.step < LIMIT:
        return "step_range"
    return None if 1 <= product.unit_value < LIMIT else "unit_value_range"


def _price_faults(product: Product) -> str | None:
    if not _CURRENCY.fullmatch(product.currency):
        return "currency_code"
    if product.price_per == "piece":
        return None
    if product.unit != ordered_unit(product):
        return "unit_of_price"
    return None if product.unit_value == 1 else "unit_value_of_price"


def stock_faults(stock: Stock) -> str | None:
    """Return a short stable code for the first rule that the statement of stock breaks, or None; never raises."""
    if len(stock.local) != 16:
        return "local_length"
    if not 1 <= stock.version < LIMIT:
        return "version_range"
    if not 0 <= stock.on_hand < LIMIT:
        return "on_hand_range"
    return None if stock.mode != "on_demand" or stock.on_hand == 0 else "on_hand_on_demand"


def case_faults(case: Case) -> str | None:
    """Return a short stable code for the first rule that the statement of a case breaks, or None; never raises."""
    if len(case.word) > MAX_CASE_WORD or forbidden(case.word):
        return "word_length" if len(case.word) > MAX_CASE_WORD else "word_characters"
    return None if max(case.size, case.minimum) < MAX_CASE else "size_range"


def _normal_faults(product: Product) -> str | None:
    texts = zip(LENGTHS, _texts(product), strict=True)
    return next((f"{field}_not_nfc" for field, text in texts if not is_normalized("NFC", text)), None)


def check(product: Product) -> None:
    """Refuse a product that breaks a rule, before it is signed.

    Raises:
        RefusedError: `bad_product`, with the broken rule and the field in the details.
    """
    rule = faults(product) or _normal_faults(product)
    if rule is None:
        return
    field = next((name for name in LENGTHS if rule.startswith(f"{name}_")), "")
    least, most = LENGTHS.get(field, (0, 0))
    message, hint = _SENTENCES.get(rule) or _SENTENCES[rule.removeprefix(field)]
    raise RefusedError(
        "bad_product", message, hint, rule=rule, field=field, least=least, most=most, name=product.name[:60]
    )


_SENTENCES: Final = {
    "_length": (N_("The {field} of a product is too short or too long."), N_("Use {least} to {most} characters.")),
    "_characters": (
        N_("The {field} of a product holds characters that cannot be shown."),
        N_("Type it again by hand."),
    ),
    "_not_nfc": (N_("The {field} of a product is not in the usual form of Unicode."), N_("Type it again by hand.")),
    "local_length": (N_("The id of a product has 16 bytes."), ""),
    "version_range": (N_("The version of a product is out of range."), ""),
    "price_range": (N_("The price of {name} is negative or too large."), N_("Write a price such as 2.45.")),
    "step_range": (N_("The step of {name} has to be at least 1."), N_("Write a step such as 500g, or 1 for pieces.")),
    "unit_value_range": (
        N_("The content of a piece of {name} has to be at least 1."),
        N_("Write a content such as 500g."),
    ),
    "currency_code": (N_("The currency of {name} is not three capital letters."), N_("Write a code such as EUR.")),
    "unit_of_price": (
        N_("{name} is priced in one unit and measured in another."),
        N_("Price grams per kg, millilitres per l."),
    ),
    "unit_value_of_price": (
        N_("{name} is priced by weight or volume, so it has no pieces."),
        N_("Leave out the content."),
    ),
}


def ordered_quantity(product: Product, text: str) -> int:
    """Read how much of the product somebody orders; returns pieces, g or ml.

    Raises:
        UsageError: `bad_quantity` and its kin when it is no quantity, `bare_quantity` for a bare number of goods by
            weight or volume, `wrong_unit` for kilograms of pieces and the like.
        RefusedError: `not_in_steps` when it is not a positive multiple of the step, `too_much` above `MOST_ORDERED`.
    """
    amount, wanted = quantity_in_steps(product, text), ordered_unit(product)
    if amount > MOST_ORDERED[wanted]:
        raise RefusedError(
            "too_much",
            N_("{amount} of {name} is more than one line of an order can be."),
            N_("If it is meant, order up to {most} at a time."),
            amount=format_quantity(amount, wanted),
            name=product.name,
            most=_typed(product, MOST_ORDERED[wanted]),
        )
    return amount


def quantity_in_steps(product: Product, text: str) -> int:
    """Read how much of the product somebody means, however much that is; returns pieces, g or ml.

    Raises:
        UsageError, RefusedError: see `ordered_quantity`, but for `too_much`.
    """
    amount, unit = parse_quantity(text)
    wanted = ordered_unit(product)
    if unit is None and wanted != "piece":
        raise _bare(product, amount)
    if unit not in {None, wanted}:
        raise _wrong_unit(product, text)
    if amount == 0 or amount % product.step:
        raise _not_in_steps(product, amount)
    return amount


def _bare(product: Product, amount: int) -> UsageError:
    small, large = (
        (f"{amount}{unit}" for unit in ("g", "kg")) if product.price_per == "kg" else (f"{amount}ml", f"{amount}l")
    )
    return UsageError(
        "bare_quantity",
        N_("{amount} of {name}: in which unit?"),
        N_("Write {large} or {small}."),
        amount=amount,
        name=product.name,
        large=large,
        small=small,
    )


def _wrong_unit(product: Product, text: str) -> UsageError:
    by_piece = product.price_per == "piece"
    return UsageError(
        "wrong_unit",
        N_("{name} is sold by the piece, not as {text}.")
        if by_piece
        else N_("{name} is sold by the {per}, not as {text}."),
        N_("Write a number of pieces, such as 2.") if by_piece else N_("Write a quantity such as {example}."),
        name=product.name,
        text=text[:60],
        per=product.price_per,
        example=_typed(product, max(product.step, 1)),
    )


def _not_in_steps(product: Product, amount: int) -> RefusedError:
    below = amount - amount % product.step
    above = below + product.step
    return RefusedError(
        "not_in_steps",
        N_("{name} is ordered in steps of {step}."),
        N_("Write {below} or {above}.") if below else N_("Write at least {above}."),
        name=product.name,
        step=_typed(product, product.step),
        below=_typed(product, below),
        above=_typed(product, above),
    )


def _typed(product: Product, amount: int) -> str:
    """Write a quantity as a command takes it, so that the hint can be copied."""
    return format_quantity(amount, ordered_unit(product)).replace(" ", "")
