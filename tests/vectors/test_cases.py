"""The vectors say of our own code what it does: those that no other test reads, and that there are enough of them."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from foodhub.catalog.statements import Part
from foodhub.circuit.device_code import read_card, read_device_code
from foodhub.circuit.proofs import enrolment_holds, recovery_holds
from foodhub.circuit.statements import (
    CircuitStatement,
    Enrol,
    Recover,
    proof_of_enrolment,
    proof_of_recovery,
)
from foodhub.errors import RefusedError
from foodhub.log.body import Unread
from foodhub.log.encoding import decode, encode
from foodhub.log.faults import FAULTS, PeerFault
from foodhub.log.forks import check_fork, prove_fork, read_fork, write_fork
from foodhub.log.run import Run
from foodhub.orders.hands import Behalf
from foodhub.store.facts import FACTS, fault_of
from foodhub.store.fold import READERS
from foodhub.store.outgoing import frontier
from tests.pens import Paper
from tests.shelf import Shelf
from tests.vectors.fold_cases import World, shelf_of
from tests.vectors.fold_cases import outcome as made_of
from tests.vectors.make import FILES
from tests.vectors.membership_cases import outcome
from tests.vectors.reading import cases, read
from tests.vectors.seeds import FOUNDING, fields
from tests.vectors.statement_cases import tag_of
from tests.vectors.store_cases import paper_of

FORKS = bytes.fromhex(read("forks")["circuit"])
RECOVERY = bytes.fromhex(read("members")["recovery"]["recovery_signing"])
FEWEST = 40
WORLD = World()
MANY = 16
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


def reason_of(log: int, said: Any) -> str | None:
    """Return why a statement does not count, whoever says it."""
    if isinstance(said, Unread):
        return said.reason
    if isinstance(said, Behalf) and FACTS[type(said.statement)].log != log:
        return "wrong_log"
    return fault_of(said)


def test_every_statement_at_the_edge_of_a_rule_counts_or_does_not() -> None:
    for case in read("statements")["edges"]:
        (said,) = READERS[case["log"]].read(b"\x91" + bytes.fromhex(case["bytes"]))
        assert reason_of(case["log"], said) == case["reason"], case["name"]


@pytest.mark.parametrize("case", cases("statements", "bodies"))
def test_a_body_is_read_as_it_stands_there(case: dict[str, Any]) -> None:
    body = b"".join(
        bytes.fromhex(part) if isinstance(part, str) else bytes.fromhex(part[0]) * part[1] for part in case["body"]
    )
    assert what_is_in(case["log"], body) == {name: case[name] for name in ("fault", "reads", "counts") if name in case}


def what_is_in(log: int, body: bytes) -> dict[str, Any]:
    """Return what is read in a body, as the vectors show it."""
    try:
        found = [each.reason if isinstance(each, Unread) else tag_of(each) for each in READERS[log].read(body)]
    except PeerFault as fault:
        return {"fault": fault.code}
    return {"reads": found} if len(found) < MANY else {"counts": dict(Counter(found))}


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


def test_codes_of_devices_and_cards_are_read_or_refused() -> None:
    for part, reader in (("devices", read_device_code), ("cards", read_card)):
        vectors: dict[str, list[dict[str, Any]]] = read("invites")[part]
        for case in vectors["good"]:
            assert {"name": case["name"], **fields(reader(case["text"])), "text": case["text"]} == case
        for case in vectors["bad"]:
            with pytest.raises(RefusedError) as raised:
                reader(case["text"])
            assert raised.value.code == case["code"], case["name"]


def test_another_store_takes_and_refuses_as_it_stands_there() -> None:
    vectors = read("logs")["another"]
    with Shelf(bytes.fromhex(vectors["circuit"])) as shelf:
        for step in vectors["steps"]:
            assert shelf.take(paper_of(step)) == [step["fault"] or step["new"]], step["name"]
        assert [fields(item) for item in sorted(frontier(shelf.db))] == vectors["items"]


@pytest.mark.parametrize("case", cases("folding", "cases"))
def test_a_store_shows_what_stands_there_whichever_log_comes_first(case: dict[str, Any]) -> None:
    with shelf_of(WORLD) as shelf:
        shelf.take_together(papers_of(read("folding")["circuit_runs"]))
        shelf.take(*sorted(papers_of(case["runs"]), key=lambda paper: paper[0].author, reverse=True))
        assert made_of(shelf) == {name: case[name] for name in ("holds", "counts_not")}


def papers_of(runs: list[dict[str, Any]]) -> list[Paper]:
    return [*map(paper_of, runs)]


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
