"""`foodhub recover` and `foodhub circuit card`: beginning anew with the 24 words, and what a helper shows for that.

The words are typed and go no further than this process, but for the key that signs (see `node.recovery`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from foodhub.catalog.naming import base32_id
from foodhub.circuit.device_code import Card, read_card, write_card
from foodhub.cli.asking import confirm, require_asking
from foodhub.cli.call import Call
from foodhub.cli.command import command, option, pass_call
from foodhub.cli.door import Door
from foodhub.cli.enrolling import settled
from foodhub.cli.output import say, show
from foodhub.cli.paper_words import ask_words
from foodhub.cli.running import run
from foodhub.errors import N_, NoPeerError, NotSetUpError, RefusedError
from foodhub.node import knocking, live, recovery, setup, state
from foodhub.node.application import Node, open_node
from foodhub.node.hat import Hat, circuit_id
from foodhub.node.home import DATABASE
from foodhub.node.network import network
from foodhub.node.reading import read
from foodhub.node.recovery_words import RecoveryKeys
from foodhub.node.standing import is_retired
from foodhub.words import _, full_moment, ngettext

_REST_SECONDS = 3.0
_REFUSALS = {
    "invite_unknown": (
        N_("The nodes that were reached know no member with these words."),
        N_("Compare the words with the paper, and the card with the circuit."),
    ),
    "other_circuit": (
        N_("The node that was reached is of another circuit."),
        N_("Ask a member for a new card: foodhub circuit card"),
    ),
}


def _refusal(code: str) -> RefusedError:
    message, hint = _REFUSALS.get(code) or (
        N_("The circuit refused this recovery."),
        N_("Ask a member for a new card: foodhub circuit card"),
    )
    return RefusedError(code, message, hint)


@command("circuit card", examples=["foodhub circuit card", "foodhub circuit card --json"])
@pass_call
def circuit_card(call: Call) -> None:
    """Print the card of the circuit."""
    process = live.process(call.home)
    addresses = [*(process.addresses if process else ()), *read(call.home, knocking.remembered_addresses)][:4]
    card = write_card(Card(read(call.home, circuit_id), addresses))
    if not addresses:
        call.note(_("The card holds no address: make one while this node runs, with foodhub node run."))
    show(call, {"card": card, "addresses": addresses}, lambda: say(card))


@command(
    "recover",
    signs=True,
    examples=[
        "foodhub recover --card foodhubcard1abc…",
        "foodhub recover --peer /ip4/192.0.2.7/tcp/4711/p2p/12D3…",
        "foodhub recover --check",
    ],
    more=N_(
        "Asks for the 24 recovery words. This home becomes the member's device, and all others are retired: lost ones,"
        " older ones, and the one this home was. A new home needs the card of the circuit, which any member can show"
        " with foodhub circuit card. --check changes nothing: it only confirms that the words on paper are right."
    ),
)
@option("--check", is_flag=True, help=N_("Only see whether the words are those of a member of this home."))
@option("--card", metavar="CARD", help=N_("The circuit, for a home that is in none yet."))
@option("--peer", "peers", multiple=True, metavar="MULTIADDR", help=N_("Where a node may be reached; may be repeated."))
@option("--name", metavar="TEXT", help=N_("What the member is called in this home, if its name is private."))
@option("--alone", is_flag=True, help=N_("Go by what this home holds, without asking other nodes first."))
@option(
    "--wait",
    type=click.FloatRange(0),
    default=60.0,
    metavar="SECONDS",
    help=N_("How long to look for a node of the circuit (else 60)."),
)
@pass_call
def recover(
    call: Call, check: bool, card: str | None, peers: tuple[str, ...], name: str | None, alone: bool, wait: float
) -> None:
    """Recover a member with its words."""
    where = read_card(card) if card else None
    called = setup.check_name(name) if name else None
    if not (where or (call.home / DATABASE).exists()):
        raise NotSetUpError(*recovery.CIRCUIT_UNKNOWN)
    process = live.process(call.home)
    if process and not check:
        raise RefusedError(
            "already_running",
            N_("A network process runs on this home (process {pid})."),
            N_("End it (Ctrl-C where it runs, or: kill {pid}) and the terminal interface too, then run this again."),
            pid=process.pid,
        )
    if not check:
        require_asking(call)
    keys = ask_words(call)
    if check:
        _check(call, keys, confirmed=not call.dry_run)
        return
    if call.dry_run:
        _rehearse(call, keys)
        return
    done = run(_Recovery(call, keys, wait, called).run(where, peers, alone=alone))
    show(call, done, lambda: _draw(done))


def _draw(done: dict[str, Any]) -> None:
    said = _("{member} is recovered; this is its only device now: {device}")
    say(said.format(member=done["member"], device=done["device_id"][:8]))


def _check(call: Call, keys: RecoveryKeys, *, confirmed: bool) -> None:
    """See whose words these are, and note that they are on paper."""
    if not (call.home / DATABASE).exists():
        call.end_dry_run()
        return
    hat = read(call.home, recovery.whose_words, keys)

    async def note() -> None:
        async with open_node(call.home) as node:
            await node.write(recovery.confirm_words, hat.member)

    if confirmed:
        run(note())
    show(
        call,
        {"member": hat.name, "member_id": base32_id(hat.member), "confirmed": confirmed},
        lambda: say(_("These are the recovery words of {name}.").format(name=hat.name)),
    )
    call.end_dry_run()


def _rehearse(call: Call, keys: RecoveryKeys) -> None:
    """Say whom a recovery would bring into this home, as far as that is known here."""
    found = read(call.home, recovery.known_member, keys) if (call.home / DATABASE).exists() else None
    if found is None:
        call.note(_("Whose words these are is not known here: the nodes of the circuit will tell."))
        call.end_dry_run()
        return
    member, name, others = found
    if others:
        call.note(_comes_beside(name, others))
    show(
        call,
        {"member": name, "member_id": base32_id(member), "confirmed": False},
        lambda: say(_("These are the recovery words of {name}.").format(name=name)),
    )
    call.end_dry_run()


def _comes_beside(name: str, others: Sequence[str]) -> str:
    text = _("{name} comes into this home as a further member, beside {others}.")
    return text.format(name=name, others=", ".join(others))


class _Recovery:
    """The steps of a recovery; what it left for the network process is removed whatever comes of it."""

    def __init__(self, call: Call, keys: RecoveryKeys, wait: float, name: str | None) -> None:
        self._call = call
        self._keys = keys
        self._wait = wait
        self._name = name

    async def run(self, card: Card | None, peers: Sequence[str], *, alone: bool) -> dict[str, Any]:
        """Fetch what the circuit holds, begin anew, and tell the others; return what to show.

        Raises:
            NoPeerError: nobody answered, or took it, in time. FoodhubError: whatever else stops it.
        """
        home = self._call.home
        async with open_node(home, create=True) as node:
            with recovery.hold_recovery(home):
                await node.write(recovery.begin_recovery, home, self._keys, card, peers)
                live.forget_refusal(home)
                addresses = [*peers, *(card.addresses if card else [])]
                await self._gather(node, addresses, alone=alone)
                hat = await self._sign(node)
                known = await self._deliver(node, hat, addresses)
            await node.read(_require_counted, hat)
            circuit = await node.read(state.circuit)
        made = {"device_id": base32_id(hat.device), "member": hat.name, "member_id": base32_id(hat.member)}
        return made | {"circuit": circuit.name, "home": str(home), "known_elsewhere": known}

    async def _gather(self, node: Node, addresses: Sequence[str], *, alone: bool) -> None:
        """Fetch logs 0, in which the member stands, then all others: what is fetched of its own goes on to count."""
        if not alone:
            await self._fetch(node, addresses, _("Looking for the circuit…"))
        await node.write(recovery.ask_for_everything, self._call.home, self._keys)
        if not alone:
            await self._fetch(node, addresses, _("Fetching what the others hold…"))

    async def _fetch(self, node: Node, addresses: Sequence[str], said: str) -> None:
        async def done() -> bool:
            behind = sum(peer.behind for peer in live.peers(self._call.home))
            self._call.progress(f"{said} {behind}" if behind else said)
            return settled(self._call.home)

        # Each time a network process of its own: it proves itself in the way that is right by then.
        async with network(self._call.home):
            door = Door(self._call, node, self._wait, _refusal)
            door.knock(*addresses)
            reached = await door.until(done)
        self._call.progress("")
        if not reached:
            raise NoPeerError(
                "no_peer",
                N_("No node of the circuit answered within {seconds} s."),
                N_("Nothing was signed. Try again with --peer or --card from a member whose node runs."),
                seconds=f"{self._wait:g}",
            )

    async def _sign(self, node: Node) -> Hat:
        member = await node.read(recovery.require_member_of, self._keys)
        for device, entries, last in await node.read(recovery.losses, member):
            self._call.note(_loss(device, entries, last))
        name = await node.read(recovery.name_of, member)
        if self._name is None and not await node.read(recovery.is_named, member):
            self._call.note(_("Its name is private and not known here: with --name it is called so in this home."))
        name = self._name or name
        if others := await node.read(recovery.others_here, member):
            self._call.note(_comes_beside(name, others))
        question = _("Retire all devices of {name} for ever and begin anew with this one.").format(name=name)
        confirm(self._call, name, question)
        hat = await node.write(recovery.move_in, self._call.home, self._keys, self._name)
        await node.write(recovery.recover, hat, self._keys)
        return hat

    async def _deliver(self, node: Node, hat: Hat, addresses: Sequence[str]) -> bool:
        """Wait until another node has what was signed; say so where none is reached."""

        async def done() -> bool:
            own, elsewhere, _always_on = await node.read(state.own_reach, hat)
            return elsewhere >= own

        async def at_rest() -> bool:
            return settled(self._call.home)

        self._call.progress(_("Signed; telling the circuit…"))
        async with network(self._call.home):
            door = Door(self._call, node, min(self._wait, 20.0), _refusal)
            door.knock(*addresses)
            known = await door.until(done, asks=False)
            if known:
                # A moment more, to hear whether somebody recovered the member before.
                door.rest(_REST_SECONDS)
                await door.until(at_rest, asks=False)
        self._call.progress("")
        if not known:
            self._call.note(
                _("No other node has this yet. Run foodhub recover again, with the words, when one can be reached.")
            )
        return known


def _require_counted(db: Any, hat: Hat) -> None:
    """Make sure that this recovery counts: of two the first does, wherever it was made.

    Raises:
        RefusedError: `recovered_elsewhere`.
    """
    if is_retired(db, hat.device):
        raise RefusedError(
            "recovered_elsewhere",
            N_("{name} was recovered in another home too, and that is what counts: nothing that is signed here does."),
            N_("Enrol this home there: foodhub device add, then here: foodhub device enrol CODE"),
            name=hat.name,
        )


def _loss(device: bytes, entries: int, last: int) -> str:
    """Say what will count of a device that is retired."""
    moment = full_moment(datetime.fromtimestamp(last / 1000, UTC).astimezone()) if last else "-"
    return ngettext(
        "Of the device {device} {n} entry goes on to count, the last of {last}.",
        "Of the device {device} {n} entries go on to count, the last of {last}.",
        entries,
    ).format(device=base32_id(device)[:8], n=entries, last=moment)
