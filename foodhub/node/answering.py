"""The hub's desk: taking orders in, promising from what was set aside, telling producers their totals.

The hub's own log is the queue. One transaction writes a receipt (the list of what was taken in, sealed to the hub), an
answer to each buyer that cites it, and one total per product to each producer. Invariant I1 holds at every prefix of
this log: promises never exceed what was set aside for it.

The device that a cycle names answers it; if that is retired, its heir, which goes on from the receipts, promises and
allotments of the log it inherits (see `rights.desks`).
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from foodhub.catalog.statements import Product
from foodhub.log.encoding import LIMIT
from foodhub.log.header import Log
from foodhub.node.cycles import CycleRow, in_ms, list_cycles
from foodhub.node.hat import Hat
from foodhub.node.products import stock_statement
from foodhub.node.rights import line_of, readable_desks
from foodhub.node.terms import terms_in_cycle
from foodhub.node.waiting import has_work, note_served, waiting_orders
from foodhub.orders.cycle import outcome
from foodhub.orders.promises import Wish, promise
from foodhub.orders.statements import Answer, AnswerLine, OrderLine, Receipt, ReceiptRow, Total, derived_id
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

__all__ = ["SLICE", "answer_orders", "has_work"]
SLICE = 40
"""Placements that one transaction answers: about 25 ms of work."""
_lines = msgspec.msgpack.Decoder(list[OrderLine])
_answer_lines = msgspec.msgpack.Decoder(list[AnswerLine])
_TERMS = ("price", "price_per", "currency", "unit", "unit_value")
Key = tuple[bytes, bytes]
"""(producer, product)"""


@dataclass(slots=True)
class _Case:
    """One placement on the desk, with what was answered to it before, if anything."""

    buyer: bytes
    local: bytes
    version: int
    entry: bytes
    timestamp: int
    cancelled: bool
    lines: list[OrderLine]
    before: Answer | None

    @property
    def new(self) -> bool:
        return self.before is None or self.before.order_version < self.version

    @property
    def gone(self) -> bool:
        """Say whether its buyer cancelled it in time."""
        return self.cancelled and not self.fixed

    @property
    def fixed(self) -> bool:
        """Say whether the buyer tried to change it after the close, so that what was promised before stands."""
        return self.before is not None and (self.before.outcome, self.before.reason) == ("received", "late")


def answer_orders(tx: Transaction, hat: Hat) -> int:
    """Take in what waits, oldest first, and promise what is free; return how many placements got a new answer."""
    ours = readable_desks(tx, hat)
    if not ours:
        return 0
    rows = waiting_orders(tx.db, hat, ours, SLICE)
    waiting = {(buyer, local): place for place, (buyer, local, _) in enumerate(rows)}
    touched = {cycle for *_, cycle in rows}
    answered = 0
    for cycle in list_cycles(tx.db, tx.now):
        on_desk = cycle.key[0] == hat.member and cycle.device in ours
        if on_desk and (cycle.state == "open" or cycle.key[1] in touched):
            answered += _Desk(tx, hat, cycle).serve(waiting)
    note_served(tx, hat)
    return answered


class _Desk:
    """One cycle on the hub's desk, within one transaction."""

    def __init__(self, tx: Transaction, hat: Hat, cycle: CycleRow) -> None:
        self.tx = tx
        self.db = tx.db
        self.hat = hat
        self.cycle = cycle
        self.opens = in_ms(cycle.opens)
        self.closes = in_ms(cycle.closes)
        self.set_aside = self._set_aside()
        self._terms_of: dict[Key, Product | None] = {}

    def serve(self, waiting: Mapping[tuple[bytes, bytes], int]) -> int:
        """Answer what waits, in the order that `waiting` gives by (buyer, placement); return how many got one."""
        # Whoever has a promise is in the queue at every turn: left out, its goods would look free.
        cases = [case for case in self._cases() if case.before is not None or (case.buyer, case.local) in waiting]
        fresh = [case for case in cases if case.new]
        if not fresh and not self._something_free(cases) and not self._something_gone(cases):
            return 0
        fresh.sort(
            key=lambda case: (waiting.get((case.buyer, case.local), SLICE), case.timestamp, case.buyer, case.local)
        )
        receipts = self._receipts()
        queue = [case for case in cases if case.before is not None]
        queue.sort(key=lambda case: _turn(case, receipts))
        queue += [case for case in fresh if case.before is None]
        return self._answer(queue, fresh)

    def _cases(self) -> list[_Case]:
        rows = self.db.execute(
            "SELECT b.id, p.local, p.version, p.entry, p.timestamp, p.cancelled, p.lines,"
            " a.local, a.version, a.placement_version, a.outcome, a.reason, a.receipt, a.position, a.lines"
            " FROM placement p JOIN member b ON b.ref = p.owner JOIN member h ON h.id = p.hub"
            " LEFT JOIN answer a ON a.owner = h.ref AND a.buyer = b.id AND a.placement = p.local"
            " WHERE p.hub = ? AND p.cycle_owner = ? AND p.cycle = ?",
            (self.hat.member, *self.cycle.key),
        )
        return [self._case(row) for row in rows]

    def _receipts(self) -> dict[bytes, tuple[int, int]]:
        """Return the order of all receipts: those of the cycle's device come before those of its heir."""
        generation = {device: number for number, device in enumerate(line_of(self.db, self.cycle.device))}
        rows = self.db.execute(
            "SELECT r.entry, l.author, r.place FROM receipt r JOIN log l ON l.ref = r.place >> ?", (SEQ_BITS,)
        )
        return {entry: (generation.get(author, len(generation)), place) for entry, author, place in rows}

    def _case(self, row: Any) -> _Case:
        buyer, local, version, entry, timestamp, cancelled, lines, *said = row
        before = None
        if said[0] is not None:
            answer, number, of, result, reason, receipt, position, answered = said
            if result == "received" and of < version and self.cycle.state == "closed":
                reason = "late"
            answers = _answer_lines.decode(answered)
            before = Answer(answer, number, buyer, local, of, b"", result, reason, receipt, position, answers)
        return _Case(buyer, local, version, entry, timestamp, bool(cancelled), _lines.decode(lines), before)

    def _set_aside(self) -> dict[Key, int]:
        rows = self.db.execute(
            "SELECT m.id, a.product, a.quantity FROM allotment a JOIN member m ON m.ref = a.owner JOIN product p"
            " ON p.owner = a.owner AND p.local = a.product"
            " WHERE a.cycle_owner = ? AND a.cycle = ? AND a.hub = ? AND a.device = ?",
            (*self.cycle.key, self.hat.member, self.cycle.device),
        )
        return {(producer, product): quantity for producer, product, quantity in rows}

    def _something_free(self, cases: Iterable[_Case]) -> bool:
        """Say whether a row of the queue lacks something that is free now."""
        free, lacking = dict(self.set_aside), set()
        for case in cases:
            for line in case.before.lines if case.before and case.before.outcome == "received" else ():
                key = (line.producer, line.product)
                free[key] = free.get(key, 0) - line.promised
                if line.reason == "allotment_exhausted":
                    lacking.add(key)
        return self.cycle.state == "open" and any(free.get(key, 0) > 0 for key in lacking)

    def _something_gone(self, cases: Iterable[_Case]) -> bool:
        """Say whether an order that a producer was told of counts no more: erased, or above a limit of its log."""
        promised: defaultdict[Key, int] = defaultdict(int)
        for case in cases:
            for line in case.before.lines if case.before and case.before.outcome == "received" else ():
                promised[line.producer, line.product] += line.promised
        told = self._told().items() if self.cycle.state == "open" else ()
        return any(promised[key] != total[2] for key, total in told)

    def _told(self) -> dict[Key, tuple[int, int, int]]:
        """Return what producers were told last of this cycle: version, ordered and promised."""
        rows = self.db.execute(
            "SELECT t.producer, t.product, t.version, t.ordered, t.promised"
            " FROM total t JOIN member m ON m.ref = t.owner WHERE m.id = ? AND t.cycle_owner = ? AND t.cycle = ?",
            (self.hat.member, *self.cycle.key),
        )
        return {(producer, product): tuple(said) for producer, product, *said in rows}

    def _answer(self, queue: list[_Case], fresh: list[_Case]) -> int:
        """Write the receipt, the answers that changed and the totals."""
        receipt = self._write_receipt(fresh) if fresh else b""
        positions = {(case.buyer, case.local): index for index, case in enumerate(fresh)}
        results = self._results(queue)
        by_buyer: defaultdict[bytes, list[Answer]] = defaultdict(list)
        for case, (result, reason, lines) in zip(queue, results, strict=True):
            cited = (
                (case.before.receipt, case.before.position)
                if case.before
                else (receipt, positions[case.buyer, case.local])
            )
            answer = self._make(case, result, reason, cited, lines)
            if case.new or (case.before and case.before.lines != lines):
                by_buyer[case.buyer].append(answer)
        for buyer, answers in by_buyer.items():
            self.tx.append(self.hat.member, Log.TRADE, answers, readers=[buyer])
        self._write_totals(queue, results)
        return sum(map(len, by_buyer.values()))

    def _make(self, case: _Case, result: str, reason: str, cited: tuple[bytes, int], lines: list[AnswerLine]) -> Answer:
        local = derived_id(b"answer", case.buyer, case.local)
        version = case.before.version + 1 if case.before else 1
        head = (local, version, case.buyer, case.local, case.version, case.entry)
        return Answer(*head, result, reason, *cited, lines)  # type: ignore[arg-type]

    def _write_receipt(self, fresh: list[_Case]) -> bytes:
        rows = [ReceiptRow(case.buyer, case.local, case.version, case.entry) for case in fresh]
        producers = {producer for producer, _ in self.set_aside}
        basis = [
            (author, seq)
            for author, seq in self.db.execute(
                "SELECT l.author, l.seq FROM log l JOIN device d ON d.key = l.author"  # noqa: S608 - marks only
                f" WHERE l.log = ? AND l.seq > 0 AND d.member IN ({','.join('?' * len(producers))}) ORDER BY l.author",
                (int(Log.TRADE), *producers),
            )
        ]
        receipt = Receipt(secrets.token_bytes(16), basis, rows)
        return self.tx.append(self.hat.member, Log.TRADE, [receipt])[0]

    def _results(self, queue: list[_Case]) -> list[tuple[str, str, list[AnswerLine]]]:
        """Work out outcome and promises for the whole queue, without writing anything."""
        outcomes = [self._outcome(case) for case in queue]
        wishes: list[Wish[Key]] = []
        owners: list[tuple[int, int]] = []
        for index, (case, (result, _)) in enumerate(zip(queue, outcomes, strict=True)):
            for number, line in enumerate(self._wanted(case, result)):
                key = (line.producer, line.product)
                held = _promised_before(case, key)
                refused = case.fixed or self._refusal(line) != ""
                if held or (key in self.set_aside and not refused):
                    wishes.append(
                        Wish(key, min(held, line.quantity) if refused else line.quantity, held, self._step(key))
                    )
                    owners.append((index, number))
        promised = dict(zip(owners, promise(wishes, self.set_aside), strict=True))
        return [
            (
                result,
                reason,
                self._lines(case, result, reason, [promised.get((index, number)) for number in range(len(case.lines))]),
            )
            for index, (case, (result, reason)) in enumerate(zip(queue, outcomes, strict=True))
        ]

    def _wanted(self, case: _Case, result: str) -> Sequence[OrderLine | AnswerLine]:
        if case.before and case.fixed:
            return case.before.lines
        return case.lines if result == "received" and not case.gone else ()

    def _outcome(self, case: _Case) -> tuple[str, str]:
        if case.before is not None:
            return case.before.outcome, case.before.reason
        return outcome(self.opens, self.closes, case.timestamp, self.tx.now)

    def _lines(self, case: _Case, result: str, reason: str, promised: Sequence[int | None]) -> list[AnswerLine]:
        if case.before and case.fixed:
            return case.before.lines
        if case.gone or result != "received":
            why = "" if case.gone else "late" if reason == "late" else "not_permitted"
            return [AnswerLine(line.producer, line.product, line.quantity, 0, True, why) for line in case.lines]
        return [self._line(*each) for each in zip(case.lines, promised, strict=True)]

    def _line(self, line: OrderLine, promised: int | None) -> AnswerLine:
        head = (line.producer, line.product, line.quantity)
        if promised is not None:
            return AnswerLine(
                *head, promised, decided=True, reason="" if promised == line.quantity else "allotment_exhausted"
            )
        reason = self._refusal(line)
        if reason:
            return AnswerLine(*head, 0, decided=True, reason=reason)
        stock = stock_statement(self.db, line.producer, line.product)
        waits = stock is not None and stock.mode == "on_demand"
        return AnswerLine(*head, 0, decided=not waits, reason="" if waits else "allotment_exhausted")

    def _terms(self, key: Key) -> Product | None:
        if key not in self._terms_of:
            self._terms_of[key] = terms_in_cycle(self.db, *key, self.cycle)
        return self._terms_of[key]

    def _step(self, key: Key) -> int:
        terms = self._terms(key)
        return terms.step if terms else 1

    def _refusal(self, line: OrderLine | AnswerLine) -> str:
        """Return why a line can't be promised at all: the product is not sold, or not at these terms."""
        terms = self._terms((line.producer, line.product))
        if terms is None or not isinstance(line, OrderLine):
            return "not_permitted"
        same = all(getattr(line, field) == getattr(terms, field) for field in _TERMS)
        return "" if same and line.quantity % terms.step == 0 else "not_permitted"

    def _write_totals(self, queue: list[_Case], results: list[tuple[str, str, list[AnswerLine]]]) -> None:
        """Tell each producer one sum per product, and only what changed.

        Once a cycle is closed its totals stand, also when orders behind them are erased.
        """
        if self.cycle.state == "closed":
            return
        told = self._told()
        sums: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0], {key: [0, 0] for key in told})
        for case, (result, _, lines) in zip(queue, results, strict=True):
            for line in lines if result == "received" else ():
                total = sums[line.producer, line.product]
                ordered = 0 if case.gone or line.reason == "not_permitted" else line.quantity
                total[0] = min(total[0] + ordered, LIMIT - 1)  # more can't be said, and means no more
                total[1] += line.promised
        changed: defaultdict[bytes, list[Total]] = defaultdict(list)
        for (producer, product), (ordered, promised) in sorted(sums.items()):
            local = derived_id(b"total", *self.cycle.key, producer, product)
            version, *held = told.get((producer, product), (0, 0, 0))
            if [ordered, promised] != held:
                head = (local, version + 1, *self.cycle.key)
                changed[producer].append(Total(*head, producer, product, ordered, promised))
        for producer, totals in changed.items():
            if self.db.execute("SELECT 1 FROM epoch WHERE member = ?", (producer,)).fetchone():
                self.tx.append(self.hat.member, Log.TRADE, totals, readers=[producer])


def _turn(case: _Case, receipts: Mapping[bytes, tuple[int, int]]) -> tuple[int, int, int]:
    """Return the place in the queue of a placement that was answered before."""
    if case.before is None:
        return 0, 0, 0
    return *receipts.get(case.before.receipt, (0, 0)), case.before.position


def _promised_before(case: _Case, key: Key) -> int:
    if case.before is None:
        return 0
    return sum(line.promised for line in case.before.lines if (line.producer, line.product) == key)
