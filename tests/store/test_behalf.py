"""What somebody writes for somebody else: whether it counts, whatever came first, and what becomes of it later."""

from itertools import permutations
from typing import Any

import msgspec
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
    Successor,
    represented_id,
)
from foodhub.orders.reserving import Lower, Shortfall
from foodhub.orders.statements import Allot, Order, OrderLine, Profile, derived_id
from foodhub.store.refold import refold_slice
from foodhub.store.schema import FOLD_VERSION
from foodhub.store.transaction import countable
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
    confirmed = circuit.hub.write(2, ClaimConfirmed(NUMBER, 1, circuit.house.id))
    papers = [typed(circuit, circuit.hub, 2), confirmed, typed(circuit, circuit.house, 2, 5, "")]
    rows = in_any_order(circuit, papers)
    assert placed(rows) == [(owner, 2, "", None)]


def test_who_was_confirmed_first_stays_it_whomever_the_representative_names_later(circuit: Circuit) -> None:
    owner = represented_id(circuit.hub.id, NUMBER, "household")
    papers = [
        circuit.hub.write(2, ClaimConfirmed(NUMBER, 1, circuit.house.id)),
        typed(circuit, circuit.house),
        circuit.hub.write(2, ClaimConfirmed(NUMBER, 1, circuit.farm.id), at=MORNING + 1),
        circuit.hub.write(2, ClaimConfirmed(NUMBER, 2, circuit.farm.id), at=MORNING + 2),
    ]
    rows = in_any_order(circuit, papers)
    assert (placed(rows), reasons(rows)) == ([(owner, 1, "", None)], ["version_range"])


def test_the_right_of_a_producer_stays_with_its_first_successor(circuit: Circuit) -> None:
    papers = [
        circuit.hub.write(1, Successor(NUMBER, 1, circuit.farm.id, [])),
        circuit.farm.write(2, *(of_farm(circuit, each) for each in goods(circuit)), readers=[circuit.hub]),
        circuit.hub.write(1, Successor(NUMBER, 1, circuit.house.id, []), at=MORNING + 1),
        circuit.house.write(2, *(of_farm(circuit, each) for each in goods(circuit)), readers=[circuit.hub]),
    ]
    rows = in_any_order(circuit, papers)
    assert [row[-1] for row in rows["allotment"]] == [None]
    assert reasons(rows) == ["not_represented"] * 3


def of_farm(circuit: Circuit, statement: Any, role: Any = "producer") -> Behalf:
    return Behalf(represented_id(circuit.hub.id, NUMBER, role), NUMBER, role, b"", "", statement)


def goods(circuit: Circuit) -> list[Any]:
    """Return what a producer says of goods set aside for the hub."""
    place = (circuit.hub.id, NUMBER, circuit.hub.device, NUMBER)
    at = (*place[:2], circuit.hub.id, circuit.hub.device, NUMBER)
    short = derived_id(b"shortfall", circuit.hub.id, NUMBER, circuit.hub.id, NUMBER)
    return [
        Allot(derived_id(b"allot", *place), 1, *at, 5, 0),
        Lower(derived_id(b"lower", *place), 1, *at, 3, override=False),
        Shortfall(short, 1, circuit.hub.id, NUMBER, circuit.hub.id, NUMBER, 2, "hail"),
    ]


def test_a_representative_sets_aside_asks_back_and_lacks_for_its_producer_and_nobody_else_does(
    circuit: Circuit,
) -> None:
    said = [of_farm(circuit, each) for each in goods(circuit)]
    own, forged = circuit.hub.write(2, *said), circuit.house.write(2, *said, readers=[circuit.hub])
    household = circuit.hub.write(2, *(of_farm(circuit, each, "household") for each in goods(circuit)))
    rows = in_any_order(circuit, [own, forged, household])
    assert [row[0] for row in rows["allotment"]] == [said[0].owner]
    assert sorted(reasons(rows)) == ["not_permitted"] * 3 + ["not_represented"] * 3


def test_under_a_mandate_one_says_what_lacks_and_sets_nothing_aside(circuit: Circuit) -> None:
    said = circuit.hub.write(2, *(circuit.under(each) for each in goods(circuit)))
    rows = in_any_order(circuit, [circuit.mandate("accept"), said])
    assert (rows["allotment"], reasons(rows)) == ([], ["mandate_field"] * 2)


def test_who_goes_on_as_a_producer_writes_in_the_open_and_its_representative_no_more(circuit: Circuit) -> None:
    papers = [
        circuit.hub.write(1, of_farm(circuit, product(1, 1, 100))),
        circuit.hub.write(1, Successor(NUMBER, 1, circuit.farm.id, []), at=MORNING + 5),
        circuit.hub.write(1, of_farm(circuit, product(1, 3, 300)), at=MORNING + 6),
        circuit.farm.write(1, of_farm(circuit, product(1, 2, 200)), at=MORNING + 7),
    ]
    rows = in_any_order(circuit, papers)
    assert [(row[0], row[11], row[-1]) for row in rows["product"]] == [(of_farm(circuit, 0).owner, 200, None)]
    assert reasons(rows) == ["has_own_home"]
    with Shelf(circuit.hub.circuit, circuit.house) as stranger:
        stranger.take_until_settled([*circuit.papers, *papers])
        assert stranger.rows()["product"] == rows["product"]


def test_what_a_representative_signs_behind_the_hand_over_counts_not_whatever_its_clock_says(circuit: Circuit) -> None:
    aside = goods(circuit)[0]
    more = msgspec.structs.replace(aside, version=2, quantity=10)
    papers = [
        circuit.hub.write(2, of_farm(circuit, aside)),
        circuit.hub.write(1, Successor(NUMBER, 1, circuit.farm.id, [(circuit.hub.device, 1)]), at=MORNING + 5),
        circuit.hub.write(2, of_farm(circuit, more)),
    ]
    rows = in_any_order(circuit, papers)
    assert [row[9] for row in rows["allotment"]] == [5]
    assert reasons(rows) == ["has_own_home"]


def test_what_a_representative_signed_before_the_hand_over_goes_on_to_count_though_its_clock_was_ahead(
    circuit: Circuit,
) -> None:
    papers = [
        circuit.hub.write(2, of_farm(circuit, goods(circuit)[0]), at=LATER),
        circuit.hub.write(1, Successor(NUMBER, 1, circuit.farm.id, [(circuit.hub.device, 1)])),
    ]
    rows = in_any_order(circuit, papers)
    assert (len(rows["allotment"]), reasons(rows)) == (1, [])


def test_a_confirmation_in_log_2_makes_nobody_a_producer(circuit: Circuit) -> None:
    private = circuit.hub.write(2, ClaimConfirmed(NUMBER, 1, circuit.farm.id))
    rows = in_any_order(circuit, [private, circuit.farm.write(1, of_farm(circuit, product(1, 1, 200)))])
    assert (rows["product"], reasons(rows)) == ([], ["not_represented"])


def test_an_envelope_counts_only_in_the_log_of_what_is_in_it(circuit: Circuit) -> None:
    owner = represented_id(circuit.hub.id, NUMBER, "producer")
    wrong = circuit.hub.write(2, Behalf(owner, NUMBER, "producer", b"", "", Profile(1, "Ferme")))
    assert reasons(in_any_order(circuit, [wrong])) == ["wrong_log"]


def test_the_rule_of_what_is_in_an_envelope_holds(circuit: Circuit) -> None:
    owner = represented_id(circuit.hub.id, NUMBER, "producer")
    said = Behalf(owner, NUMBER, "producer", b"", "", Profile(1, ""))
    assert reasons(in_any_order(circuit, [circuit.hub.write(1, said)])) == ["name_length"]
    with pytest.raises(ValueError, match="name_length"):
        list(countable([said]))
    both = Behalf(owner, NUMBER, "producer", NUMBER, "", Profile(1, "Ferme"))
    with pytest.raises(ValueError, match="mandate_and_salt"):
        list(countable([both]))
    assert list(countable([Represented(NUMBER, 1, "household", ended=False)]))


def test_an_upgrade_judges_what_was_written_for_others_by_the_rows_that_it_makes_anew(circuit: Circuit) -> None:
    confirmed = circuit.hub.write(2, ClaimConfirmed(NUMBER, 1, circuit.house.id))
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
