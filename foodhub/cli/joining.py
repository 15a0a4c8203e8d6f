"""`foodhub circuit join`: knocks with an invite, shows the charter, signs, and waits until another node has it.

What was prepared is kept when no node answers: running the command again goes on where it stopped.
"""

from typing import Any

import click

from foodhub.catalog.naming import base32_id, fold
from foodhub.circuit.invite import InviteCode
from foodhub.cli.asking import confirm, require_asking
from foodhub.cli.call import Call
from foodhub.cli.circuit import titled_charter
from foodhub.cli.codes import in_pieces, joined
from foodhub.cli.command import command, option, pass_call
from foodhub.cli.door import Door
from foodhub.cli.output import say, show
from foodhub.cli.running import run
from foodhub.errors import N_, FoodhubError, NoPeerError
from foodhub.node import knocking, live, setup, state
from foodhub.node.application import Node, open_node
from foodhub.node.hat import Hat
from foodhub.node.home import now
from foodhub.node.network import network
from foodhub.node.reading import read
from foodhub.words import _

_REST_SECONDS = 3.0
_ADDRESSLESS = N_("Ask for an invite that was made while the inviting node was running.")


@command(
    "circuit join",
    signs=True,
    examples=["foodhub circuit join foodhub1abc…", "foodhub circuit join --wait 60 --yes - < invite.txt"],
    more=N_("The charter is shown and you are asked; where there is no terminal, --yes is the signature."),
)
@in_pieces("INVITE")
@option(
    "--wait",
    type=click.FloatRange(0),
    default=20.0,
    metavar="SECONDS",
    help=N_("How long to look for a node of the circuit (else 20)."),
)
@pass_call
def circuit_join(call: Call, pieces: tuple[str, ...], wait: float) -> None:
    """Join a circuit."""
    text = joined(pieces)
    if call.dry_run:
        read(call.home, _check, call, text)
        call.end_dry_run()
        return
    require_asking(call)
    done = run(_join(call, text, wait))
    show(call, done, lambda: say(_('{member} is in the circuit "{name}".').format(**done)))
    if not call.json:
        call.note(_("Next: foodhub node run keeps this home in touch with the others; foodhub shows what they offer."))


def _check(db: Any, call: Call, invite: str) -> None:
    from foodhub.node.hat import choose_hat

    setup.check_invite(db, choose_hat(db, call.as_name), invite, now())


async def _join(call: Call, invite: str, wait: float) -> dict[str, Any]:
    async with open_node(call.home) as node:
        hat = await node.hat(call.as_name)
        code = await _prepare(call, node, hat, invite)
        call.progress(_("Looking for a node of the circuit…"))
        async with network(call.home):
            joining = _Joining(call, node, hat, code, wait)
            if code is not None:
                await joining.enter(code)
            await joining.deliver()
        circuit = await node.read(state.circuit)
        admitted = bool(await node.read(state.admitted, hat))
        taken = [fold(name) for name in state.namesakes(await node.read(state.list_members))]
    if fold(hat.name) in taken:
        text = _('Another member is called "{name}" too: others can tell you apart only by your id.')
        call.note(text.format(name=hat.name))
    return {
        "id": circuit.id,
        "name": circuit.name,
        "member": hat.name,
        "member_id": base32_id(hat.member),
        "admitted": admitted,
    }


async def _prepare(call: Call, node: Node, hat: Hat, invite: str) -> InviteCode | None:
    """Note the invite for the network process; None when this member has signed already and nobody has it yet."""
    if await node.read(state.admitted, hat) is False and not (await node.read(state.own_reach, hat))[1]:
        call.note(_("{name} has signed already; looking for a node to tell.").format(name=hat.name))
        return None
    code = await node.read(setup.check_invite, hat, invite, now())
    known = await node.read(setup.invite_arrived, code) or await node.read(knocking.leads_somewhere, call.home, code)
    if not (known or live.is_running(call.home)):
        raise NoPeerError("no_address", N_("This invite holds no address, and this home knows none."), _ADDRESSLESS)
    code = await node.write(setup.prepare_join, call.home, hat, invite)
    live.forget_refusal(call.home)
    return code


class _Joining:
    """The steps of joining, each of which waits for what comes through the door."""

    def __init__(self, call: Call, node: Node, hat: Hat, code: InviteCode | None, wait: float) -> None:
        self._call = call
        self._node = node
        self._hat = hat
        self._addresses = code.addresses if code else []
        self._wait = wait
        self._door = Door(call, node, wait, setup.refusal)

    async def enter(self, code: InviteCode) -> None:
        """Wait for the founding document and the invite, show the charter, and sign.

        Raises:
            NoPeerError: nobody answered in time. RefusedError: the door says no. FoodhubError: `declined`.
        """
        self._door.knock(*self._addresses)
        if not await self._door.until(lambda: self._invited(code)):
            raise self._no_peer()
        self._call.progress("")
        charter = await self._node.read(setup.charter)
        circuit = await self._node.read(state.circuit)
        question = _('Join the circuit "{circuit}" and sign its charter.').format(circuit=circuit.name)
        try:
            confirm(self._call, self._hat.name, f"{titled_charter(circuit.name, charter or '')}\n\n{question}")
            await self._node.write(setup.join, self._hat, code)
        except FoodhubError:
            knocking.end_joining(self._call.home)
            raise

    async def deliver(self) -> None:
        """Wait until another node has what was signed.

        Raises:
            NoPeerError: nobody took it in time.
        """
        self._door.extend(min(self._wait, 5.0))
        self._door.knock(*self._addresses)
        self._call.progress(_("Signed; telling the circuit…"))
        if not await self._door.until(self._delivered):
            raise NoPeerError(
                "not_delivered",
                N_("{name} has signed, but no other node has it yet."),
                N_("It is kept and sent as soon as one is reached: run this again, or foodhub node run."),
                name=self._hat.name,
            )
        # A moment more for what else was signed, such as the name of this member, and for the names of the others.
        if (await self._node.read(state.own_reach, self._hat))[1]:
            self._door.rest(_REST_SECONDS)
            await self._door.until(self._acquainted, asks=False)
        self._call.progress("")

    async def _invited(self, code: InviteCode) -> bool:
        return await self._node.read(setup.invite_arrived, code)

    async def _delivered(self) -> bool:
        _own, elsewhere, _always_on = await self._node.read(state.own_reach, self._hat)
        return elsewhere > 0 or bool(await self._node.read(state.admitted, self._hat))

    async def _acquainted(self) -> bool:
        """Say whether the others have all that was signed here, and the names of those that have one are here."""
        members = await self._node.read(state.list_members)
        return await self._node.read(state.pending) == 0 and all(
            member.name for member in members if set(member.roles) - {"household", "steward"}
        )

    def _no_peer(self) -> NoPeerError:
        hint = (
            N_("The invite is kept: run this again when a node of the circuit is on.")
            if self._addresses
            else _ADDRESSLESS
        )
        return NoPeerError(
            "no_peer", N_("No node of the circuit answered within {seconds} s."), hint, seconds=f"{self._wait:g}"
        )
