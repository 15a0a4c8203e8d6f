"""`foodhub device`: the laptops of a member, adding one and retiring one, and who keeps which right.

A second laptop enrols on a code that the first one shows: each of the two commands says what to do at the other.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from foodhub.catalog.naming import base32_id
from foodhub.circuit.device_code import read_device_code
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import say, show, table
from foodhub.cli.running import Pen, pen, run
from foodhub.errors import N_, RefusedError
from foodhub.node import devices, knocking, live, rights, state
from foodhub.node.desk_elsewhere import cycles_of_device
from foodhub.node.devices import DeviceRow
from foodhub.node.hat import choose_hat
from foodhub.node.home import now
from foodhub.node.network import network
from foodhub.node.reading import read
from foodhub.saying import said, titled
from foodhub.words import _, day, moment, ngettext

_STATES = {
    "active": N_("in use"),
    "forked": N_("forked"),
    "retired": N_("retired"),
    "waiting": N_("waiting to be certified"),
    "refused": N_("not certified"),
}
_REASONS = {
    "invite_used": N_("the code was used already"),
    "invite_expired": N_("the code had expired"),
    "bad_key": N_("its key is not usable"),
}
_RIGHTS = {"stock": N_("stock"), "desk": N_("answering orders")}
KNOWN_SECONDS = 3.0
"""How long a command waits until another node has what it signed."""
FETCH_SECONDS = 20.0
"""How long a laptop stays for a new one that fetches what it holds."""


@command("device list", examples=["foodhub device list", "foodhub device list --json"])
@pass_call
def device_list(call: Call) -> None:
    """List the devices."""

    def work(db: Any) -> list[DeviceRow]:
        return devices.list_devices(db, choose_hat(db, call.as_name))

    rows = read(call.home, work)
    if not rows:
        call.note(_("No device counts yet. Found a circuit, join one, or wait until this device is certified."))

    def draw() -> None:
        titles = (
            _("device"),
            _("state"),
            _("keeps"),
            _("always on"),
            _("since"),
            _("entries"),
            _("pending"),
            _("last"),
        )
        if rows:
            table(titles, [_cells(row) for row in rows], right=(5, 6))

    show(call, rows, draw)


def _cells(row: DeviceRow) -> Sequence[object]:
    named = _("{device} (this one)").format(device=row.id[:8]) if row.this else row.id[:8]
    state = said(_STATES, row.state)
    if row.reason:
        # Translators: the state of a device, and why.
        state = _("{state}: {reason}").format(state=state, reason=said(_REASONS, row.reason))
    keeps = ", ".join(_right(right) for right in row.rights) or "-"
    pending = row.pending if row.this else "-"
    on = _("yes") if row.always_on else _("no")
    since = day(row.since.astimezone()) if row.since else "-"
    return named, state, keeps, on, since, row.entries, pending, _day(row.last)


def _right(right: str) -> str:
    """Return a right as `device hand-over` takes it, and what it means where that is another word."""
    meaning = said(_RIGHTS, right)
    return right if meaning == right else titled(right, meaning)


def _day(time: datetime | None) -> str:
    return moment(time.astimezone()) if time else "-"


@command(
    "device add",
    signs=True,
    examples=["foodhub device add", "foodhub device add --wait", "foodhub device add --hours 2"],
    more=N_(
        "Paste the code at the other laptop, after: foodhub device enrol CODE; or take it there in a file."
        " Whoever has it can sign in your name, once, until it expires: show it to nobody else."
    ),
)
@option(
    "--hours",
    type=click.IntRange(1, 24 * 14),
    default=devices.CODE_HOURS,
    metavar="N",
    help=N_("How many hours the code is good for (else 24)."),
)
@option("--wait", is_flag=True, help=N_("Stay until the other laptop has enrolled and was certified."))
@pass_call
def device_add(call: Call, hours: int, wait: bool) -> None:
    """Show a code for a further device."""
    made = run(_add(call, hours, wait=wait and not call.dry_run))
    # Who waits sees the code before, on stderr: stdout says what came of it.
    show(call, made, lambda: say(made["device_id"] or made["code"]))


async def _add(call: Call, hours: int, *, wait: bool) -> dict[str, Any]:
    async with pen(call, tells_reach=True) as held:
        await held.node.rehearse(devices.add_device, held.hat, [], hours)
        confirm(
            call,
            held.hat.name,
            _("Whoever types the code on another device can then sign everything in the name of {name}.").format(
                name=held.hat.name
            ),
        )
        if not wait:
            made = await _show_code(held, hours)
            call.note(_("Paste it at the other laptop: foodhub device enrol CODE"))
            call.note(_("Or take it there in a file (foodhub device add > FILE): foodhub device enrol --yes - < FILE"))
            return made
        async with network(call.home):
            made = await _show_code(held, hours)
            call.note(made["code"])
            call.note(_("Waiting for the other laptop: foodhub device enrol CODE. Stop waiting with Ctrl-C."))
            return made | {"device_id": await _until_certified(held, made["code"])}


async def _show_code(held: Pen, hours: int) -> dict[str, Any]:
    call, process = held.call, live.process(held.call.home)
    remembered = await held.node.read(knocking.remembered_addresses)
    # Also where others are: the new laptop has to find the circuit when this one is off.
    addresses = [*process.addresses, *remembered[:2]] if process else remembered
    code = await held.sign(devices.add_device, addresses, hours)
    expires = datetime.fromtimestamp(read_device_code(code).expires / 1000, UTC).astimezone()
    if not addresses:
        call.note(
            _("The code holds no address, so the other laptop finds nobody: use --wait, or foodhub node run first.")
        )
    elif not process:
        call.note(_("Let this laptop run until the other has enrolled: foodhub node run"))
    return {"code": "" if call.dry_run else code, "expires": expires, "device_id": ""}


async def _until_certified(held: Pen, code: str) -> str:
    """Wait until a device was certified on a code, then a moment more for what it fetches as one; return its id."""
    public = read_device_code(code).key.public
    async with held.node.news() as news:
        while not (device := await held.node.read(devices.used_by, public)):
            await news.wait(1.0)
    held.call.note(
        _("The device {device} is certified; it fetches now what is held here.").format(device=base32_id(device)[:8])
    )
    await _until_fetched(held)
    return base32_id(device)


async def _until_fetched(held: Pen) -> None:
    """Wait until a node that knocked anew, as the device that it is now, has all that it asked for."""
    end = time.monotonic() + FETCH_SECONDS
    gone: set[str] = set()
    while time.monotonic() < end:
        peers = live.peers(held.call.home)
        gone |= {peer.id for peer in peers if peer.state != "connected"}
        if any(peer.id in gone and peer.state == "connected" and not peer.ahead for peer in peers):
            return
        await asyncio.sleep(0.1)  # what is known of peers rings no bell


async def reached(held: Pen) -> bool:
    """Wait a moment until another node has our log 0 to its end; say whether one has."""
    end = time.monotonic() + (KNOWN_SECONDS if live.is_running(held.call.home) else 0)
    async with held.node.news() as news:
        while True:
            own, elsewhere, _always_on = await held.node.read(state.own_reach, held.hat)
            left = end - time.monotonic()
            if elsewhere >= own or left <= 0:
                return elsewhere >= own
            await news.wait(left)


@command(
    "device retire",
    signs=True,
    examples=["foodhub device retire k3xq7", "foodhub device retire this --heir k3xq7"],
    more=N_(
        "Name it by the first letters of its id, or this one with: this. What it wrote and is held here goes on to"
        " count; what it writes from now on counts nowhere, and it is told nothing new."
    ),
)
@argument("device")
@option("--heir", metavar="DEVICE", help=N_("Which device takes over what it keeps (else this one)."))
@pass_call
def device_retire(call: Call, device: str, heir: str | None) -> None:
    """Retire a device."""
    done = run(_retire(call, device, heir))

    def draw() -> None:
        if not call.dry_run:
            retired = _("The device {device} is retired; {heir} takes over what it kept.")
            say(retired.format(device=done["device_id"][:8], heir=done["heir_id"][:8]))

    show(call, done, draw)


async def _retire(call: Call, text: str, heir: str | None) -> dict[str, Any]:
    async with pen(call, tells_reach=True) as held:
        row = await held.node.read(devices.find_device, held.hat, text)
        to = (await held.node.read(devices.find_device, held.hat, heir)).key if heir else b""
        await held.node.read(devices.check_retirable, held.hat, row, to)
        if row.this and row.pending:
            raise RefusedError(
                "not_delivered",
                N_("Entries of this device that no other node has yet: {n}. Nobody takes them from a retired device."),
                N_("Connect until they are delivered, then retire it: foodhub node run"),
                n=row.pending,
            )
        call.note(_warning(row))
        confirm(call, held.hat.name, _("Retire the device {device} for ever.").format(device=row.id[:8]))
        taken = await held.sign(devices.retire, row, to)
        known = False if call.dry_run else await reached(held)
    if not (known or call.dry_run):
        call.note(_("No other node knows this yet: run foodhub node run until one does."))
    return {"device_id": row.id, "heir_id": base32_id(taken), "known_elsewhere": known}


def _warning(row: DeviceRow) -> str:
    """Say what will count of a device, and what may be lost."""
    if row.this:
        return _("From then on this home can be read and signs nothing for this member.")
    heard = ngettext(
        "Of this device {n} entry is held here, the last of {last}: it goes on to count.",
        "Of this device {n} entries are held here, the last of {last}: they go on to count.",
        row.entries,
    ).format(n=row.entries, last=_day(row.last))
    lost = _("What it has written since and has not arrived here will count nowhere: connect it first if you can.")
    return f"{heard} {lost}"


@command(
    "device hand-over",
    signs=True,
    examples=["foodhub device hand-over desk k3xq7", "foodhub device hand-over stock k3xq7"],
    more=N_(
        "Rights are desk (open cycles and answer their orders) and stock (count goods and set them aside)."
        " Each is kept by one device of a member; it is handed over from there."
    ),
)
@argument("right")
@argument("device")
@pass_call
def device_hand_over(call: Call, right: str, device: str) -> None:
    """Hand a right over to another device."""
    done = run(_hand_over(call, right.strip().lower(), device))

    def draw() -> None:
        if not call.dry_run:
            kept = _("The device {device} keeps this right now: {right}.")
            say(kept.format(device=done["device_id"][:8], right=said(_RIGHTS, done["right"])))

    for text in _staying(done["cycles_staying"]):
        call.note(text)
    show(call, done, draw)


def _staying(cycles: Sequence[str]) -> list[str]:
    """Say which cycles stay with this laptop when it hands the desk over."""
    text = _("These cycles stay with this laptop, so leave it on until their purchase orders are answered: {cycles}.")
    return [text.format(cycles=", ".join(cycles))] if cycles else []


async def _hand_over(call: Call, right: str, text: str) -> dict[str, Any]:
    async with pen(call) as held:
        row = await held.node.read(devices.find_device, held.hat, text)
        await held.node.rehearse(devices.hand_over, held.hat, right, row)
        question = _("The device {device} alone keeps this right from then on: {right}.")
        ours = (held.hat.member, held.hat.device, now())
        staying = await held.node.read(cycles_of_device, *ours) if right == "desk" else []
        asked = [question.format(device=row.id[:8], right=said(_RIGHTS, right)), *_staying(staying)]
        confirm(call, held.hat.name, "\n".join(asked))
        await held.sign(devices.hand_over, right, row)
        known = False if call.dry_run else await reached(held)
    return {"right": right, "device_id": row.id, "known_elsewhere": known, "cycles_staying": staying}


@command(
    "device go-on",
    signs=True,
    examples=["foodhub device go-on k3xq7"],
    more=N_(
        "Whoever takes over from a retired device waits until all that it signed has arrived: it may have promised or"
        " set aside goods there. Run this only when nobody has the rest any more: other nodes were connected for some"
        " days, and it did not come."
    ),
)
@argument("device")
@pass_call
def device_go_on(call: Call, device: str) -> None:
    """Go on without what is missing of a retired device."""
    done = run(_go_on(call, device))

    def draw() -> None:
        if not call.dry_run:
            say(_("This device goes on without the rest of {device}.").format(device=done["device_id"][:8]))

    show(call, done, draw)


async def _go_on(call: Call, text: str) -> dict[str, Any]:
    async with pen(call) as held:
        row = await held.node.read(devices.find_device, held.hat, text)
        lacking = await held.node.read(rights.to_go_on_without, held.hat, row)
        call.note(_what_is_missing(lacking))
        call.note(
            _(
                "It may tell of goods that were promised or set aside. Without it two things are not sure any more:"
                " that no more is promised than was set aside, and that no more is set aside than was counted."
                " Compare with your customers and producers what was agreed."
            )
        )
        confirm(call, held.hat.name, _("Go on for ever without what is missing of {device}.").format(device=row.id[:8]))
        await held.sign(rights.go_on, row)
    missing = {"entries_missing": lacking.entries, "payloads_missing": lacking.payloads}
    return {"device_id": row.id, **missing, "unreadable": lacking.unreadable}


def _what_is_missing(lacking: rights.Missing) -> str:
    """Say how much of a retired device's logs is not here."""
    said_of: list[str] = []
    if lacking.entries:
        said_of.append(
            ngettext(
                "Of the device {device} {n} entry has not arrived here.",
                "Of the device {device} {n} entries have not arrived here.",
                lacking.entries,
            ).format(n=lacking.entries, device=base32_id(lacking.device)[:8])
        )
    if lacking.payloads:
        said_of.append(
            ngettext(
                "Of the device {device} the content of {n} entry is missing.",
                "Of the device {device} the content of {n} entries is missing.",
                lacking.payloads,
            ).format(n=lacking.payloads, device=base32_id(lacking.device)[:8])
        )
    if lacking.unreadable:
        said_of.append(_("A key of this member is missing here, so that not all that has arrived can be read."))
    return " ".join(said_of)
