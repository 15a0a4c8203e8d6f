"""Whose first run comes in: who once joined is not turned away while nobody can say that it is a member."""

from dataclasses import dataclass

import pytest

from foodhub.circuit.statements import Cut, Recover, Uninvite, proof_of_recovery
from foodhub.log.keys import SigningKey
from foodhub.log.run import check_run
from foodhub.store.outgoing import frontier
from tests.pens import MORNING, Paper, Pen, changed, invite_key
from tests.shelf import Shelf

WORDS = invite_key("the words of the farm")


@dataclass(frozen=True)
class Farm:
    """A farm whose log 0 has three entries: `whole` in one run, and `parts` with a signature each, behind `before`."""

    pen: Pen
    before: list[Paper]
    whole: Paper
    parts: list[Paper]

    def recovers(self, number: int, *kept: int, words: SigningKey = WORDS) -> Paper:
        """Begin anew on a new laptop, with cuts of log 0 behind these entries."""
        ids = check_run(self.pen.circuit, self.whole[0]).ids
        cuts = [Cut(self.pen.device, 0, seq, ids[seq - 1]) for seq in kept]
        laptop = Pen(f"farm again {number}", circuit=self.pen.circuit)
        device = laptop.inception.device
        text = proof_of_recovery(self.pen.circuit, self.pen.id, number, device, cuts)
        return laptop.write(0, Recover(self.pen.id, number, device, cuts, words.sign("recover", text)))


@pytest.fixture
def farm() -> Farm:
    founder = Pen("founder", "hub")
    before = [founder.found(), founder.invite("farm", "producer")]
    pen = Pen("farm", circuit=founder.circuit)
    pen.inception = changed(pen.inception, recovery_signing=WORDS.public)
    parts = [pen.join(invite_key("farm")), *(pen.write(0, Uninvite(invite_key(name).public)) for name in ("a", "b"))]
    whole = pen.write_payloads(0, [payload for _, (payload,) in parts], MORNING, (0, b""))
    return Farm(pen, before, whole, parts)


def is_member(shelf: Shelf, pen: Pen) -> bool:
    return shelf.db.execute("SELECT 1 FROM member WHERE id = ?", (pen.id,)).fetchone() is not None


def test_a_recovery_comes_in_after_one_whose_cut_leaves_nothing_of_the_member_that_is_signed(farm: Farm) -> None:
    first, second = farm.recovers(1, 1), farm.recovers(2, 3)
    with Shelf(farm.pen.circuit) as one, Shelf(farm.pen.circuit) as other:
        assert one.take(*farm.before, farm.whole, second, first) == [1, 1, 3, 1, 1]
        assert other.take(*farm.before, farm.whole, first) == [1, 1, 3, 1]
        assert not is_member(other, farm.pen)
        assert other.take(second) == [1]
        assert is_member(other, farm.pen)
        assert sorted(frontier(one.db)) == sorted(frontier(other.db))
        assert one.rows() == other.rows()


def test_a_recovery_is_told_of_also_where_its_cut_leaves_nothing_that_is_signed(farm: Farm) -> None:
    recovery = farm.recovers(1, 1)
    with Shelf(farm.pen.circuit) as one, Shelf(farm.pen.circuit) as other:
        assert one.take(*farm.before, farm.whole, recovery) == [1, 1, 3, 1]
        assert not is_member(one, farm.pen)
        assert recovery[0].author in {item.author for item in frontier(one.db)}
        assert other.take(*farm.before, *farm.parts, recovery) == [1, 1, 1, 1, 1, 1]
        assert is_member(other, farm.pen)
        # The entry at which the log is cut, once more, for its signature.
        assert one.take(farm.parts[0]) == [0]
        assert sorted(frontier(one.db)) == sorted(frontier(other.db))
        assert one.rows() == other.rows()


def test_a_recovery_with_other_words_stays_outside_while_the_member_does_not_count(farm: Farm) -> None:
    theft = farm.recovers(3, 3, words=invite_key("other words"))
    with Shelf(farm.pen.circuit) as shelf:
        assert shelf.take(*farm.before, farm.recovers(2)) == [1, 1, "unknown_author"]
        assert shelf.take(farm.whole, farm.recovers(1, 1), theft) == [3, 1, "unknown_author"]
        assert not is_member(shelf, farm.pen)
