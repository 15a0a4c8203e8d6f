"""Real network processes on loopback, each with a home of its own: what they carry, and how they die and come back."""

import asyncio
import random
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from foodhub.catalog.statements import Product
from foodhub.circuit.invite import read_code, write_code
from foodhub.log.body import bodies
from foodhub.log.header import Kind, Log
from foodhub.log.run import check_payloads, check_run
from foodhub.node import knocking, live, setup
from foodhub.node.allotments import allot, everything_free
from foodhub.node.application import now
from foodhub.node.exchange import remember, setting
from foodhub.node.home import DATABASE
from foodhub.node.setup import REFUSALS
from foodhub.node.state import admitted
from foodhub.orders.statements import Profile
from foodhub.p2p.wire import STALL
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction
from tests.homes import Home, Village, all_runs, carry
from tests.nodes import (
    Networks,
    entries,
    error_code,
    finished,
    introduce,
    process_row,
    program,
    same,
    settle_in,
    until,
)

pytestmark = pytest.mark.anyio

MANY = 16_128
COMMAND = """
import asyncio, sys
from pathlib import Path
from foodhub.node.application import open_node
from foodhub.log.header import Log
from foodhub.orders.statements import Profile

async def main(home, times):
    async with open_node(Path(home)) as node:
        hat = await node.hat()
        print("open", flush=True)
        for number in range(int(times)):
            await node.write(lambda tx: tx.append(hat.member, Log.CATALOG, [Profile(number + 2, hat.name)]))

asyncio.run(main(*sys.argv[1:]))
"""


async def pair(village: Village) -> tuple[Home, Home]:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    await settle_in(farm)
    return hub, farm


def write_many(tx: Transaction, home: Home, count: int) -> None:
    """Append entries as large imports do, 256 under each signature; no checkpoint would shorten them."""
    file = tx.keyring.of_member(home.hat.member)
    assert file is not None
    for start in range(0, count, 256):
        products = [leeks(start + n + 1) for n in range(min(256, count - start))]
        chunk = [(Kind.ERASABLE, next(iter(bodies([product]))), ()) for product in products]
        tx._append_run(file, Log.CATALOG, chunk)


def leeks(number: int) -> Product:
    return Product(
        local=number.to_bytes(16, "big"),
        version=1,
        sku="",
        name="Leeks",
        variant="",
        category="",
        description=random.Random(number).randbytes(500).hex(),
        unit="g",
        unit_value=500,
        unit_name="",
        price=245,
        price_per="piece",
        currency="EUR",
        step=1,
        tax_category="",
        shipping_category="",
        withdrawn=False,
    )


def say(tx: Transaction, home: Home, number: int) -> None:
    tx.append(home.hat.member, Log.CATALOG, [Profile(number, home.hat.name)])


def held(home: Home, author: Home) -> int:
    """How much of an author's log 1 is on disk in a home, read past all locks and threads."""
    with closing(sqlite3.connect(home.node.home / "foodhub.db")) as db:
        row = db.execute("SELECT seq FROM log WHERE author = ? AND log = 1", (author.hat.device,)).fetchone()
    return int(row[0]) if row else 0


async def unharmed(*homes: Home) -> bool:
    """Say whether nobody has seen a fork, a refused run or a reason not to sign."""
    found = [
        await home.rows(
            "SELECT 1 FROM fork_proof UNION ALL SELECT 1 FROM refused"
            " UNION ALL SELECT 1 FROM meta WHERE key = 'read_only'"
        )
        for home in homes
    ]
    return not any(found)


async def unbroken(home: Home) -> bool:
    """Say whether everything in a home is authentic: every run of every log checked anew."""
    runs = await home.read(all_runs)
    circuit = (await home.rows("SELECT value FROM meta WHERE key = 'circuit'"))[0][0]
    for run, payloads in runs:
        check_payloads(check_run(circuit, run), list(payloads))
    gaps = "SELECT 1 FROM log WHERE seq != (SELECT count(*) FROM entry WHERE place >> ? = ref)"
    return bool(runs) and not await home.rows(gaps, SEQ_BITS)


async def test_three_nodes_converge_through_the_hub_and_stop_without_a_complaint(
    village: Village, networks: Networks
) -> None:
    hub, farm, group = [await village.home(*who) for who in (("Hub", "hub"), ("Farm", "producer"), ("Group", "group"))]
    hub_runs, farm_runs, group_runs = await networks.meet(hub, farm, group)
    await until(lambda: len(hub_runs.connected()) == 2, "both are connected with the hub")
    await farm.product("Carrots")
    await group.write(say, group, 2)
    await until(lambda: same(hub, farm, group), "all three hold the same entries")
    assert await entries(group) == await entries(hub)
    assert await group.rows("SELECT 1 FROM product WHERE name = 'Carrots'")
    assert [peer.members for peer in live.peers(farm.node.home)] == [["Hub"]]

    for each in (farm_runs, hub_runs, group_runs):
        assert (each.stop(), each.troubles()) == (0, [])
        assert "stopped" in each.log
    assert not live.is_running(hub.node.home)


@pytest.mark.parametrize("victim", ["receiver", "sender"])
async def test_a_node_killed_in_the_middle_of_a_sync_resumes_and_forks_nothing(
    village: Village, networks: Networks, victim: str
) -> None:
    hub, farm = await pair(village)
    await farm.write(write_many, farm, MANY)
    whole = held(farm, farm)
    await introduce(hub, await networks.place(farm))
    farm_runs, hub_runs = networks.launch(farm), networks.launch(hub)
    killed, home = (hub_runs, hub) if victim == "receiver" else (farm_runs, farm)
    await until(lambda: held(hub, farm) >= 500, "the sync has begun")
    saying = asyncio.create_task(home.write(say, home, 9_000_000))
    await asyncio.sleep(0)
    killed.kill()  # while an entry of our own is being signed, however long that takes
    middle = held(hub, farm)
    await saying
    assert 500 <= middle < whole
    await home.write(say, home, 9_000_001)

    (again,) = await networks.start(home)
    survivor = farm_runs if victim == "receiver" else hub_runs
    await until(lambda: same(hub, farm), "both hold everything")
    await until(lambda: survivor.peer in again.connected(), "they are connected again")
    assert held(hub, farm) == held(farm, farm) == whole + (2 if victim == "sender" else 0)
    assert held(farm, hub) == held(hub, hub) == 1 + (2 if victim == "receiver" else 0)
    assert await unharmed(hub, farm)
    assert await unbroken(hub)
    assert survivor.troubles() == []
    assert again.troubles() == []


async def test_a_second_process_on_a_home_is_refused_and_leaves_the_first_alone(
    village: Village, networks: Networks
) -> None:
    hub = await village.home("Hub", "hub")
    (first,) = await networks.start(hub)
    before = process_row(hub.node.home)
    code, _, said = await finished(networks.launch(hub).process)
    assert code == 1
    assert said.splitlines()[0] == f"A network process runs on this home already (process {first.process.pid})."
    pid = first.process.pid
    assert said.splitlines()[1:] == [f"Use it, or end it first: close the interface that started it, or kill {pid}."]
    assert process_row(hub.node.home) == before
    assert first.process.poll() is None
    assert first.running


async def test_a_port_in_use_is_said_when_it_was_asked_for_and_avoided_when_it_was_remembered(
    village: Village, networks: Networks
) -> None:
    hub, farm = await pair(village)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"/ip4/127.0.0.1/tcp/{other.getsockname()[1]}"
        asked = networks.launch(hub, "--listen", taken)
        await farm.write(remember, "listen", taken)
        (avoided,) = await networks.start(farm)
        code, _, said = await finished(asked.process)
        assert code == 1
        assert said.startswith(f"The port of {taken} is in use by another program.")
        assert error_code(hub.node.home) == "port_in_use"
        assert avoided.addresses
        assert not avoided.addresses[0].startswith(f"{taken}/")
        assert await farm.read(setting, "listen") == avoided.addresses[0].rpartition("/p2p/")[0]


async def test_where_somebody_asked_to_listen_is_remembered_until_something_else_is_asked_for(
    village: Village, networks: Networks
) -> None:
    hub = await village.home("Hub", "hub")
    asked, other = networks.keep_port(), networks.keep_port()

    async def listens(*words: str) -> str:
        started = networks.launch(hub, *words)
        await until(started.begun, "it listens")
        place = started.addresses[0].rpartition("/p2p/")[0]
        started.process.terminate()
        await finished(started.process)
        return place

    assert await listens("--listen", asked) == asked
    assert await listens() == asked
    assert await listens("--listen", other) == other
    assert await listens() == other
    # An address that this machine has no more: it goes on without it, and does not forget it.
    await hub.write(remember, "listen", "/ip4/198.51.100.1/tcp/4001")
    assert (await listens()).startswith("/ip4/127.0.0.1/")
    assert await hub.read(setting, "listen") == "/ip4/198.51.100.1/tcp/4001"


async def test_a_node_that_starts_again_has_its_old_port_and_its_old_name(village: Village, networks: Networks) -> None:
    hub = await village.home("Hub", "hub")
    (first,) = await networks.start(hub)
    addresses = first.addresses
    first.process.send_signal(signal.SIGINT)
    assert await finished(first.process) == (0, "", "")
    networks.keep_port(int(addresses[0].split("/")[4]))
    (again,) = await networks.start(hub)
    assert again.addresses == addresses
    assert again.troubles() == []


async def test_a_node_whose_home_a_newer_program_upgraded_ends_and_says_so(
    village: Village, networks: Networks
) -> None:
    hub = await village.home("Hub", "hub")
    (node,) = await networks.start(hub)
    with closing(sqlite3.connect(hub.node.home / DATABASE)) as db:
        db.execute("PRAGMA user_version = 999")
    await until(lambda: node.process.poll() is not None, "it ends")
    assert error_code(hub.node.home) == "home_is_newer"
    assert "Traceback" not in node.log


async def test_a_node_ends_in_time_though_its_peer_hangs_in_the_middle_of_a_sync(
    village: Village, networks: Networks
) -> None:
    hub, farm = await pair(village)
    await farm.write(write_many, farm, MANY * 2)
    await introduce(farm, await networks.place(hub))
    hub_runs, farm_runs = networks.launch(hub), networks.launch(farm)
    await until(lambda: held(hub, farm) >= 500, "the sync has begun")
    hub_runs.process.send_signal(signal.SIGSTOP)
    assert held(hub, farm) < MANY * 2
    await until(lambda: farm_runs.running, "it is running")
    # Sooner than its connection gives the silent peer up.
    assert (farm_runs.stop(STALL * 0.9), farm_runs.troubles()) == (0, [])


async def test_a_peer_that_restarts_is_linked_again_without_being_told(village: Village, networks: Networks) -> None:
    hub, farm = await pair(village)
    hub_runs, farm_runs = await networks.meet(hub, farm)
    await until(lambda: hub_runs.peer in farm_runs.connected(), "they are connected")
    hub_runs.kill()
    await until(lambda: hub_runs.peer not in farm_runs.connected(), "the loss is noticed")
    # It comes back without knowing where anybody is: being found again is up to those who lost it.
    await hub.write(lambda tx: tx.db.execute("DELETE FROM address").rowcount)
    (again,) = await networks.start(hub)
    await until(lambda: again.peer in farm_runs.connected(), "it is dialed again")
    await farm.write(say, farm, 2)
    await until(lambda: same(hub, farm), "what is new arrives")


async def test_two_nodes_that_dial_each_other_at_once_end_up_with_one_link(
    village: Village, networks: Networks
) -> None:
    hub, farm = await pair(village)
    await introduce(hub, await networks.place(farm))
    await introduce(farm, await networks.place(hub))
    hub_runs, farm_runs = await networks.start(hub, farm)
    await until(lambda: farm_runs.connected() == {hub_runs.peer}, "the farm is connected")
    await until(lambda: hub_runs.connected() == {farm_runs.peer}, "the hub is connected")
    await hub.write(say, hub, 2)
    await farm.write(say, farm, 2)
    await until(lambda: same(hub, farm), "both hold the same")
    assert hub_runs.connected() == {farm_runs.peer}
    assert hub_runs.troubles() + farm_runs.troubles() == []


async def test_commands_and_a_sync_at_once_all_succeed(village: Village, networks: Networks) -> None:
    hub, farm = await pair(village)
    await farm.write(write_many, farm, MANY // 2)
    await introduce(hub, await networks.place(farm))
    networks.launch(farm)
    before = held(hub, hub)
    commands = [program(COMMAND, str(hub.node.home), "60") for _ in range(2)]
    try:
        for command in commands:
            assert command.stdout is not None
            assert await asyncio.to_thread(command.stdout.readline) == "open\n"
        await networks.start(hub)
        for command in commands:
            code, _, said = await finished(command)
            assert (code, said) == (0, "")
    finally:
        for command in commands:
            command.kill()
    assert held(hub, hub) == before + 120
    await until(lambda: same(hub, farm), "the other node has all of it")
    assert await unharmed(hub, farm)
    assert await unbroken(farm)


async def test_an_order_placed_while_the_hub_is_off_is_received_when_it_is_back(
    village: Village, networks: Networks
) -> None:
    hub, farm = await pair(village)
    group = await village.home("Group", "group")
    await settle_in(group)
    product = await farm.product("Carrots", on_hand=40)
    await village.gossip()
    await village.open_cycle(hub)
    cycle = await farm.cycle()
    await farm.write(allot, farm.hat, cycle, await farm.read(everything_free, farm.hat, cycle))
    await village.gossip()
    hub_runs, group_runs = await networks.meet(hub, group)
    await until(lambda: hub_runs.peer in group_runs.connected(), "they are connected")
    hub_runs.stop()
    await group.order((product, "3"))
    assert [order.state for order in await group.orders()] == ["sent"]
    await networks.start(hub)

    async def received() -> bool:
        return [order.state for order in await group.orders()] == ["received"]

    await until(received, "the group has its receipt")
    assert [line.confirmed for line in (await group.orders())[0].lines] == [3]


# The door


def with_addresses(text: str, addresses: list[str], **changes: object) -> str:
    """The same invite, naming other addresses or saying something else."""
    code = read_code(text)
    fields = {"circuit": code.circuit, "seed": code.seed, "expires": code.expires, "addresses": addresses, **changes}
    return write_code(type(code)(**fields))  # type: ignore[arg-type]


async def test_invites_that_do_not_hold_are_refused_at_the_door_with_the_reason(
    village: Village, networks: Networks
) -> None:
    hub, _ = await pair(village)
    late = await village.newcomer("Latecomer", "group")
    hub_runs, late_runs = await networks.start(hub, late)

    async def invite(days: int = 14) -> str:
        return await hub.write(setup.invite, hub.hat, ["group"], hub_runs.addresses, days)

    revoked = await invite()
    await hub.write(setup.uninvite, hub.hat, revoked)
    later = now() + 1_000_000
    doors = {
        "invite_used": with_addresses(village.homes[1].code, hub_runs.addresses),
        "invite_revoked": revoked,
        "invite_expired": with_addresses(await invite(days=0), hub_runs.addresses, expires=later),
        "invite_unknown": with_addresses(revoked, hub_runs.addresses, seed=b"nobody's".ljust(32)),
        "other_circuit": with_addresses(revoked, hub_runs.addresses, circuit=b"elsewhere".ljust(32)),
    }
    for reason, text in doors.items():
        live.forget_refusal(late.node.home)
        await late.write(setup.prepare_join, late.node.home, late.hat, text)
        await until(lambda reason=reason: late_runs.refusal == reason, f"it is told: {reason}")  # type: ignore[misc]
        assert reason in REFUSALS
    assert await late.read(setup.charter) is None
    assert await entries(late) == 0
    assert hub_runs.troubles() + late_runs.troubles() == []

    await late.write(setup.prepare_join, late.node.home, late.hat, await invite())
    await until(lambda: late.read(setup.charter), "a good invite opens the door, in the same running process")


async def test_a_newcomer_killed_between_signing_and_telling_is_let_in_when_it_is_back(
    village: Village, networks: Networks
) -> None:
    hub, _ = await pair(village)
    group = await village.newcomer("Group", "group")
    hub_runs, group_runs = await networks.start(hub, group)
    text = await hub.write(setup.invite, hub.hat, ["group"], hub_runs.addresses)
    code = await group.write(setup.prepare_join, group.node.home, group.hat, text)
    await until(lambda: group.read(setup.invite_arrived, code), "the invite has come")
    group_runs.kill()
    await group.write(setup.join, group.hat, code)
    await networks.start(group)
    await until(lambda: group.read(admitted, group.hat), "it is admitted")
    await until(lambda: same(hub, group), "it has what members have")
    assert await hub.rows("SELECT 1 FROM profile WHERE name = 'Group'")
    assert knocking.joining(group.node.home) is None


async def test_founding_and_joining_take_effect_without_starting_anything_again(
    village: Village, networks: Networks
) -> None:
    farm, group = await village.newcomer("Farm", "producer"), await village.newcomer("Group", "group")
    farm_runs, group_runs = await networks.start(farm, group)
    await farm.write(setup.found, farm.hat, "Circuit", "Charter", "EUR")
    await farm.product("Carrots")
    text = await farm.write(setup.invite, farm.hat, ["group"], farm_runs.addresses)
    code = await group.write(setup.prepare_join, group.node.home, group.hat, text)
    await until(lambda: group.read(setup.invite_arrived, code), "charter and invite have come")
    assert {log for (log,) in await group.rows("SELECT log FROM log")} == {0}
    await group.write(setup.join, group.hat, code)
    await until(lambda: group.rows("SELECT 1 FROM product WHERE name = 'Carrots'"), "it has the catalog")
    await until(lambda: group.read(admitted, group.hat), "it is admitted")
    await until(lambda: same(farm, group), "both hold the same")
    assert group_runs.refusal == ""
    assert farm_runs.troubles() + group_runs.troubles() == []


# Failures of our own


async def test_a_duty_that_cannot_be_done_does_not_take_the_node_off_the_network(
    village: Village, networks: Networks
) -> None:
    hub, farm = await pair(village)
    await village.gossip()
    text = await hub.write(setup.invite, hub.hat, ["group"], [])
    group = await village.newcomer("Group", "group")
    await village.join(group, text)
    await carry(group, hub)
    # The hub was restored from a copy: it may sign no more, though an admission is due.
    await hub.write(lambda tx: tx.db.execute("INSERT INTO meta VALUES ('read_only', 'restored')").rowcount)
    hub_runs, farm_runs = await networks.meet(hub, farm)
    await until(lambda: hub_runs.peer in farm_runs.connected(), "they are connected")
    await farm.write(say, farm, 2)
    await until(lambda: same(hub, farm), "the hub still takes what comes")
    assert await hub.rows("SELECT count(*) FROM member WHERE NOT admitted") == [(1,)]
    assert "Traceback" not in hub_runs.log


async def test_a_home_where_nothing_is_set_up_is_refused_with_its_own_exit_code(
    tmp_path: Path, networks: Networks
) -> None:
    code, _, said = await finished(networks.launch(tmp_path / "nothing").process)
    assert code == 4
    assert "Nothing is set up" in said
    assert not (tmp_path / "nothing").exists()
