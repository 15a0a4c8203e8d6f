from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.encoding import LATEST, MAX_SEQ, encode
from foodhub.log.faults import FAULTS, PeerFault
from foodhub.log.header import Header
from foodhub.log.keys import SigningKey
from foodhub.log.run import CheckedRun, check_payloads, read_run, write_run
from tests.vectors.reading import cases, read

CIRCUIT = b"c" * 32
KEY = SigningKey(b"k" * 32)
VECTORS = bytes.fromhex(read("runs")["circuit"])
OF_THE_STORE = {"unknown_author", "own_log", "forked", "branched", "unsigned", "above_limit", "gap", "bad_timestamp"}
OF_THE_SESSION = {"other_circuit", "bad_proof", "bad_message", "over_credit"}

entries = st.lists(
    st.tuples(st.just(1), st.integers(0, 2**40), st.binary(min_size=16, max_size=24)), min_size=1, max_size=5
)


def in_order(given_entries: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    return [
        (kind, LATEST // 2 + n * 1000 + time % 1000, payload) for n, (kind, time, payload) in enumerate(given_entries)
    ]


def written(
    given_entries: list[tuple[int, int, bytes]], after: tuple[int, bytes] = (0, b"")
) -> tuple[bytes, CheckedRun]:
    run, checked = write_run(CIRCUIT, KEY, 1, after, in_order(given_entries))
    return encode(run), checked


@given(entries, st.integers(0, MAX_SEQ - 10))
def test_a_run_is_read_as_it_was_written(given_entries: list[tuple[int, int, bytes]], before: int) -> None:
    data, checked = written(given_entries, (before, b"i" * 32 if before else b""))
    found = read_run(CIRCUIT, data)
    check_payloads(found, [payload for *_, payload in given_entries])
    assert found == checked
    assert found.last == before + len(given_entries)
    assert found.timestamps == [time for _, time, _ in in_order(given_entries)]


@given(entries)
def test_the_ids_of_a_run_are_those_of_its_headers(given_entries: list[tuple[int, int, bytes]]) -> None:
    _, run = written(given_entries)
    backlink = b""
    for n, identity in enumerate(run.ids):
        place = (run.log, run.kinds[n], n + 1, backlink, run.timestamps[n], run.sizes[n], run.hashes[n])
        backlink = Header(1, CIRCUIT, KEY.public, *place).id
        assert backlink == identity


@given(entries, st.integers(1, 5))
def test_the_same_entries_have_the_same_ids_in_shorter_runs(
    given_entries: list[tuple[int, int, bytes]], cut: int
) -> None:
    _, whole = written(given_entries)
    cut %= len(given_entries)
    parts = in_order(given_entries)
    ids: list[bytes] = []
    for part in (parts[:cut], parts[cut:]):
        if part:
            ids += write_run(CIRCUIT, KEY, 1, (len(ids), ids[-1] if ids else b""), part)[1].ids
    assert ids == whole.ids


@given(entries, st.integers(0), st.integers(1, 255))
def test_no_changed_byte_of_a_run_goes_unnoticed(
    given_entries: list[tuple[int, int, bytes]], place: int, flip: int
) -> None:
    data = bytearray(written(given_entries)[0])
    data[place % len(data)] ^= flip
    with pytest.raises(PeerFault) as raised:
        read_run(CIRCUIT, bytes(data))
    assert raised.value.code in FAULTS


@given(entries)
def test_a_run_of_another_circuit_is_refused(given_entries: list[tuple[int, int, bytes]]) -> None:
    with pytest.raises(PeerFault) as raised:
        read_run(b"d" * 32, written(given_entries)[0])
    assert raised.value.code == "bad_signature"


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_as_such(data: bytes) -> None:
    with pytest.raises(PeerFault) as raised:
        read_run(CIRCUIT, data)
    assert raised.value.code == "not_canonical"


def test_more_than_a_frame_is_refused_before_it_is_read() -> None:
    with pytest.raises(PeerFault) as raised:
        read_run(CIRCUIT, bytes(1024 * 1024 + 1))
    assert raised.value.code == "too_large"


@pytest.mark.parametrize("case", cases("runs", "good"))
def test_a_good_run_of_the_vectors_is_taken(case: dict[str, Any]) -> None:
    run = read_run(VECTORS, bytes.fromhex(case["run"]))
    assert [identity.hex() for identity in run.ids[-len(case["ids"]) :]] == case["ids"]
    if "payloads" in case:
        check_payloads(run, [None if payload is None else bytes.fromhex(payload) for payload in case["payloads"]])


@pytest.mark.parametrize("case", cases("runs", "bad"))
def test_a_bad_run_of_the_vectors_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(PeerFault) as raised:
        read_run(VECTORS, bytes.fromhex(case["run"]))
    assert raised.value.code == case["fault"]


@pytest.mark.parametrize("case", cases("runs", "bad_payloads"))
def test_payloads_that_are_not_those_of_the_run_are_refused(case: dict[str, Any]) -> None:
    run = read_run(VECTORS, bytes.fromhex(case["run"]))
    with pytest.raises(PeerFault) as raised:
        check_payloads(run, [None if payload is None else bytes.fromhex(payload) for payload in case["payloads"]])
    assert raised.value.code == case["fault"]


def test_the_vectors_show_every_fault_that_a_run_can_have() -> None:
    shown = {case["fault"] for part in ("bad", "bad_payloads") for case in read("runs")[part]}
    shown |= {case["fault"] for case in read("forks")["bad"]}
    assert shown | OF_THE_STORE | OF_THE_SESSION == set(FAULTS)
    assert {step["fault"] for step in read("logs")["steps"]} >= OF_THE_STORE - {"own_log"}
