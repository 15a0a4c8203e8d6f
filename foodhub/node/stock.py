"""The stock of a producer: counting it by its mode, saying its cases, reading a pasted list, showing where it all is.

Counting is a right that one device of a member has (see `rights`). A count is an act: the same number counted again is
signed again, since it says of a later moment what lies on the shelf.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from foodhub.catalog.naming import base32_id, find, full_name, id_bytes
from foodhub.catalog.pasting import Pasted, read_message
from foodhub.catalog.product import case_faults
from foodhub.catalog.statements import Case, Stock, StockMode
from foodhub.errors import N_, NotThereError, RefusedError, UsageError
from foodhub.log.encoding import LIMIT
from foodhub.log.header import Log
from foodhub.node.bought import Bought
from foodhub.node.buyers import Buyer
from foodhub.node.cycles import CycleRow, list_cycles
from foodhub.node.delivered import say_left
from foodhub.node.hat import Hat, shown_name
from foodhub.node.products import (
    ProductRow,
    list_products,
    product_statement,
    read_count,
    require_seller,
    stock_statement,
)
from foodhub.node.rights import require_right
from foodhub.node.shelf import Aside, Shelf, shelf_of
from foodhub.node.standing import require_standing
from foodhub.node.terms import case_of
from foodhub.quantity import COUNTED_IN
from foodhub.store.transaction import Transaction

_BY_CYCLE = ("per_cycle", "capped")


class AsideRow(msgspec.Struct, frozen=True):
    """What of a product one hub holds in a cycle (pieces, g or ml), and what it told of it.

    `lowered` is what it is asked to keep at most, or None; with `override` it counts so already, though the hub has not
    answered. `free` is what is left in this cycle of goods that have a quantity for each, else None.
    """

    cycle: str
    cycle_id: str
    hub: str
    hub_id: str
    set_aside: int
    returned: int
    lowered: int | None
    override: bool
    ordered: int
    promised: int
    free: int | None


class StockRow(msgspec.Struct, frozen=True):
    """A product of ours and where its stock is, in pieces, g or ml.

    `on_hand` is what was counted, or the quantity for each cycle, by `mode`; None on demand. `free` is what nobody
    holds of it, None without a limit; `short` how much more is held than there is. `case` is 0 for no case. Where this
    home does not know what is set aside, `set_aside`, `promised` and `free` are None.
    """

    product: str
    product_id: str
    unit: str
    mode: StockMode
    on_hand: int | None
    counted_at: datetime | None
    set_aside: int | None
    promised: int | None
    free: int | None
    short: int
    case: int
    minimum: int
    word: str
    broken: bool
    aside: list[AsideRow]


def own_product(db: sqlite3.Connection, hat: Hat, text: str) -> ProductRow:
    """Return the product of ours that somebody named by id prefix, sku or name.

    Raises:
        NotThereError: there is none. UsageError: there are several.
        RefusedError: `not_your_product` where it is somebody else's, `product_withdrawn` where it is sold no more.
    """
    try:
        return find(list_products(db, producer=hat.member), text, lambda row: row.named)
    except NotThereError:
        _explain(db, hat, text)
        raise


def _explain(db: sqlite3.Connection, hat: Hat, text: str) -> None:
    """Refuse with the reason why a name is none of a product of ours, if there is one."""
    try:
        row = find(list_products(db, withdrawn=True), text, lambda row: row.named)
    except (NotThereError, UsageError):
        return
    if row.producer_id == base32_id(hat.member):
        raise RefusedError(
            "product_withdrawn",
            N_("{name} was withdrawn: it is sold no more."),
            N_('Bring it back with: foodhub product add "{name}"'),
            name=row.name,
        )
    raise RefusedError(
        "not_your_product",
        N_("{name} is a product of {producer}, not of {hat}."),
        N_('What {hat} sells: foodhub product list --producer "{hat}"'),
        name=row.name,
        producer=row.producer,
        hat=hat.name,
    )


def set_stock(
    tx: Transaction,
    hat: Hat,
    wanted: Mapping[bytes, int | None],
    mode: StockMode | None = None,
    delivered: Sequence[CycleRow] = (),
) -> int:
    """Count products of ours; return how many statements that took. None stands for made on demand.

    Without a `mode` each keeps its own. What was sold in the cycles `delivered` has left the shelf.

    Raises:
        RefusedError: this member sells nothing, another device keeps its stock, `cycle_still_open`,
            or `made_on_demand`.
    """
    require_seller(tx.db, hat)
    require_right(tx.db, hat, "stock")
    statements = []
    for product, quantity in wanted.items():
        held = stock_statement(tx.db, hat.member, product)
        require_mode(tx.db, hat.member, held, quantity, mode)
        said = restated(product, held, quantity, mode)
        if held is None or said.mode == "counted" or msgspec.structs.replace(said, version=held.version) != held:
            statements.append(said)
    say_left(tx, hat, statements, delivered)
    if statements:
        tx.append(hat.member, Log.CATALOG, statements)
    return len(statements)


def require_mode(
    db: sqlite3.Connection, producer: bytes, held: Stock | None, quantity: int | None, mode: StockMode | None
) -> None:
    """Make sure that nobody counts by the way what is made on demand: from then on there would be an end to it.

    Raises:
        RefusedError: `made_on_demand`.
    """
    if held is None or held.mode != "on_demand" or quantity is None or mode is not None:
        return
    product = product_statement(db, producer, held.local)
    raise RefusedError(
        "made_on_demand",
        N_("{name} is made on demand: it is not counted."),
        N_("If it is from now on, say how: foodhub stock set PRODUCT=QUANTITY --counted, --capped or --per-cycle"),
        name=product.name if product else base32_id(held.local)[:8],
    )


def restated(product: bytes, held: Stock | None, quantity: int | None, mode: StockMode | None) -> Stock:
    """Return the next count of a product: None for made on demand, and in the mode that it has where none is given."""
    version = held.version + 1 if held else 1
    if quantity is None:
        return Stock(product, version, "on_demand", 0)
    kept: StockMode = held.mode if held and held.mode != "on_demand" else "counted"
    return Stock(product, version, mode or kept, quantity)


def state_case(tx: Transaction, hat: Hat, case: Case, seller: Buyer) -> bool:
    """Say the case of a product of a seller, for whom we may write; its version is set here. Return whether it is new.

    Raises:
        RefusedError: this member sells nothing itself, what it signs counts no more, or `bad_case`.
    """
    if seller.member == hat.member:
        require_seller(tx.db, hat)
    require_standing(tx.db, hat)
    held = case_of(tx.db, seller.member, case.local)
    case = msgspec.structs.replace(case, version=held.version if held else 1)
    if case == held:
        return False
    case = msgspec.structs.replace(case, version=held.version + 1 if held else 1)
    fault = case_faults(case)
    if fault is not None:
        raise RefusedError(
            "bad_case",
            N_("No case can be made of that: its word has characters that can't be shown, or it is too large.")
            if fault != "word_length"
            else N_("The word for a case is too long."),
            N_("Write it like: foodhub stock case Juice=6 --word carton"),
            rule=fault,
        )
    tx.append(hat.member, Log.CATALOG, [seller.enclose(case)])
    return True


def read_stock_list(db: sqlite3.Connection, hat: Hat, text: str) -> list[Pasted[bytes]]:
    """Read a pasted list of what there is of our products; what is not sure is for a person to say.

    Raises:
        UsageError: `nothing_pasted`, `pasted_too_long`.
    """
    names = [
        (id_bytes(row.id), row.name, row.variant, COUNTED_IN[row.price_per])
        for row in list_products(db, producer=hat.member)
    ]
    return read_message(text, names)


def read_amount(name: str, per: str, text: str) -> int:
    """Read how much of a product somebody means (pieces, g or ml).

    Raises:
        UsageError: it is no quantity of it, or too large.
    """
    amount = read_count(name, per, text)  # type: ignore[arg-type]
    if amount >= LIMIT:
        raise UsageError("bad_quantity", N_('"{text}" is not a quantity.'), N_("Write less."), text=text[:60])
    return amount


def list_stock(db: sqlite3.Connection, hat: Hat, now: int, *, known: bool = True) -> list[StockRow]:
    """Return where the stock of each product of ours is, by name; cycles that are over and counted are left out.

    Where it is not `known` what is set aside, nothing is said of that, nor of what is free.
    """
    shelf = shelf_of(db, hat.member)
    cycles = {cycle.key: cycle for cycle in list_cycles(db, now)}
    running = {key for key, cycle in cycles.items() if cycle.state != "closed"}
    bought = Bought(db, cycles.values())
    rows = []
    for row in list_products(db, producer=hat.member):
        local = id_bytes(row.id)
        if known:
            listed = [each for each in shelf.asides.get(local, ()) if _stands(shelf, each, running)]
            asides = [_aside_row(db, shelf, each, cycles.get(each.cycle), bought, hat.member) for each in listed]
            asides.sort(key=lambda each: (each.cycle, each.cycle_id, each.hub_id))
            rows.append(_stock_row(db, hat, row, shelf, asides))
        else:
            bare = _stock_row(db, hat, row, replace(shelf, asides={}), [])
            rows.append(msgspec.structs.replace(bare, set_aside=None, promised=None, free=None))
    return rows


def _stands(shelf: Shelf, aside: Aside, running: set[tuple[bytes, bytes]]) -> bool:
    """Say whether something set aside is still of interest: in a cycle that runs, or still on the shelf."""
    return aside.cycle in running or shelf.lies(aside) > 0


def _aside_row(
    db: sqlite3.Connection, shelf: Shelf, each: Aside, cycle: CycleRow | None, bought: Bought, producer: bytes
) -> AsideRow:
    by_cycle = shelf.stock(each.product).mode in _BY_CYCLE
    held, product = each.given - each.returned, (producer, each.product)
    return AsideRow(
        cycle=cycle.name if cycle else "",
        cycle_id=cycle.id if cycle else base32_id(each.cycle[1]),
        hub=shown_name(db, each.hub),
        hub_id=base32_id(each.hub),
        set_aside=each.quantity,
        returned=each.returned,
        lowered=each.lowered,
        override=each.override and held > each.quantity,
        ordered=each.ordered,
        promised=bought.promised(each.cycle, each.hub, product, each.promised, held),
        free=shelf.free(each.product, each.cycle) if by_cycle else None,
    )


def _stock_row(db: sqlite3.Connection, hat: Hat, row: ProductRow, shelf: Shelf, asides: list[AsideRow]) -> StockRow:
    local = id_bytes(row.id)
    stock, case, free = shelf.stock(local), case_of(db, hat.member, local), shelf.free(local)
    lacks = [-(each.free or 0) for each in asides] if stock.mode in _BY_CYCLE else [-(free or 0)]
    return StockRow(
        product=full_name(row.name, row.variant),
        product_id=row.id,
        unit=COUNTED_IN[row.price_per],
        mode=stock.mode,
        on_hand=None if stock.mode == "on_demand" else stock.on_hand,
        counted_at=datetime.fromtimestamp(stock.at / 1000, UTC) if stock.at else None,
        set_aside=sum(each.set_aside for each in asides),
        promised=sum(each.promised for each in asides),
        free=free,
        short=max([0, *lacks]),
        case=case.size if case else 0,
        minimum=case.minimum if case else 0,
        word=case.word if case else "",
        broken=bool(case and case.broken),
        aside=asides,
    )
