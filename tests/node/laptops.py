"""Laptops of one member, for tests: real homes, enrolled and recovered by the functions that the commands call."""

from collections.abc import Sequence

from foodhub.circuit.device_code import Card, read_device_code
from foodhub.node import devices, enrolling, recovery, setup
from foodhub.node.devices import DeviceRow
from foodhub.node.recovery_words import RecoveryKeys, read_words
from tests.homes import Home, Village, carry


async def member(village: Village, name: str, *roles: str) -> tuple[Home, RecoveryKeys]:
    """Bring a member into the circuit whose recovery words are known; the first one founds it."""
    node = await village.open(name)
    hat, words = await node.write(setup.make_member, node.home, name, roles, always_on=False)
    home = Home(node, hat, village.clock)
    if not village.homes:
        await home.write(setup.found, hat, "Short circuit", "We own it together.", "EUR")
    else:
        await village.join(home, await village.homes[0].write(setup.invite, village.homes[0].hat, roles, []))
    village.homes.append(home)
    await village.gossip()
    return home, read_words(words)


async def code_of(home: Home, *, hours: int = 24) -> str:
    """Let a laptop show a code for the next one."""
    return await home.write(devices.add_device, home.hat, ["/ip4/127.0.0.1/tcp/1/p2p/x"], hours)


async def knock(village: Village, name: str, first: Home, code: str) -> Home:
    """Make a home that has the keys of a further device, and logs 0, and has not said anything."""
    node = await village.open(name)
    hat = await Home(node, first.hat, village.clock).write(enrolling.prepare_enrolment, node.home, code)
    second = Home(node, hat, village.clock, code)
    await carry(first, second, logs=(0,))
    return second


async def enrol(second: Home, *, always_on: bool = False) -> None:
    """Say that a laptop enrols on the code it has."""
    await second.write(enrolling.enrol, second.hat, read_device_code(second.code), always_on=always_on)


async def laptop(village: Village, name: str, first: Home, *, always_on: bool = False) -> Home:
    """Make a further laptop of a member, certified, everybody knowing everything."""
    second = await knock(village, name, first, await code_of(first))
    await enrol(second, always_on=always_on)
    village.homes.append(second)
    await village.gossip()
    return second


async def begin_recovery(village: Village, name: str, keys: RecoveryKeys, helper: Home) -> Home:
    """Begin to recover a member in a home, and fetch from somebody what the circuit holds; it never ends."""
    home = Home(await village.open(name), helper.hat, village.clock)
    village.stack.enter_context(recovery.hold_recovery(home.node.home))
    await fetch(home, keys, helper)
    return home


async def fetch(home: Home, keys: RecoveryKeys, helper: Home) -> None:
    """Do the steps of a recovery up to where everything has been fetched."""
    circuit = (await helper.rows("SELECT value FROM meta WHERE key = 'circuit'"))[0][0]
    folder = home.node.home
    await home.write(recovery.begin_recovery, folder, keys, Card(circuit, []), [])
    await carry(helper, home, logs=(0,))
    await home.write(recovery.ask_for_everything, folder, keys)
    await carry(helper, home)


async def recover(village: Village, name: str, keys: RecoveryKeys, helper: Home) -> Home:
    """Recover a member in a home, with somebody's help."""
    home = Home(await village.open(name), helper.hat, village.clock)
    with recovery.hold_recovery(home.node.home):
        await fetch(home, keys, helper)
        home.hat = await home.write(recovery.move_in, home.node.home, keys)
        await home.write(recovery.recover, home.hat, keys)
    village.homes.append(home)
    return home


async def rows_of(home: Home) -> Sequence[DeviceRow]:
    return await home.read(devices.list_devices, home.hat)


async def row_of(home: Home, other: Home) -> DeviceRow:
    """How a home lists another laptop of its member."""
    return next(row for row in await rows_of(home) if row.key == other.hat.device)
