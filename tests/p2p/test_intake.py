"""The intake: what arrives is committed in order and together; a run with a fault costs the others nothing."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.run import check_run
from foodhub.node.exchange import Arrival
from foodhub.p2p.intake import ENTRIES_PER_COMMIT, FEWEST, MOST, Intake, Pace
from tests.homes import Home, Village, all_runs

pytestmark = pytest.mark.anyio


async def arrivals(giver: Home) -> list[Arrival]:
    """Everything that a home holds, as it would arrive; its own catalog comes last."""
    circuit = (await giver.rows("SELECT value FROM meta WHERE key = 'circuit'"))[0][0]
    found = [
        Arrival(check_run(circuit, run), [payload or None for payload in payloads], "a peer")
        for run, payloads in await giver.read(all_runs)
    ]
    return sorted(found, key=lambda arrival: (arrival.run.author == giver.hat.device, arrival.run.log))


async def results(home: Home, wanted: list[Arrival]) -> list[str | None]:
    """What becomes of runs that arrive all at once."""
    intake, found = Intake(home.node), list[str | None]()
    everything = asyncio.Event()

    def done(result: str | None) -> None:
        found.append(result)
        if len(found) == len(wanted):
            everything.set()

    for arrival in wanted:
        intake.put(arrival, done)
    serving = asyncio.create_task(intake.run())
    async with asyncio.timeout(60):
        await everything.wait()
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    return found


async def stage(village: Village) -> tuple[Home, Home]:
    """A hub, and a farm that has written what the hub has not seen."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    for name in ("Carrots", "Leeks", "Beets"):
        await farm.product(name)
    return hub, farm


async def test_what_arrives_together_is_committed_in_one_transaction(village: Village) -> None:
    hub, farm = await stage(village)
    before = (await hub.rows("SELECT value FROM meta WHERE key = 'arrival'"))[0][0]
    wanted = await arrivals(farm)
    assert await results(hub, wanted) == [None] * len(wanted)
    assert len(await hub.rows("SELECT 1 FROM product")) == 3
    assert (await hub.rows("SELECT value FROM meta WHERE key = 'arrival'"))[0][0] == before + 1


async def test_a_refused_run_is_counted_once_and_the_others_are_taken(village: Village) -> None:
    hub, farm = await stage(village)
    wanted = await arrivals(farm)
    bad = Arrival(wanted[-1].run, [b"x" * size for size in wanted[-1].run.sizes], "a liar")
    assert await results(hub, [bad, *wanted]) == ["bad_payload"] + [None] * len(wanted)
    assert await hub.rows("SELECT code, times, peer FROM refused") == [("bad_payload", 1, "a liar")]


async def test_what_comes_too_early_is_dropped_and_not_counted(village: Village) -> None:
    hub, farm = await stage(village)
    last = (await arrivals(farm))[-1]
    await farm.product("Garlic")
    behind = (await arrivals(farm))[-1]
    gap = Arrival(replace(behind.run, first=last.run.last + 40, backlink=bytes(32)), behind.payloads, "a peer")
    assert await results(hub, [gap]) == ["gap"]
    assert await hub.rows("SELECT * FROM refused") == []


async def test_a_run_that_we_fail_on_does_not_cost_the_others_their_commit(
    village: Village, caplog: pytest.LogCaptureFixture
) -> None:
    hub, farm = await stage(village)
    wanted = await arrivals(farm)
    broken = Arrival(
        replace(wanted[-1].run, timestamps=[], first=1, log=2, backlink=b""), wanted[-1].payloads, "a peer"
    )
    assert await results(hub, [broken, *wanted]) == ["not_taken"] + [None] * len(wanted)
    assert len(await hub.rows("SELECT 1 FROM product")) == 3
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["a run could not be taken"]


@given(st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 10)), max_size=30))
def test_a_commit_is_never_smaller_or_larger_than_its_bounds(commits: list[tuple[int, float]]) -> None:
    pace = Pace()
    for entries, seconds in commits:
        pace.learn(entries, seconds, others_wrote=entries % 2 == 0, now=seconds)
        assert FEWEST <= pace.entries <= MOST


@pytest.mark.parametrize(("per_second", "fitting"), [(1_000, FEWEST), (40_000, 600), (1_000_000, MOST)])
def test_commits_come_to_take_as_long_as_they_should(per_second: int, fitting: int) -> None:
    pace = Pace()
    for _ in range(20):
        pace.learn(pace.entries, pace.entries / per_second, others_wrote=True, now=1.0)
    assert pace.entries == pytest.approx(fitting, rel=0.01)


def test_commits_are_longer_while_nobody_else_writes() -> None:
    pace = Pace()
    for now in range(40):
        pace.learn(pace.entries, pace.entries / 20_000, others_wrote=now == 0, now=float(now))
    assert pace.entries == pytest.approx(2400, rel=0.01)
    pace.learn(pace.entries, pace.entries / 20_000, others_wrote=True, now=50.0)
    assert pace.entries == pytest.approx(300, rel=0.01)


def test_a_commit_of_few_entries_says_nothing_about_the_pace() -> None:
    pace = Pace()
    pace.learn(1, 0.5, others_wrote=True, now=0.0)
    assert pace.entries == ENTRIES_PER_COMMIT


async def test_what_is_held_already_costs_no_transaction(village: Village) -> None:
    hub, farm = await stage(village)
    wanted = await arrivals(farm)
    assert await results(hub, wanted) == [None] * len(wanted)
    before = (await hub.rows("SELECT value FROM meta WHERE key = 'arrival'"))[0][0]
    assert await results(hub, wanted) == [None] * len(wanted)
    assert (await hub.rows("SELECT value FROM meta WHERE key = 'arrival'"))[0][0] == before
