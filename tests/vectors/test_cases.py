"""The vectors say of our own code what it does: those that no other test reads, and that there are enough of them."""

from typing import Any

import msgspec
import pytest

from foodhub.catalog.statements import Part
from foodhub.circuit.proofs import enrolment_holds, recovery_holds
from foodhub.circuit.statements import (
    CircuitStatement,
    Enrol,
    Recover,
    proof_of_enrolment,
    proof_of_recovery,
)
from foodhub.log.encoding import decode, encode
from foodhub.log.faults import FAULTS, PeerFault
from foodhub.log.forks import check_fork, prove_fork, read_fork, write_fork
from foodhub.log.run import Run
from foodhub.orders.hands import Behalf
from foodhub.store.facts import FACTS
from tests.shelf import Shelf
from tests.vectors.make import FILES
from tests.vectors.membership_cases import outcome
from tests.vectors.reading import cases, read
from tests.vectors.seeds import FOUNDING

FORKS = bytes.fromhex(read("forks")["circuit"])
RECOVERY = bytes.fromhex(read("members")["recovery"]["recovery_signing"])
FEWEST = 40
_statements: "msgspec.msgpack.Decoder[Any]" = msgspec.msgpack.Decoder(CircuitStatement)
_runs = msgspec.msgpack.Decoder(Run)


def statement(case: dict[str, Any]) -> Any:
    return decode(_statements, bytes.fromhex(case["bytes"]))


def bad_cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of a file that have to fail with a code."""
    found = [case for part in read(name).values() if isinstance(part, list) for case in part if isinstance(case, dict)]
    return [case for case in found if case.get("fault") or case.get("reason") or case.get("code")]


def test_there_are_many_bad_cases_and_each_says_why() -> None:
    bad = [case for name in FILES for case in bad_cases(name.removesuffix(".json"))]
    assert len(bad) >= 3 * FEWEST
    assert {case["fault"] for case in bad if "fault" in case} <= set(FAULTS)
    assert len({case.get("fault") or case.get("reason") or case["code"] for case in bad}) >= 30


def test_one_of_every_statement_is_shown() -> None:
    known = {each.__struct_config__.tag for each in (*CircuitStatement.__args__, *FACTS, Part, Behalf)}
    shown = {msgspec.msgpack.decode(bytes.fromhex(case["bytes"]))[0] for case in read("statements")["good"]}
    assert shown == known


@pytest.mark.parametrize("case", cases("forks", "good"))
def test_a_good_fork_proof_shows_its_fork(case: dict[str, Any]) -> None:
    proof = read_fork(bytes.fromhex(case["proof"]))
    fork = check_fork(FORKS, proof)
    assert [fork.author.hex(), fork.log, fork.seq, fork.backlink.hex()] == [
        case[name] for name in ("author", "log", "seq", "backlink")
    ]
    assert write_fork(proof).hex() == case["proof"]


@pytest.mark.parametrize("case", cases("forks", "bad"))
def test_a_bad_fork_proof_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(PeerFault) as raised:
        check_fork(FORKS, read_fork(bytes.fromhex(case["proof"])))
    assert raised.value.code == case["fault"]


@pytest.mark.parametrize("case", cases("forks", "pairs"))
def test_two_runs_make_the_proof_that_stands_there(case: dict[str, Any]) -> None:
    one, other = (decode(_runs, bytes.fromhex(case[name])) for name in ("one", "other"))
    found = [prove_fork(FORKS, *pair) for pair in ((one, other), (other, one))]
    assert [proof and encode(proof).hex() for proof in found] == [case["proof"]] * 2


def test_an_enrolment_holds_in_its_own_log_for_its_circuit() -> None:
    case = read("members")["enrolment"]
    enrol, author = statement(case), bytes.fromhex(case["author"])
    assert isinstance(enrol, Enrol)
    assert proof_of_enrolment(FOUNDING.circuit, enrol.member, enrol.device).hex() == case["proof_text"]
    assert enrolment_holds(FOUNDING.circuit, author, enrol)
    assert not enrolment_holds(bytes(32), author, enrol)


def test_a_recovery_holds_in_its_own_log_for_its_circuit_and_its_words() -> None:
    case = read("members")["recovery"]
    found, author = statement(case), bytes.fromhex(case["author"])
    assert isinstance(found, Recover)
    text = proof_of_recovery(FOUNDING.circuit, found.member, found.number, found.device, found.cuts)
    assert text.hex() == case["proof_text"]
    assert recovery_holds(FOUNDING.circuit, author, found, RECOVERY)
    assert not recovery_holds(bytes(32), author, found, RECOVERY)
    assert not recovery_holds(FOUNDING.circuit, author, found, author)


@pytest.mark.parametrize("case", cases("members", "bad_enrolments"))
def test_a_bad_enrolment_does_not_hold(case: dict[str, Any]) -> None:
    assert not enrolment_holds(FOUNDING.circuit, bytes.fromhex(case["author"]), statement(case))


@pytest.mark.parametrize("case", cases("members", "bad_recoveries"))
def test_a_bad_recovery_does_not_hold(case: dict[str, Any]) -> None:
    assert not recovery_holds(FOUNDING.circuit, bytes.fromhex(case["author"]), statement(case), RECOVERY)


@pytest.mark.parametrize("case", cases("circuits", "cases"))
def test_the_pass_finds_what_stands_there_in_any_order_of_the_logs(case: dict[str, Any]) -> None:
    circuit = bytes.fromhex(case["circuit"])
    expected = {name: case[name] for name in ("members", "invites_used", "limits", "erased")}
    for logs in (case["logs"], case["logs"][::-1], sorted(case["logs"], key=lambda log: str(log["author"]))):
        assert outcome(circuit, logs) == expected


@pytest.mark.parametrize("name", ["from_the_beginning", "from_the_checkpoint"])
def test_a_store_takes_a_checkpoint_as_it_stands_there(name: str) -> None:
    vectors = read("checkpoints")
    query = "SELECT lower(hex(local)), version, on_hand, timestamp FROM stock"
    with Shelf(bytes.fromhex(vectors["circuit"])) as shelf:
        for step in vectors[name]:
            run = decode(_runs, bytes.fromhex(step["run"]))
            result = shelf.take((run, [bytes.fromhex(each) for each in step["payloads"]]))
            assert result == [step["fault"] or step["new"]], step["name"]
            assert sorted(map(list, shelf.db.execute(query))) == sorted(step["stock"]), step["name"]
