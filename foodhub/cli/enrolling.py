"""`foodhub device enrol`: makes this home a further device of a member, on the code that another one shows.

What was prepared is kept when no node answers: running the command again goes on where it stopped.
"""

from pathlib import Path
from typing import Any

import click

from foodhub.catalog.naming import base32_id
from foodhub.circuit.device_code import DeviceCode, read_device_code
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.codes import in_pieces, joined
from foodhub.cli.command import command, option, pass_call
from foodhub.cli.door import Door
from foodhub.cli.output import say, show
from foodhub.cli.running import run
from foodhub.errors import N_, NoPeerError
from foodhub.node import enrolling, knocking, live, state
from foodhub.node.application import Node, open_node
from foodhub.node.hat import Hat
from foodhub.node.home import DATABASE, now
from foodhub.node.network import network
from foodhub.node.reading import read
from foodhub.words import _

_FETCH_SECONDS = 20.0


@command(
    "device enrol",
    signs=True,
    examples=[
        "foodhub device enrol foodhubdevice1abc…",
        "foodhub --home ./box device enrol foodhubdevice1abc… --always-on",
        "foodhub device enrol --yes - < FILE",
    ],
    more=N_(
        "For a new home, and for one that was copied or restored and may not sign: it gets new keys, and what it holds"
        " stays. The code comes from: foodhub device add"
    ),
)
@in_pieces("CODE")
@option("--always-on", is_flag=True, help=N_("This machine is meant to run day and night."))
@option(
    "--wait",
    type=click.FloatRange(0),
    default=60.0,
    metavar="SECONDS",
    help=N_("How long to wait for the laptop that showed the code (else 60)."),
)
@pass_call
def device_enrol(call: Call, pieces: tuple[str, ...], always_on: bool, wait: float) -> None:
    """Become a further device of a member."""
    code = joined(pieces)
    found = read_device_code(code)
    if call.dry_run:
        if (call.home / DATABASE).exists():
            read(call.home, enrolling.check_code, code, now())
        call.end_dry_run()
        return
    question = _("This home becomes a device of {name} and signs in its name: {home}")
    confirm(call, found.name, question.format(name=found.name, home=str(call.home)))
    done = run(_enrol(call, code, found, always_on=always_on, wait=wait))
    show(call, done, lambda: say(_("This is a device of {member} now: {device}").format(**_short(done))))


def _short(done: dict[str, Any]) -> dict[str, str]:
    return {"member": done["member"], "device": done["device_id"][:8]}


async def _enrol(call: Call, text: str, code: DeviceCode, *, always_on: bool, wait: float) -> dict[str, Any]:
    async with open_node(call.home, create=True) as node:
        hat = await node.write(enrolling.prepare_enrolment, call.home, text)
        live.forget_refusal(call.home)
        call.progress(_("Looking for a node of the circuit…"))
        async with network(call.home):
            await _Enrolment(call, node, hat, code, wait).run(always_on=always_on)
        # A network process that begins now proves itself as the new device, and is served all logs.
        async with network(call.home):
            await _fetch(call, node)
        circuit = await node.read(state.circuit)
    return {
        "device_id": base32_id(hat.device),
        "member": hat.name,
        "member_id": base32_id(hat.member),
        "circuit": circuit.name,
        "home": str(call.home),
    }


async def _fetch(call: Call, node: Node) -> None:
    """Fetch what the others hold, as far as that comes soon; the next network process brings the rest."""

    async def done() -> bool:
        return settled(call.home)

    call.progress(_("Certified; fetching what the others hold…"))
    door = Door(call, node, _FETCH_SECONDS, enrolling.refusal)
    door.knock()
    if not await door.until(done, asks=False):
        call.note(_("Not all that the others hold has come yet: foodhub node run fetches the rest."))
    call.progress("")


class _Enrolment:
    """The steps of enrolling, each of which waits for what comes through the door."""

    def __init__(self, call: Call, node: Node, hat: Hat, code: DeviceCode, wait: float) -> None:
        self._call = call
        self._node = node
        self._hat = hat
        self._code = code
        self._wait = wait
        self._door = Door(call, node, wait, enrolling.refusal)

    async def run(self, *, always_on: bool) -> None:
        """Enrol, and wait until this device is certified and holds what the others have.

        Raises:
            NoPeerError: nobody answered, or certified it, in time. RefusedError: the door says no.
        """
        self._door.knock(*self._code.addresses)
        if not await self._node.read(enrolling.enrolled, self._hat):
            if not await self._door.until(self._known):
                raise self._no_peer()
            await self._node.write(enrolling.enrol, self._hat, self._code, always_on=always_on)
        self._call.progress(_("Enrolled; waiting to be certified…"))
        if not await self._door.until(self._certified):
            raise NoPeerError(
                "not_certified",
                N_("This device has enrolled, but was not certified within {seconds} s."),
                N_("Let the laptop that showed the code run (foodhub node run there), then run this again."),
                seconds=f"{self._wait:g}",
            )
        knocking.end_joining(self._call.home)
        self._call.progress("")

    async def _known(self) -> bool:
        return await self._node.read(enrolling.ticket_arrived, self._code)

    async def _certified(self) -> bool:
        return await self._node.read(enrolling.certified, self._hat)

    def _no_peer(self) -> NoPeerError:
        hint = (
            N_("The code is kept: run this again while the laptop that showed it runs.")
            if self._code.addresses
            else N_("This code holds no address. Make one while that laptop runs: foodhub device add --wait")
        )
        return NoPeerError(
            "no_peer", N_("No node of the circuit answered within {seconds} s."), hint, seconds=f"{self._wait:g}"
        )


def settled(home: Path) -> bool:
    """Say whether a round with some node has been completed and nothing is known to be missing."""
    peers = live.peers(home)
    return any(peer.state == "connected" for peer in peers) and not any(peer.behind for peer in peers)
