"""Wishes: what the households of a group order from it, entered by themselves or typed for them by the group.

A wish is an order to the group and nothing else; what stands here enters it and shows all of them side by side.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from foodhub.catalog.naming import Named, base32_id, find, fold, full_name, id_bytes
from foodhub.errors import N_, NotThereError, RefusedError
from foodhub.log.header import Log
from foodhub.node.amending import amend_order
from foodhub.node.buyers import Buyer, as_itself
from foodhub.node.contacts import find_person
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange, exchange_of, outgoing_of
from foodhub.node.groups import own_group
from foodhub.node.hat import Hat, member_name, shown_name
from foodhub.node.households import basket_numbers, group_of, households_of
from foodhub.node.orders import order_in
from foodhub.node.placements import placements
from foodhub.node.placing import place_order
from foodhub.node.products import product_named
from foodhub.node.represented import behalf, find_represented
from foodhub.node.rights import require_right
from foodhub.node.shown_queues import rows_shown
from foodhub.node.standing import require_standing
from foodhub.node.tallies import tally_of
from foodhub.node.terms import case_of
from foodhub.node.wanted import Wanted
from foodhub.orders.cases import Terms
from foodhub.orders.closing import TallyLine
from foodhub.orders.hands import Means
from foodhub.orders.queue import Row
from foodhub.orders.tally import tally_lines
from foodhub.store.transaction import Transaction

Key = tuple[bytes, bytes]
"""(producer, product)"""
_Line = tuple[Key, int, int]
"""(product, quantity, tolerance)"""


class WishCell(msgspec.Struct, frozen=True):
    """What a household wants of a product, in pieces, g or ml."""

    product_id: str
    quantity: int
    tolerance: int


class WishRow(msgspec.Struct, frozen=True):
    """The wish of a household; `number` is that of its basket, None where this home does not know it.

    `told` is how it said it where the group typed it; `left` says that it is in the group no more, its wish stands.
    """

    number: int | None
    household: str | None
    household_id: str
    represented: bool
    left: bool
    written_by: str
    told: str
    cells: list[WishCell]


class WishedProduct(msgspec.Struct, frozen=True):
    """What all households want of a product (pieces, g or ml) and how its cases fill; `case` is 0 for none.

    `cases` and `missing` are those of the last tally: over the whole hub, where its cases are filled there. Where that
    does not know of all these wishes yet, they are those that the wishes fill by themselves.
    """

    product: str
    product_id: str
    producer_id: str
    price_per: str
    quantity: int
    tolerance: int
    case: int
    cases: int
    missing: int


class WishTable(msgspec.Struct, frozen=True):
    """All wishes of a group in a cycle that this home knows of."""

    group: str
    group_id: str
    cycle: str
    cycle_id: str
    products: list[WishedProduct]
    households: list[WishRow]


def wisher(db: sqlite3.Connection, hat: Hat, text: str | None, told: Means = "") -> Buyer:
    """Return in whose name a wish is entered: the represented household that was named, else the hat itself.

    Raises:
        NotThereError, UsageError: nobody is so called. RefusedError: that one enters its wishes itself, or buys through
            another group.
    """
    if text is None:
        return as_itself(db, hat)
    try:
        find_represented(db, hat, text)
    except NotThereError:
        member = _household_of(db, hat, text)
    else:
        return behalf(db, hat, text, told)
    if group_of(db, member) == hat.member:
        raise RefusedError(
            "has_own_home",
            N_("{name} has a home of its own now and writes for itself."),
            N_("Ask {name} to enter it there."),
            name=shown_name(db, member),
        )
    raise other_group(db, member, hat.member)


def _household_of(db: sqlite3.Connection, hat: Hat, text: str) -> bytes:
    """Return a household of ours that was named, else anybody else of that name."""
    own = [Named(base32_id(each.id), "", each.name or "") for each in households_of(db, hat.member)]
    try:
        return id_bytes(find(own, text, lambda each: each, "member").id)
    except NotThereError:
        return find_person(db, text)


def other_group(db: sqlite3.Connection, member: bytes, group: bytes) -> RefusedError:
    """Return why a group takes no wish of somebody: it buys through another group, or through none."""
    own = group_of(db, member)
    return RefusedError(
        "other_group",
        N_("{name} does not buy through {group}."),
        N_("Its own group is {own}.") if own else N_('It joins with: foodhub group join "{group}"'),
        name=shown_name(db, member),
        group=shown_name(db, group),
        own=shown_name(db, own) if own else "",
    )


def group_exchange(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> Exchange:
    """Return how the group of a hat sells in a cycle.

    Raises:
        RefusedError: `no_group`, or the group takes no part in it.
    """
    group = own_group(db, hat)
    found = exchange_of(db, group, cycle)
    if found is None:
        raise RefusedError(
            "not_in_cycle_hub",
            N_('{hub} sells nothing in "{cycle}".'),
            N_('A group takes part with: foodhub cycle sell "{cycle}"'),
            hub=shown_name(db, group),
            cycle=cycle.name,
        )
    return found


def set_wish(tx: Transaction, hat: Hat, cycle: CycleRow, buyer: Buyer, wanted: Sequence[Wanted]) -> int:
    """Let a household want so much of these products, 0 for none, and leave the others; return what was signed.

    Raises:
        RefusedError: as `place_order` and `amend_order`.
    """
    seller = group_exchange(tx.db, hat, cycle)
    held = order_in(tx.db, buyer.member, seller.aggregator, cycle)
    if held is not None and held.state not in {"cancelled", "refused"}:
        return amend_order(tx, hat, held, wanted, buyer)
    new = [each for each in wanted if each.amount]
    if not new:
        raise RefusedError(
            "empty_order", N_("An order names at least one product."), N_("Write: PRODUCT=QUANTITY, above 0.")
        )
    place_order(tx, hat, cycle, new, None, buyer=buyer, seller=seller)
    return 1


def wish_table(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> WishTable:
    """Return the wishes of a hat's group in a cycle, by the numbers of the baskets: those that it may read.

    Of a group that lets all its households read them, other members' wishes are those that it received and shows.

    Raises:
        RefusedError: it is in no group, or the group takes no part.
    """
    exchange = group_exchange(db, hat, cycle)
    group = exchange.aggregator
    lines: defaultdict[bytes, list[_Line]] = defaultdict(list)
    names: dict[Key, tuple[str, str]] = {}
    written: dict[bytes, tuple[str, str]] = {}
    where = "p.hub = ? AND p.cycle_owner = ? AND p.cycle = ? AND m.id != p.hub"
    for each in placements(db, where, [group, *cycle.key]):
        if not each.gone and each.outcome in {None, "received"}:
            lines[each.owner] += [((line.producer, line.product), line.quantity, line.tolerance) for line in each.lines]
            for line in each.lines:
                names[line.producer, line.product] = full_name(line.name, line.variant), line.price_per
            if each.writer:
                written[each.owner] = shown_name(db, each.writer), each.told
    if group != hat.member and exchange.shown:
        own = set(lines)
        for row in rows_shown(db, exchange, cycle):
            if row.buyer not in own:
                lines[row.buyer].append(((row.producer, row.product), row.quantity, row.tolerance))
    rows = []
    here = {each.id: each for each in households_of(db, group)}
    numbers = basket_numbers(db, group)
    # What was wanted stands after its household has left.
    for member in [*here, *sorted(lines.keys() - here, key=lambda each: numbers.get(each, 0))]:
        cells = [WishCell(base32_id(key[1]), *sums) for key, sums in _sums(lines[member]).items()]
        represented = member in here and here[member].represented
        left = member not in here and group == hat.member  # who belongs to it is known to the group alone
        name = (numbers.get(member), member_name(db, member), base32_id(member), represented, left)
        rows.append(WishRow(*name, *written.get(member, ("", "")), cells))
    head = (shown_name(db, group), base32_id(group), cycle.name, cycle.id)
    wanted = [line for each in lines.values() for line in each]
    return WishTable(*head, _products(db, _bars(db, exchange, lines), names, wanted), rows)


def _bars(db: sqlite3.Connection, exchange: Exchange, lines: Mapping[bytes, Sequence[_Line]]) -> dict[Key, TallyLine]:
    """Return how cases fill: as the last tally says, and by the wishes themselves where it can't know of all of them.

    Where cases are filled at the hub, its tally follows only once it has received the group's new order.
    """
    tally = tally_of(db, exchange.aggregator, exchange.cycle)
    bars = {(line.producer, line.product): line for line in tally[0].lines} if tally else {}
    queue: defaultdict[Key, list[Row]] = defaultdict(list)
    for buyer, wanted in lines.items():
        for key, quantity, tolerance in wanted:
            queue[key].append(Row(buyer, b"", *key, quantity, tolerance))
    cases = {key: case for key in queue if (case := case_of(db, *key)) is not None}
    terms = {key: Terms(exchange.rule(*key), each.size, each.minimum, each.broken) for key, each in cases.items()}
    for line in tally_lines({key: queue[key] for key in terms}, terms):
        told = bars.get((line.producer, line.product))
        if told is None or told.quantity < line.quantity or told.tolerance < line.tolerance:
            bars[line.producer, line.product] = line
    return bars


def _sums(lines: Sequence[_Line]) -> dict[Key, tuple[int, int]]:
    sums: dict[Key, tuple[int, int]] = {}
    for key, quantity, tolerance in lines:
        before = sums.get(key, (0, 0))
        sums[key] = before[0] + quantity, before[1] + tolerance
    return sums


def _products(
    db: sqlite3.Connection, told: Mapping[Key, TallyLine], names: Mapping[Key, tuple[str, str]], lines: Sequence[_Line]
) -> list[WishedProduct]:
    found = []
    for key, (quantity, tolerance) in _sums(lines).items():
        (name, per), case, bar = names.get(key) or product_named(db, *key), case_of(db, *key), told.get(key)
        filled = (case.size if case else 0, bar.cases if bar else 0, bar.missing if bar else 0)
        found.append(WishedProduct(name, base32_id(key[1]), base32_id(key[0]), per, quantity, tolerance, *filled))
    return sorted(found, key=lambda each: (fold(each.product), each.product_id))


def without_wish(table: WishTable) -> list[WishRow]:
    """Return the households that have not said what they want."""
    return [row for row in table.households if not row.cells]


def close_group(tx: Transaction, hat: Hat, cycle: CycleRow) -> None:
    """Let a group, or another hub, take no more orders in somebody else's cycle, from now on: before its closing time.

    Raises:
        RefusedError: what we sign counts no more, another device answers orders, it sells nothing in it or it is its
            own, or it has closed.
    """
    require_standing(tx.db, hat)
    require_right(tx.db, hat, "desk")
    before = outgoing_of(tx.db, hat.member, cycle)
    exchange = exchange_of(tx.db, hat.member, cycle)
    if before is None or exchange is None or exchange.aggregator == cycle.key[0]:
        raise RefusedError(
            "not_a_group_here",
            N_('{name} takes part in "{cycle}" as no group, nor as another hub.'),
            N_('Its coordinator closes a cycle with: foodhub cycle close "{cycle}"'),
            name=hat.name,
            cycle=cycle.name,
        )
    if exchange.closes <= tx.now or cycle.state != "open":
        raise RefusedError(
            "exchange_closed",
            N_('{name} takes no wishes in "{cycle}" now.'),
            N_('Look at its times: foodhub cycle show "{cycle}"'),
            name=hat.name,
            cycle=cycle.name,
        )
    tx.append(hat.member, Log.CATALOG, [msgspec.structs.replace(before, version=before.version + 1, closes=tx.now)])
