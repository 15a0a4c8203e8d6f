"""The circle of links: real hosts and homes in one process, so that a test can look at every link."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import msgspec
import pytest

from foodhub.circuit.device_code import read_device_code
from foodhub.log.forks import prove_fork
from foodhub.log.header import Log
from foodhub.log.keys import SigningKey
from foodhub.log.run import Run, write_run
from foodhub.node import devices, enrolling, knocking, live, setup
from foodhub.node.application import now
from foodhub.node.exchange import addresses, take_forks, visitor
from foodhub.node.recovery_words import RecoveryKeys
from foodhub.orders.statements import Profile
from foodhub.p2p import messages as m
from foodhub.p2p.circle import AT_ONCE_SECONDS, MOST_LINKS, Circle
from foodhub.p2p.commands import CheckStanding, Send
from foodhub.p2p.frames import FrameStream
from foodhub.p2p.host import Host, open_host, quiet_libp2p_logging
from foodhub.p2p.link import MOST_WAITING
from foodhub.p2p.messages import MAX_FRAME
from foodhub.p2p.process import ANY_PORT, PROTOCOL, NetworkProcess
from foodhub.p2p.proof import Party
from foodhub.p2p.session import Session, State
from foodhub.store.keyring import read_key_files
from foodhub.store.outgoing import frontier
from foodhub.store.transaction import Transaction
from tests.homes import Home, Village, carry
from tests.node.laptops import enrol, laptop, member, recover, row_of
from tests.nodes import PATIENCE, same, settle_in, until

pytestmark = pytest.mark.anyio
seeds = (number.to_bytes(32, "big") for number in itertools.count(5000))


@dataclass
class OnAir:
    """A home whose network part runs here."""

    home: Home
    host: Host
    process: NetworkProcess

    @property
    def circle(self) -> Circle:
        return self.process.circle

    def settled_with(self) -> set[str]:
        return {peer for peer, link in self.circle.links.items() if link.settled}

    def rows(self) -> dict[str, str]:
        """The state of each peer, as it is written down for people."""
        with live.open_live(self.home.node.home) as db:
            return dict(db.execute("SELECT id, state FROM peer").fetchall())

    def refusal(self) -> str:
        """Why the door at which it knocks refused it, "" when it did not."""
        found = live.last_process(self.home.node.home)
        return found.refusal if found else ""


class Stage:
    """Everything that is on the air in a test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def on_air(self, home: Home, *known: Host, seed: bytes = b"") -> OnAir:
        return await self._stack.enter_async_context(on_air(home, list(known), seed or next(seeds)))

    async def stranger(self, answer: Callable[[FrameStream], Awaitable[None]] | None = None) -> Host:
        """A host that nobody has heard of, which listens if it has an `answer`; else what it is sent is left unread."""
        listen = [ANY_PORT] if answer else []
        host = open_host(
            seed=next(seeds), listen=listen, protocol=PROTOCOL, on_stream=answer or _hold, max_frame=MAX_FRAME
        )
        return await self._stack.enter_async_context(host)


async def _hold(stream: FrameStream) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def on_air(home: Home, known: list[Host], seed: bytes) -> AsyncIterator[OnAir]:
    circle: asyncio.Future[Circle] = asyncio.get_running_loop().create_future()

    async def serve(stream: FrameStream) -> None:
        await (await asyncio.shield(circle)).accept(stream)

    await home.write(knocking.remember_addresses, [address for host in known for address in host.addresses], "peer")
    live.start(home.node.home, 0)
    with live.open_live(home.node.home) as db:
        async with open_host(
            seed=seed, listen=[ANY_PORT], protocol=PROTOCOL, on_stream=serve, max_frame=MAX_FRAME
        ) as host:
            process = NetworkProcess(home.node, host, db)
            circle.set_result(process.circle)
            running = asyncio.create_task(process.run([]))
            try:
                await until(lambda: db.execute("SELECT 1 FROM process WHERE state = 'running'").fetchone(), "it runs")
                yield OnAir(home, host, process)
            finally:
                while not running.done():
                    running.cancel()
                    await asyncio.wait({running}, timeout=5)
                with suppress(asyncio.CancelledError):
                    await running


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    quiet_libp2p_logging()
    async with AsyncExitStack() as stack:
        yield Stage(stack)


async def pair(village: Village) -> tuple[Home, Home]:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    await settle_in(farm)
    return hub, farm


async def linked(stage: Stage, hub: Home, farm: Home) -> tuple[OnAir, OnAir]:
    """Both on the air and settled, the farm having dialed."""
    first = await stage.on_air(hub)
    second = await stage.on_air(farm, first.host)
    await until(lambda: first.settled_with() and second.settled_with(), "they have settled")
    return first, second


@pytest.mark.parametrize("turn", range(4))
async def test_two_nodes_that_dial_each_other_at_once_keep_exactly_one_link(
    village: Village, stage: Stage, turn: int
) -> None:
    hub, farm = await pair(village)
    first, second = await stage.on_air(hub), await stage.on_air(farm)
    await asyncio.gather(first.circle.dial(second.host.addresses[0]), second.circle.dial(first.host.addresses[0]))
    await until(lambda: first.settled_with() and second.settled_with(), "they have settled")
    await until(lambda: len(first.circle._serving) == len(second.circle._serving) == 1, "one link is left on each side")
    one, other = first.circle.links[second.host.peer_id], second.circle.links[first.host.peer_id]
    assert one.party.dialer != other.party.dialer
    assert one.party.nonce == other.session._their_nonce
    assert (first.rows(), second.rows()) == (
        {second.host.peer_id: "connected"},
        {first.host.peer_id: "connected"},
    )
    await hub.product("Carrots") if "producer" in hub.hat.roles else await farm.product("Carrots")
    await until(lambda: same(hub, farm), "what is new goes over it")


async def test_who_comes_back_before_we_noticed_its_loss_takes_the_place_of_its_old_link(
    village: Village, stage: Stage
) -> None:
    hub, farm = await pair(village)
    low, high = sorted((await stage.on_air(hub), await stage.on_air(farm)), key=lambda each: each.host.peer_id)
    assert await low.circle.dial(high.host.addresses[0])
    await until(lambda: low.settled_with() and high.settled_with(), "they have settled")
    old = low.circle.links[high.host.peer_id]
    assert old.party.dialer
    # The higher one has lost the link and forgot it, and dials; to the lower one the old link still looks alive.
    old.began -= AT_ONCE_SECONDS + 1
    del high.circle.links[low.host.peer_id]
    assert await high.circle.dial(low.host.addresses[0])
    await until(lambda: low.circle.links.get(high.host.peer_id) not in {None, old}, "the new link has the place")
    await until(lambda: low.settled_with() and high.settled_with(), "they have settled anew")
    await until(lambda: len(low.circle._serving) == 1, "the old link has ended")
    assert low.rows() == {high.host.peer_id: "connected"}


async def test_the_end_of_a_link_is_written_down_and_so_is_its_return(village: Village, stage: Stage) -> None:
    hub, farm = await pair(village)
    first, seed = await stage.on_air(hub), next(seeds)
    async with on_air(farm, [first.host], seed) as second:
        await until(first.settled_with, "they have settled")
        peer = second.host.peer_id
        assert first.rows() == {peer: "connected"}
    await until(lambda: first.rows() == {peer: "offline"}, "the loss is written down")
    again = await stage.on_air(farm, first.host, seed=seed)
    await until(lambda: first.rows() == {again.host.peer_id: "connected"}, "the return is written down")
    assert again.host.peer_id == peer


async def test_what_a_full_disk_did_not_take_is_asked_for_again_once_there_is_room(
    village: Village, stage: Stage
) -> None:
    hub, farm = await pair(village)
    first, _second = await linked(stage, hub, farm)
    await hub.write(room, 1)
    for number in range(40):
        await farm.product(f"Carrots {number}", description="orange " * 60)
    peer = next(iter(first.circle.links.values()))
    await until(lambda: peer._retry is not None, "it could not be taken")
    assert not await same(hub, farm)
    await hub.write(room, 1 << 30)
    await until(lambda: same(hub, farm), "it has been fetched")


def room(tx: Transaction, pages: int) -> None:
    """Let the database grow to so many pages, and never beyond what it has for fewer."""
    tx.db.execute(f"PRAGMA max_page_count = {pages}")


def party(home: Home, host: Host, them: Host, device: SigningKey, circuit: bytes) -> Party:
    return Party(circuit, True, host.peer_id, them.peer_id, b"n" * 32, (device,))


async def circuit_of(home: Home) -> bytes:
    return bytes((await home.rows("SELECT value FROM meta WHERE key = 'circuit'"))[0][0])


async def heard(stream: FrameStream, session: Session) -> list[m.Message]:
    """Play a session by hand up to the end of the stream; return all that came."""
    return [message async for message in talked(stream, session)]


async def talked(stream: FrameStream, session: Session) -> AsyncIterator[m.Message]:
    """Play a session by hand up to the end of the stream, without reading or writing anything; yield what comes."""
    commands = session.start()
    while True:
        for command in commands:
            if isinstance(command, Send):
                await stream.send(command.frame)
            if isinstance(command, CheckStanding):
                commands += session.stand("member")
        async with asyncio.timeout(PATIENCE):
            frame = await stream.receive()
        if frame is None:
            return
        yield m.read_message(frame)
        commands = session.frame(frame)


async def test_a_stranger_who_knows_the_circuit_is_refused_and_served_nothing(village: Village, stage: Stage) -> None:
    hub, _ = await pair(village)
    node, stranger = await stage.on_air(hub), await stage.stranger()
    stream = await stranger.open_stream(await stranger.dial(node.host.addresses[0], PATIENCE))
    session = Session(party(hub, stranger, node.host, SigningKey(b"s" * 32), await circuit_of(hub)))
    came = await heard(stream, session)
    assert [type(message) for message in came] == [m.Hello, m.Proof, m.Refuse]
    assert came[-1] == m.Refuse("unknown_author")
    assert await hub.rows("SELECT * FROM refused") == []
    with live.open_live(hub.node.home) as db:
        assert db.execute("SELECT refusal FROM process").fetchall() == [("",)]


async def test_a_newcomer_who_is_still_at_the_door_serves_no_stranger(village: Village, stage: Stage) -> None:
    hub = await village.home("Hub", "hub")
    group = await village.newcomer("Group", "group")
    await group.write(
        setup.prepare_join, group.node.home, group.hat, await hub.write(setup.invite, hub.hat, ["group"], [])
    )
    await carry(hub, group, logs=(0,))
    node, stranger = await stage.on_air(group), await stage.stranger()
    stream = await stranger.open_stream(await stranger.dial(node.host.addresses[0], PATIENCE))
    session = Session(party(group, stranger, node.host, SigningKey(b"s" * 32), await circuit_of(group)))
    assert (await heard(stream, session))[-1] == m.Refuse("unknown_author")


async def test_who_turns_to_another_circuit_is_let_in_there_whatever_the_first_one_says(
    village: Village, stage: Stage
) -> None:
    first, second = await village.newcomer("First", "hub"), await village.newcomer("Second", "hub")
    farm = await village.newcomer("Farm", "producer")
    codes, hosts = [], []
    for hub in (first, second):
        await hub.write(setup.found, hub.hat, hub.hat.name, "Charter", "EUR")
        node = await stage.on_air(hub)
        hosts.append(node.host)
        codes.append(await hub.write(setup.invite, hub.hat, ["producer"], node.host.addresses))
    node = await stage.on_air(farm)
    code = await farm.write(setup.prepare_join, farm.node.home, farm.hat, codes[0])
    await until(lambda: farm.read(setup.invite_arrived, code), "the first circuit has opened its door")
    knocking.end_joining(farm.node.home)

    code = await farm.write(setup.prepare_join, farm.node.home, farm.hat, codes[1])
    await until(lambda: farm.read(setup.invite_arrived, code), "so has the second")
    assert node.refusal() == ""
    assert not set(node.circle.redial.due(float("inf"), [])) & set(hosts[0].addresses)
    assert set(await farm.read(addresses)) == set(hosts[1].addresses)

    node.circle.hurry(hosts[0].addresses[0])
    await until(lambda: node.rows().get(hosts[0].peer_id) == "turned_away", "who is of the other circuit says so")
    assert node.refusal() == ""


async def test_a_peer_that_breaks_the_rules_is_on_record_and_cut_off(village: Village, stage: Stage) -> None:
    hub, farm = await pair(village)
    first, second = await linked(stage, hub, farm)
    bad = second.circle.links[first.host.peer_id]
    bad._post(b"\x91\x63")
    await until(lambda: hub.rows("SELECT 1 FROM refused WHERE code = 'not_canonical' AND times = 1"), "it is on record")
    assert await hub.rows("SELECT peer FROM refused") == [(second.host.peer_id,)]


async def test_who_says_nothing_is_given_up(village: Village, stage: Stage) -> None:
    hub, _ = await pair(village)
    node, stranger = await stage.on_air(hub), await stage.stranger()
    stream = await stranger.open_stream(await stranger.dial(node.host.addresses[0], PATIENCE))
    await stream.send(b"")
    silent = await stranger.open_stream(node.host.peer_id)
    await until(lambda: node.circle.links.get(stranger.peer_id), "the silent one has a place")
    link = node.circle.links[stranger.peer_id]
    assert link.session.state is not State.READY
    link._require_proof()
    await until(lambda: stranger.peer_id not in node.circle.links, "it has lost its place")
    async with asyncio.timeout(PATIENCE):
        while await silent.receive() is not None:
            pass


async def test_a_member_is_not_given_up_for_being_slow_to_prove_itself_once_it_has(
    village: Village, stage: Stage
) -> None:
    hub, farm = await pair(village)
    first, second = await linked(stage, hub, farm)
    first.circle.links[second.host.peer_id]._require_proof()
    await farm.product("Carrots")
    await until(lambda: same(hub, farm), "the link still carries")
    assert second.host.peer_id in first.circle.links


async def test_who_takes_nothing_costs_a_bounded_amount_of_memory(village: Village, stage: Stage) -> None:
    hub, _ = await pair(village)
    node, stranger = await stage.on_air(hub), await stage.stranger()
    await stranger.open_stream(await stranger.dial(node.host.addresses[0], PATIENCE))
    await until(lambda: node.circle.links.get(stranger.peer_id), "it has a place")
    link = node.circle.links[stranger.peer_id]
    for _ in range(MOST_WAITING // MAX_FRAME + 4):
        link._post(bytes(MAX_FRAME))
    await until(lambda: stranger.peer_id not in node.circle.links, "it is given up")


async def test_links_that_come_in_do_not_keep_us_from_dialing(village: Village, stage: Stage) -> None:
    hub, farm = await pair(village)
    node, stranger = await stage.on_air(farm), await stage.stranger()
    await stranger.open_stream(await stranger.dial(node.host.addresses[0], PATIENCE))
    await until(lambda: node.circle.links.get(stranger.peer_id), "a stranger has a place")
    link = node.circle.links[stranger.peer_id]
    node.circle.links.update({f"stranger {number}": link for number in range(MOST_LINKS)})
    other = await stage.on_air(hub)
    node.circle.redial.learn(other.host.addresses)
    await until(lambda: other.host.peer_id in node.settled_with(), "the hub is dialed all the same")
    for number in range(MOST_LINKS):
        del node.circle.links[f"stranger {number}"]


async def test_an_address_that_is_none_does_not_block_the_others(village: Village, stage: Stage) -> None:
    hub, farm = await pair(village)
    first, second = await stage.on_air(hub), await stage.on_air(farm)
    second.circle.redial.learn([f"nonsense {number}/p2p/12D3{number}" for number in range(12)])
    second.circle.redial.learn(first.host.addresses)
    await until(lambda: second.settled_with() == {first.host.peer_id}, "the hub is reached")


async def test_a_relay_passes_on_what_it_has_committed_and_no_echo_comes_back(village: Village, stage: Stage) -> None:
    hub, farm = await pair(village)
    group = await village.home("Group", "group")
    await settle_in(group)
    first, second = await linked(stage, hub, farm)
    third = await stage.on_air(group, first.host)
    await until(third.settled_with, "all have settled")
    sent: list[m.Message] = []
    link = first.circle.links[second.host.peer_id]
    post: Callable[[bytes], None] = link._post

    def listen(frame: bytes) -> None:
        sent.append(m.read_message(frame))
        post(frame)

    link._post = listen  # type: ignore[method-assign]
    await farm.product("Carrots")
    await until(lambda: same(hub, farm, group), "all have it")
    assert [message for message in sent if isinstance(message, m.Announce)] == []
    assert [message for message in sent if isinstance(message, m.Have)]


async def test_a_link_that_is_lost_is_made_anew_with_a_fresh_nonce(village: Village, stage: Stage) -> None:
    hub, farm = await pair(village)
    first, second = await linked(stage, hub, farm)
    old = first.circle.links[second.host.peer_id]
    old.close()
    await until(lambda: first.circle.links.get(second.host.peer_id) not in {None, old}, "there is a new link")
    await until(first.settled_with, "it has settled")
    new = first.circle.links[second.host.peer_id]
    assert new.party.nonce != old.party.nonce
    assert new.session._their_nonce != old.session._their_nonce


# Strangers


async def replaced(village: Village) -> tuple[Home, Home, RecoveryKeys]:
    """A home that slept while the laptop of the hub was replaced, the new one, and the words of the one that slept."""
    neighbour = await village.home("Neighbour", "hub")
    old, words = await member(village, "Hub", "hub")
    farm, farm_words = await member(village, "Farm", "producer")
    village.homes.remove(farm)
    new = await recover(village, "Hub 2", words, neighbour)
    village.homes.remove(old)
    await village.gossip()
    await new.sign(Log.CATALOG, Profile(1, "The hub"))
    await settle_in(farm)
    await farm.product("Carrots")
    return farm, new, farm_words


async def test_who_knows_none_of_today_s_devices_dials_one_and_learns_from_it_who_it_is(
    village: Village, stage: Stage
) -> None:
    farm, hub, _ = await replaced(village)
    assert (await farm.read(visitor, [hub.hat.device], b"", now())).standing is None
    first = await stage.on_air(hub)
    second = await stage.on_air(farm, first.host)
    await until(lambda: same(farm, hub), "both know everything")
    await until(lambda: first.settled_with() and second.settled_with(), "they have settled")
    assert (await farm.read(visitor, [hub.hat.device], b"", now())).standing == "member"
    assert await farm.rows("SELECT * FROM refused") + await hub.rows("SELECT * FROM refused") == []


async def test_who_slept_until_it_was_retired_is_told_so_by_strangers_and_served_nothing(
    village: Village, stage: Stage
) -> None:
    farm, hub, words = await replaced(village)
    await recover(village, "Farm 2", words, hub)
    await village.gossip()
    before = await farm.read(frontier)
    first = await stage.on_air(hub)
    await stage.on_air(farm, first.host)

    def refusal() -> str:
        found = live.last_process(farm.node.home)
        return found.refusal if found else ""

    def shown(home: Home) -> list[tuple[str, str]]:
        with live.open_live(home.node.home) as db:
            return db.execute("SELECT state, reason FROM peer").fetchall()

    await until(lambda: refusal() == "device_retired", "it is told")
    assert await farm.read(frontier) == before
    # Each says who turned away whom.
    await until(lambda: shown(farm) == [("refused", "device_retired")], "it stands there")
    await until(lambda: shown(hub) == [("turned_away", "device_retired")], "and at whom it knocked")


async def test_a_device_that_takes_the_place_of_a_retired_one_is_heard_by_those_who_are_linked(
    village: Village, stage: Stage
) -> None:
    farm = await village.home("Farm", "producer")
    second = await laptop(village, "second", farm)
    await settle_in(second)
    await farm.write(devices.retire, farm.hat, await row_of(farm, second))
    first = await stage.on_air(farm)
    node = await stage.on_air(second, first.host)
    await until(lambda: node.refusal() == "device_retired", "it is told that it was retired")

    code = await farm.write(devices.add_device, farm.hat, first.host.addresses)
    second.hat = await second.write(enrolling.prepare_enrolment, second.node.home, code)
    second.code = code
    node.circle.hurry(first.host.addresses[0])
    await until(lambda: second.read(enrolling.ticket_arrived, read_device_code(code)), "the code is known")
    await enrol(second)
    await until(lambda: second.read(enrolling.certified, second.hat), "it is certified")
    await second.sign(Log.CATALOG, Profile(2, "Second"))
    await until(lambda: same(farm, second), "what it says is heard")


async def test_a_stranger_that_is_dialed_and_tells_nothing_gets_nothing_and_is_given_up(
    village: Village, stage: Stage
) -> None:
    _, farm = await pair(village)
    await farm.product("Carrots")
    circuit, came = await circuit_of(farm), asyncio.Queue[m.Message]()
    hosts: list[Host] = []

    async def answer(stream: FrameStream) -> None:
        keys = (SigningKey(b"s" * 32),)
        session = Session(Party(circuit, False, hosts[0].peer_id, stream.peer_id, b"n" * 32, keys))
        async for message in talked(stream, session):
            came.put_nowait(message)

    hosts.append(await stage.stranger(answer))
    node = await stage.on_air(farm, *hosts)
    asked = [await asyncio.wait_for(came.get(), PATIENCE) for _ in range(3)]
    assert [type(message) for message in asked] == [m.Hello, m.Proof, m.Summary]
    assert isinstance(asked[2], m.Summary)
    assert len(asked[2].classes) == 1
    link = node.circle.links[hosts[0].peer_id]
    await until(lambda: link.session.state is State.STRANGER, "it is taken for a stranger")
    await farm.product("Parsnips")
    link._brought_news = True
    link._require_proof()
    assert node.circle.links.get(hosts[0].peer_id) is link
    link._require_proof()
    await until(lambda: node.circle.links.get(hosts[0].peer_id) is not link, "it has lost its place")
    assert not {type(came.get_nowait()) for _ in range(came.qsize())} & {m.Announce, m.Headers, m.Forks}


# Forks


async def forked(of: Home) -> list[tuple[Run, list[bytes]]]:
    """Two runs that the device of a home signed for the same place of its log 1, which it has not taken itself."""
    circuit = await circuit_of(of)
    (file,) = read_key_files(of.node.home / "keys")
    place = next(item for item in await of.read(frontier) if (item.author, item.log) == (of.hat.device, 1))
    found = []
    for word in (b"one", b"two"):
        payload = word.ljust(16) + b"\x90"
        run, _ = write_run(circuit, file.keys.signing, 1, (place.seq, place.id), [(1, now(), payload)])
        found.append((run, [payload]))
    return found


async def limit(home: Home, of: Home) -> int:
    rows = await home.rows('SELECT "limit" FROM log WHERE author = ? AND log = 1', of.hat.device)
    return int(rows[0][0])


async def test_a_fork_between_two_nodes_is_found_and_its_proof_reaches_a_third(village: Village, stage: Stage) -> None:
    hub, farm = await pair(village)
    group, third = await village.home("Group", "group"), await village.home("Third", "producer")
    one, two = await forked(group)
    assert await hub.take([one]) + await farm.take([two]) == [None, None]
    first = await stage.on_air(hub)
    await settle_in(third)
    await stage.on_air(third, first.host)
    await stage.on_air(farm, first.host)

    async def known_to_all() -> bool:
        limits = [await limit(home, group) for home in (hub, farm, third)]
        return limits == [one[0].first] * 3

    await until(known_to_all, "all three know the limit")
    assert await hub.read(frontier) != []
    assert [await home.rows("SELECT code FROM refused WHERE code != 'forked'") for home in (hub, farm, third)] == [
        []
    ] * 3


async def test_a_proof_that_a_home_learns_of_is_told_at_once(village: Village, stage: Stage) -> None:
    hub, farm = await pair(village)
    group = await village.home("Group", "group")
    runs = await forked(group)
    _, second = await linked(stage, hub, farm)
    proof = prove_fork(await circuit_of(hub), runs[0][0], runs[1][0])
    assert proof is not None
    assert await hub.write(take_forks, [proof], "by hand") == [None]

    async def known() -> bool:
        return await limit(farm, group) == proof.one.first

    await until(known, "the other knows it too")
    assert second.settled_with()


async def test_what_only_a_newer_program_can_read_is_said_and_the_link_stays(village: Village, stage: Stage) -> None:
    hub, farm = await pair(village)
    first, second = await linked(stage, hub, farm)
    group = await village.home("Group", "group")
    run, payloads = (await forked(group))[0]
    link = second.circle.links[first.host.peer_id]
    link.announce(msgspec.structs.replace(run, version=2), payloads)
    other = first.circle.links[second.host.peer_id]
    await until(lambda: other.seen.reason == "bad_version", "people can see why")
    assert other.settled
    assert first.rows() == {second.host.peer_id: "connected"}
