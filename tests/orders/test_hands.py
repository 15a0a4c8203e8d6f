"""The rules of who acts for whom: ids of represented members, mandates and what they cover, cards, claims."""

import pytest

from foodhub.catalog.statements import Stock
from foodhub.orders.hands import (
    FIELDS,
    Behalf,
    Belong,
    Claim,
    Contact,
    Mandate,
    behalf_faults,
    belong_faults,
    claim_faults,
    contact_faults,
    covers,
    mandate_faults,
    represented_id,
)
from foodhub.orders.statements import Profile, derived_id
from tests.stories import product

ONE, OTHER, SALT = b"a" * 32, b"b" * 32, b"s" * 16
CARD = derived_id(b"contact")


def test_an_id_is_of_one_representative_one_salt_and_one_role() -> None:
    ids = {
        represented_id(ONE, SALT, "household"),
        represented_id(OTHER, SALT, "household"),
        represented_id(ONE, b"t" * 16, "household"),
        represented_id(ONE, SALT, "producer"),
    }
    assert len(ids) == 4
    assert {len(each) for each in ids} == {32}


@pytest.mark.parametrize(
    ("statement", "fields"),
    [
        (product(1, 1, 5), {"price", "label"}),
        (Profile(1, "Farm"), {"label"}),
        (Stock(SALT, 1, "counted", 3), {"stock"}),
        (Belong(SALT, 1, ONE, 5, left=False), set()),
    ],
)
def test_each_field_covers_some_statements(statement: object, fields: set[str]) -> None:
    assert {field for field in FIELDS if covers([field], statement)} == fields
    assert covers(FIELDS, statement) == bool(fields)


def test_a_card_has_a_name_and_a_place_of_its_own() -> None:
    assert contact_faults(Contact(CARD, 1, "Ana", "", "")) is None
    assert contact_faults(Contact(SALT, 1, "Ana", "", "")) == "other_id"
    assert contact_faults(Contact(CARD, 1, "", "06", "")) == "name_length"
    assert contact_faults(Contact(CARD, 1, "Ana", "", "x" * 201)) == "address_length"


def test_a_household_says_of_each_group_once_whether_it_is_in_it() -> None:
    assert belong_faults(Belong(derived_id(b"belong", ONE), 1, ONE, 5, left=False)) is None
    assert belong_faults(Belong(derived_id(b"belong", ONE), 1, OTHER, 5, left=False)) == "other_id"
    assert claim_faults(Claim(derived_id(b"claim", ONE), 1, ONE)) is None
    assert claim_faults(Claim(SALT, 1, ONE)) == "other_id"


def test_a_mandate_names_each_field_once() -> None:
    assert mandate_faults(Mandate(SALT, 1, ONE, ["price", "stock"], 1, ended=False)) is None
    assert mandate_faults(Mandate(SALT, 1, ONE, ["price", "price"], 1, ended=False)) == "named_twice"


@pytest.mark.parametrize(
    ("salt", "mandate", "fault"),
    [
        (SALT, b"", None),
        (bytes(16), SALT, None),
        (SALT, SALT, "mandate_and_salt"),
        (bytes(16), b"short", "mandate_and_salt"),
    ],
)
def test_an_envelope_is_under_a_mandate_or_for_who_is_represented(
    salt: bytes, mandate: bytes, fault: str | None
) -> None:
    assert behalf_faults(Behalf(ONE, salt, "household", mandate, "", Profile(1, "Farm"))) == fault
