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
from foodhub.words import _, full_moment

if TYPE_CHECKING:
    from foodhub.node.application import Transaction
    from foodhub.node.hat import Hat


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

    show_whole(call, *run(_close(call, cycle)))


async def _close(call: Call, name: str) -> tuple[CycleRow, Overview]:
    from foodhub.cli.running import pen

    async with pen(call) as held:
        row = await held.node.read(find_cycle, name, now())

        def close(tx: "Transaction", hat: "Hat") -> tuple[CycleRow, Overview]:
            close_cycle(tx, hat, row)
            closed = cycle_at(tx.db, row.key, tx.now) or row
            return closed, overview(tx.db, closed)

        await held.node.rehearse(close, held.hat)
        text = _('Close the order cycle "{name}" now: what is ordered later does not count. It would close {closes}.')
        confirm(call, held.hat.name, text.format(name=row.name, closes=full_moment(row.closes)))
        return await held.sign(close)


@command(
    "cycle reopen",
    signs=True,
    examples=['foodhub cycle reopen "Week 48" --closes "+2h"'],
    more=N_(
        "That is possible until a producer has accepted its purchase order, or a part of it. Groups and other hubs that"
        " have closed stay so until they say a new time: foodhub cycle sell CYCLE --closes WHEN. Purchase orders that"
        " had gone go anew after the next close, where they changed."
    ),
)
@argument("cycle")
@option("--closes", required=True, metavar="WHEN", help=N_("Until when people order."))
@pass_call
def cycle_reopen(call: Call, cycle: str, closes: str) -> None:
    """Open a closed cycle again."""
    from foodhub.cli.running import run

    def work(tx: "Transaction", hat: "Hat", row: CycleRow) -> CycleRow:
        return reopen_cycle(tx, hat, row, when(closes, row))

    def what(row: CycleRow) -> str:
        time = full_moment(moment(when(closes, row), row.zone))
        return _('Open the order cycle "{name}" again, until {closes}.').format(name=row.name, closes=time)

    show_whole(call, *run(change_cycle(call, cycle, work, what)))
