"""Vectors of a store: runs that it takes or refuses, one after the other, and how far each log counts in the end."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from foodhub.catalog.statements import Part
from foodhub.circuit.statements import Certify, Uninvite
from foodhub.log.encoding import encode
from foodhub.log.header import Kind
from foodhub.log.keys import SigningKey
from foodhub.log.run import CheckedRun, Run, write_run
from foodhub.orders.statements import Profile
from foodhub.store.outgoing import frontier
from tests.pens import Paper
from tests.shelf import Shelf
from tests.vectors.membership_cases import Script
from tests.vectors.seeds import BEGIN, Json, fields, payload

Entry = tuple[int, int, Sequence[Any]]
"""kind, ms after the beginning, statements"""
_runs = msgspec.msgpack.Decoder(Run)


class Catalog:
    """The log 1 of a device, written once or in several ways."""

    def __init__(self, circuit: bytes, key: SigningKey) -> None:
        self.circuit, self.key = circuit, key

    def entries(self, first: int, entries: Iterable[Entry], way: str = "") -> list[tuple[int, int, bytes]]:
        """Return entries as they are signed; another `way` has other payloads."""
        name = f"{self.key.public.hex()} {way}"
        return [
            (kind, BEGIN + at, payload(f"{name} {seq}", encode(list(said))))
            for seq, (kind, at, said) in enumerate(entries, first)
        ]

    def run(self, after: tuple[int, bytes], entries: Sequence[tuple[int, int, bytes]]) -> tuple[Json, CheckedRun]:
        """Return entries behind a place as one run."""
        run, checked = write_run(self.circuit, self.key, 1, after, entries)
        return {"run": encode(run).hex(), "payloads": [data.hex() for _, _, data in entries]}, checked


def unsigned(step: Json) -> Json:
    """Return a run without its signature."""
    run = msgspec.structs.replace(_runs.decode(bytes.fromhex(step["run"])), signature=b"")
    return {**step, "run": encode(run).hex()}


def without(step: Json) -> Json:
    """Return a run without its first payload."""
    return {**step, "payloads": [None, *step["payloads"][1:]]}


def with_another(step: Json) -> Json:
    """Return a run with zeros for its first payload."""
    return {**step, "payloads": ["00" * (len(step["payloads"][0]) // 2), *step["payloads"][1:]]}


Step = tuple[str, Json, str | int]
"""name, run with payloads, and how many entries are new or why it is refused"""


def names(*versions: int, kind: int = Kind.ERASABLE, at: int = 0) -> list[Entry]:
    """Return entries that each say a name."""
    return [(kind, at, [Profile(version, "a")]) for version in versions]


def arrivals(case: Script) -> list[Step]:
    """Return who may come in, and when."""
    case.say("founder", case.inviting("farm", "producer"), case.inviting("baker", "producer"))
    case.say("founder", case.inviting("gone", "producer"), Uninvite(case.public("invite of gone")))
    for name in ("farm", "baker", "gone"):
        case.join(name, "producer")
    case.join("wide", "producer", "hub", on="farm")
    case.say("farm", case.ticket("laptop"))
    case.say("laptop", case.enrolling("laptop", "farm"))
    case.say("farm", Certify(case.public("laptop")))
    case.recover("new", "baker", 1)
    log = case.logs
    first = {name: Catalog(case.circuit, case.key(name)) for name in ("gone", "laptop", "baker")}
    catalog = {name: each.run((0, b""), each.entries(1, names(1)))[0] for name, each in first.items()}
    return [
        ("a join before the founding, its payload withheld", without(log["farm"][0]), "unknown_author"),
        ("a recovery before the join", log["new"][0], "unknown_author"),
        ("the founding with another payload", with_another(log["founder"][0]), "unknown_author"),
        ("the founding", log["founder"][0], 1),
        ("the invites", log["founder"][1], 1),
        ("one that is taken back", log["founder"][2], 1),
        ("a join with another payload", with_another(log["farm"][0]), "unknown_author"),
        ("a join on an invite that was taken back: it is held, and counts not", log["gone"][0], 1),
        ("a catalog of who wrote it", catalog["gone"], "unknown_author"),
        ("a join with more roles than its invite: it is held, and counts not", log["wide"][0], 1),
        ("an enrolment before its ticket", log["laptop"][0], "unknown_author"),
        ("the join", log["farm"][0], 1),
        ("the ticket", log["farm"][1], 1),
        ("the enrolment", log["laptop"][0], 1),
        ("a catalog of a device that nobody has certified yet", catalog["laptop"], "unknown_author"),
        ("the certification", log["farm"][2], 1),
        ("the same catalog", catalog["laptop"], 1),
        ("a second join", log["baker"][0], 1),
        ("its recovery", log["new"][0], 1),
        ("a catalog of the device that is retired, of which no cut is named", catalog["baker"], "above_limit"),
    ]


def overlaps(case: Script) -> list[Step]:
    """Return runs that overlap with what is held, and forks."""
    catalog = Catalog(case.circuit, case.key("farm"))
    four = catalog.entries(1, [*names(1, 2), *names(3, 4, at=5)])
    two, whole = catalog.run((0, b""), four[:2])[0], catalog.run((0, b""), four)
    ids = whole[1].ids
    lasting = catalog.run((0, b""), catalog.entries(1, names(1, kind=Kind.LASTING)))[0]
    other, third = (catalog.run((3, ids[2]), catalog.entries(4, names(9, at=6), way))[0] for way in ("other", "third"))
    below = catalog.run((2, ids[1]), catalog.entries(3, names(8, 9, at=6), "below"))[0]
    return [
        ("a lasting entry of log 1 without its payload", without(lasting), "payload_missing"),
        ("two entries of one time", two, 2),
        ("four of which two are held", whole[0], 2),
        ("two of those that are held, signed in the middle", catalog.run((1, ids[0]), four[1:3])[0], 0),
        ("what is held, with a payload that is not its own", with_another(two), 0),
        ("what is held, without a signature", unsigned(two), 0),
        ("more payloads than entries", {**other, "payloads": other["payloads"] * 2}, "forked"),
        ("another fourth entry", other, "above_limit"),
        ("a third one", third, "above_limit"),
        ("another fourth entry without a signature", unsigned(other), "above_limit"),
        ("what lies below the limit, and the fourth", whole[0], "above_limit"),
        ("what lies below the limit, without a signature", unsigned(catalog.run((0, b""), four[:3])[0]), 0),
        ("another third entry without a signature", unsigned(below), "branched"),
        ("another third entry: a fork below the first one", below, "forked"),
        ("the first fork once more", other, "gap"),
    ]


def forked(case: Script) -> list[Step]:
    """Return a fork of a log 0, and one within a run: the head is the entry that the proof names, signed or not."""
    head = case.heads["new"]
    case.say("new", case.ticket("late"), at=50)
    case.heads["new"] = head
    case.say("new", case.ticket("another"), at=60)
    case.say("late", case.enrolling("late", "baker"))
    ticket, other = case.logs["new"][-2:]
    catalog = Catalog(case.circuit, case.key("new"))
    three, branch = catalog.entries(1, names(1, 2, 3)), catalog.entries(3, names(9), "other")
    whole, checked = catalog.run((0, b""), three)
    return [
        ("a ticket", ticket, 1),
        ("another entry at its place of a log 0: the ticket counts no more", other, "forked"),
        ("an enrolment on it", case.logs["late"][0], "unknown_author"),
        ("three entries under one signature", whole, 3),
        (
            "another third entry: the second is named by the proof, and is the head",
            catalog.run((2, checked.ids[1]), branch)[0],
            "forked",
        ),
    ]


def jumps(case: Script) -> list[Step]:
    """Return runs that begin beyond the head, at checkpoints."""
    catalog = Catalog(case.circuit, case.key("laptop"))
    parts: list[Entry] = [
        (Kind.CHECKPOINT, 2, [Part(1, 2, [BEGIN]), Profile(2, "a")]),
        *names(3, at=3),
        (Kind.CHECKPOINT_END, 4, [Part(1, 1, [BEGIN]), Profile(3, "a")]),
        *names(4, at=5),
    ]
    log = catalog.entries(1, [*names(1), *names(2, at=1), *parts])
    ids = catalog.run((0, b""), log)[1].ids

    def piece(first: int, last: int) -> Json:
        after = (first - 1, ids[first - 2]) if first > 1 else (0, b"")
        return catalog.run(after, log[first - 1 : last])[0]

    begun_anew = catalog.run((4, bytes(32)), catalog.entries(5, parts[2:3], "anew"))[0]
    behind = catalog.run((6, ids[5]), catalog.entries(7, names(5, at=6)))[0]
    return [
        ("a part 2 beyond a gap", catalog.run((8, bytes(32)), catalog.entries(9, [second()]))[0], "gap"),
        ("part 1 of 2 beyond a gap: it is set aside", piece(3, 3), 1),
        ("an entry that is no part behind it: so is that", piece(4, 4), 1),
        ("an entry beyond what is set aside", behind, "gap"),
        ("another checkpoint of one part, and an entry behind it: the log begins there", piece(5, 6), 2),
        ("what it skipped", piece(1, 2), 0),
        ("what it skipped, with another payload", with_another(piece(1, 2)), 0),
        ("another checkpoint at the place of the one that is held", begun_anew, "branched"),
        ("an entry behind it", behind, 1),
    ]


def second() -> Entry:
    """Return an end of a checkpoint that is no beginning."""
    return Kind.CHECKPOINT_END, 9, [Part(2, 2, [BEGIN]), Profile(9, "a")]


def stores() -> Json:
    """Return the steps, and the frontier behind the last of them."""
    case = Script("a store")
    steps = [*arrivals(case), *overlaps(case), *forked(case), *jumps(case)]
    with Shelf(case.circuit) as shelf:
        shelf.take(*(paper_of(run) for _, run, _ in steps))
        items = sorted(frontier(shelf.db))
    return {
        "about": "One more store. `items` is its frontier in the end.",
        "circuit": case.circuit.hex(),
        "steps": [
            {
                "name": name,
                "fault": found if isinstance(found, str) else None,
                "new": 0 if isinstance(found, str) else found,
                **run,
            }
            for name, run, found in steps
        ],
        "items": [fields(item) for item in items],
    }


def paper_of(step: Json) -> Paper:
    """Return a run and its payloads, as they are taken."""
    return _runs.decode(bytes.fromhex(step["run"])), [bytes.fromhex(each or "") for each in step["payloads"]]
