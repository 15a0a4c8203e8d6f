"""What is read from a message: quantities and products in the orders in which people write them, and what is unsure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.catalog.pasting import LISTED, Name, Pasted, read_pasted

NAMES: list[Name[str]] = [
    ("carrots", "Carottes", "", "g"),
    ("bunch", "Carottes", "botte", "piece"),
    ("juice", "Jus de pomme", "1 l", "piece"),
    ("eggs", "Œufs", "boîte de 6", "piece"),
    ("bread", "Pain", "", "piece"),
    ("country", "Pain de campagne", "", "piece"),
    ("milk", "Lait cru", "", "ml"),
    ("tomatoes", "Tomatoes", "", "g"),
    ("butter", "Beurre", "250 g", "piece"),
    ("cabbages", "Choux", "", "piece"),
    ("apples", "Pommes Gala", "", "g"),
    ("six eggs", "6 eggs", "", "piece"),
    ("berries", "Strawberries", "", "piece"),
]
Read = tuple[str | None, int | None, bool]


def read(text: str) -> list[Read]:
    return [(each.candidates[0] if each.candidates else None, each.amount, each.sure) for each in pasted(text)]


def pasted(text: str) -> list[Pasted[str]]:
    return read_pasted(text, NAMES)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2 jus 3 oeufs 1,5kg carottes", [("juice", 2), ("eggs", 3), ("carrots", 1500)]),
        ("carottes 1,5 kg; oeufs x3", [("carrots", 1500), ("eggs", 3)]),
        ("oeufs 3 jus 2 carottes 1kg", [("eggs", 3), ("juice", 2), ("carrots", 1000)]),
        ("- 2 jus\n• 1.5 kg tomato\n\n* 500g carotte\n", [("juice", 2), ("tomatoes", 1500), ("carrots", 500)]),
        ("2 JUS, 3 ŒUFS", [("juice", 2), ("eggs", 3)]),
        ("2 jus,3 oeufs", [("juice", 2), ("eggs", 3)]),
        ("2x jus et 3 × oeufs svp", [("juice", 2), ("eggs", 3)]),
        ("Carottes botte = 2", [("bunch", 2)]),
        ("2 l lait cru", [("milk", 2000)]),
        ("75cl de lait", [("milk", 750)]),
        ("1 litre de lait", [("milk", 1000)]),
        ("2 kilos de carottes", [("carrots", 2000)]),
        ("3 pain", [("bread", 3)]),
        ("3 pains de campagne", [("country", 3)]),
        ("2 chou", [("cabbages", 2)]),
        ("1 strawberry", [("berries", 1)]),
        ("1kg tomato", [("tomatoes", 1000)]),
        ("0 jus", [("juice", 0)]),
        ("jus\t4", [("juice", 4)]),
    ],
)
def test_a_message_is_read_as_its_writer_meant_it(text: str, meant: list[tuple[str, int]]) -> None:
    assert read(text) == [(key, amount, True) for key, amount in meant]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("jus 1 l: 4", [("juice", 4)]),
        ("2 jus 1 l 3 oeufs", [("juice", 2), ("eggs", 3)]),
        ("3 250g beurre 2 choux", [("butter", 3), ("cabbages", 2)]),
        ("6 eggs x3", [("six eggs", 3)]),
        ("3x 6 eggs", [("six eggs", 3)]),
        ("carottes 2kg beurre 250g x2", [("carrots", 2000), ("butter", 2)]),
    ],
)
def test_a_number_in_a_name_is_no_quantity(text: str, meant: list[tuple[str, int]]) -> None:
    assert read(text) == [(key, amount, True) for key, amount in meant]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("3 carottes", ("bunch", 3)),  # maybe 3 kg
        ("2 pommes", ("apples", 2000)),  # in kg, and a juice is made of them
        ("1,5 lait", ("milk", 1500)),
        ("carotes 2kg", ("carrots", 2000)),  # mistyped
        ("car 2kg", ("carrots", 2000)),  # shortened
        ("2 bières", (None, None)),
        ("2 pots de beurre", ("butter", 2)),
        ("1/2 kg carottes", ("carrots", None)),
        ("½ kg carottes", ("carrots", None)),
        ("-3 jus", ("juice", None)),
        ("1,5 jus", ("juice", None)),
        ("2 kg jus", ("juice", None)),
        ("jus", ("juice", None)),
        ("2", (None, None)),
        ("20% remise", (None, None)),
        ("2 jus 3", ("juice", 2)),
        ("1 kg carottes + 500", ("carrots", 1000)),  # in grams, surely
        ("1.000 oeufs", ("eggs", None)),
        ("1.000 g carottes", ("carrots", None)),
    ],
)
def test_what_may_mean_something_else_is_not_sure(text: str, first: tuple[str | None, int | None]) -> None:
    assert read(text) == [(*first, False)]


def test_what_is_not_understood_comes_back_and_hides_nothing_else() -> None:
    assert [(each.text, each.sure) for each in pasted("Bonjour, je voudrais 2 jus et 3 oeufs")] == [
        ("Bonjour", False),
        ("je voudrais", False),
        ("2 jus et", True),
        ("3 oeufs", True),
    ]


def test_namesakes_are_told_apart_by_the_unit_and_else_both_listed() -> None:
    assert read("2kg carottes") == [("carrots", 2000, True)]
    (bare,) = pasted("2 carottes")
    assert set(bare.candidates) == {"carrots", "bunch"}


@pytest.mark.parametrize(
    "text", ["2+1 jus", "2 + 1 jus", "2 jus +1", "2 jus + 1", "2 jus+1", "2 jus (+1)", "jus 2 +1", "2 jus 1 l +1"]
)
def test_a_tolerance_stands_behind_a_plus(text: str) -> None:
    (one,) = pasted(text)
    assert (one.candidates[0], one.amount, one.tolerance, one.sure) == ("juice", 2, 1, True)


@pytest.mark.parametrize(
    "text", ["carottes 1,5+0,5kg", "1,5kg carottes +500g", "1,5kg+500g carottes", "carottes 1,5 kg (+ 0,5kg)"]
)
def test_a_tolerance_may_have_a_unit_of_its_own(text: str) -> None:
    (one,) = pasted(text)
    assert (one.amount, one.tolerance, one.unit, one.sure) == (1500, 500, "g", True)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2 jus +1 3 oeufs +2", [("juice", 2, 1), ("eggs", 3, 2)]),
        ("oeufs 3 (+2) jus 2", [("eggs", 3, 2), ("juice", 2, 0)]),
        ("2 jus + 3 oeufs +1 kg carottes", [("juice", 2, 0), ("eggs", 3, 0), ("carrots", 1000, 0)]),
        ("jus 2 + oeufs 3", [("juice", 2, 0), ("eggs", 3, 0)]),
        ("2 oeufs de 6 + 3 choux", [("eggs", 2, 0), ("cabbages", 3, 0)]),
    ],
)
def test_a_plus_before_the_next_thing_is_an_and(text: str, meant: list[tuple[str, int, int]]) -> None:
    assert [(each.candidates[0], each.amount, each.tolerance) for each in pasted(text) if each.sure] == meant


@pytest.mark.parametrize(
    "text", ["2 jus +1 +1", "2+1 jus +1", "2 jus -1", "jus 2-1", "+1 jus", "jus +1", "2 jus +1 ok", "x6 + 3 choux"]
)
def test_a_number_that_nobody_understands_is_never_dropped(text: str) -> None:
    assert not any(each.sure for each in pasted(text))


@pytest.mark.parametrize(("text", "keys"), [("carotes 2kg", {"carrots", "bunch"}), ("poiraux 9,5 kg", {"leeks"})])
def test_a_mistyped_word_finds_its_product_and_no_other(text: str, keys: set[str]) -> None:
    names: list[Name[str]] = [*NAMES, ("leeks", "Poireaux", "", "g"), ("waxy", "Pommes de terre", "Charlotte", "g")]
    (one,) = read_pasted(text, names)
    assert (set(one.candidates), one.sure) == (keys, False)


def test_another_candidate_takes_the_quantity_in_its_own_unit() -> None:
    (bare,) = pasted("3 carottes")
    assert bare.amounts_in("piece") == (3, 0)
    assert bare.amounts_in("g") == (3000, 0)
    (weighed,) = pasted("3kg carottes")
    assert weighed.amounts_in("piece") is None
    (none,) = pasted("carottes")
    assert none.amounts_in("g") is None


def test_no_more_candidates_are_listed_than_people_read() -> None:
    names: list[Name[int]] = [(number, f"Salade {number}", "", "piece") for number in range(40)]
    (one,) = read_pasted("2 salade", names)
    assert (len(one.candidates), one.sure) == (LISTED, False)


def test_nothing_is_read_from_nothing() -> None:
    assert pasted("") == pasted(" \n ;, ") == pasted("et de la") == []


@given(st.text(max_size=60))
def test_no_text_stops_it_and_what_is_sure_has_an_amount(text: str) -> None:
    for each in pasted(text):
        assert each.text
        if each.sure:
            assert each.candidates
            assert each.amount is not None


_PAIRS = st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["jus", "oeufs", "choux", "beurre"])), min_size=1)


@given(_PAIRS, st.sampled_from([" ", ", ", "; ", "\n", " et "]), st.booleans())
def test_a_list_is_read_alike_whatever_stands_between(pairs: list[tuple[int, str]], between: str, behind: bool) -> None:
    text = between.join(f"{word} x{number}" if behind else f"{number} {word}" for number, word in pairs)
    keys = {"jus": "juice", "oeufs": "eggs", "choux": "cabbages", "beurre": "butter"}
    assert read(text) == [(keys[word], number, True) for number, word in pairs]
