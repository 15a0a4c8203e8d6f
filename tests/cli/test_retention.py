"""`foodhub retention` and `foodhub log prune`."""

from foodhub.node import live
from tests.cli.program import Foodhub


def test_a_rule_is_set_shown_and_taken_back(founded: Foodhub) -> None:
    assert [(row["rule"], row["months"]) for row in founded.json("retention", "show")] == [
        ("orders", 0),
        ("catalog", 0),
    ]
    founded("retention", "set", "orders", "24", "--dry-run")
    assert founded.json("retention", "show")[0]["months"] == 0
    assert founded.json("retention", "set", "orders", "24")[0]["months"] == 24
    assert founded.json("retention", "show")[0]["erases_before"] is not None
    assert "24" in founded("retention", "show").out
    assert founded.json("retention", "set", "orders", "0")[0]["erases_before"] is None
    assert "for ever" in founded("retention", "show").out


def test_a_rule_that_can_not_be_is_refused(founded: Foodhub) -> None:
    assert founded.fails(2, "retention", "set", "weather", "1")["code"] == "bad_rule"
    assert founded.fails(2, "retention", "set", "orders", "601")["code"] == "bad_months"
    assert founded("retention", "set", "orders", "-1", code=2).err
    assert founded("retention", "set", "orders", "soon", code=2).err


def test_setting_a_rule_says_first_that_it_can_not_be_undone(founded: Foodhub) -> None:
    done = founded.on_terminal("retention", "set", "orders", "1", answers=["n"])
    assert "can't be undone" in done.err
    assert founded.json("retention", "show")[0]["months"] == 0


def test_a_rule_is_the_homes_whoever_of_its_members_acts(founded: Foodhub) -> None:
    founded("init", "--name", "Dupont", "--role", "household", "--json")
    assert founded.json("retention", "set", "orders", "24")[0]["months"] == 24
    done = founded.on_terminal("retention", "set", "orders", "12", answers=["n"])
    assert "Dupont" in done.err
    assert founded.json("retention", "show")[0]["months"] == 24


def test_what_a_rule_erases_is_said_in_one_sentence_for_each_rule(founded: Foodhub) -> None:
    for rule, months, sentence in [
        ("orders", "1", "your orders and answers are erased 1 month after the close of their cycle: today those of"),
        ("orders", "2", "your orders and answers are erased 2 months after the close of their cycle: today those of"),
        ("catalog", "1", "what is superseded in your catalog is erased 1 month after it was signed: today what"),
        ("catalog", "24", "what is superseded in your catalog is erased 24 months after it was signed: today what"),
    ]:
        said = founded.on_terminal("retention", "set", rule, months, answers=["n"]).err
        assert f"From now on {sentence}" in " ".join(said.split())


def test_pruning_is_for_when_no_network_process_runs(founded: Foodhub) -> None:
    assert founded.json("log", "prune") == {"dropped": 0}
    lock = live.node_lock(founded.home)
    with lock:
        assert founded.fails(6, "log", "prune")["code"] == "network_process_runs"
    lock.close()
    assert "0 entries dropped." in founded("log", "prune").out
