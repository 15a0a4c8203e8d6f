"""`foodhub purchase`: what hubs order from producers after the close, and what producers say to it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.cli.allot import split_pairs
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import facts, plain, say, show, table
from foodhub.cli.running import pen, run
from foodhub.cli.speaking import about_producer, for_owner, told
from foodhub.cli.texts import one_line
from foodhub.errors import N_, UsageError
from foodhub.node.application import Transaction, open_node
from foodhub.node.cycles import find_cycle
from foodhub.node.hat import Hat, choose_hat, hats
from foodhub.node.home import now
from foodhub.node.mandates import answering_for, owner_named
from foodhub.node.products import find_product, read_count
from foodhub.node.purchase_answers import answer_purchase, mark_seen
from foodhub.node.purchase_standing import PurchaseStanding, purchase_standing
from foodhub.node.purchases import PurchaseLineRow, PurchaseRow, find_purchase, list_purchases
from foodhub.node.purchasing import send_purchases
from foodhub.node.reading import Connection, open_reading
from foodhub.orders.statements import MAX_COMMENT
from foodhub.saying import PURCHASE_STATES, counted, money, ordered_by, price, said, titled
from foodhub.words import _, full_moment, moment, ngettext


@command("purchase list", examples=["foodhub purchase list", 'foodhub purchase list --cycle "Week 48" --json'])
@option("--cycle", metavar="CYCLE", help=N_("Only purchase orders of this cycle."))
@about_producer
@pass_call
def purchase_list(call: Call, cycle: str | None) -> None:
    """List the purchase orders."""
    with open_reading(call.home) as db:
        wanted = find_cycle(db, cycle, now()).id if cycle else None
        found = {row.id: row for hat in hats(db) for row in list_purchases(db, hat, now())}
        producer = _producer(db, choose_hat(db, call.as_name), call) if call.for_name else None
        rows = [
            _known(db, row)
            for row in found.values()
            if wanted in {None, row.cycle_id} and producer in {None, row.producer_id}
        ]
        own = {base32_id(hat.member) for hat in hats(db)}
    if not rows:
        call.note(_("No purchase order yet. A hub sends them after the close of a cycle."))
    _note_phones(call, rows, own)

    def draw() -> None:
        titles = (_("number"), _("state"), _("hub"), _("producer"), _("phone"), _("cycle"), _("sent on"), _("total"))
        lines = [
            (
                row.number,
                _state(row, standing),
                row.hub,
                _answered_by(row),
                standing.phone,
                row.cycle,
                moment(row.sent_at.astimezone()),
                _total(row),
            )
            for row, standing in rows
        ]
        if rows:
            table(titles, lines, right=(7,))

    show(call, [_data(each) for each in rows], draw)


class Known(NamedTuple):
    """A purchase order and what stands around it."""

    row: PurchaseRow
    standing: PurchaseStanding


def _known(db: Connection, row: PurchaseRow) -> Known:
    return Known(row, purchase_standing(db, row, now()))


def _note_phones(call: Call, rows: Sequence[Known], own: Collection[str]) -> None:
    """Say whom a hub could not telephone, and a farm (of `own` ids) that it can't be."""
    mute = [row for row, standing in rows if not standing.phone]
    others = sorted({row.producer for row in mute if row.producer_id not in own})
    if others:
        text = _("No phone is known here of {names}. They tell it with: foodhub contact set --phone NUMBER")
        call.note(text.format(names=", ".join(others)))
    if any(row.producer_id in own and row.hub_id not in own for row in mute):
        call.note(_("Hubs have no phone of you, to ring about a purchase order: foodhub contact set --phone NUMBER"))


def _producer(db: Connection, hat: Hat, call: Call) -> str:
    """Return the id of the producer that was named with `--for`."""
    return base32_id(owner_named(db, hat, call.for_name or ""))


def _answered_by(row: PurchaseRow) -> str:
    """Return the producer, and where somebody answered for it, how it had told that one."""
    return ordered_by(row.producer, row.producer_id, row.written_by, row.told)


def _data(known: Known) -> dict[str, object]:
    row, standing = known
    more = {"phone": standing.phone, "answer_by": standing.lead, "may_change": bool(standing.outdated)}
    data: dict[str, object] = plain(row) | plain(more)
    del data["statement"]
    return data


def _state(row: PurchaseRow, standing: PurchaseStanding) -> str:
    """Say the state of a purchase order, or what comes before that: it may still change, or wants nothing any more."""
    if standing.outdated:
        answered = "" if row.state in {"sent", "seen"} else said(PURCHASE_STATES, row.state)
        return ", ".join(filter(None, (answered, _("may still change"))))
    nothing = not any(line.quantity for line in row.lines)
    return _("nothing is wanted any more") if nothing else said(PURCHASE_STATES, row.state)


def _total(row: PurchaseRow) -> str:
    return money(sum(line.total for line in row.lines), row.lines[0].currency) if row.lines else ""


@command(
    "purchase show",
    examples=["foodhub purchase show EGNY-CU4E"],
    more=N_("When its producer looks at it, the hub is told that it was seen."),
)
@argument("purchase")
@about_producer
@pass_call
def purchase_show(call: Call, purchase: str) -> None:
    """Show a purchase order."""
    known = run(_look(call, purchase))
    show(call, _data(known), lambda: draw(known))


async def _look(call: Call, purchase: str) -> Known:
    async with open_node(call.home) as node:
        hat = await node.hat(call.as_name)
        row = await node.read(_find, hat, purchase, call)
        if row.state == "sent" and not call.dry_run and await node.write(mark_seen, hat, row):
            row = await node.read(find_purchase, hat, row.id, now())
        return await node.read(_known, row)


def _find(db: Connection, hat: Hat, purchase: str, call: Call) -> PurchaseRow:
    return find_purchase(db, hat, purchase, now(), _producer(db, hat, call) if call.for_name else None)


def draw(known: Known) -> None:
    """Print a purchase order, line by line."""
    row, standing = known
    answered = full_moment(row.answered_at) if row.answered_at and row.state != "seen" else _("not yet")
    weighed = full_moment(row.weighed) if row.weighed else ""
    more = [(_("place"), row.place), (_("weighed in"), weighed), (_("comment"), row.comment), (_("reason"), row.reason)]
    facts(
        [
            (_("purchase order"), f"{row.number}  {_state(row, standing)}"),
            (_("hub"), f"{row.hub}, {row.cycle}"),
            (_("producer"), _answered_by(row)),
            *([(_("written down by"), row.written_by)] if row.written_by else []),
            (_("sent on"), full_moment(row.sent_at)),
            *([(_("version"), _replaces(row))] if row.version > 1 else []),
            *_still(row, standing),
            (_("answered"), answered),
            *((title, text) for title, text in more if text),
            (_("fingerprint"), row.fingerprint[:16]),
        ]
    )
    say()
    _draw_lines(row)


def _replaces(row: PurchaseRow) -> str:
    return _("{n}: it takes the place of what was sent before").format(n=row.version)


def _still(row: PurchaseRow, standing: PurchaseStanding) -> Iterator[tuple[str, str]]:
    """Yield until when a purchase order is to be answered, or from when on it is."""
    if standing.until is not None:
        text = _("if it has changed, it comes anew by {time}")
        if standing.outdated == "open":
            passed = standing.until <= datetime.now(UTC)
            text = _("nobody has signed its close yet") if passed else _("the cycle is open again until {time}")
        yield _("may still change"), text.format(time=full_moment(standing.until))
    elif standing.lead is not None and row.state in {"sent", "seen"}:
        yield _("answer by"), full_moment(standing.lead)


def _draw_lines(row: PurchaseRow) -> None:
    titles = (_("product"), _("ordered"), _("cases"), _("accepted"), _("price"), _("amount"), _("remark"))
    lines = [
        (
            line.product,
            counted(line.quantity, line.price_per),
            _cases(line),
            "-" if line.accepted is None else counted(line.accepted, line.price_per),
            price(line.price, line.currency, line.price_per),
            money(line.total, line.currency),
            _remark(line),
        )
        for line in row.lines
    ]
    table(titles, [*lines, (_("total"), "", "", "", "", _total(row), "")], right=(1, 2, 3, 4, 5))


def _remark(line: PurchaseLineRow) -> str:
    """Say why less is accepted, or what its producer said since."""
    if line.available is None:
        return line.reason
    now_there = _("now there is {amount}").format(amount=counted(line.available, line.price_per))
    return titled(now_there, line.why)


def _cases(line: PurchaseLineRow) -> str:
    """Write "2 × 6", or "1 × 6 + 3" where the last case is broken."""
    if not line.case or not line.quantity:
        return ""
    full = f"{line.cases} × {counted(line.case, line.price_per)}" if line.cases else ""
    rest = line.quantity - line.cases * line.case
    return " + ".join(part for part in (full, counted(rest, line.price_per) if rest else "") if part)


@command(
    "purchase send",
    signs=True,
    examples=['foodhub purchase send "Week 48"', 'foodhub purchase send "Week 48" --comment "Gate code 1234"'],
    more=N_(
        "They go by themselves half an hour after the close, or at a producer's lead time if that is sooner. Once they"
        " have gone, no late order can be accepted."
    ),
)
@argument("cycle")
@option("--comment", default="", metavar="TEXT", help=N_("A word to the producers."))
@pass_call
def purchase_send(call: Call, cycle: str, comment: str) -> None:
    """Send the purchase orders of a cycle now."""
    rows, sent = run(_send(call, cycle, one_line(comment, MAX_COMMENT)))
    if not sent:
        call.note(_("Nothing is ordered that was not sent already."))

    def draw_all() -> None:
        for known in rows:
            draw(known)

    show(call, {"sent": sent, "purchases": [_data(known) for known in rows]}, draw_all)


async def _send(call: Call, cycle: str, comment: str) -> tuple[list[Known], int]:
    async with pen(call) as held:
        row = await held.node.read(find_cycle, cycle, now())

        def send(tx: Transaction, hat: Hat) -> tuple[list[Known], int]:
            sent = send_purchases(tx, hat, row, comment)
            ours = [each for each in list_purchases(tx.db, hat, tx.now) if each.cycle_id == row.id]
            return [_known(tx.db, each) for each in ours], sent

        rows, sent = await held.node.rehearse(send, held.hat)
        if sent:
            text = ngettext(
                'Send {count} purchase order of "{cycle}"; late orders can be accepted no more.',
                'Send {count} purchase orders of "{cycle}"; late orders can be accepted no more.',
                sent,
            )
            confirm(call, held.hat.name, text.format(count=sent, cycle=row.name))
            rows, sent = await held.sign(send)
        return rows, sent


@command(
    "purchase accept",
    signs=True,
    examples=[
        "foodhub purchase accept EGNY-CU4E",
        "foodhub purchase accept EGNY-CU4E Carrots=8kg --reason hail",
        'foodhub purchase accept EGNY-CU4E --for "Ferme du Lac" --by phone',
    ],
    more=N_(
        "Without a product all is accepted, or as much as you said before that there is. With less of one, say why:"
        " the hub shares what there is."
    ),
)
@argument("purchase")
@argument("pairs", metavar="[PRODUCT=QUANTITY]...", nargs=-1)
@option("--reason", default="", metavar="TEXT", help=N_("Why it is less, as customers will read it."))
@for_owner
@pass_call
def purchase_accept(call: Call, purchase: str, pairs: tuple[str, ...], reason: str) -> None:
    """Accept a purchase order, or a part of it."""
    known = run(_answer(call, purchase, split_pairs(pairs), reason, refused=False))
    show(call, _data(known), lambda: draw(known))


@command("purchase refuse", signs=True, examples=['foodhub purchase refuse EGNY-CU4E --reason "barn burnt down"'])
@argument("purchase")
@option("--reason", required=True, metavar="TEXT", help=N_("Why, as customers will read it."))
@for_owner
@pass_call
def purchase_refuse(call: Call, purchase: str, reason: str) -> None:
    """Refuse a purchase order."""
    known = run(_answer(call, purchase, [], reason, refused=True))
    show(call, _data(known), lambda: draw(known))


async def _answer(call: Call, purchase: str, pairs: list[tuple[str, str]], reason: str, *, refused: bool) -> Known:
    async with pen(call) as held:
        row = await held.node.read(_find, held.hat, purchase, call)
        seller = await held.node.read(answering_for, held.hat, call.for_name, now(), told(call))
        accepted = {line.product: 0 for line in row.statement.lines} if refused else {}
        for name, quantity in pairs:
            product = await held.node.read(find_product, name, producer=seller.member)
            if id_bytes(product.id) not in {line.product for line in row.statement.lines}:
                missing = N_("{name} is not in this purchase order."), N_("Look at it: foodhub purchase show ORDER")
                raise UsageError("not_ordered", *missing, name=product.name)
            amount = read_count(product.name, product.price_per, quantity)  # type: ignore[arg-type]
            accepted[id_bytes(product.id)] = amount

        def answer(tx: Transaction, hat: Hat) -> Known:
            answer_purchase(tx, hat, row, accepted, " ".join(reason.split()), seller=seller)
            return _known(tx.db, find_purchase(tx.db, hat, row.id, tx.now))

        after = (await held.node.rehearse(answer, held.hat)).row
        confirm(call, held.hat.name, _question(row, after))
        return await held.sign(answer)


def _question(before: PurchaseRow, after: PurchaseRow) -> str:
    """Say what an answer to a purchase order does, line by line where that is not all as it was ordered."""
    text = {
        "accepted": _("Accept all of purchase order {number} of {hub}."),
        "part": _("Accept a part of purchase order {number} of {hub}; it shares what there is."),
    }.get(after.state, _("Refuse purchase order {number} of {hub}; its customers get nothing of it."))
    if not any(line.quantity for line in after.lines):
        text = _("Nothing is wanted any more in purchase order {number} of {hub}: say that you know.")
    lines = [text.format(number=after.number, hub=after.hub)]
    short = [line for line in after.lines if line.accepted is not None and line.accepted < line.quantity]
    for line in short if after.state == "part" else ():
        amounts = {
            "accepted": counted(line.accepted or 0, line.price_per),
            "all": counted(line.quantity, line.price_per),
        }
        lines.append(_("  {product}: {accepted} of {all}").format(product=line.product, **amounts))
    if after.state == "part" and len(short) < len(after.lines):
        lines.append(_("  all else as it is ordered"))
    for line, said_before in zip(after.lines, before.lines, strict=True):
        there = said_before.available
        if there is not None and (line.accepted or 0) > there:
            told_so = _("  {product}: you said that there is only {amount}; with this yes that holds no more")
            lines.append(told_so.format(product=line.product, amount=counted(there, line.price_per)))
    return "\n".join(lines)
