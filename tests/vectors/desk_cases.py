"""Vectors of the desk and the shelf: queues that receipts make, promises, stock that lies or has left, cycles again."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from foodhub.catalog.stock import Left, Taken, free, left_with, lying, to_return
from foodhub.orders.cycle import day_number, days_later, name_again, outcome
from foodhub.orders.parts import whole
from foodhub.orders.queue import Placement, promise, queue_of
from foodhub.orders.statements import Receipt, ReceiptLine, ReceiptRow
from tests.vectors.seeds import Json, plain, seed
from tests.vectors.share_cases import rows_shown
from tests.vectors.trade_cases import CYCLE, PRODUCT, some_baskets

ONE, OTHER = (b"\x01" * 32, b"\x01" * 16), (b"\x02" * 32, b"\x02" * 16)
ZONE = "Europe/Paris"
Said = tuple[Placement, int, list[tuple[int, int]]]
"""placement, its version, and what is wanted of the product: (quantity, tolerance), or nothing"""


def receipts(said: Sequence[Sequence[Said]]) -> list[Receipt]:
    """Return receipts, each of several rows."""
    return [
        Receipt(
            seed(f"receipt {number}", 16),
            1,
            *CYCLE,
            [],
            [
                ReceiptRow(*placement, version, bytes(32), [ReceiptLine(*PRODUCT, *amounts) for amounts in wanted])
                for placement, version, wanted in rows
            ],
        )
        for number, rows in enumerate(said)
    ]


QUEUES: dict[str, Sequence[Sequence[Said]]] = {
    "two that wait": [[(ONE, 1, [(2, 1)])], [(OTHER, 1, [(3, 0)])]],
    "more joins the end, less leaves the newest row": [
        [(ONE, 1, [(2, 1)]), (OTHER, 1, [(3, 0)])],
        [(ONE, 2, [(5, 2)])],
        [(ONE, 3, [(4, 0)])],
    ],
    "more of one, less of the other": [[(ONE, 1, [(2, 4)])], [(OTHER, 1, [(1, 1)])], [(ONE, 2, [(6, 1)])]],
    "taken back and wanted again": [[(ONE, 1, [(2, 1)])], [(OTHER, 1, [(1, 0)])], [(ONE, 2, [])], [(ONE, 3, [(2, 0)])]],
}


def queues() -> Iterator[Json]:
    """Yield queues, with what is promised of 5 in steps of 1, and of 4 in steps of 2 after that."""
    for name, said in QUEUES.items():
        rows = queue_of(receipts(said)).get(PRODUCT, [])
        first = promise(rows, {}, 5)
        second = promise(rows, first, 4, 2)
        counted = queue_of(receipts(said), {ONE: 1, OTHER: 1}).get(PRODUCT, [])
        yield {
            "name": name,
            "receipts": [[[plain(at), version, wanted] for at, version, wanted in each] for each in said],
            "rows": rows_shown(rows),
            "rows_of_first_versions": rows_shown(counted),
            "promised_of_5": [[*plain(at), units] for at, units in first.items()],
            "then_of_4_by_2": [[*plain(at), units] for at, units in second.items()],
        }


def shelf() -> Json:
    """Return what lies on a shelf, and what is free."""
    lies = [
        (40, 40, Left(), 3),
        (40, 40, Left(3, 40, 40), 3),
        (40, 40, Left(4, 40, 40), 3),
        (60, 60, Left(3, 40, 40), 3),
        (60, 35, Left(3, 40, 40), 3),
        (60, 50, Left(3, 40, 40), 3),
        (40, 25, Left(3, 40, 30), 5),
        (40, 35, Left(3, 40, 30), 5),
        (0, 0, Left(), 0),
    ]
    taken = [Taken("this cycle", 12, 5), Taken("another", 7, 7)]
    return {
        "lies": [
            {"given": given, "held": held, "left": list(left), "stock": stock, "lies": lying(given, held, left, stock)}
            for given, held, left, stock in lies
        ],
        "taken": [list(each) for each in taken],
        "free_of_20": {
            mode: free(mode, 20, taken, "this cycle") for mode in ("counted", "on_demand", "per_cycle", "capped")
        },
        "held": [
            {
                "given": given,
                "returned": returned,
                "lowered": lowered,
                "told": told,
                "held": left_with(given, returned, lowered, told),
            }
            for given, returned, lowered, told in (
                (40, 10, None, 0),
                (40, 50, None, 0),
                (40, 0, 15, 20),
                (40, 0, 15, 10),
            )
        ],
        "returned": [
            [given, before, kept, to_return(given, before, kept)] for given, before, kept in ((40, 10, 35), (40, 0, 35))
        ],
    }


def ms(*day: int) -> int:
    """Return a moment of the zone."""
    return int(datetime(*day, tzinfo=ZoneInfo(ZONE)).timestamp()) * 1000  # type: ignore[arg-type, misc]


def again() -> Json:
    """Return times and names of cycles that come again, over a change of the clock and a turn of the year."""
    opens, zone = ms(2026, 10, 19, 8), ZoneInfo(ZONE)
    names = ["Semaine 43", "Cycle 2026-10-19", "Marché", "43", "Panier 42", "x" * 100]
    return {
        "zone": ZONE,
        "opens": opens,
        "days": [{"days": days, "at": days_later(opens, days, zone)} for days in (7, 14, 77)],
        "skipped_hour": {"from": ms(2026, 3, 22, 2, 30), "at": days_later(ms(2026, 3, 22, 2, 30), 7, zone)},
        "hour_that_comes_twice": {"from": ms(2026, 10, 18, 2, 30), "at": days_later(ms(2026, 10, 18, 2, 30), 7, zone)},
        "day": [[at, day_number(at, zone)] for at in (ms(2026, 10, 19, 0), ms(2026, 12, 31, 23, 59))],
        "names": [
            {
                "name": name,
                "after_7_days": name_again(name, opens, days_later(opens, 7, zone), zone),
                "after_77_days": name_again(name, opens, days_later(opens, 77, zone), zone),
            }
            for name in names
        ],
    }


def parts() -> list[Json]:
    """Return which parts are whole."""
    cases = [[(1, 1)], [(1, 2)], [(2, 2), (1, 2)], [(1, 2), (2, 3)], [(1, 1), (2, 2)], [(1, 2), (2, 2), (3, 2)], []]
    base = some_baskets()
    return [
        {
            "part_of": [list(each) for each in case],
            "whole": bool(whole(replace(base, part=part, of=of) for part, of in case)),
        }
        for case in cases
    ]


def desk() -> Json:
    """Return all of it."""
    signed = [(10, 20, at, now) for at, now in ((9, 15), (10, 15), (19, 19), (19, 20), (20, 20))]
    return {
        "about": "A placement is (buyer, order); a row of a receipt is placement, version, [(quantity, tolerance)].",
        "queues": [*queues()],
        "outcomes": [
            {"opens": opens, "until": until, "signed": at, "now": now, "outcome": list(outcome(opens, until, at, now))}
            for opens, until, at, now in signed
        ],
        "shelf": shelf(),
        "again": again(),
        "parts": parts(),
    }
