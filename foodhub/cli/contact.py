"""`foodhub contact`: the contact card of a household, which its group and its hubs may read."""

from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import facts, say, show
from foodhub.cli.running import pen, run
from foodhub.cli.speaking import for_member
from foodhub.errors import N_, NotThereError, UsageError
from foodhub.node.application import Transaction
from foodhub.node.buyers import as_itself
from foodhub.node.card_erasing import ErasedCard, erase_card
from foodhub.node.contacts import CardRow, card_of, find_person, set_card
from foodhub.node.hat import Hat, choose_hat
from foodhub.node.reading import open_reading
from foodhub.node.represented import behalf
from foodhub.words import _, ngettext


@command(
    "contact set",
    signs=True,
    examples=['foodhub contact set --name "Ana Le Goff" --phone "06 12 34 56 78"'],
    more=N_(
        "Your group and the hubs that you order from or sell to read it, and nobody else: so a hub knows whom to"
        " telephone about a purchase order. What you leave out stays as it is; an empty text takes a line back."
    ),
)
@option("--name", metavar="NAME", help=N_("What you are called."))
@option("--phone", metavar="NUMBER", help=N_("How to reach you."))
@option("--address", metavar="TEXT", help=N_("Where you live."))
@for_member
@pass_call
def contact_set(call: Call, name: str | None, phone: str | None, address: str | None) -> None:
    """Write the contact card."""
    if name is None and phone is None and address is None:
        raise UsageError("nothing_to_set", N_("Say what to set."), N_("Write --name, --phone or --address."))

    def write(tx: Transaction, hat: Hat) -> CardRow:
        return set_card(tx, hat, behalf(tx.db, hat, call.for_name), name, phone, address)

    async def work() -> CardRow:
        async with pen(call) as held:
            row = await held.node.rehearse(write, held.hat)
            confirm(call, held.hat.name, _("Tell your group and hubs the card of {name}.").format(name=row.name))
            return await held.sign(write)

    row = run(work())
    show(call, row, lambda: _draw(row))


def nameless(hub: str) -> str:
    """Return what a household is told that gives its orders to somebody who sees no name of it."""
    return _("{hub} sees no name of you. Tell your group and hubs: foodhub contact set --name NAME").format(hub=hub)


def _draw(row: CardRow) -> None:
    facts([(_("name"), row.name), (_("phone"), row.phone), (_("address"), row.address), (_("id"), row.id)])


@command(
    "contact show",
    examples=["foodhub contact show", "foodhub contact show Ana"],
    more=N_("Without a name your own. Those of others show where they are sealed to you."),
)
@argument("name", required=False)
@pass_call
def contact_show(call: Call, name: str | None) -> None:
    """Show a contact card."""
    with open_reading(call.home) as db:
        hat = choose_hat(db, call.as_name)
        row = card_of(db, find_person(db, name) if name else as_itself(db, hat).member)
    if row is None:
        raise NotThereError(
            "no_card",
            N_("There is no contact card of {name} that this home may read.") if name else N_("You have no card."),
            N_("Write your own with: foodhub contact set --name NAME. Those of others: foodhub contact show NAME"),
            name=name or "",
        )
    show(call, row, lambda: _draw(row))


@command(
    "contact erase",
    signs=True,
    examples=["foodhub contact erase", 'foodhub contact erase --for "Denise Roux"'],
    more=N_(
        "Every node that learns of it lets go of the card, in all its versions. It can't be undone. Whoever wrote for"
        " you before you had a home is asked to erase what it typed, which its node does by itself."
    ),
)
@for_member
@pass_call
def contact_erase(call: Call) -> None:
    """Erase the contact card."""

    def gone(tx: Transaction, hat: Hat) -> ErasedCard:
        return erase_card(tx, hat, call.for_name)

    async def work() -> ErasedCard:
        async with pen(call) as held:
            confirm(call, held.hat.name, _question(await held.node.rehearse(gone, held.hat)))
            return await held.sign(gone)

    done = run(work())
    show(call, done, lambda: _draw_erased(done))


def _question(planned: ErasedCard) -> str:
    n = len(planned.erased)
    text = ngettext(
        "Erase the card: {n} entry. It can't be undone.", "Erase the card: {n} entries. It can't be undone.", n
    )
    asking = _("Ask {name} to erase the card that it typed. It can't be undone.")
    lines = [text.format(n=n)] if n else []
    return "\n".join([*lines, asking.format(name=planned.asked)] if planned.asked else lines)


def _draw_erased(done: ErasedCard) -> None:
    if n := len(done.erased):
        say(ngettext("{n} entry erased.", "{n} entries erased.", n).format(n=n))
    if done.asked:
        text = _("{name} is asked to erase what it typed; until its node has heard of it, that can still be read.")
        say(text.format(name=done.asked))
