"""Changing a cycle of ours before it is closed: its name and times, who brings what, who else takes part."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from foodhub.catalog.naming import full_name, id_bytes
from foodhub.errors import N_, RefusedError
from foodhub.node.arranging import Arrangement, change, require_arrangement
from foodhub.node.cycles import CycleRow, moment
from foodhub.node.hat import Hat, shown_name
from foodhub.node.households import has_keys
from foodhub.node.standing import is_removed, roles_of
from foodhub.node.state import find_member
from foodhub.orders.exchanges import Incoming, Plan
from foodhub.orders.statements import OrderLine, Sale
from foodhub.store.transaction import Transaction

_lines = msgspec.msgpack.Decoder(list[OrderLine])


class Changes(msgspec.Struct, frozen=True):
    """What is to change of a cycle; None stays as it is. Times in ms, members by their ids."""

    name: str | None = None
    opens: int | None = None
    closes: int | None = None
    sale: Sale | None = None
    hubs: list[bytes] | None = None
    pooled: bool | None = None
    deputies: list[bytes] | None = None


def set_cycle(tx: Transaction, hat: Hat, local: bytes, changes: Changes) -> CycleRow:
    """Change a cycle or draft of ours that is not closed, and return it as it is then.

    Raises:
        RefusedError: `opened_already` for what can't change any more, `bad_window`, a deadline out of order,
            `cycle_exists`, `not_a_hub_there` or `no_box_key` for another hub, `you_coordinate`, `nobody_to_pool_with`,
            and what `change` raises.
    """
    for hub in changes.hubs or ():
        _require_hub(tx.db, hub)
    for other in (*(changes.hubs or ()), *(changes.deputies or ())):
        _require_other(tx.db, hat, other)

    def work(now: Arrangement) -> Arrangement:
        opened = not now.draft and now.cycle.opens <= tx.now
        if opened and (changes.opens is not None or changes.sale is not None):
            raise RefusedError(
                "opened_already",
                N_('"{cycle}" has opened: from when it is open, and who sells to whom, can\'t change any more.'),
                N_("Its name and its closing time can."),
                cycle=now.cycle.name,
            )
        cycle = msgspec.structs.replace(now.cycle, **_given(changes, "name", "opens", "closes", "sale"))
        plan = _planned(now, changes)
        if opened:
            _require_hubs_kept(tx.db, hat, now, plan)
        outgoing = now.outgoing
        if outgoing is not None:
            outgoing = msgspec.structs.replace(outgoing, closes=cycle.closes, sale=cycle.sale)
        return replace(now, cycle=cycle, plan=plan, outgoing=outgoing)

    return change(tx, hat, local, work, window=any(each is not None for each in (changes.name, *_times(changes))))


def _planned(now: Arrangement, changes: Changes) -> Plan:
    """Return the plan of a cycle with other hubs and deputies; without another hub there is nothing to pool."""
    plan = msgspec.structs.replace(now.plan, **_given(changes, "hubs", "pooled", "deputies"))
    if changes.pooled and not plan.hubs:
        raise RefusedError(
            "nobody_to_pool_with",
            N_('No other hub takes part in "{cycle}": there are no cases to pool.'),
            N_('Name the hubs with it: foodhub cycle set "{cycle}" --hub HUB --pooled'),
            cycle=now.cycle.name,
        )
    return plan if plan.hubs else msgspec.structs.replace(plan, pooled=False)


def _require_hubs_kept(db: sqlite3.Connection, hat: Hat, now: Arrangement, plan: Plan) -> None:
    """Make sure that no hub is taken out of an open cycle of ours, or supplied otherwise, that sells there already.

    What was ordered from it is known to it alone.

    Raises:
        RefusedError: `hub_sells_already`.
    """
    gone = now.plan.hubs if plan.pooled != now.plan.pooled else [hub for hub in now.plan.hubs if hub not in plan.hubs]
    for hub in gone:
        row = db.execute(
            "SELECT 1 FROM outgoing o JOIN member m ON m.ref = o.owner"
            " WHERE m.id = ? AND NOT m.removed AND o.cycle_owner = ? AND o.cycle = ?",
            (hub, hat.member, now.local),
        ).fetchone()
        if row is not None:
            raise RefusedError(
                "hub_sells_already",
                N_('{hub} sells in "{cycle}" already, and may have orders: how it takes part can\'t change any more.'),
                N_('It can close its own sale: foodhub group close "{cycle}", there.'),
                hub=shown_name(db, hub),
                cycle=now.cycle.name,
            )


def _require_other(db: sqlite3.Connection, hat: Hat, member: bytes) -> None:
    """Make sure that a hub or deputy of our cycle is somebody else who still is in the circuit.

    Raises:
        RefusedError: `you_coordinate`, `member_is_removed`.
    """
    if member == hat.member:
        raise RefusedError(
            "you_coordinate",
            N_("{name} is the coordinator of this cycle, and takes part in it and closes it anyway."),
            N_("Name somebody else."),
            name=hat.name,
        )
    if is_removed(db, member):
        raise RefusedError(
            "member_is_removed",
            N_("{name} was removed from the circuit."),
            N_("List the members: foodhub circuit members"),
            name=shown_name(db, member),
        )


def _times(changes: Changes) -> tuple[int | None, int | None]:
    return changes.opens, changes.closes


def _given(changes: Changes, *names: str) -> dict[str, object]:
    return {name: value for name in names if (value := getattr(changes, name)) is not None}


def bring(tx: Transaction, hat: Hat, local: bytes, incoming: Incoming) -> CycleRow:
    """Let a producer bring products into a cycle of ours, in place of what was said of it before.

    What was ordered from us already stays in, of whomever it is.

    Raises:
        RefusedError: `not_a_producer`, `two_currencies`, `weighed_before_close`, a deadline out of order, and what
            `change` raises.
    """
    producer = incoming.producer
    if not _sells(tx.db, producer) or is_removed(tx.db, producer):
        raise RefusedError(
            "not_a_producer",
            N_("{name} is no producer of the circuit."),
            N_("List the members: foodhub circuit members"),
            name=shown_name(tx.db, producer),
        )

    def work(now: Arrangement) -> Arrangement:
        if incoming.weighed and incoming.weighed < now.cycle.closes:
            raise RefusedError(
                "weighed_before_close",
                N_("{producer} would bring its goods at {weighed}, before the cycle closes at {closes}."),
                N_("Choose a time after the close."),
                producer=shown_name(tx.db, producer),
                weighed=moment(incoming.weighed, now.cycle.zone),
                closes=moment(now.cycle.closes, now.cycle.zone),
            )
        kept = [each for each in now.plan.incoming if each.producer != producer]
        plan = msgspec.structs.replace(now.plan, incoming=[*kept, incoming])
        if not now.draft and now.cycle.opens <= tx.now:
            plan = _with_ordered(tx.db, hat, now, plan)
        require_one_currency(tx.db, plan, now.cycle.name)
        return replace(now, plan=plan)

    return change(tx, hat, local, work)


def _with_ordered(db: sqlite3.Connection, hat: Hat, now: Arrangement, plan: Plan) -> Plan:
    """Return a plan of an open cycle of ours with all that came in before and was ordered from us."""
    rows = db.execute(
        "SELECT lines FROM placement WHERE hub = ? AND cycle_owner = ? AND cycle = ? AND NOT cancelled",
        (hat.member, hat.member, now.local),
    )
    lines = [line for (data,) in rows for line in _lines.decode(data) if line.quantity or line.tolerance]
    incoming = {each.producer: each for each in plan.incoming}
    for key in sorted({(line.producer, line.product) for line in lines}):
        if comes_in(now.plan, *key) and not comes_in(plan, *key):
            before = incoming.get(key[0], Incoming(key[0], [], "", 0, 0))
            incoming[key[0]] = msgspec.structs.replace(before, products=[*before.products, key[1]])
    return msgspec.structs.replace(plan, incoming=list(incoming.values()))


def comes_in(plan: Plan, producer: bytes, product: bytes) -> bool:
    """Say whether a product comes into a cycle; all does where its plan names nobody."""
    brought = [each.products for each in plan.incoming if each.producer == producer]
    return not plan.incoming or any(not products or product in products for products in brought)


def left_out(db: sqlite3.Connection, before: Plan, after: Plan) -> list[tuple[str, list[str]]]:
    """Return by producer the products that come into a cycle no more by another plan; no names for all of them."""
    rows = db.execute(
        "SELECT m.id, p.local, p.name, p.variant FROM product p JOIN party m ON m.ref = p.owner WHERE NOT p.withdrawn"
        " ORDER BY p.name, p.variant"
    ).fetchall()
    out: dict[bytes, list[str]] = {}
    for producer, local, name, variant in rows:
        if comes_in(before, producer, local) and not comes_in(after, producer, local) and not is_removed(db, producer):
            out.setdefault(producer, []).append(full_name(name, variant))
    named = {each.producer for each in after.incoming}
    return sorted((shown_name(db, each), names if each in named else []) for each, names in out.items())


def _sells(db: sqlite3.Connection, member: bytes) -> bool:
    """Say whether somebody may sell goods: a producer or hub of the circuit, or a producer whom somebody represents.

    Of those who are no members of the circuit only producers have a name in the open.
    """
    named = (
        "SELECT 1 FROM profile f JOIN party p ON p.ref = f.owner WHERE p.id = ?1"
        " AND NOT EXISTS (SELECT 1 FROM member m WHERE m.id = ?1)"
    )
    return bool({"producer", "hub"} & roles_of(db, member)) or db.execute(named, (member,)).fetchone() is not None


def brought(db: sqlite3.Connection, hat: Hat, local: bytes, producer: bytes) -> Incoming:
    """Return what was said of what a producer brings into a cycle of ours; where nothing was, that it brings all.

    Raises:
        RefusedError: `not_your_cycle`.
    """
    said = require_arrangement(db, hat, local).plan.incoming
    return next((each for each in said if each.producer == producer), Incoming(producer, [], "", 0, 0))


def bring_no_more(tx: Transaction, hat: Hat, local: bytes, producer: bytes) -> CycleRow:
    """Take a producer out of a cycle of ours.

    Raises:
        RefusedError: `brings_nothing`, `opened_already` once people may have ordered, and what `change` raises.
    """

    def work(now: Arrangement) -> Arrangement:
        kept = [each for each in now.plan.incoming if each.producer != producer]
        if len(kept) == len(now.plan.incoming):
            raise RefusedError(
                "brings_nothing",
                N_('{producer} brings nothing into "{cycle}".'),
                producer=shown_name(tx.db, producer),
                cycle=now.cycle.name,
            )
        if not now.draft and now.cycle.opens <= tx.now:
            raise RefusedError(
                "opened_already",
                N_('"{cycle}" has opened: what {producer} brings may be ordered already.'),
                N_("The producer can withdraw a product, or say that it is short of it."),
                cycle=now.cycle.name,
                producer=shown_name(tx.db, producer),
            )
        return replace(now, plan=msgspec.structs.replace(now.plan, incoming=kept))

    return change(tx, hat, local, work)


def currencies_of(db: sqlite3.Connection, plan: Plan) -> list[str]:
    """Return the currencies of what comes into a cycle; of all products of the circuit where the plan names nobody."""
    rows = db.execute(
        "SELECT DISTINCT q.id, p.local, p.currency FROM product p JOIN party q ON q.ref = p.owner WHERE NOT p.withdrawn"
    ).fetchall()
    brought = {each.producer: each.products for each in plan.incoming}
    return sorted(
        {
            code
            for producer, local, code in rows
            if not brought or (producer in brought and (not brought[producer] or local in brought[producer]))
        }
    )


def require_one_currency(db: sqlite3.Connection, plan: Plan, name: str) -> None:
    """Make sure that all that comes into a cycle is sold in one currency.

    Raises:
        RefusedError: `two_currencies`.
    """
    found = currencies_of(db, plan) if plan.incoming else []
    if len(found) > 1:
        raise RefusedError(
            "two_currencies",
            N_('What comes into "{cycle}" is sold in several currencies: {currencies}.'),
            N_("Make a cycle for each currency, or name the products: foodhub cycle bring CYCLE PRODUCER PRODUCT..."),
            cycle=name,
            currencies=", ".join(found),
        )


def _require_hub(db: sqlite3.Connection, hub: bytes) -> None:
    if "hub" not in roles_of(db, hub) or is_removed(db, hub):
        raise RefusedError(
            "not_a_hub_there",
            N_("{name} is no hub of the circuit."),
            N_("Groups take part by themselves: foodhub cycle sell CYCLE"),
            name=shown_name(db, hub),
        )
    if not has_keys(db, hub):
        raise RefusedError(
            "no_box_key",
            N_("Nobody can write to {name} yet: its key is not here."),
            N_("Wait until its first entries have come."),
            name=shown_name(db, hub),
        )


def members_named(db: sqlite3.Connection, names: Sequence[str]) -> list[bytes]:
    """Return the ids of members by what somebody calls them, each once.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    return list(dict.fromkeys(id_bytes(find_member(db, name).id) for name in names))
