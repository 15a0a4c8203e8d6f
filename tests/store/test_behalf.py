"""What somebody writes for somebody else: whether it counts, whatever came first, and what becomes of it later."""

from itertools import permutations
from typing import Any

import pytest

from foodhub.catalog.statements import Stock
from foodhub.circuit.statements import Erase, Grant, Revoke
from foodhub.orders.hands import (
    MOST_VERSION,
    Behalf,
    ClaimConfirmed,
    Field,
    Mandate,
    Represented,
    represented_id,
)
from foodhub.orders.statements import Order, OrderLine, Profile
from foodhub.store.refold import refold_slice
from foodhub.store.schema import FOLD_VERSION
from foodhub.store.transaction import _countable
from tests.pens import MORNING, Paper, Pen, newcomer
from tests.shelf import Shelf
from tests.stories import product

NUMBER, NOBODY = b"m" * 16, bytes(16)
LATER = MORNING + 1000


class Circuit:
    """A hub that founded a circuit, a farm, a household, and the papers that say so."""

    def __init__(self) -> None:
        self.hub = Pen("hub", "hub")
        self.papers: list[Paper] = [self.hub.found()]
        self.farm, let_in = newcomer(self.hub, "farm", "producer")
        self.house, more = newcomer(self.hub, "house", "household")
        self.papers += [*let_in, *more]

    def mandate(self, *fields: Field, version: int = 1, until: int = LATER, ended: bool = False, at: int = 0) -> Paper:
        said = Mandate(NUMBER, version, self.hub.id, list(fields), until, ended)
        return self.farm.write(1, said, at=at or MORNING)

    def price(self, version: int, price: int, at: int = MORNING) -> Paper:
        return self.hub.write(1, self.under(product(1, version, price)), at=at)

    def under(self, statement: Any) -> Behalf:
        return Behalf(self.farm.id, NOBODY, "producer", NUMBER, "", statement)


@pytest.fixture
def circuit() -> Circuit:
    return Circuit()


def shown(circuit: Circuit, papers: list[Paper]) -> dict[str, list[Any]]:
    with Shelf(circuit.hub.circuit, circuit.hub) as shelf:
        shelf.take_until_settled([*circuit.papers, *papers])
        return shelf.rows()


def in_any_order(circuit: Circuit, papers: list[Paper]) -> dict[str, list[Any]]:
    """Take papers in every order, some of them before their writers are known, and return the rows, always the same."""
    found = shown(circuit, papers)
    for order in permutations(papers):
        with Shelf(circuit.hub.circuit, circuit.hub) as shelf:
            shelf.take_until_settled([circuit.papers[0], *order, *circuit.papers[1:]])
            assert shelf.rows() == found
            shelf.transaction().fold.rebuild()
            assert shelf.rows() == found
    return found


def prices(rows: dict[str, list[Any]], pen: Pen) -> list[int]:
    return [row[11] for row in rows["product"] if row[0] == pen.id]


def reasons(rows: dict[str, list[Any]]) -> list[str]:
    return [row[-1] for row in rows["unread"]]


def test_under_a_mandate_the_holder_states_what_is_the_owners(circuit: Circuit) -> None:
    rows = in_any_order(circuit, [circuit.mandate("price", "stock"), circuit.price(2, 300)])
    assert prices(rows, circuit.farm) == [300]
    assert [row[-1] for row in rows["product"]] == [circuit.hub.id]
    assert reasons(rows) == []


def test_without_a_mandate_it_is_on_record_and_does_not_count(circuit: Circuit) -> None:
    rows = in_any_order(circuit, [circuit.price(2, 300)])
    assert (prices(rows, circuit.farm), reasons(rows)) == ([], ["no_mandate"])


def test_a_mandate_to_somebody_else_is_none(circuit: Circuit) -> None:
    other = circuit.farm.write(1, Mandate(NUMBER, 1, circuit.house.id, ["price"], LATER, ended=False))
    rows = in_any_order(circuit, [other, circuit.price(2, 300)])
    assert reasons(rows) == ["no_mandate"]


def test_a_mandate_covers_its_fields_alone(circuit: Circuit) -> None:
    stock = circuit.hub.write(1, circuit.under(Stock(b"\1" * 16, 1, "counted", 3)))
    rows = in_any_order(circuit, [circuit.mandate("stock"), circuit.price(2, 300), stock])
    assert (prices(rows, circuit.farm), reasons(rows), len(rows["stock"])) == ([], ["mandate_field"], 1)


def test_a_mandate_holds_until_its_time_by_the_holders_own_clock(circuit: Circuit) -> None:
    papers = [circuit.mandate("price"), circuit.price(2, 300, LATER - 1), circuit.price(3, 400, LATER)]
    rows = in_any_order(circuit, papers)
    assert (prices(rows, circuit.farm), reasons(rows)) == ([300], ["mandate_over"])


def test_an_ended_mandate_goes_on_to_hold_for_what_was_written_before(circuit: Circuit) -> None:
    given, used = circuit.mandate("price"), circuit.price(2, 300)
    ended = circuit.mandate("price", version=2, ended=True, at=MORNING + 5)
    rows = in_any_order(circuit, [given, used, ended, circuit.price(3, 400, MORNING + 5)])
    assert (prices(rows, circuit.farm), reasons(rows)) == ([300], ["mandate_over"])


def test_of_equal_versions_the_owners_own_holds(circuit: Circuit) -> None:
    own = circuit.farm.write(1, product(1, 2, 100))
    rows = in_any_order(circuit, [own, circuit.mandate("price"), circuit.price(2, 300, MORNING + 9)])
    assert prices(rows, circuit.farm) == [100]
    assert [row[-1] for row in rows["product"]] == [None]


def test_what_is_under_a_mandate_needs_the_owners_role(circuit: Circuit) -> None:
    papers = [circuit.mandate("price"), circuit.price(2, 300)]
    revoked = circuit.hub.write(0, Revoke(circuit.farm.id, "producer"))
    rows = in_any_order(circuit, [*papers, revoked])
    assert (prices(rows, circuit.farm), reasons(rows)) == ([], ["no_mandate", "not_permitted"])
    rows = in_any_order(circuit, [*papers, revoked, circuit.hub.write(0, Grant(circuit.farm.id, "hub"))])
    assert prices(rows, circuit.farm) == [300]


def test_an_erased_statement_gives_way_to_what_the_other_said(circuit: Circuit) -> None:
    own, given, used = circuit.farm.write(1, product(1, 1, 100)), circuit.mandate("price"), circuit.price(2, 300)
    gone = circuit.hub.write(0, Erase([(circuit.hub.device, 1, 1, 1)]))
    rows = in_any_order(circuit, [own, given, used, gone])
    assert prices(rows, circuit.farm) == [100]
    assert rows["spoke"] == []


def test_a_mandate_that_is_erased_takes_what_rested_on_it_along(circuit: Circuit) -> None:
    own, given, used = circuit.farm.write(1, product(1, 1, 100)), circuit.mandate("price"), circuit.price(2, 300)
    gone = circuit.farm.write(0, Erase([(circuit.farm.device, 1, 2, 2)]))
    rows = in_any_order(circuit, [own, given, used, gone])
    assert (prices(rows, circuit.farm), reasons(rows)) == ([100], ["no_mandate"])


def order(circuit: Circuit, version: int = 1, quantity: int = 2) -> Order:
    line = OrderLine(circuit.farm.id, NUMBER, 1, "", "Eggs", "", "piece", 1, 5, "piece", "EUR", quantity, 0)
    return Order(NUMBER, version, MORNING, circuit.hub.id, NUMBER, circuit.hub.id, False, [line])


def typed(circuit: Circuit, writer: Pen, version: int = 1, quantity: int = 2, told: Any = "phone") -> Paper:
    owner = represented_id(circuit.hub.id, NUMBER, "household")
    said = Behalf(owner, NUMBER, "household", b"", told, order(circuit, version, quantity))
    return writer.write(2, said, readers=[circuit.hub])


def placed(rows: dict[str, list[Any]]) -> list[tuple[bytes, int, str, bytes | None]]:
    return [(row[0], row[2], row[-4], row[-1]) for row in rows["placement"]]


def test_what_a_representative_types_is_the_members_own_and_says_how_it_was_told(circuit: Circuit) -> None:
    owner = represented_id(circuit.hub.id, NUMBER, "household")
    rows = in_any_order(circuit, [typed(circuit, circuit.hub)])
    assert placed(rows) == [(owner, 1, "phone", circuit.hub.id)]


def test_nobody_types_for_whom_another_represents(circuit: Circuit) -> None:
    rows = in_any_order(circuit, [typed(circuit, circuit.house)])
    assert (placed(rows), reasons(rows)) == ([], ["not_represented"])


def test_who_was_confirmed_to_be_the_member_writes_as_itself_and_its_own_holds(circuit: Circuit) -> None:
    owner = represented_id(circuit.hub.id, NUMBER, "household")
    confirmed = circuit.hub.write(2, ClaimConfirmed(NUMBER, 1, "household", circuit.house.id))
    papers = [typed(circuit, circuit.hub, 2), confirmed, typed(circuit, circuit.house, 2, 5, "")]
    rows = in_any_order(circuit, papers)
    assert placed(rows) == [(owner, 2, "", None)]


def test_a_confirmation_that_names_somebody_else_later_takes_the_first_ones_entries_out(circuit: Circuit) -> None:
    confirmed = circuit.hub.write(2, ClaimConfirmed(NUMBER, 1, "household", circuit.house.id))
    corrected = circuit.hub.write(2, ClaimConfirmed(NUMBER, 2, "household", circuit.farm.id))
    rows = in_any_order(circuit, [confirmed, typed(circuit, circuit.house), corrected])
    assert (placed(rows), reasons(rows)) == ([], ["not_represented"])


def test_an_envelope_counts_only_in_the_log_of_what_is_in_it(circuit: Circuit) -> None:
    owner = represented_id(circuit.hub.id, NUMBER, "producer")
    wrong = circuit.hub.write(2, Behalf(owner, NUMBER, "producer", b"", "", Profile(1, "Ferme")))
    assert reasons(in_any_order(circuit, [wrong])) == ["wrong_log"]


def test_the_rule_of_what_is_in_an_envelope_holds(circuit: Circuit) -> None:
    owner = represented_id(circuit.hub.id, NUMBER, "producer")
    said = Behalf(owner, NUMBER, "producer", b"", "", Profile(1, ""))
    assert reasons(in_any_order(circuit, [circuit.hub.write(1, said)])) == ["name_length"]
    with pytest.raises(ValueError, match="name_length"):
        list(_countable([said]))
    both = Behalf(owner, NUMBER, "producer", NUMBER, "", Profile(1, "Ferme"))
    with pytest.raises(ValueError, match="mandate_and_salt"):
        list(_countable([both]))
    assert list(_countable([Represented(NUMBER, 1, "household", ended=False)]))


def test_an_upgrade_judges_what_was_written_for_others_by_the_rows_that_it_makes_anew(circuit: Circuit) -> None:
    confirmed = circuit.hub.write(2, ClaimConfirmed(NUMBER, 1, "household", circuit.house.id))
    papers = [circuit.price(2, 300), typed(circuit, circuit.house), typed(circuit, circuit.hub), confirmed]
    papers += [circuit.mandate("price"), circuit.price(3, 400, LATER)]
    with Shelf(circuit.hub.circuit, circuit.hub) as shelf:
        shelf.take_until_settled([*circuit.papers, *papers])
        before = shelf.rows()
        shelf.db.execute("UPDATE meta SET value = ? WHERE key = 'fold_version'", (FOLD_VERSION - 1,))
        shelf.db.execute("DELETE FROM mandate")
        shelf.db.execute("DELETE FROM product")
        while refold_slice(shelf.transaction()) is not None:
            assert shelf.rows()["product"] == []
        assert shelf.rows() == before
        assert prices(before, circuit.farm) == [300]


def test_whoever_speaks_for_somebody_leaves_a_version_to_that_one(circuit: Circuit) -> None:
    papers = [circuit.mandate("price"), circuit.price(MOST_VERSION - 1, 300), circuit.price(MOST_VERSION, 400)]
    rows = in_any_order(circuit, papers)
    assert (prices(rows, circuit.farm), reasons(rows)) == ([300], ["version_range"])
