"""Everything that can be wrong with a row of an Open Food Network file, in one table, each with what would be right."""

from typing import Final

from msgspec import Struct

from foodhub.errors import N_


class Fault(Struct, frozen=True):
    """One thing wrong at one place; `message` and `hint` are formats over `details`, `column` is "" for a whole row."""

    line: int
    column: str
    code: str
    message: str
    hint: str
    details: dict[str, object]


SENTENCES: Final = {
    "columns": (
        N_("Columns in this row: {found}; in the header: {expected}."),
        N_("Put a cell that holds {delimiter} in double quotes."),
    ),
    "quotes": (
        N_("The row cannot be read (up to line {last_line}): double quotes that do not pair up, or an endless cell."),
        N_("Close every double quote, and write one that stands inside a cell twice."),
    ),
    "missing": (N_("{column} is empty."), N_("Fill it in: every product needs it.")),
    "too_long": (N_("{column} has {found} characters."), N_("Use at most {most}.")),
    "characters": (
        N_("{column} holds a character that cannot be shown ({character})."),
        N_("Type the text again by hand."),
    ),
    "bad_price": (N_('The price "{value}" is not an amount in {currency}.'), N_("Write it like 2.45 or 2,45.")),
    "negative_price": (N_('The price "{value}" is negative.'), N_("Write 0 or more.")),
    "bad_units": (
        N_('"{value}" is not a number of units.'),
        N_("Write a number such as 500 or 1.5, and its unit in unit_type."),
    ),
    "units_not_positive": (
        N_('The units "{value}" are not above 0.'),
        N_("Write how much one piece holds, such as 500."),
    ),
    "units_too_small": (
        N_("{value} {unit_type} are less than half a {unit}."),
        N_("Write a larger amount, or another unit_type."),
    ),
    "units_too_large": (N_("{value} {unit_type} are more than can be counted."), N_("Write a smaller amount.")),
    "units_not_whole": (
        N_('"{value}" is not a whole number of items.'),
        N_("Write a whole number, such as 1, or give a unit_type."),
    ),
    "unknown_unit": (
        N_('The unit_type "{value}" is unknown.'),
        N_("Known are {known}; for items leave it empty and fill variant_unit_name."),
    ),
    "no_unit": (
        N_("Neither unit_type nor variant_unit_name is given."),
        N_("Write g, kg, ml or l in unit_type, or a word like bunch in variant_unit_name."),
    ),
    "missing_on_hand": (N_("on_hand is empty."), N_("Write how many there are, or 1 in on_demand.")),
    "bad_on_hand": (N_('The stock "{value}" is not a number.'), N_("Write how many there are, or 1 in on_demand.")),
    "negative_on_hand": (N_('The stock "{value}" is negative.'), N_("Write 0 or more, or 1 in on_demand.")),
    "fraction_on_hand": (
        N_('The stock "{value}" is not a whole number of pieces.'),
        N_("Write a whole number: packed pieces are counted."),
    ),
    "bad_on_demand": (N_('on_demand is "{value}".'), N_("Write 1 or 0, or leave it empty.")),
    "twice": (
        N_("This product stands in line {first_line} already."),
        N_("Remove one of the rows, or give it another name, display_name or content."),
    ),
    "same_sku": (
        N_('The sku "{value}" stands in line {first_line} already.'),
        N_("Give each product a sku of its own, or none."),
    ),
}
"""Code: the sentence, and what would be right."""


def fault(line: int, column: str, code: str, **details: object) -> Fault:
    """Return the fault `code`; `details` are what its sentences name, besides the column."""
    message, hint = SENTENCES[code]
    return Fault(line, column, code, message, hint, {"column": column, **details})
