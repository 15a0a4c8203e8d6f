"""Changing a cycle of ours before it is closed: its name and times, who brings what, who else takes part."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from foodhub.catalog.naming import id_bytes
from foodhub.errors import N_, RefusedError
from foodhub.node.arranging import Arrangement, change
from foodhub.node.cycles import CycleRow, moment
from foodhub.node.hat import Hat, shown_name
from foodhub.node.standing import is_removed, roles_of
from foodhub.node.state import find_member
from foodhub.orders.exchanges import Incoming, Plan
from foodhub.orders.statements import Sale
from foodhub.store.transaction import Transaction


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
            `cycle_exists`, `not_a_hub_there` or `no_box_key` for another hub, and what `change` raises.
    """
    for hub in changes.hubs or ():
        _require_hub(tx.db, hub)

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
        plan = msgspec.structs.replace(now.plan, **_given(changes, "hubs", "pooled", "deputies"))
        outgoing = now.outgoing
        if outgoing is not None:
            outgoing = msgspec.structs.replace(outgoing, closes=cycle.closes, sale=cycle.sale)
        return replace(now, cycle=cycle, plan=plan, outgoing=outgoing)

    return change(tx, hat, local, work, window=any(each is not None for each in (changes.name, *_times(changes))))


def _times(changes: Changes) -> tuple[int | None, int | None]:
    return changes.opens, changes.closes


def _given(changes: Changes, *names: str) -> dict[str, object]:
    return {name: value for name in names if (value := getattr(changes, name)) is not None}


def bring(tx: Transaction, hat: Hat, local: bytes, incoming: Incoming) -> CycleRow:
    """Let a producer bring products into a cycle of ours, in place of what was said of it before.

    Raises:
        RefusedError: `not_a_producer`, `two_currencies`, `weighed_before_close`, a deadline out of order, and what
            `change` raises.
    """
    producer = incoming.producer
    if not {"producer", "hub"} & roles_of(tx.db, producer) or is_removed(tx.db, producer):
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
                weighed=moment(incoming.weighed, now.cycle.zone).isoformat(timespec="minutes"),
                closes=moment(now.cycle.closes, now.cycle.zone).isoformat(timespec="minutes"),
            )
        kept = [each for each in now.plan.incoming if each.producer != producer]
        plan = msgspec.structs.replace(now.plan, incoming=[*kept, incoming])
        require_one_currency(tx.db, plan, now.cycle.name)
        return replace(now, plan=plan)

    return change(tx, hat, local, work)


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


def has_box_key(db: sqlite3.Connection, member: bytes) -> bool:
    """Say whether somebody can be written to."""
    return db.execute("SELECT 1 FROM epoch WHERE member = ?", (member,)).fetchone() is not None


def _require_hub(db: sqlite3.Connection, hub: bytes) -> None:
    if "hub" not in roles_of(db, hub) or is_removed(db, hub):
        raise RefusedError(
            "not_a_hub_there",
            N_("{name} is no hub of the circuit."),
            N_("Groups take part by themselves: foodhub cycle sell"),
            name=shown_name(db, hub),
        )
    if not has_box_key(db, hub):
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
