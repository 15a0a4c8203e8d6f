"""What a store takes from peers, and what it refuses."""

from typing import Any

import msgspec
import pytest

from foodhub.circuit.statements import Uninvite
from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.forks import check_fork, read_fork
from foodhub.log.keys import SigningKey
from foodhub.log.run import Run, check_run, write_run
from foodhub.orders.statements import Profile
from foodhub.store.outgoing import fork_proofs, frontier, read_run, wanted
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


def test_an_entry_of_a_log_0_that_changes_no_membership_writes_nothing_of_it_anew(shelf: Shelf, founder: Pen) -> None:
    for number in range(30):
        _, papers = newcomer(founder, f"farm {number}")
        assert shelf.take(*papers) == [1, 1]
    before = shelf.rows()
    changes = shelf.db.total_changes
    assert shelf.take(founder.write(0, Uninvite(invite_key("nobody").public))) == [1]
    assert shelf.db.total_changes - changes < 10
    assert shelf.rows() == before
    assert shelf.take(founder.write(0, Uninvite(invite_key("farm 3").public))) == [1]
    assert shelf.db.execute("SELECT count(*) FROM invite WHERE revoked").fetchone() == (1,)
    # Nobody had admitted who came in on it.
    assert shelf.db.execute("SELECT count(*) FROM member").fetchone() == (30,)


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
    ((author, log, seq, backlink, proof),) = proofs(shelf)
    assert (author, log, seq) == (founder.device, 1, 2)
    assert backlink == check_run(founder.circuit, papers[0][0]).ids[0]
    assert check_fork(founder.circuit, read_fork(proof)).seq == 2
    assert heads(shelf) == [(0, 1), (1, 1)]
    assert [row[4] for row in shelf.rows()["profile"]] == ["Hub 1"]


def proofs(shelf: Shelf) -> list[Any]:
    return shelf.db.execute("SELECT author, log, seq, backlink, proof FROM fork_proof").fetchall()


def test_a_fork_below_the_head_asks_for_the_place_where_the_branches_part(shelf: Shelf, founder: Pen) -> None:
    papers, second, third = forked(founder)
    assert shelf.take(papers[0], papers[1], third) == [1, 1, "branched"]
    assert proofs(shelf) == []
    tx = shelf.transaction()
    assert tx.take_branch(second[0])
    tx.fold.flush()
    assert [row[2] for row in proofs(shelf)] == [2]
    assert shelf.take(papers[1], papers[2], third) == ["above_limit", "gap", "gap"]


def test_nothing_counts_from_a_fork_on_and_the_one_branch_is_set_aside(shelf: Shelf, founder: Pen) -> None:
    papers, second, _ = forked(founder)
    assert shelf.take(papers[0], papers[1], second, papers[2], second) == [1, 1, "forked", "gap", "above_limit"]
    assert [row[4] for row in shelf.rows()["profile"]] == ["Hub 1"]
    assert shelf.db.execute('SELECT seq, "limit", held FROM log WHERE log = 1').fetchall() == [(1, 2, 2)]


def test_a_fork_shows_the_same_whichever_branch_came_first(shelf: Shelf, founder: Pen) -> None:
    papers, second, third = forked(founder)
    shelf.take(*papers, second)
    with Shelf(shelf.circuit) as other:
        founding = read_run(shelf.db, founder.device, 0, 0)
        assert founding
        other.take(founding, papers[0], second, third, papers[1])
        assert other.rows() == shelf.rows()
        assert frontier(other.db) == frontier(shelf.db)
        assert proofs(other) == proofs(shelf)


def test_a_proof_that_travels_limits_a_log_also_where_no_branch_is_held(shelf: Shelf, founder: Pen) -> None:
    papers, second, _ = forked(founder)
    shelf.take(*papers, second)
    with Shelf(shelf.circuit) as other:
        founding = read_run(shelf.db, founder.device, 0, 0)
        assert founding
        other.take(founding)
        tx = other.transaction()
        assert [tx.take_proof(proof) for proof in fork_proofs(shelf.db, [(founder.device, 1)])] == [True]
        tx.fold.flush()
        sent = read_run(shelf.db, founder.device, 1, 0)
        assert sent is not None
        assert sent[0].signature == papers[0][0].signature
        assert other.take(sent) == [1]
        assert frontier(other.db) == frontier(shelf.db)


def test_a_run_without_a_signature_comes_in_only_where_a_proof_names_its_last_entry(shelf: Shelf, founder: Pen) -> None:
    first = founder.write_payloads(1, [bytes([n]) * 20 for n in range(4)], MORNING, (0, b""))
    twin = Pen("founder", "hub", circuit=founder.circuit)
    begun = founder.heads[1]
    other_branch = twin.write_payloads(1, [b"z" * 20], MORNING, (2, begun.ids[1]))
    shelf.take(first)
    with Shelf(shelf.circuit) as other:
        founding = read_run(shelf.db, founder.device, 0, 0)
        assert founding
        shelf.take(other_branch)
        sent = read_run(shelf.db, founder.device, 1, 0)
        assert sent is not None
        assert (len(sent[0].lines), sent[0].signature) == (2, b"")
        assert other.take(founding, sent) == [1, "unsigned"]
        tx = other.transaction()
        assert tx.take_proof(fork_proofs(shelf.db, [(founder.device, 1)])[0])
        tx.fold.flush()
        assert other.take(sent) == [2]
        assert frontier(other.db) == frontier(shelf.db)


def test_time_does_not_run_backwards_between_runs(shelf: Shelf, founder: Pen) -> None:
    papers = [founder.write(1, Profile(1, "Hub"), at=MORNING + 5), founder.write(1, Profile(2, "Hub"), at=MORNING + 4)]
    assert shelf.take(*papers) == [1, "bad_timestamp"]


def test_a_payload_that_is_withheld_or_changed_refuses_the_run_and_changes_nothing(shelf: Shelf, founder: Pen) -> None:
    run, (payload,) = founder.write(1, Profile(1, "Hub"))
    papers = [(run, [payload[:-1] + b"\x00"]), (run, []), (run, [payload, payload])]
    assert shelf.take(*papers) == ["bad_payload", "payload_missing", "payload_missing"]
    assert heads(shelf) == [(0, 1)]
    assert shelf.take((run, [payload])) == [1]


def test_a_payload_that_is_left_out_is_wanted_until_somebody_brings_it(shelf: Shelf, founder: Pen) -> None:
    run, (payload,) = founder.write(1, Profile(1, "Hub"))
    assert shelf.take((run, [b""])) == [1]
    assert shelf.rows()["profile"] == []
    assert wanted(shelf.db, 1000) == [(founder.device, 1, [1])]
    assert wanted(shelf.db, 10) == []
    tx = shelf.transaction()
    with pytest.raises(PeerFault, match="payload"):
        tx.take_payload(founder.device, 1, 1, payload[:-1] + b"\x00")
    assert tx.take_payload(founder.device, 1, 1, payload)
    assert not tx.take_payload(founder.device, 1, 1, payload)
    tx.fold.flush()
    assert [row[4] for row in shelf.rows()["profile"]] == ["Hub"]
    assert wanted(shelf.db, 1000) == []


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
