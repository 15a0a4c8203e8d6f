"""A wish from a message: all of it is understood, and sold in the cycle, or it is said what is not and nothing is done.

What is read here gets signed in the name of households, so nothing is guessed: words that may mean two things are a
fault, and so are those that mean what the cycle does not sell, however near something else comes.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from foodhub.catalog.likeness import words_of
from foodhub.catalog.naming import id_bytes
from foodhub.catalog.pasting import Name, Pasted, read_message, read_pasted
from foodhub.errors import N_, RefusedError
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange
from foodhub.node.products import ProductRow, list_products
from foodhub.node.supplies import Key
from foodhub.node.terms import terms_in_cycle
from foodhub.quantity import COUNTED_IN

Products = Mapping[Key, ProductRow]
_UNITS = {"piece": "", "kg": "g", "l": "ml"}


def read_pasted_wish(db: sqlite3.Connection, cycle: CycleRow, seller: Exchange, text: str) -> list[tuple[str, str]]:
    """Read a message as a wish: pairs of product (its id) and QUANTITY+TOLERANCE.

    Raises:
        UsageError: `nothing_pasted`, `pasted_too_long`. RefusedError: `not_in_cycle` where something is not sold in
            the cycle, `not_sure` of something else.
    """
    known = {(id_bytes(row.producer_id), id_bytes(row.id)): row for row in list_products(db, withdrawn=True)}
    sold = {
        key: row for key, row in known.items() if seller.sells(*key) and terms_in_cycle(db, *key, cycle) is not None
    }
    found = read_message(text, _names(sold))
    unsold = {
        each.text: _name(known[meant.candidates[0]])
        for each, meant in zip(found, _meant(found, _names(known)), strict=True)
        if meant is not None and _is_not_sold(each, meant, known, sold)
    }
    unsure = [each for each in found if each.text not in unsold and not _is_sure(each)]
    if unsold:
        raise _not_in_cycle(cycle, [each for each in found if each.text in unsold], unsold, unsure, sold)
    if unsure:
        raise _not_sure(unsure, sold)
    return [_pair(each, sold[each.candidates[0]]) for each in found]


def _names(products: Products) -> list[Name[Key]]:
    return [(key, row.name, row.variant, COUNTED_IN[row.price_per]) for key, row in products.items()]


def _is_sure(each: Pasted[Key]) -> bool:
    return each.sure and each.amount is not None and bool(each.candidates)


def _meant(found: Sequence[Pasted[Key]], names: Sequence[Name[Key]]) -> list[Pasted[Key] | None]:
    """Return what each pair means among all products there are; None where it falls into several."""
    read = read_pasted("\n".join(each.text for each in found), names)
    if len(read) == len(found):
        return list(read)
    alone = [read_pasted(each.text, names) for each in found]
    return [read[0] if len(read) == 1 else None for read in alone]


def _is_not_sold(each: Pasted[Key], meant: Pasted[Key], known: Products, sold: Products) -> bool:
    """Say whether a pair means what the cycle does not sell.

    That is what it surely means of all products; or what it alone names whole, whatever the quantity; or what comes
    nearest where nothing that is sold comes near.
    """
    if not meant.candidates or meant.candidates[0] in sold:
        return False
    if _is_sure(meant) or not each.candidates:
        return True
    whole = _is_named(known[meant.candidates[0]], each.text)
    return whole and not any(_is_named(sold[key], each.text) for key in each.candidates)


def _is_named(row: ProductRow, text: str) -> bool:
    """Say whether all words of a product's name stand in a text."""
    return {*words_of(row.name)} <= {*words_of(text)}


def _pair(each: Pasted[Key], row: ProductRow) -> tuple[str, str]:
    unit = _UNITS[row.price_per]
    more = f"+{each.tolerance}{unit}" if each.tolerance else ""
    return row.id, f"{each.amount}{unit}{more}"


def _name(row: ProductRow) -> str:
    return f"{row.name} {row.variant}".strip()


def _not_in_cycle(
    cycle: CycleRow,
    unsold: Sequence[Pasted[Key]],
    named: Mapping[str, str],
    unsure: Sequence[Pasted[Key]],
    sold: Products,
) -> RefusedError:
    """Return what is said where something is not sold, and what else is not sure."""
    near = dict.fromkeys(_name(sold[key]) for each in unsold for key in each.candidates)
    both = N_('Not sold in "{cycle}": {unsold}. Not sure: {listed}.')
    nearest = N_("What comes nearest there: {nearest}. Write what is meant, or leave it out.")
    return RefusedError(
        "not_in_cycle",
        both if unsure else N_('Not sold in "{cycle}": {unsold}.'),
        nearest if near else N_('Leave it out. What is sold: foodhub cycle show "{cycle}"'),
        cycle=cycle.name,
        unsold=[f'{named[each.text]} ("{each.text}")' for each in unsold],
        listed=_listed(unsure, sold),
        nearest=list(near),
        unsure=[each.text for each in unsure],
    )


def _not_sure(unsure: Sequence[Pasted[Key]], sold: Products) -> RefusedError:
    return RefusedError(
        "not_sure",
        N_("Not all of it is sure: {listed}."),
        N_("Write it with: foodhub wish set CYCLE HOUSEHOLD PRODUCT=QUANTITY"),
        listed=_listed(unsure, sold),
        unsure=[each.text for each in unsure],
    )


def _listed(unsure: Sequence[Pasted[Key]], sold: Products) -> list[str]:
    said = []
    for each in unsure:
        names = [_name(sold[key]) for key in each.candidates]
        said.append(f'"{each.text}" ({" / ".join(names)}?)' if names else f'"{each.text}"')
    return said
