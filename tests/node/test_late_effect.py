"""What others lose when a late order is accepted is known before it is."""

import pytest

from foodhub.node.deciding import accept_late
from foodhub.node.late_effect import losses_by
from foodhub.store.transaction import Transaction
from tests.homes import Village
from tests.node.desks import households, late_comer, order_at, stall, wants

pytestmark = pytest.mark.anyio


class UndoneError(Exception):
    """Undoes a transaction, and brings out what was found in it."""


async def test_whose_tolerance_a_late_order_takes_is_known_before_it_is_accepted(village: Village) -> None:
    market = await stall(village)
    await market.add("Juice", case=6)
    ann, bob = await households(village, "Ann", "Bob")
    await wants(ann, ("Juice", "4+2"))
    await village.gossip()
    await late_comer(market, bob, ("Juice", "2"))
    assert (await market.confirmed(ann, "Juice")).share == 6
    hub, order = market.hub, await order_at(market.hub, bob)
    signed = await hub.rows("SELECT author, log, seq FROM log")

    def tried(tx: Transaction) -> None:
        raise UndoneError(losses_by(tx, hub.hat, order))

    with pytest.raises(UndoneError) as undone:
        await hub.write(tried)
    (lost,) = undone.value.args[0]
    assert (lost.customer_id, lost.product, lost.before, lost.after) == (
        (await order_at(hub, ann)).customer_id,
        "Juice",
        6,
        4,
    )
    assert await hub.rows("SELECT author, log, seq FROM log") == signed
    await hub.write(accept_late, hub.hat, order)
    await village.gossip()
    assert (await market.confirmed(ann, "Juice")).share == 4
