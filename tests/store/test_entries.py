"""What a store takes from peers, and what it refuses."""

from typing import Any

import msgspec
import pytest

from foodhub.circuit.statements import Uninvite
from foodhub.log.encoding import encode
from foodhub.log.keys import SigningKey
from foodhub.log.run import Run, write_run
from foodhub.orders.statements import Profile
from foodhub.store.outgoing import frontier, read_run
from tests.pens import MORNING, Paper, Pen, invite_key, newcomer
from tests.shelf import Shelf
from tests.vectors.reading import read


@pytest.fixture
def founder() -> Pen:
    pen = Pen("founder", "hub")
    pen.founding = pen.found()  # type: ignore[attr-defined]
    return pen


@pytest.fixture
def shelf(founder: Pen) -> Any:
    with Shelf(founder.circuit) as shelf:
        assert shelf.take(founder.founding) == [1]  # type: ignore[attr-defined]
        yield shelf


def heads(shelf: Shelf) -> list[tuple[int, int]]:
    return [(item.log, item.seq) for item in frontier(shelf.db)]


def test_the_runs_of_the_vectors_are_taken_and_refused_as_they_say() -> None:
    vectors = read("logs")
    circuit = bytes.fromhex(vectors["circuit"])
    with Shelf(circuit) as shelf:
        for step in vectors["steps"]:
            run = msgspec.msgpack.decode(bytes.fromhex(step["run"]), type=Run)
            payloads = [bytes.fromhex(payload or "") for payload in step["payloads"]]
            assert shelf.take((run, payloads)) == [step["fault"] or step["new"]], step["name"]


def test_the_logs_of_a_stranger_are_not_taken(shelf: Shelf, founder: Pen) -> None:
    stranger = Pen("stranger", circuit=founder.circuit)
    papers = [stranger.join(invite_key("none")), stranger.write(1, Profile(1, "Stranger")), stranger.write(2)]
    assert shelf.take(*papers) == ["unknown_author"] * 3
    assert heads(shelf) == [(0, 1)]


def test_a_join_needs_its_invite_and_its_charter(shelf: Shelf, founder: Pen) -> None:
    farm = Pen("farm", circuit=founder.circuit)
    other = Pen("farm", circuit=founder.circuit)
    joins = [farm.join(invite_key("farm")), other.join(invite_key("farm"), charter="Another charter.")]
    assert shelf.take(*joins) == ["unknown_author", "unknown_author"]
    assert shelf.take(founder.invite("farm", "producer"), joins[1], joins[0]) == [1, "unknown_author", 1]


def test_a_founding_of_another_circuit_is_not_taken(shelf: Shelf) -> None:
    other = Pen("other founder")
    run, payloads = other.found()
    moved, _ = write_run(shelf.circuit, other.keys.signing, 0, (0, b""), [(0, MORNING, payloads[0])])
    assert shelf.take((run, payloads), (moved, payloads)) == ["bad_signature", "unknown_author"]


def test_overlapping_runs_add_what_is_new(shelf: Shelf, founder: Pen) -> None:
    papers = [founder.write(1, Profile(n, f"Hub {n}")) for n in range(1, 5)]
    payloads = [payload for _, (payload,) in papers]
    entries = [(1, MORNING, payload) for payload in payloads]
    whole, _ = write_run(shelf.circuit, founder.keys.signing, 1, (0, b""), entries)
    assert shelf.take(papers[0], papers[1], (whole, payloads), papers[3], (whole, payloads)) == [1, 1, 2, 0, 0]
    assert shelf.rows()["profile"][0][2] == 4


def test_a_gap_is_not_held(shelf: Shelf, founder: Pen) -> None:
    papers = [founder.write(1, Profile(n, f"Hub {n}")) for n in range(1, 4)]
    assert shelf.take(papers[2], papers[1], papers[0], papers[2], papers[1], papers[2]) == [
        "gap",
        "gap",
        1,
        "gap",
        1,
        1,
    ]


def forked(founder: Pen) -> tuple[list[Paper], Paper, Paper]:
    """Return three entries, another second entry, and a third behind that."""
    papers = [founder.write(1, Profile(n, f"Hub {n}")) for n in range(1, 4)]
    twin = Pen("founder", "hub", circuit=founder.circuit)
    entries = [(1, MORNING, payload) for _, (payload,) in papers[:1]]
    _, twin.heads[1] = write_run(founder.circuit, twin.keys.signing, 1, (0, b""), entries)
    return papers, twin.write(1, Profile(2, "Fork")), twin.write(1, Profile(3, "Fork"))


def test_a_fork_is_refused_and_its_place_is_on_record(shelf: Shelf, founder: Pen) -> None:
    papers, second, _ = forked(founder)
    assert shelf.take(*papers, second) == [1, 1, 1, "forked"]
    ((author, log, seq, ours, theirs),) = shelf.db.execute("SELECT * FROM fork").fetchall()
    assert (author, log, seq) == (founder.device, 1, 2)
    assert ours != theirs
    assert shelf.rows()["profile"][0][3] == MORNING


def test_a_fork_below_the_head_shows_by_its_backlink_and_the_lowest_place_stays_on_record(
    shelf: Shelf, founder: Pen
) -> None:
    papers, second, third = forked(founder)
    assert shelf.take(papers[0], papers[1], third) == [1, 1, "forked"]
    assert shelf.db.execute("SELECT seq, theirs FROM fork").fetchall() == [(2, third[0].backlink)]
    assert shelf.take(papers[2], third, second, third) == [1, "forked", "forked", "forked"]
    assert shelf.db.execute("SELECT seq FROM fork").fetchall() == [(2,)]


def test_entries_go_on_behind_a_fork_that_was_refused(shelf: Shelf, founder: Pen) -> None:
    papers, second, _ = forked(founder)
    assert shelf.take(papers[0], papers[1], second, papers[2]) == [1, 1, "forked", 1]


def test_time_does_not_run_backwards_between_runs(shelf: Shelf, founder: Pen) -> None:
    papers = [founder.write(1, Profile(1, "Hub"), at=MORNING + 5), founder.write(1, Profile(2, "Hub"), at=MORNING + 4)]
    assert shelf.take(*papers) == [1, "bad_timestamp"]


def test_a_payload_that_is_withheld_or_changed_refuses_the_run_and_changes_nothing(shelf: Shelf, founder: Pen) -> None:
    run, (payload,) = founder.write(1, Profile(1, "Hub"))
    papers = [(run, [b""]), (run, [payload[:-1] + b"\x00"]), (run, []), (run, [payload, payload])]
    assert shelf.take(*papers) == ["payload_missing", "bad_payload", "payload_missing", "payload_missing"]
    assert heads(shelf) == [(0, 1)]
    assert shelf.take((run, [payload])) == [1]


def test_nothing_above_a_limit_is_taken(shelf: Shelf, founder: Pen) -> None:
    first, second = founder.write(1, Profile(1, "Hub")), founder.write(1, Profile(2, "Hub"))
    shelf.take(first)
    shelf.db.execute('UPDATE log SET "limit" = 2 WHERE log = 1')
    assert shelf.take(second, first) == ["above_limit", 0]


def test_members_that_came_in_with_the_same_transaction_are_known_in_it(shelf: Shelf, founder: Pen) -> None:
    farm, papers = newcomer(founder, "farm")
    shelf.take_together([*papers, farm.write(1, Profile(1, "Farm"))])
    assert [row[1] for row in shelf.rows()["profile"]] == [b""]
    assert heads(shelf) == [(0, 2), (0, 1), (1, 1)]


def test_a_log_of_somebody_who_is_no_member_any_more_brings_no_rows(shelf: Shelf, founder: Pen) -> None:
    farm, papers = newcomer(founder, "farm")
    shelf.take(*papers, farm.write(1, Profile(1, "Farm"), ["weather"]))
    assert (len(shelf.rows()["profile"]), shelf.reasons()) == (1, ["unknown"])
    shelf.take_together([farm.write(1, Profile(2, "Farm")), founder.write(0, Uninvite(invite_key("farm").public))])
    assert (shelf.rows()["profile"], shelf.reasons()) == ([], [])


def test_what_is_read_out_is_what_was_taken_and_ends_at_a_signature(shelf: Shelf, founder: Pen) -> None:
    papers = [founder.write(1, Profile(n, "x" * 90)) for n in range(1, 8)]
    shelf.take(*papers)
    found = read_run(shelf.db, founder.device, 1, 2)
    assert found is not None
    assert (found[0].first, len(found[0].lines), found[0].signature) == (3, 5, papers[-1][0].signature)
    with Shelf(shelf.circuit) as other:
        again = [read_run(shelf.db, founder.device, log, 0) for log in (0, 1)]
        assert other.take(*[each for each in again if each]) == [1, 7]
        assert other.rows() == shelf.rows()
        assert frontier(other.db) == frontier(shelf.db)
    assert read_run(shelf.db, founder.device, 1, 7) is None
    assert read_run(shelf.db, founder.device, 2, 0) is None
    small = read_run(shelf.db, founder.device, 1, 0, most=300)
    assert small is not None
    assert 0 < len(small[0].lines) < 4


def test_a_key_of_somebody_else_writes_nothing_into_a_log(shelf: Shelf, founder: Pen) -> None:
    run, payloads = founder.write(1, Profile(1, "Hub"))
    forged = msgspec.structs.replace(run, signature=SigningKey(b"f" * 32).sign("entry", encode(run)))
    assert shelf.take((forged, payloads), (run, payloads)) == ["bad_signature", 1]
