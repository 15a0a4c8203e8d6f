from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.catalog.naming import Named, base32_id, find, fold, id_bytes
from foodhub.errors import NotThereError, UsageError

IDS = {name: base32_id(bytes([number]) * 16) for number, name in enumerate("abcdefgh", start=1)}
CATALOG = [
    Named(IDS["a"], "CAR-1", "Carottes", "botte"),
    Named(IDS["b"], "CAR-2", "Carottes", "sachet"),
    Named(IDS["c"], "", "Carottes à jus"),
    Named(IDS["d"], "12", "Œufs de poules"),
    Named(IDS["e"], "", "Fromage blanc"),
    Named(IDS["f"], "PAIN", "Pain de campagne"),
    Named(IDS["g"], "", "Pain"),
    Named(IDS["h"], "", "Crème fraîche"),
]


def found(text: str, candidates: list[Named] = CATALOG) -> Named:
    return find(candidates, text, lambda named: named)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (IDS["e"], "e"),
        (IDS["e"][:6], "e"),
        (IDS["e"][:4].upper(), "e"),
        ("CAR-1", "a"),
        ("car-1", "a"),
        ("12", "d"),
        ("carottes botte", "a"),
        ("CAROTTES  SACHET", "b"),
        ("carottes b", "a"),
        ("Carottes, botte", "a"),
        ("carottes, sa", "b"),
        ("sachet", "b"),
        ("carottes a jus", "c"),
        ("oeufs de poules", "d"),
        ("œufs", "d"),
        ("poules", "d"),
        ("creme fraiche", "h"),
        ("Creme fraiche", "h"),
        ("blanc", "e"),
        ("pain de", "f"),
    ],
)
def test_a_product_is_named_by_id_sku_or_name(text: str, expected: str) -> None:
    assert found(text).id == IDS[expected]


def test_a_whole_name_wins_over_the_beginning_of_another() -> None:
    catalog = [named for named in CATALOG if named.sku != "PAIN"] + [Named("zzzz", "", "Pain aux noix")]
    assert found("pain", catalog).id == IDS["g"]


@pytest.mark.parametrize("text", ["a", "lanc", "oules", "n"])
def test_letters_inside_a_word_name_nothing(text: str) -> None:
    with pytest.raises(NotThereError):
        found(text, [named for named in CATALOG if named.name in {"Fromage blanc", "Œufs de poules", "Crème fraîche"}])


def test_a_word_begins_behind_an_apostrophe_a_hyphen_and_a_bracket() -> None:
    catalog = [Named("aaaa", "", "Pain d'épices"), Named("bbbb", "", "Chou-fleur"), Named("cccc", "", "Lait (cru)")]
    assert [found(text, catalog).id for text in ("epi", "fleur", "cru")] == ["aaaa", "bbbb", "cccc"]


def test_the_beginning_of_a_name_wins_over_a_part_of_another() -> None:
    catalog = [Named("aaaa", "", "Jus de pomme"), Named("bbbb", "", "Pommes Gala")]
    assert found("pomme", catalog).id == "bbbb"


def test_a_sku_does_not_hide_anothers_name() -> None:
    with pytest.raises(UsageError) as caught:
        found("pain")
    assert {candidate["id"] for candidate in caught.value.details["candidates"]} == {IDS["f"], IDS["g"]}  # type: ignore[attr-defined]


def test_an_id_does_not_hide_the_beginning_of_a_name() -> None:
    catalog = [Named("pain7777777777777777777777", "", "Farine"), Named("zzzz", "", "Pain d'épices")]
    with pytest.raises(UsageError):
        found("pain", catalog)


def test_namesakes_are_listed_and_never_chosen_from() -> None:
    with pytest.raises(UsageError) as caught:
        found("carottes")
    error = caught.value
    assert error.code == "ambiguous"
    assert error.details["candidates"] == [named._asdict() for named in CATALOG[:2]]
    assert "botte" in str(error)
    assert IDS["b"][:8] in str(error)


def test_a_long_list_of_candidates_is_cut_in_the_sentence_only() -> None:
    catalog = [Named(base32_id(bytes([n]) * 16), "", f"Salade {n}") for n in range(30)]
    with pytest.raises(UsageError) as caught:
        found("salade", catalog)
    assert caught.value.details["count"] == 30
    assert str(caught.value).endswith("….")
    assert "Salade 29" not in str(caught.value)


def test_three_characters_of_an_id_name_nothing() -> None:
    with pytest.raises(NotThereError):
        found(IDS["e"][:3], [Named(IDS["e"], "", "Fromage blanc")])


@pytest.mark.parametrize("text", ["caroottes jus", "fromage blnc", "zzz", "", "   ", "\n"])
def test_what_is_not_there_is_said(text: str) -> None:
    with pytest.raises(NotThereError) as caught:
        found(text)
    assert caught.value.code == "no_such_product"
    assert caught.value.hint.format(**caught.value.details)


def test_near_names_are_suggested() -> None:
    with pytest.raises(NotThereError) as caught:
        found("fromage blnc")
    assert caught.value.details["suggestions"] == ["Fromage blanc"]
    assert "Fromage blanc" in caught.value.hint.format(**caught.value.details)


def test_nothing_is_near_to_what_has_no_name() -> None:
    with pytest.raises(NotThereError) as caught:
        found("", [Named("a", "", "")])
    assert "Near" not in caught.value.hint


def test_other_kinds_of_things_are_named_alike() -> None:
    with pytest.raises(NotThereError) as caught:
        find([], "Semaine 48", lambda named: named, kind="cycle")
    assert caught.value.code == "no_such_cycle"
    assert "order cycle" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Céleri-Rave", "celeri-rave"),
        ("BŒUF", "boeuf"),
        ("  deux\u00a0 mots ", "deux mots"),
        ("d’été", "d'ete"),
        ("Straße", "strasse"),
    ],
)
def test_folding_forgets_case_accents_and_ligatures(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(alphabet=st.characters(codec="latin-1")))
def test_folding_forgets_how_accents_are_written(text: str) -> None:
    assert fold(normalize("NFD", text)) == fold(normalize("NFC", text))


@given(st.binary(min_size=1, max_size=40))
def test_ids_are_lowercase_base32_and_come_back(identity: bytes) -> None:
    text = base32_id(identity)
    assert text == text.lower()
    assert "=" not in text
    assert id_bytes(text) == identity


@pytest.mark.parametrize("text", ["", "ABCD", "a", "aaaaaaab0", "é", "ab======"])
def test_what_is_no_id_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        id_bytes(text)
