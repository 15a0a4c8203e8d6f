from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.body import StatementReader, Unread
from foodhub.log.encoding import LATEST, encode
from foodhub.log.header import Log
from foodhub.orders.rules import answer_faults, cycle_faults, order_faults, profile_faults
from foodhub.orders.statements import Answer, Cycle, Order, Profile
from foodhub.store.facts import FACTS
from foodhub.store.fold import READERS
from tests.vectors.reading import cases
from tests.vectors.statement_cases import an_order

CYCLE = Cycle(bytes(16), 1, "Semaine 39", 0, 1, "Europe/Paris", "resale", bytes(32))
changed = msgspec.structs.replace
texts = st.text(max_size=8)


def reason_of(case: dict[str, Any]) -> str | None:
    """Return why a statement of the vectors does not count in its log."""
    reader: StatementReader = READERS[Log(case["log"])]
    (statement,) = reader.read(encode([msgspec.Raw(bytes.fromhex(case["bytes"]))]))
    if isinstance(statement, Unread):
        return statement.reason
    return FACTS[type(statement)].rule(statement) if type(statement) in FACTS else None


@pytest.mark.parametrize("case", cases("statements", "good"))
def test_a_good_statement_of_the_vectors_counts(case: dict[str, Any]) -> None:
    assert reason_of(case) is None


@pytest.mark.parametrize("case", cases("statements", "bad"))
def test_a_bad_statement_of_the_vectors_does_not_count_for_this_reason(case: dict[str, Any]) -> None:
    assert reason_of(case) == case["reason"]


def test_the_vectors_show_every_statement() -> None:
    shown = {case["name"] for case in cases_of("good")}
    kinds: list[Any] = [*FACTS]
    assert shown >= {kind.__struct_config__.tag for kind in kinds}


def cases_of(part: str) -> list[dict[str, Any]]:
    return [case.values[0] for case in cases("statements", part)]


@pytest.mark.parametrize("zone", ["Europe/Paris", "UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires"])
def test_the_name_of_a_zone_is_taken_whether_or_not_this_machine_knows_it(zone: str) -> None:
    assert cycle_faults(changed(CYCLE, zone=zone)) is None


@pytest.mark.parametrize("zone", ["", "../x", "/etc/passwd", "Europe/Pâris", "x" * 65, "a b", "a\nb", ":"])
def test_what_can_be_no_name_of_a_zone_is_refused(zone: str) -> None:
    assert cycle_faults(changed(CYCLE, zone=zone)) == "zone_characters"


@pytest.mark.parametrize(("opens", "closes"), [(LATEST, LATEST + 1), (0, LATEST), (-1, 5)])
def test_a_cycle_beyond_all_time_is_refused(opens: int, closes: int) -> None:
    assert cycle_faults(changed(CYCLE, opens=opens, closes=closes)) == "time_range"


@given(texts, texts, st.integers(), st.integers())
def test_rules_of_profiles_and_cycles_never_raise(name: str, zone: str, opens: int, closes: int) -> None:
    cycle = changed(CYCLE, name=name, zone=zone, opens=opens, closes=closes)
    assert isinstance(cycle_faults(cycle), str | None)
    assert (profile_faults(Profile(1, name)) is None) <= bool(name)


@given(texts, texts, st.integers(0, 3), st.sampled_from(["piece", "kg", "l"]), st.sampled_from(["g", "ml", "piece"]))
def test_rules_of_orders_never_raise(name: str, currency: str, copies: int, per: Any, unit: Any) -> None:
    order = an_order()
    line = changed(order.lines[0], name=name, currency=currency, price_per=per, unit=unit)
    fault = order_faults(changed(order, lines=[line] * copies))
    assert fault == {0: "no_lines", 2: "line_twice", 3: "line_twice"}.get(copies, fault)
    assert fault is None or copies != 1 or name == "" or currency != "EUR" or per != "piece" or not name.isprintable()


@given(texts, st.integers(0, 5), st.integers(0, 5), st.booleans(), st.sampled_from(["received", "late", "refused"]))
def test_no_answer_counts_that_promises_too_much(
    reason: str, quantity: int, promised: int, decided: Any, outcome: Any
) -> None:
    example = next(case for case in cases_of("good") if case["name"] == "answer")
    answer = msgspec.msgpack.decode(bytes.fromhex(example["bytes"]), type=Answer)
    line = changed(answer.lines[0], quantity=quantity, promised=promised, decided=decided, reason=reason)
    fault = answer_faults(changed(answer, outcome=outcome, lines=[line]))
    honest = promised <= quantity if decided and outcome == "received" else promised == 0
    assert fault != "promised_too_much" or not honest
    assert honest or fault is not None


def test_an_order_of_a_hundred_lines_is_fine() -> None:
    order: Order = an_order()
    lines = [changed(order.lines[0], product=n.to_bytes(16, "big")) for n in range(100)]
    assert order_faults(changed(order, lines=lines)) is None
