"""`foodhub purchase`: what hubs order from producers after the close, and what producers say to it."""

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.cli.allot import split_pairs
from foodhub.cli.amounts import moment
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import facts, plain, say, show, table
from foodhub.cli.running import pen, run
from foodhub.cli.speaking import about_producer, for_owner, told, told_by
from foodhub.errors import N_, UsageError
from foodhub.node.application import Transaction, open_node
from foodhub.node.contacts import card_of
from foodhub.node.cycles import find_cycle
from foodhub.node.hat import Hat, choose_hat, hats
from foodhub.node.home import now
from foodhub.node.mandates import answering_for, owner_named
from foodhub.node.products import find_product, read_count
from foodhub.node.purchase_answers import answer_purchase, mark_seen
from foodhub.node.purchases import PurchaseLineRow, PurchaseRow, find_purchase, list_purchases
from foodhub.node.purchasing import send_purchases
from foodhub.node.reading import Connection, open_reading
from foodhub.saying import PURCHASE_STATES, counted, money, ordered_by, price, said, titled
from foodhub.words import _, full_moment, ngettext


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
        rows = [row for row in found.values() if wanted in {None, row.cycle_id} and producer in {None, row.producer_id}]
        phones = {row.producer_id: card.phone for row in rows if (card := card_of(db, id_bytes(row.producer_id)))}
    if not rows:
        call.note(_("No purchase order yet. A hub sends them after the close of a cycle."))

    def draw() -> None:
        titles = (_("number"), _("state"), _("hub"), _("producer"), _("phone"), _("cycle"), _("sent on"), _("total"))
        lines = [
            (
                row.number,
                said(PURCHASE_STATES, row.state),
                row.hub,
                _answered_by(row),
                phones.get(row.producer_id, ""),
                row.cycle,
                moment(row.sent_at.astimezone()),
                _total(row),
            )
            for row in rows
        ]
        if rows:
            table(titles, lines, right=(7,))

    show(call, [_data(row) for row in rows], draw)


def _producer(db: Connection, hat: Hat, call: Call) -> str:
    """Return the id of the producer that was named with `--for`."""
    return base32_id(owner_named(db, hat, call.for_name or ""))


def _answered_by(row: PurchaseRow) -> str:
    """Return the producer, and where somebody answered for it, how it had told that one."""
    return ordered_by(row.producer, row.producer_id, row.written_by, row.told)


def _data(row: PurchaseRow) -> dict[str, object]:
    data: dict[str, object] = plain(row)
    del data["statement"]
    return data


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
    row = run(_look(call, purchase))
    show(call, _data(row), lambda: draw(row))


async def _look(call: Call, purchase: str) -> PurchaseRow:
    async with open_node(call.home) as node:
        hat = await node.hat(call.as_name)
        row = await node.read(_find, hat, purchase, call)
        if row.state == "sent" and not call.dry_run and await node.write(mark_seen, hat, row):
            row = await node.read(find_purchase, hat, row.id, now())
        return row


def _find(db: Connection, hat: Hat, purchase: str, call: Call) -> PurchaseRow:
    return find_purchase(db, hat, purchase, now(), _producer(db, hat, call) if call.for_name else None)


def draw(row: PurchaseRow) -> None:
    """Print a purchase order, line by line."""
    answered = full_moment(row.answered_at) if row.answered_at and row.state != "seen" else _("not yet")
    weighed = full_moment(row.weighed) if row.weighed else ""
    more = [(_("place"), row.place), (_("weighed in"), weighed), (_("comment"), row.comment), (_("reason"), row.reason)]
    facts(
        [
            (_("purchase order"), f"{row.number}  {said(PURCHASE_STATES, row.state)}"),
            (_("hub"), f"{row.hub}, {row.cycle}"),
            (_("producer"), _answered_by(row)),
            *([(_("written down by"), row.written_by)] if row.written_by else []),
            (_("sent on"), full_moment(row.sent_at)),
            (_("answered"), answered),
            *((title, text) for title, text in more if text),
            (_("fingerprint"), row.fingerprint[:16]),
        ]
    )
    say()
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
    return f"{line.cases} × {counted(line.case, line.price_per)}" if line.cases else ""


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
    rows, sent = run(_send(call, cycle, comment))
    if not sent:
        call.note(_("Nothing is ordered that was not sent already."))

    def draw_all() -> None:
        for row in rows:
            draw(row)

    show(call, {"sent": sent, "purchases": [_data(row) for row in rows]}, draw_all)


async def _send(call: Call, cycle: str, comment: str) -> tuple[list[PurchaseRow], int]:
    async with pen(call) as held:
        row = await held.node.read(find_cycle, cycle, now())

        def send(tx: Transaction, hat: Hat) -> tuple[list[PurchaseRow], int]:
            sent = send_purchases(tx, hat, row, comment)
            return [each for each in list_purchases(tx.db, hat, tx.now) if each.cycle_id == row.id], sent

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
@told_by
@pass_call
def purchase_accept(call: Call, purchase: str, pairs: tuple[str, ...], reason: str) -> None:
    """Accept a purchase order, or a part of it."""
    row = run(_answer(call, purchase, split_pairs(pairs), reason, refused=False))
    show(call, _data(row), lambda: draw(row))


@command("purchase refuse", signs=True, examples=['foodhub purchase refuse EGNY-CU4E --reason "barn burnt down"'])
@argument("purchase")
@option("--reason", required=True, metavar="TEXT", help=N_("Why, as customers will read it."))
@for_owner
@told_by
@pass_call
def purchase_refuse(call: Call, purchase: str, reason: str) -> None:
    """Refuse a purchase order."""
    row = run(_answer(call, purchase, [], reason, refused=True))
    show(call, _data(row), lambda: draw(row))


async def _answer(
    call: Call, purchase: str, pairs: list[tuple[str, str]], reason: str, *, refused: bool
) -> PurchaseRow:
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

        def answer(tx: Transaction, hat: Hat) -> PurchaseRow:
            answer_purchase(tx, hat, row, accepted, " ".join(reason.split()), seller=seller)
            return find_purchase(tx.db, hat, row.id, tx.now)

        after = await held.node.rehearse(answer, held.hat)
        text = {
            "accepted": _("Accept all of purchase order {number} of {hub}."),
            "part": _("Accept a part of purchase order {number} of {hub}; it shares what there is."),
        }.get(after.state, _("Refuse purchase order {number} of {hub}; its customers get nothing of it."))
        confirm(call, held.hat.name, text.format(number=row.number, hub=row.hub))
        return await held.sign(answer)
