"""Slips as their owner sees them: its own share worked out again, and shown to others to compare.

What a customer shows is the entry itself, opened, so that whoever gets it can check that the aggregator signed it. Two
slips that can't both be true are the proof that it lied to one of the two.
"""

import sqlite3
from collections.abc import Iterator

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.errors import N_, NotThereError, UsageError
from foodhub.log.encoding import Key, decode, encode
from foodhub.log.faults import PeerFault
from foodhub.log.header import Log
from foodhub.log.showing import look, show
from foodhub.node.buyers import names_of
from foodhub.node.confirmations import confirmed_to, joined
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import exchange_of, outgoing_of
from foodhub.node.hat import Hat, circuit_id, shown_name
from foodhub.node.products import product_named
from foodhub.orders.cases import pool_of
from foodhub.orders.closing import Confirmation, ConfirmedLine, Slip, confirmation_faults
from foodhub.orders.slips import fault_of, overlap
from foodhub.store.fold import READERS
from foodhub.store.outgoing import read_run
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

_files = msgspec.msgpack.Decoder(tuple[Key, list[bytes]])
"""A file of slips: the customer, and what shows each entry in which its confirmation stands."""


class SlipRow(msgspec.Struct, frozen=True):
    """A slip as it is shown; quantities in pieces, g or ml; `fault` says what is wrong with it, "" for nothing.

    `rows` are (wanted, tolerated, wanted before, tolerated before).
    """

    product: str
    product_id: str
    producer_id: str
    price_per: str
    hub: str
    hub_id: str
    buyer: str
    buyer_id: str
    about: str
    rule: str
    units: int
    quantity: int
    tolerance: int
    rows: list[tuple[int, int, int, int]]
    share: int
    fault: str


class Contradiction(msgspec.Struct, frozen=True):
    """A product on which two slips can't both be true, and why (see `orders.slips.overlap`)."""

    product: str
    product_id: str
    about: str
    code: str


def list_slips(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> list[SlipRow]:
    """Return the slips that a member, whom it represents, or whom it was confirmed to be got in a cycle, worked out."""
    return [row for owner, said in told_to(db, hat, cycle) for row in _slips(db, owner, said)]


def told_to(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> list[tuple[bytes, Confirmation]]:
    """Return what a member, and whom it represents, was confirmed in a cycle, and by whom."""
    stands_for = db.execute(
        "SELECT r.member FROM represented r JOIN party w ON w.ref = r.owner WHERE w.id = ?", (hat.member,)
    )
    buyers = {*names_of(db, hat), *(member for (member,) in stands_for)}
    return confirmed_to(db, buyers, cycle.key)


def _slips(db: sqlite3.Connection, aggregator: bytes, said: Confirmation) -> Iterator[SlipRow]:
    for line in said.lines:
        name, per = product_named(db, line.producer, line.product)
        for slip in line.slips:
            yield SlipRow(
                product=name,
                product_id=base32_id(line.product),
                producer_id=base32_id(line.producer),
                price_per=per,
                hub=shown_name(db, aggregator),
                hub_id=base32_id(aggregator),
                buyer=shown_name(db, said.buyer),
                buyer_id=base32_id(said.buyer),
                about=slip.about,
                rule=slip.rule,
                units=slip.units,
                quantity=slip.quantity,
                tolerance=slip.tolerance,
                rows=[(r.quantity, r.tolerance, r.quantity_before, r.tolerance_before) for r in slip.rows],
                share=slip.share,
                fault=fault_of(slip, line) or "",
            )


def export_slips(tx: Transaction, hat: Hat, cycle: CycleRow, hub: bytes | None = None) -> bytes:
    """Return the bytes that show the confirmation which a member got in a cycle, with all its slips.

    Whoever ordered in it at several hubs or groups names the `hub`: slips are compared with those of its customers.

    Raises:
        NotThereError: it got none, or its entries are not whole here. UsageError: `which_hub`.
    """
    told = confirmed_to(tx.db, names_of(tx.db, hat), cycle.key)
    found = [each for each in told if hub in {None, each[0]}]
    if len({owner for owner, _ in found}) > 1:
        raise UsageError(
            "which_hub",
            N_('In "{cycle}" several confirmed something to you: {names}.'),
            N_("Say whose slips to write with --hub NAME."),
            cycle=cycle.name,
            names=", ".join(sorted(shown_name(tx.db, owner) for owner, _ in found)),
        )
    owner, said = found[0] if found else (b"", None)
    shown = [] if said is None else _show(tx, owner, said)
    if said is None or None in shown:
        raise NotThereError(
            "no_slip",
            N_('{name} was confirmed nothing in "{cycle}" yet.'),
            N_("Slips come with the confirmation, after the close."),
            name=hat.name,
            cycle=cycle.name,
        )
    return encode((said.buyer, shown))


def _show(tx: Transaction, owner: bytes, said: Confirmation) -> list[bytes | None]:
    """Return what shows each entry in which parts of a confirmation stand, None for one that can't be opened."""
    rows = tx.db.execute(
        "SELECT DISTINCT c.place, l.author FROM confirmation c JOIN party o ON o.ref = c.owner"
        " JOIN log l ON l.ref = c.place >> ? WHERE o.id = ? AND c.cycle_owner = ? AND c.cycle = ? AND c.buyer = ?"
        " AND c.version = ? ORDER BY c.place",
        (SEQ_BITS, owner, said.cycle_owner, said.cycle, said.buyer, said.version),
    ).fetchall()
    secrets, shown = tx.keyring.opening_secrets(tx.db, owner), []
    for place, author in rows:
        found = read_run(tx.db, author, int(Log.TRADE), (place & ((1 << SEQ_BITS) - 1)) - 1)
        shown.append(None if found is None else show(found[0], found[1][0], secrets))
    return shown


def read_slips(db: sqlite3.Connection, data: bytes) -> tuple[bytes, Confirmation]:
    """Return who signed slips that somebody shows, and the confirmation that holds them.

    Raises:
        UsageError: `bad_slips`: they are no slips, not all of them, or not signed by a member of this circuit.
    """
    try:
        buyer, shown = decode(_files, data)
        seen = [look(circuit_id(db), each) for each in shown]
        parts = [
            said
            for each in seen
            for said in READERS[Log.TRADE].read(each.body)
            if isinstance(said, Confirmation) and confirmation_faults(said) is None and said.buyer == buyer
        ]
    except PeerFault:
        raise _no_slips() from None
    rows = [db.execute("SELECT member FROM device WHERE key = ?", (each.author,)).fetchone() for each in seen]
    found = joined(parts) if len({(each.cycle_owner, each.cycle) for each in parts}) == 1 else None
    if found is None or None in rows or len(set(rows)) > 1:
        raise _no_slips()
    return rows[0][0], found


def _no_slips() -> UsageError:
    return UsageError(
        "bad_slips",
        N_("This file shows no slips that a member of this circuit signed."),
        N_("Ask for a file made with: foodhub slip export CYCLE FILE"),
    )


def compare(db: sqlite3.Connection, cycle: CycleRow | None, one: bytes, other: bytes) -> list[Contradiction]:
    """Return on which products two files of slips can't both be true; none is good news.

    `cycle` is that of the slips where this home knows it.

    Raises:
        UsageError: one is no file of slips, or they are not of one aggregator, cycle and allocation.
    """
    (owner, ours), (whose, theirs) = read_slips(db, one), read_slips(db, other)
    same = (owner, ours.cycle_owner, ours.cycle) == (whose, theirs.cycle_owner, theirs.cycle)
    if not same or ours.buyer == theirs.buyer:
        raise UsageError(
            "other_slips",
            N_("These are the slips of one customer.")
            if ours.buyer == theirs.buyer
            else N_("These are slips of {one} in two cycles.")
            if owner == whose
            else N_("These are not slips of one hub or group: one is by {one}, the other by {other}."),
            N_("Compare slips of the same cycle, of the same hub or group: foodhub slip export CYCLE FILE --hub NAME"),
            one=shown_name(db, owner),
            other=shown_name(db, whose),
        )
    found = {(line.producer, line.product): line for line in theirs.lines}
    contradictions = []
    for line in ours.lines:
        match = found.get((line.producer, line.product))
        apart = match and _apart(db, owner, cycle, line, (ours.buyer, theirs.buyer))
        if match is None or apart:
            continue
        for slip, its in _pairs(line, match, same_allocation=ours.fingerprint == theirs.fingerprint):
            if apart is None and _totals(slip) != _totals(its):
                continue  # they may be of two queues, for all that is known here
            code = overlap(slip, its)
            if code is not None:
                name, _per = product_named(db, line.producer, line.product)
                contradictions.append(Contradiction(name, base32_id(line.product), slip.about, code))
    return contradictions


def _apart(
    db: sqlite3.Connection, owner: bytes, cycle: CycleRow | None, line: ConfirmedLine, buyers: tuple[bytes, bytes]
) -> bool | None:
    """Say whether two customers fill their cases of a product apart, so that their slips are of different queues.

    Which orders are sums does not stand in slips; but who sums what others want said in the cycle how it sells. Where
    this home does not know the cycle, or how it was sold there, nobody can say (None).
    """
    exchange = exchange_of(db, owner, cycle) if cycle else None
    if cycle is None or exchange is None:
        return None
    filled = exchange.rule(line.producer, line.product).filled
    one, other = (pool_of(filled, buyer, aggregator=outgoing_of(db, buyer, cycle) is not None) for buyer in buyers)
    return one != other


def _totals(slip: Slip) -> tuple[int, int, int]:
    return slip.units, slip.quantity, slip.tolerance


def _pairs(line: ConfirmedLine, match: ConfirmedLine, *, same_allocation: bool) -> Iterator[tuple[Slip, Slip]]:
    """Yield the slips of two customers that are about the same; those of cases only of one allocation."""
    for slip in line.slips:
        for its in match.slips:
            if slip.about == its.about and (same_allocation or slip.about == "shortfall"):
                yield slip, its
