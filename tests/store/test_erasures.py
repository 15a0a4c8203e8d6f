"""Erasing in a store: the payload goes for good, the header stays, and nobody brings it back."""

from typing import Any

import pytest

from foodhub.circuit.statements import Erase
from foodhub.log.encoding import encode
from foodhub.orders.statements import Profile
from foodhub.store.outgoing import frontier, payloads_at, read_run, wanted
from tests.pens import MORNING, Paper, Pen, newcomer
from tests.shelf import Shelf

SECRET = "Hidden valley"


@pytest.fixture
def founder() -> Pen:
    return Pen("founder", "hub")


@pytest.fixture
def founding(founder: Pen) -> Paper:
    return founder.found()


def names(shelf: Shelf) -> list[str]:
    return [name for (name,) in shelf.db.execute("SELECT name FROM profile")]


def test_an_erased_payload_is_gone_and_counts_nowhere(founder: Pen, founding: Paper) -> None:
    said = founder.write(1, Profile(1, SECRET))
    with Shelf(founder.circuit) as shelf:
        shelf.take(founding, said)
        head = frontier(shelf.db)[-1]
        assert shelf.take(founder.write(0, Erase([(founder.device, 1, 1, 1)]))) == [1]
        assert names(shelf) == []
        assert SECRET.encode() not in shelf.db.serialize()
        assert head in frontier(shelf.db)
        assert wanted(shelf.db, 10_000) == []
        sent = read_run(shelf.db, founder.device, 1, 0)
        assert sent == (said[0], [b""])


def test_what_is_erased_does_not_come_back_from_a_sleeping_peer(founder: Pen, founding: Paper) -> None:
    said = founder.write(1, Profile(1, SECRET))
    erase = founder.write(0, Erase([(founder.device, 1, 1, 1)]))
    with Shelf(founder.circuit) as shelf, Shelf(founder.circuit) as late:
        shelf.take(founding, said, erase)
        assert late.take(founding, erase, said) == [1, 1, 1]
        for each in (shelf, late):
            tx = each.transaction()
            assert not tx.take_payload(founder.device, 1, 1, said[1][0])
            assert payloads_at(each.db, [(founder.device, 1, [1])], 10_000) == []
            assert SECRET.encode() not in each.db.serialize()
        assert frontier(shelf.db) == frontier(late.db)
        assert shelf.rows() == late.rows()


def test_nobody_erases_what_is_anothers_or_lasting(founder: Pen, founding: Paper) -> None:
    farm, papers = newcomer(founder, "farm")
    lasting = farm.write_payloads(1, [bytes(16) + encode([Profile(1, "Farm")])], MORNING, (0, b""))
    with Shelf(founder.circuit) as shelf:
        shelf.take(founding, *papers, lasting)
        shelf.take(founder.write(0, Erase([(farm.device, 1, 1, 1), (founder.device, 0, 1, 1)])))
        assert names(shelf) == ["Farm"]
        assert shelf.db.execute("SELECT count(*) FROM entry WHERE payload IS NULL").fetchone() == (0,)


def test_an_erase_that_counts_no_more_makes_the_payload_wanted(founder: Pen, founding: Paper) -> None:
    said = founder.write(1, Profile(1, SECRET))
    erase = founder.write(0, Erase([(founder.device, 1, 1, 1)]))
    twin = Pen("founder", "hub", circuit=founder.circuit)
    branch = twin.write_payloads(0, [bytes(16) + encode([])], MORNING, (1, erase[0].backlink))
    with Shelf(founder.circuit) as shelf:
        shelf.take(founding, said, erase)
        assert shelf.take(branch) == ["forked"]
        assert wanted(shelf.db, 10_000) == [(founder.device, 1, [1])]
        tx = shelf.transaction()
        assert tx.take_payload(founder.device, 1, 1, said[1][0])
        tx.fold.flush()
        assert names(shelf) == [SECRET]


@pytest.mark.parametrize("span", [(1, 1, 2**52), (1, 2**40, 2**50), (2, 1, 9), (7, 1, 1)])
def test_spans_of_any_size_are_borne(founder: Pen, founding: Paper, span: tuple[int, int, int]) -> None:
    said = founder.write(1, Profile(1, SECRET))
    with Shelf(founder.circuit) as shelf:
        shelf.take(founding, said)
        assert shelf.take(founder.write(0, Erase([(founder.device, *span)]))) == [1]
        assert names(shelf) == ([] if span == (1, 1, 2**52) else [SECRET])
        before: Any = shelf.rows()
        shelf.transaction().fold.rebuild()
        assert shelf.rows() == before
