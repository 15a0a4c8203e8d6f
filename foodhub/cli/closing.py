"""`foodhub cycle close` and `cycle reopen`."""

from typing import TYPE_CHECKING

from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.cycle import change_cycle, when
from foodhub.cli.overview import show_whole
from foodhub.errors import N_
from foodhub.node.closing import close_cycle, reopen_cycle
from foodhub.node.cycles import CycleRow, cycle_at, find_cycle, moment
from foodhub.node.home import now
from foodhub.node.overview import Overview, overview
from foodhub.node.reopened import confirmed_before
from foodhub.node.trade_alerts import by_hand
from foodhub.words import _, full_moment, ngettext

if TYPE_CHECKING:
    from foodhub.node.application import Transaction
    from foodhub.node.hat import Hat
    from foodhub.node.reading import Connection


@command(
    "cycle close",
    signs=True,
    examples=['foodhub cycle close "Week 48"'],
    more=N_(
        "At its closing time a cycle is closed by itself, once the network process of its coordinator runs. Orders that"
        " were signed before count. A deputy may close it afterwards, if the coordinator has not."
    ),
)
@argument("cycle")
@pass_call
def cycle_close(call: Call, cycle: str) -> None:
    """Close a cycle now."""
    from foodhub.cli.running import run

    row, whole, waiting = run(_close(call, cycle))
    if waiting:
        text = ngettext(
            "{n} order waits for your word, until the purchase orders go: foodhub desk show CYCLE",
            "{n} orders wait for your word, until the purchase orders go: foodhub desk show CYCLE",
            waiting,
        )
        call.note(text.format(n=waiting))
    show_whole(call, row, whole)


async def _close(call: Call, name: str) -> tuple[CycleRow, Overview, int]:
    from foodhub.cli.running import pen

    async with pen(call) as held:
        row = await held.node.read(find_cycle, name, now())

        def close(tx: "Transaction", hat: "Hat") -> tuple[CycleRow, Overview, int]:
            close_cycle(tx, hat, row)
            closed = cycle_at(tx.db, row.key, tx.now) or row
            return closed, overview(tx.db, closed), sum(count for _, count in by_hand(tx.db, hat.member, 0, row.key[1]))

        await held.node.rehearse(close, held.hat)
        undecided = await held.node.read(_undecided, held.hat, row)
        for line in undecided:
            call.note(line)
        text = _('Close the order cycle "{name}" now: what is ordered later does not count. It would close {closes}.')
        confirm(call, held.hat.name, text.format(name=row.name, closes=full_moment(row.closes)))
        return await held.sign(close)


def _undecided(db: "Connection", hat: "Hat", row: CycleRow) -> list[str]:
    """Say of which products nobody has said what becomes of what no case holds, though the rule is to ask."""
    from foodhub.node.desk_view import desk_row
    from foodhub.node.exchanges import exchange_of

    if exchange_of(db, hat.member, row) is None:
        return []
    text = _(
        "What no case of {product} holds is undecided, and left out then. Say cut, round_up or open:"
        ' foodhub cycle decide "{cycle}" "{product}" WHAT'
    )
    asked = [each.product for each in desk_row(db, hat, row, now()).products if each.asks]
    return [text.format(product=name, cycle=row.name) for name in asked]


@command(
    "cycle reopen",
    signs=True,
    examples=['foodhub cycle reopen "Week 48" --closes "+2h"'],
    more=N_(
        "That is possible until a producer has accepted its purchase order, or a part of it. Groups and other hubs that"
        " have closed stay so until they say a new time: foodhub cycle sell CYCLE --closes WHEN. Purchase orders that"
        " had gone go anew after the next close, if anything was ordered otherwise."
    ),
)
@argument("cycle")
@option("--closes", required=True, metavar="WHEN", help=N_("Until when people order."))
@pass_call
def cycle_reopen(call: Call, cycle: str, closes: str) -> None:
    """Open a closed cycle again."""
    from foodhub.cli.running import run

    voided = []

    def work(tx: "Transaction", hat: "Hat", row: CycleRow) -> CycleRow:
        voided.append(confirmed_before(tx.db, hat.member, row.key))
        return reopen_cycle(tx, hat, row, when(closes, row, end=True))

    def what(row: CycleRow) -> str:
        time = full_moment(moment(when(closes, row, end=True), row.zone))
        return _('Open the order cycle "{name}" again, until {closes}.').format(name=row.name, closes=time)

    done = run(change_cycle(call, cycle, work, what))
    if count := voided[-1]:
        text = ngettext(
            "What you confirmed to {n} customer counts no more; it is confirmed anew after the next close.",
            "What you confirmed to {n} customers counts no more; it is confirmed anew after the next close.",
            count,
        )
        call.note(text.format(n=count))
    show_whole(call, *done)
