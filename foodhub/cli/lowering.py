"""`foodhub allot lower`: a producer asks for stock back, or counts it as its own again without waiting."""

from foodhub.cli.allot import draw_allotments, find_place, read_own, split_pairs
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import show
from foodhub.cli.running import pen, run
from foodhub.cli.speaking import for_member, told
from foodhub.errors import N_
from foodhub.node.allotments import AllotmentRow, list_allotments
from foodhub.node.application import Transaction
from foodhub.node.hat import Hat, shown_name
from foodhub.node.lowering import lower
from foodhub.node.sellers import in_name_of, seller_of
from foodhub.words import _, ngettext


@command(
    "allot lower",
    signs=True,
    examples=['foodhub allot lower "Week 48" Carrots=10kg', 'foodhub allot lower "Week 48" Eggs=0 --override'],
    more=N_(
        "QUANTITY is what the hub may keep at most. It gives back what it has not promised, as soon as its node runs."
        " With --override you do not wait for that: the stock is yours again at once, and what the hub promised"
        " meanwhile may be promised twice."
    ),
)
@argument("cycle")
@argument("pairs", metavar="PRODUCT=QUANTITY...", nargs=-1, required=True)
@option("--to", "hub", metavar="HUB", help=N_("The hub, where several sell in the cycle (else the one that made it)."))
@option("--override", is_flag=True, help=N_("Do not wait for the hub; goods may be promised twice."))
@for_member
@pass_call
def allot_lower(call: Call, cycle: str, pairs: tuple[str, ...], hub: str | None, override: bool) -> None:
    """Ask for stock back."""
    changed, rows, whom = run(_lower(call, cycle, hub, split_pairs(pairs), override=override))
    if not changed:
        call.note(_("You asked for it already."))
    elif override:
        call.note(_warning().format(hub=whom))
    else:
        call.note(_("{hub} gives back what it has not promised, as soon as it hears of it.").format(hub=whom))
    show(call, {"changed": changed, "allotments": rows}, lambda: draw_allotments(rows))


def _warning() -> str:
    return _("Goods may be promised twice: what {hub} has promised and not told you yet, and what you promise now.")


async def _lower(
    call: Call, name: str, to: str | None, pairs: list[tuple[str, str]], *, override: bool
) -> tuple[int, list[AllotmentRow], str]:
    async with pen(call) as held:
        cycle, hub = await held.node.read(find_place, name, to)
        seller = await held.node.read(seller_of, held.hat, call.for_name, told(call))
        wanted = await held.node.read(read_own, await held.node.read(in_name_of, held.hat, seller), pairs)
        whom = await held.node.read(shown_name, hub or cycle.key[0])

        def ask(tx: Transaction, hat: Hat) -> tuple[int, list[AllotmentRow]]:
            changed = lower(tx, hat, cycle, wanted, hub, override=override, seller=seller)
            return changed, list_allotments(tx.db, cycle)

        await held.node.rehearse(ask, held.hat)
        text = ngettext(
            'Ask {hub} to give back what it can of {count} product in "{cycle}".',
            'Ask {hub} to give back what it can of {count} products in "{cycle}".',
            len(wanted),
        ).format(count=len(wanted), hub=whom, cycle=cycle.name)
        confirm(call, held.hat.name, f"{text}\n{_warning().format(hub=whom)}" if override else text)
        return *await held.sign(ask), whom
