"""The desk of an aggregator (hub or group): one cycle on it, within one transaction.

Its own log is the queue. A turn writes receipts of what waits, an answer to each buyer that cites its place, and what
follows for others: totals for producers, the sum that a group orders, the tally for customers. Promises go to the
oldest row that lacks something, are lowered by their buyer alone, and at every prefix of this log stay within what was
set aside or promised for it (invariant I1). Once it has closed, a turn settles instead.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from foodhub.node.book import Book, Held, Wish
from foodhub.node.counting import Gate, count
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat
from foodhub.node.households import reader_of
from foodhub.node.receipts import BY_HAND, Fresh, Intake
from foodhub.node.settling import settle
from foodhub.node.sums import order_sum
from foodhub.node.supplies import Key, State, Supplies
from foodhub.node.tallies import forget_tally, tell_tally
from foodhub.node.totals import tell_totals
from foodhub.orders.queue import Placement, Row, promise
from foodhub.orders.statements import Answer, AnswerLine, OrderLine, Outcome, derived_id
from foodhub.store.transaction import Transaction

NOT_PERMITTED = "not_permitted"
DECLINED = "declined"
SLICE = 40
"""Placements that one transaction answers, and customers that one confirms to: about 25 ms of work."""


class Desk:
    """One cycle of one aggregator."""

    def __init__(self, tx: Transaction, hat: Hat, cycle: CycleRow, exchange: Exchange, gate: Gate, book: Book) -> None:
        self.tx = tx
        self.hat = hat
        self.cycle = cycle
        self.exchange = exchange
        self.gate = gate
        self.book = book
        self.supplies = Supplies(tx.db, cycle, exchange, book)
        self.intake = Intake(tx, hat, cycle, exchange, gate, book, self.supplies)

    def turn(self) -> int:
        """Do one slice of what is due; return how much that was, 0 when nothing is left."""
        fresh = self.intake.fresh(SLICE)
        if fresh:
            return self.take_in(fresh)
        if self.gate.counted is not None:
            told = self._promise_again()
            return told or settle(self.tx, self.hat, self.exchange, self.gate.counted, self.book, self.supplies, SLICE)
        done = self._look_again()
        if not done and self.gate.ready and self.gate.at is not None:
            self.book.at = self.gate.at
            forget_tally(self.tx, self.hat, self.exchange)
            return count(self.tx, self.hat, self.exchange, self.book, self.supplies, self.gate.at)
        return done

    def take_in(self, fresh: Sequence[Fresh]) -> int:
        """Write receipts and answers for these placements, and what follows from them; return how many there are."""
        cited = self.intake.write([each.row for each in fresh])
        touched = {key for each in fresh if each.counts for key in self.book.want(each.row)}
        changed = self._promise(touched)
        answers = [self._answer(each, cited[each.place]) for each in fresh]
        new = {each.place for each in fresh}
        answers += self._answers_again(changed - new)
        self._send(answers)
        if touched or changed:
            self._tell(touched)
        return len(fresh)

    def decline(self, declined: Sequence[Held]) -> None:
        """Say no to what waits for a person: of what was confirmed before, the buyer loses nothing.

        What a buyer itself lowered or took out meanwhile left the queue when it was taken in.
        """
        self._send([self._declined(held) for held in declined if held.answer is not None])

    def _declined(self, held: Held) -> Answer:
        """Return the answer to a placement of which what is more than its receipt has is declined."""
        assert held.answer is not None, "the caller has looked"
        lines = [
            self._line(held, (line.producer, line.product), line.quantity, why=_why_not(held, line))
            for line in held.answer.lines
        ]
        return again(held, lines) if held.receipt_lines() else again(held, lines, "refused", DECLINED)

    def _look_again(self) -> int:
        """Promise what became free, take out who was removed, and tell what is not told; return how much was done."""
        gone = self.intake.gone()
        if gone:
            self.intake.write(gone)
        for row in gone:
            self.book.want(row)
        changed = self._promise(self.book.demands) - {(row.buyer, row.order) for row in gone}
        answers = self._answers_again(changed)
        self._send(answers)
        return len(gone) + len(answers) + self._tell(None)

    def _promise_again(self) -> int:
        """Promise after our close what our supplier, as long as it is open, promised us since; return to how many."""
        above = self.supplies.closed_above()
        if self.exchange.own_supplier or (above is not None and above <= self.tx.now):
            return 0
        answers = self._answers_again(self._promise(self.book.demands))
        self._send(answers)
        return len(answers)

    def _tell(self, touched: Collection[Key] | None) -> int:
        """Tell producers, the supplier and customers what follows; return how many statements that were.

        `touched` are the products of the receipt of this transaction, None where it has none. Once what counts is
        signed, only the supplier is told, as long as it is open.
        """
        told = order_sum(self.tx, self.hat, self.cycle, self.exchange, self.book, self.supplies)
        if self.gate.counted is not None:
            return told
        if self.exchange.own_supplier:
            told += tell_totals(self.tx, self.hat, self.exchange.cycle, self.book, touched)
        receipt = touched is not None
        return told + tell_tally(self.tx, self.hat, self.exchange, self.book, self.supplies, receipt=receipt)

    def _promise(self, keys: Iterable[Key]) -> set[Placement]:
        """Promise what is free of these products; return the placements of which something changed."""
        changed: set[Placement] = set()
        for key in keys:
            demand = self.book.demand(key)
            state = self.supplies.state(key, demand.quantity, demand.promised)
            changed |= self._give(key, state)
            said = (state.decided, state.reason, self._waits_from(key, state.refused))
            if demand.state != said:
                changed |= demand.places
                demand.state = said
        return changed

    def _waits_from(self, key: Key, refused: int | None) -> int | None:
        """Return from which row of the queue on what lacks may still be had, None where it is known of all."""
        if refused is None:
            return None
        for number, place in self.book.demand(key).lacking.items():
            refused -= self.book.held[place].wishes[key].lacking[number]
            if refused < 0:
                return number
        return None

    def _give(self, key: Key, state: State) -> set[Placement]:
        """Give what is free of a product to the oldest rows that lack something."""
        demand, step = self.book.demand(key), self.supplies.terms(key).step
        free = (state.available or 0) - demand.promised
        if free < step or not demand.lacking:
            return set()
        held = self.book.held
        rows = [
            (number, Row(*place, *key, held[place].wishes[key].lacking[number], 0))
            for number, place in demand.lacking.items()
        ]
        promised = promise([row for _, row in rows], {}, free, step)
        given = {place for place, amount in promised.items() if amount}
        for number, row in rows:
            place = (row.buyer, row.order)
            more = min(promised[place], row.quantity)
            if more:
                promised[place] -= more
                self.book.promise(held[place], key, number, more)
        return given

    def _answer(self, fresh: Fresh, cited: tuple[bytes, int]) -> Answer:
        """Return the answer to a placement that was taken in; an amendment keeps the place that was cited first."""
        held = self.book.held[fresh.place]
        before = held.answer
        if before is not None and before.outcome == "received":
            cited = (before.receipt, before.position)
        head = (derived_id(b"answer", *fresh.place), before.version + 1 if before else 1, *fresh.place)
        lines = self._lines(fresh, held)
        return Answer(*head, fresh.version, fresh.entry, fresh.outcome, fresh.reason, *cited, lines)

    def _lines(self, fresh: Fresh, held: Held) -> list[AnswerLine]:
        if not fresh.counts:
            if fresh.outcome == "received" and held.answer is not None:
                return held.answer.lines
            why = "late" if fresh.reason == "late" else NOT_PERMITTED
            return [_nothing(line, why) for line in fresh.lines]
        if fresh.cancelled:
            return [_nothing(line, "") for line in fresh.lines]
        keys = [(line.producer, line.product) for line in fresh.lines]
        return [
            self._line(held, key, line.quantity, why=NOT_PERMITTED if key in fresh.refused else "")
            for key, line in zip(keys, fresh.lines, strict=True)
        ]

    def _line(self, held: Held, key: Key, quantity: int, *, why: str) -> AnswerLine:
        """Return what is said of a line now; what is more than its receipt has was refused, or waits for a person.

        `why` it was refused, `not_permitted` or `declined`, and then the quantity is what was taken in of it; empty
        where it was not.
        """
        wish = held.wishes.get(key) or Wish()
        decided, reason, waits = self.book.demand(key).state or (False, "", None)
        if waits is not None and any(row >= waits for row in wish.lacking):
            decided, reason = False, ""
        if why:
            said = decided or wish.promised > 0 or not wish.quantity
            return AnswerLine(*key, wish.quantity, wish.promised, said, why)
        if wish.quantity < quantity:
            return AnswerLine(*key, quantity, wish.promised, wish.promised > 0, BY_HAND)
        if not decided and not wish.promised:
            return AnswerLine(*key, quantity, 0, decided=False, reason="")
        return AnswerLine(
            *key, quantity, wish.promised, decided=True, reason="" if wish.promised == quantity else reason
        )

    def _answers_again(self, places: Collection[Placement]) -> list[Answer]:
        """Return the answers to placements that were taken in before, where they differ from those they had."""
        found = []
        for place in sorted(places):
            held = self.book.held[place]
            if held.answer is None or held.answer.outcome != "received":
                continue
            lines = [
                self._line(
                    held,
                    (line.producer, line.product),
                    line.quantity,
                    why=line.reason if line.reason in {NOT_PERMITTED, DECLINED} else "",
                )
                for line in held.answer.lines
            ]
            if lines != held.answer.lines:
                found.append(again(held, lines))
        return found

    def _send(self, answers: Iterable[Answer]) -> None:
        """Sign answers, in one entry for each who reads them."""
        by_reader: defaultdict[bytes, list[Answer]] = defaultdict(list)
        for answer in answers:
            self.book.held[answer.buyer, answer.order].answer = answer
            by_reader[reader_of(self.tx.db, answer.buyer) or self.hat.member].append(answer)
        if by_reader:
            self.tx.append_to_each(self.hat.member, by_reader)


def _why_not(held: Held, line: AnswerLine) -> str:
    """Return why a line is not taken in whole, once what waits for a person is declined."""
    wish = held.wishes.get((line.producer, line.product), Wish())
    if line.reason == NOT_PERMITTED:
        return NOT_PERMITTED
    return DECLINED if wish.quantity < line.quantity else ""


def _nothing(line: OrderLine, reason: str) -> AnswerLine:
    return AnswerLine(line.producer, line.product, line.quantity, 0, decided=True, reason=reason)


def again(held: Held, lines: list[AnswerLine], outcome: Outcome = "received", reason: str | None = None) -> Answer:
    """Return the next version of the answer to a placement, with other lines; `reason` as before when None."""
    answer = held.answer
    assert answer is not None, "the caller has looked"
    head = (answer.local, answer.version + 1, *held.place, answer.order_version, held.entry)
    why = answer.reason if reason is None else reason
    return Answer(*head, outcome, why, answer.receipt, answer.position, lines)
