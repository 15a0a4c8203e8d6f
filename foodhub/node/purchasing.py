"""Sending purchase orders: a hub orders from each producer what its customers were confirmed.

They go by themselves once all customers are told, a while after the close, so that late orders can still be accepted,
and never after a producer's lead time; a person may send them sooner. After a cycle was opened again those that changed
go anew. A producer whose key is not here yet gets its own when that has come.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from foodhub.catalog.statements import Case
from foodhub.errors import N_, RefusedError
from foodhub.log.body import ROOM
from foodhub.log.header import Log
from foodhub.node.confirmations import confirmations_of
from foodhub.node.counting import closed_at
from foodhub.node.cycles import CycleRow, cycle_at
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat
from foodhub.node.households import reader_of
from foodhub.node.mute import note_mute, noted
from foodhub.node.products import product_statement
from foodhub.node.purchased import in_force, is_purchased
from foodhub.node.reopened import outdated
from foodhub.node.rights import desks
from foodhub.node.settling import SUBSTITUTED, Settlement, all_told, settlement_here
from foodhub.node.standing import require_standing
from foodhub.node.supplies import Key
from foodhub.node.terms import case_in_cycle, terms_in_cycle
from foodhub.orders.parts import in_parts
from foodhub.orders.purchase import Purchase, PurchaseLine, purchase_id
from foodhub.store.circuit_view import CIRCUIT_ARRIVAL
from foodhub.store.transaction import Transaction

RECENT = 60 * 86_400_000
"""Of a cycle that closed longer ago (ms) nothing is ordered by itself any more."""
GRACE = 30 * 60_000
"""How long (ms) after the close late orders can be accepted before the purchase orders go by themselves."""
ANEW = 7 * 86_400_000
"""How long (ms) after the close those go anew by themselves that had gone before it; later a person knows better."""
_HEAD = 4096
"""What a purchase order takes besides its lines, in bytes; less than that."""
CycleKey = tuple[bytes, bytes]
"""(owner, local id)"""
_purchases = msgspec.msgpack.Decoder(Purchase)


def purchases_due(db: sqlite3.Connection, hat: Hat, now: int) -> bool:
    """Say whether a purchase order of a cycle may have to go now by itself."""
    return any(at <= now for at, _cycle, _exchange in _unsent(db, hat, now))


def next_purchase(db: sqlite3.Connection, hat: Hat, now: int) -> int | None:
    """Return when (ms) the next purchase orders go by themselves, None while none waits."""
    return min((at for at, _cycle, _exchange in _unsent(db, hat, now)), default=None)


def send_due_purchases(tx: Transaction, hat: Hat) -> int:
    """Send what is due; return how many purchase orders that were."""
    due = [(cycle, exchange) for at, cycle, exchange in _unsent(tx.db, hat, tx.now) if at <= tx.now]
    sent = 0
    for cycle, exchange in due:
        settled = _settled(tx, hat, cycle, exchange)
        sent += _send(tx, hat, cycle, exchange, settled, by_itself=True) if settled is not None else 0
    return sent


def _looked(hat: Hat, cycle: CycleKey) -> str:
    return f"bought {hat.member.hex()} {cycle[1].hex()}"


def _was_looked_at(db: sqlite3.Connection, hat: Hat, cycle: CycleKey) -> bool:
    """Say whether nothing was to be ordered in a cycle, and nobody has been told anything, or got a key, since."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_looked(hat, cycle),)).fetchone()
    if row is None:
        return False
    news = (
        "SELECT 1 FROM confirmation c JOIN party o ON o.ref = c.owner WHERE o.id = ? AND c.cycle = ? AND c.arrival > ?"
        " UNION ALL SELECT 1 FROM meta WHERE key = ? AND value > ?"
    )
    return db.execute(news, (hat.member, cycle[1], row[0], CIRCUIT_ARRIVAL, row[0])).fetchone() is None


def _has_all(db: sqlite3.Connection, hat: Hat, cycle: CycleKey) -> bool:
    """Say whether each producer of a cycle in which purchase orders have gone has its own, or no key yet."""
    looked = db.execute("SELECT 1 FROM meta WHERE key = ?", (_looked(hat, cycle),)).fetchone()
    return looked is not None and not any(each == cycle and reachable for each, _, reachable in noted(db, hat))


def _unsent(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[tuple[int, CycleRow, Exchange]]:
    """Yield the cycles in which something may still have to be ordered, with when that is due (ms)."""
    if "hub" not in hat.roles and "group" not in hat.roles:
        return
    rows = db.execute(
        "SELECT o.id, c.local FROM cycle c JOIN party o ON o.ref = c.owner JOIN party me ON me.id = ?"
        " WHERE c.closes > ? AND EXISTS (SELECT 1 FROM confirmation k"
        " WHERE k.cycle = c.local AND k.cycle_owner = o.id AND k.owner = me.ref)",
        (hat.member, now - RECENT),
    ).fetchall()
    bought = {key: is_purchased(db, hat.member, key) for key in rows}
    waiting = [key for key in rows if not (_has_all if bought[key] else _was_looked_at)(db, hat, key)]
    ours = desks(db, hat) if waiting else []
    for key in waiting:
        cycle = cycle_at(db, key, now)
        if cycle is None:
            continue
        exchange = exchange_of(db, hat.member, cycle)
        if exchange is None or not exchange.own_supplier or exchange.device not in ours:
            continue
        closed = closed_at(db, exchange, cycle, now)
        anew = not bought[key] and bool(_held_in(db, hat, cycle))
        if closed is not None and not (anew and now > closed + ANEW):
            leads = [each.lead for each in exchange.incoming if each.lead]
            yield min([closed + GRACE, *(max(lead, closed) for lead in leads)]), cycle, exchange


def send_purchases(tx: Transaction, hat: Hat, cycle: CycleRow, comment: str = "") -> int:
    """Send the purchase orders of a cycle now; return how many that were (0: nothing new is ordered).

    Raises:
        RefusedError: this member is no hub of the cycle, it is not closed, or not all customers are told yet.
    """
    require_standing(tx.db, hat)
    exchange = exchange_of(tx.db, hat.member, cycle)
    if exchange is None or not exchange.own_supplier:
        raise RefusedError(
            "not_your_cycle",
            N_('{name} orders from no producer in "{cycle}".'),
            N_("That is done by the hub of the cycle."),
            name=hat.name,
            cycle=cycle.name,
        )
    if closed_at(tx.db, exchange, cycle, tx.now) is None:
        raise RefusedError(
            "cycle_still_open",
            N_('"{cycle}" is not closed yet, so nobody knows what to order.'),
            N_('Close it first: foodhub cycle close "{cycle}"'),
            cycle=cycle.name,
        )
    settled = _settled(tx, hat, cycle, exchange)
    if settled is None:
        raise RefusedError(
            "not_settled",
            N_('What the customers of "{cycle}" get is not worked out yet.'),
            N_("It is done by itself in a moment; then try again."),
            cycle=cycle.name,
        )
    return _send(tx, hat, cycle, exchange, settled, comment)


def _settled(tx: Transaction, hat: Hat, cycle: CycleRow, exchange: Exchange) -> Settlement | None:
    """Return the allocation of a cycle, None until every customer is told."""
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_looked(hat, cycle.key), tx.arrival))
    found = settlement_here(tx, hat, cycle)
    return found if found is not None and all_told(tx.db, exchange, found) else None


def _send(
    tx: Transaction,
    hat: Hat,
    cycle: CycleRow,
    exchange: Exchange,
    settled: Settlement,
    comment: str = "",
    *,
    by_itself: bool = False,
) -> int:
    """Sign a purchase order for each producer of whom something is ordered, and only what is new.

    Once some have gone, those go `by_itself` that could not go with them; what else is new since a person sends.
    """
    before = _held_in(tx.db, hat, cycle)
    parts = _parts(_lines(tx.db, cycle, exchange, settled), [held for _, held in before.values()])
    have = {producer for producer, _ in in_force(tx.db, hat.member, cycle.key)}
    if by_itself and have:
        allocated = {producer for (producer, _), each in settled.allocation.products.items() if each.units}
        parts = {key: lines for key, lines in parts.items() if key[0] in allocated - have}
    signed = 0
    for (producer, part), some in sorted(parts.items()):
        incoming = next((each for each in exchange.incoming if each.producer == producer), None)
        where = (incoming.place, incoming.weighed) if incoming else ("", 0)
        local = purchase_id(cycle.key, producer, part)
        said = Purchase(local, 1, *cycle.key, producer, part, *where, comment, settled.fingerprint, some)
        sent, held = before.get((producer, part), (0, None))
        # Its producer waits for it to come anew, and can accept nothing until then: who sends now says that it stands.
        again = not by_itself and outdated(tx.db, cycle.key, sent, tx.now) is not None
        signed += _state(tx, hat, said, held, again=again)
    producers = sorted({producer for producer, _ in parts})
    note_mute(tx.db, hat, cycle.key, [producer for producer in producers if reader_of(tx.db, producer) is None])
    return signed


def _parts(
    ordered: dict[bytes, list[PurchaseLine]], before: Sequence[Purchase]
) -> dict[tuple[bytes, int], list[PurchaseLine]]:
    """Return by (producer, part) what is ordered: of what was ordered before, and is no more, nothing."""
    for held in before:
        lines = ordered.setdefault(held.producer, [])
        known = {line.product for line in lines}
        lines += [_nothing(line) for line in held.lines if line.product not in known]
    parts = {
        (producer, part): some
        for producer, lines in ordered.items()
        for part, some in enumerate(in_parts(lines, ROOM - _HEAD), 1)
    }
    # Where fewer parts do, the lines of the last one stand in those before it.
    return {(held.producer, held.part): [] for held in before} | parts


def _nothing(line: PurchaseLine) -> PurchaseLine:
    """Return a line of a purchase order of which nothing is ordered any more, as its producer has to hear."""
    return msgspec.structs.replace(line, quantity=0, case=0, cases=0)


def _held_in(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> dict[tuple[bytes, int], tuple[int, Purchase]]:
    """Return by (producer, part) when (ms) each purchase order of a cycle was sent last, and how."""
    rows = db.execute(
        "SELECT p.producer, p.part, p.timestamp, p.body FROM purchase p JOIN party o ON o.ref = p.owner"
        " WHERE o.id = ? AND p.cycle_owner = ? AND p.cycle = ?",
        (hat.member, *cycle.key),
    )
    return {(producer, part): (sent, _purchases.decode(body)) for producer, part, sent, body in rows}


def _state(tx: Transaction, hat: Hat, said: Purchase, held: Purchase | None, *, again: bool) -> int:
    """Sign a purchase order for its producer, unless it was said already and not `again`; return how many that are."""
    if held is not None:
        said = msgspec.structs.replace(said, version=held.version, comment=said.comment or held.comment)
        if said == held and not again:
            return 0
        said = msgspec.structs.replace(said, version=held.version + 1)
    reader = reader_of(tx.db, said.producer)
    if reader is None:
        return 0
    tx.append(hat.member, Log.TRADE, [said], readers=[reader])
    return 1


def _lines(
    db: sqlite3.Connection, cycle: CycleRow, exchange: Exchange, settled: Settlement
) -> dict[bytes, list[PurchaseLine]]:
    """Return by producer what is ordered of its products."""
    found: defaultdict[bytes, list[PurchaseLine]] = defaultdict(list)
    for (producer, product), (units, case) in sorted(_ordered(db, cycle, exchange, settled).items()):
        # What was withdrawn after the close was sold all the same.
        terms = terms_in_cycle(db, producer, product, cycle) or product_statement(db, producer, product)
        if not units or terms is None:
            continue
        head = (product, terms.version, terms.sku, terms.name, terms.variant, terms.unit, terms.unit_value)
        price = (terms.price, terms.price_per, terms.currency)
        line = PurchaseLine(*head, *price, units, case, units // case if case else 0)
        found[producer].append(line)
    return dict(found)


def _ordered(
    db: sqlite3.Connection, cycle: CycleRow, exchange: Exchange, settled: Settlement
) -> dict[Key, tuple[int, int]]:
    """Return what is ordered of each product, and the size of its case: as allocated, or substituted since."""
    products = settled.allocation.products
    found = {key: (each.units, settled.basis.terms[key].size) for key, each in products.items()}
    for key, more in _substituted(db, exchange).items():
        case, result = case_in_cycle(db, *key, cycle), products.get(key)
        confirmed = result.units - result.leftover if result else 0
        found[key] = whole_cases(max(confirmed + more, 0), case), case.size if case else 0
    return found


def _substituted(db: sqlite3.Connection, exchange: Exchange) -> Counter[Key]:
    """Return how much more of each product is given than was confirmed at the close; below zero where it is less."""
    found: Counter[Key] = Counter()
    for told in confirmations_of(db, exchange).values():
        for line in told.lines:
            if line.reason == SUBSTITUTED:
                found[line.producer, line.product] += line.share - (line.confirmed if line.ordered else 0)
    return found


def whole_cases(units: int, case: Case | None) -> int:
    """Return how much has to be ordered from the producer so that there are so many units of a product."""
    if case is None or not units:
        return units
    size = case.size if case.size and not case.broken else 1
    return -(-max(units, case.minimum) // size) * size
