"""Sending purchase orders: a hub orders from each producer what its customers were confirmed.

They go by themselves once all customers are told, a while after the close, so that late orders can still be accepted,
and never after a producer's lead time; a person may send them sooner.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator

import msgspec

from foodhub.catalog.statements import Case
from foodhub.errors import N_, RefusedError
from foodhub.log.body import ROOM
from foodhub.log.encoding import encode
from foodhub.log.header import Log
from foodhub.node.confirmations import confirmations_of
from foodhub.node.counting import closed_at
from foodhub.node.cycles import CycleRow, cycle_at
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat
from foodhub.node.households import reader_of
from foodhub.node.products import product_statement
from foodhub.node.rights import desks
from foodhub.node.settling import SUBSTITUTED, Settlement, all_told, settlement_of
from foodhub.node.standing import require_standing
from foodhub.node.supplies import Key
from foodhub.node.terms import case_in_cycle, terms_in_cycle
from foodhub.orders.purchase import Purchase, PurchaseLine, purchase_id
from foodhub.store.circuit_view import CIRCUIT_ARRIVAL
from foodhub.store.transaction import Transaction

RECENT = 60 * 86_400_000
"""What was confirmed longer ago (ms) is ordered by itself no more."""
GRACE = 30 * 60_000
"""How long (ms) after the close late orders can be accepted before the purchase orders go by themselves."""
_HEAD = 4096
"""What a purchase order takes besides its lines, in bytes; less than that."""
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
        some = _send(tx, hat, cycle, exchange, "")
        if not some:
            tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_looked(hat, cycle), tx.arrival))
        sent += some
    return sent


def _looked(hat: Hat, cycle: CycleRow) -> str:
    return f"bought {hat.member.hex()} {cycle.key[1].hex()}"


def _was_looked_at(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> bool:
    """Say whether nothing was to be ordered in a cycle, and nobody has been told anything, or got a key, since."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_looked(hat, cycle),)).fetchone()
    if row is None:
        return False
    news = (
        "SELECT 1 FROM confirmation c JOIN party o ON o.ref = c.owner WHERE o.id = ? AND c.cycle = ? AND c.arrival > ?"
        " UNION ALL SELECT 1 FROM meta WHERE key = ? AND value > ?"
    )
    return db.execute(news, (hat.member, cycle.key[1], row[0], CIRCUIT_ARRIVAL, row[0])).fetchone() is None


def _unsent(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[tuple[int, CycleRow, Exchange]]:
    """Yield the cycles of whose goods customers were confirmed and none was ordered, with when that is due (ms)."""
    if "hub" not in hat.roles and "group" not in hat.roles:
        return
    rows = db.execute(
        "SELECT DISTINCT c.cycle_owner, c.cycle FROM confirmation c JOIN party o ON o.ref = c.owner WHERE o.id = ?"
        " AND c.timestamp > ? AND NOT EXISTS (SELECT 1 FROM purchase p"
        " WHERE p.owner = c.owner AND p.cycle = c.cycle AND p.cycle_owner = c.cycle_owner)",
        (hat.member, now - RECENT),
    ).fetchall()
    ours = desks(db, hat) if rows else []
    for key in rows:
        cycle = cycle_at(db, key, now)
        if cycle is None or _was_looked_at(db, hat, cycle):
            continue
        exchange = exchange_of(db, hat.member, cycle)
        if exchange is None or not exchange.own_supplier or exchange.device not in ours:
            continue
        closed = closed_at(db, exchange, cycle, now)
        if closed is not None:
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
            N_("Close it first: foodhub cycle close"),
            cycle=cycle.name,
        )
    settled = settlement_of(tx.db, hat.member, cycle, tx.now)
    if settled is None or not all_told(tx.db, exchange, settled):
        raise RefusedError(
            "not_settled",
            N_('What the customers of "{cycle}" get is not worked out yet.'),
            N_("It is done by itself in a moment; then try again."),
            cycle=cycle.name,
        )
    return _send(tx, hat, cycle, exchange, comment)


def _send(tx: Transaction, hat: Hat, cycle: CycleRow, exchange: Exchange, comment: str) -> int:
    """Sign a purchase order for each producer of whom something is ordered, and only what is new."""
    settled = settlement_of(tx.db, hat.member, cycle, tx.now)
    if settled is None or not all_told(tx.db, exchange, settled):
        return 0
    sent = 0
    for producer, lines in sorted(_lines(tx.db, cycle, exchange, settled).items()):
        incoming = next((each for each in exchange.incoming if each.producer == producer), None)
        where = (incoming.place, incoming.weighed) if incoming else ("", 0)
        for part, some in enumerate(_parts(lines), 1):
            local = purchase_id(cycle.key, producer, part)
            said = Purchase(local, 1, *cycle.key, producer, part, *where, comment, settled.fingerprint, some)
            sent += _state(tx, hat, said)
    return sent


def _parts(lines: list[PurchaseLine]) -> list[list[PurchaseLine]]:
    """Split lines as entries can hold them."""
    parts: list[list[PurchaseLine]] = [[]]
    size = 0
    for line in lines:
        length = len(encode(line))
        if parts[-1] and size + length > ROOM - _HEAD:
            parts.append([])
            size = 0
        parts[-1].append(line)
        size += length
    return parts


def _state(tx: Transaction, hat: Hat, said: Purchase) -> int:
    """Sign a purchase order for its producer, unless it was said already; return 1 if it was signed, else 0."""
    held = _held(tx.db, hat.member, said.local)
    if held is not None:
        said = msgspec.structs.replace(said, version=held.version, comment=said.comment or held.comment)
        if said == held:
            return 0
        said = msgspec.structs.replace(said, version=held.version + 1)
    reader = reader_of(tx.db, said.producer)
    if reader is None:
        return 0
    tx.append(hat.member, Log.TRADE, [said], readers=[reader])
    return 1


def _held(db: sqlite3.Connection, hub: bytes, local: bytes) -> Purchase | None:
    row = db.execute(
        "SELECT p.body FROM purchase p JOIN party o ON o.ref = p.owner WHERE o.id = ? AND p.local = ?", (hub, local)
    ).fetchone()
    return _purchases.decode(row[0]) if row else None


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
        whole = case > 0 and units % case == 0
        line = PurchaseLine(*head, *price, units, case if whole else 0, units // case if whole else 0)
        found[producer].append(line)
    return dict(found)


def _ordered(
    db: sqlite3.Connection, cycle: CycleRow, exchange: Exchange, settled: Settlement
) -> dict[Key, tuple[int, int]]:
    """Return what is ordered of each product, and the size of its case: as allocated, or substituted since."""
    products = settled.allocation.products
    found = {key: (each.units, each.units // each.cases if each.cases else 0) for key, each in products.items()}
    for key, more in _substituted(db, exchange).items():
        case, result = case_in_cycle(db, *key, cycle), products.get(key)
        confirmed = result.units - result.leftover if result else 0
        found[key] = whole_cases(confirmed + more, case), case.size if case else 0
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
