"""Vectors of statements: one of every kind, and some that do not count."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec

from foodhub.catalog.statements import Part, Stock
from foodhub.circuit.statements import (
    Admit,
    Certify,
    Cut,
    Device,
    Enrol,
    Epoch,
    Erase,
    Found,
    Grant,
    Invite,
    Keeper,
    Recover,
    Remove,
    Retire,
    Revoke,
    Share,
    Ticket,
    Uninvite,
    proof_of_enrolment,
    proof_of_recovery,
)
from foodhub.log.encoding import NO_ID, encode
from foodhub.orders.statements import (
    Allot,
    Answer,
    AnswerLine,
    Cycle,
    EraseAnswer,
    EraseRequest,
    Order,
    OrderLine,
    Profile,
    Total,
    derived_id,
)
from tests.vectors.edge_cases import bodies, edges
from tests.vectors.seeds import (
    BEGIN,
    FARM,
    FARM_BOX,
    FARM_RECOVERY,
    FOUNDING,
    HUB,
    INVITE,
    LAPTOP,
    LAPTOP_BOX,
    TICKET,
    Json,
    a_join,
    carrots,
    fields,
    inception,
    seed,
)
from tests.vectors.trade_cases import bad_trade_statements, trade_statements


def an_order() -> Order:
    """Return a placement of two bunches of carrots."""
    product = carrots()
    head = (inception("farm", FARM, FARM_BOX).id, product.local, 1, product.sku, product.name, product.variant)
    line = OrderLine(*head, "g", 500, 245, "piece", "EUR", 2, 0)
    hub = FOUNDING.inception.id
    return Order(seed("an order", 16), 1, BEGIN, hub, seed("a cycle", 16), hub, cancelled=False, lines=[line])


def an_erase_request() -> EraseRequest:
    """Return what the farm asks of the hub."""
    hub = FOUNDING.inception.id
    return EraseRequest(derived_id(b"erase_request", hub, b"orders"), 1, hub, "orders", withdrawn=False)


def an_erase_answer() -> EraseAnswer:
    """Return the hub's answer: the rest in a month."""
    farm, request = inception("farm", FARM, FARM_BOX).id, an_erase_request()
    local = derived_id(b"erase_answer", farm, request.local)
    return EraseAnswer(local, 1, request.local, request.version, farm, "later", BEGIN + 2_592_000_000)


def good_statements(order: Order) -> list[tuple[int, msgspec.Struct]]:
    """Return one of every statement, each with its log."""
    hub, farm, cycle = (
        FOUNDING.inception.id,
        inception("farm", FARM, FARM_BOX).id,
        seed("a cycle", 16),
    )
    key = (order.lines[0].producer, order.lines[0].product)
    answer_line = AnswerLine(*key, 2, 1, decided=True, reason="allotment_exhausted")
    aside = derived_id(b"allot", hub, cycle, HUB.public, key[1])
    entry = seed("an entry")
    epoch = Epoch(1, FARM_BOX.public, [(FARM.public, seed("sealed", 64))], seed("sealed too", 64))
    return [
        (0, Found(FOUNDING, "Circuit court", "EUR", ["hub"])),
        (0, a_join()),
        (0, epoch),
        (0, Invite(INVITE.public, ["producer"], BEGIN)),
        (0, Uninvite(INVITE.public)),
        (0, Admit(farm, entry)),
        (0, Grant(farm, "steward")),
        *further_circuit_statements(farm),
        (1, Part(1, 2, [BEGIN, BEGIN + 1])),
        (1, Profile(1, "La Ferme des Tilleuls")),
        (1, carrots()),
        (1, Stock(carrots().local, 1, "counted", 40)),
        (1, Cycle(cycle, 1, "Semaine 39", BEGIN, BEGIN + 86_400_000, "Europe/Paris", "resale", HUB.public)),
        (2, Allot(aside, 1, hub, cycle, hub, HUB.public, key[1], 5, 0)),
        (2, order),
        (
            2,
            Answer(
                derived_id(b"answer", farm, order.local),
                1,
                farm,
                order.local,
                1,
                entry,
                "received",
                "",
                entry,
                0,
                [answer_line],
            ),
        ),
        (2, Total(derived_id(b"total", hub, cycle, *key), 1, hub, cycle, *key, 2, 1)),
        (2, an_erase_request()),
        (2, an_erase_answer()),
        *trade_statements(order),
    ]


def statements() -> Json:
    """One example of every statement, statements that do not count, and what is near to the edge of a rule."""
    order = an_order()
    good = good_statements(order)
    return {
        "about": "A statement is an array that begins with its name. `reason` says why one does not count; null: it"
        " does. A body is what stands there one behind the other, with how often where it is more than once.",
        "good": [
            {"name": tag_of(each), "log": log, "fields": fields(each), "bytes": hexed(each)} for log, each in good
        ],
        "bad": [
            {"name": name, "log": log, "reason": reason, "bytes": hexed(each)}
            for name, log, reason, each in chain(bad_statements(), bad_trade_statements(order))
        ],
        "edges": [
            {"name": name, "log": log, "reason": reason, "bytes": hexed(each)}
            for name, log, reason, each in edges(good)
        ],
        "bodies": bodies(),
    }


def tag_of(statement: Any) -> str:
    """Return the name with which a statement begins, or statements of a type do."""
    return str(statement.__struct_config__.tag)


def hexed(statement: Any) -> str:
    """Return the bytes of a statement."""
    return (statement if isinstance(statement, bytes) else encode(statement)).hex()


def further_circuit_statements(farm: bytes) -> list[tuple[int, msgspec.Struct]]:
    """Return one of each statement about roles, devices, keepers and erasing."""
    circuit = FOUNDING.circuit
    laptop, cuts = Device(LAPTOP.public, LAPTOP_BOX.public, always_on=True), [Cut(FARM.public, 1, 3, seed("an entry"))]
    enrolled = TICKET.sign("enrol", proof_of_enrolment(circuit, farm, laptop))
    recovered = FARM_RECOVERY.sign("recover", proof_of_recovery(circuit, farm, 1, laptop, cuts))
    return [
        (0, Revoke(farm, "steward")),
        (0, Remove(farm, [Cut(FARM.public, 0, 1, seed("an entry")), Cut(FARM.public, 2, 0, NO_ID)])),
        (0, Ticket(TICKET.public, BEGIN)),
        (0, Enrol(farm, laptop, TICKET.public, enrolled)),
        (0, Certify(LAPTOP.public)),
        (0, Share(LAPTOP.public, [(1, seed("sealed", 64))])),
        (0, Retire(FARM.public, cuts, LAPTOP.public)),
        (0, Recover(farm, 1, laptop, cuts, recovered)),
        (0, Keeper("stock", 1, LAPTOP.public, [(1, 3), (2, 7)])),
        (0, Erase([(FARM.public, 1, 1, 3), (FARM.public, 2, 5, 5)])),
    ]


def bad_statements() -> Iterator[tuple[str, int, str, Any]]:
    """Yield name, log, reason, and the statement or its bytes."""
    changed = msgspec.structs.replace
    order, line = an_order(), an_order().lines[0]
    cycle = Cycle(seed("a cycle", 16), 1, "Semaine 39", BEGIN, BEGIN + 1, "Europe/Paris", "resale", HUB.public)
    entry, farm = seed("an entry"), order.lines[0].producer
    answered = AnswerLine(line.producer, line.product, 2, 2, decided=True, reason="")
    answer = Answer(
        derived_id(b"answer", farm, order.local), 1, farm, order.local, 1, entry, "received", "", entry, 0, [answered]
    )
    yield "a statement that nobody knows", 1, "unknown", encode(["weather", 1])
    yield "a statement of another log", 1, "unknown", order
    yield "a product without its last field", 1, "unknown", encode(msgspec.msgpack.decode(encode(carrots()))[:-1])
    yield "a text that is not in normal form C", 1, "not_canonical", Profile(1, "Cafe\u0301")
    yield (
        "a version in a longer form than it needs",
        1,
        "not_canonical",
        encode(Profile(1, "F")).replace(b"\x01", b"\xcc\x01", 1),
    )
    yield "a field too many", 1, "not_canonical", encode([*msgspec.msgpack.decode(encode(Profile(1, "F"))), 0])
    yield "a name without characters", 1, "name_length", Profile(1, "")
    yield "a name with an escape character", 1, "name_characters", Profile(1, "\x1b[2J")
    yield "a cycle that closes when it opens", 1, "closes_before_it_opens", changed(cycle, closes=BEGIN)
    yield "a zone that climbs out of its folder", 1, "zone_characters", changed(cycle, zone="../../etc/passwd")
    yield "a price per kg for pieces of 500 g", 1, "unit_value_of_price", changed(carrots(), price_per="kg")
    yield "a currency in small letters", 1, "currency_code", changed(carrots(), currency="eur")
    yield "stock on demand that was counted", 1, "on_hand_on_demand", Stock(carrots().local, 1, "on_demand", 4)
    yield "an order without lines", 2, "no_lines", changed(order, lines=[])
    yield "an order with a product twice", 2, "line_twice", changed(order, lines=[line, line])
    yield "a line whose name is too long", 2, "name_length", changed(order, lines=[changed(line, name="x" * 201)])
    yield (
        "an allotment under another id",
        2,
        "other_id",
        Allot(bytes(16), 1, farm, bytes(16), farm, HUB.public, bytes(16), 5, 0),
    )
    yield "an answer under another id", 2, "other_id", changed(answer, local=bytes(16))
    yield (
        "a promise beyond what was ordered",
        2,
        "promised_too_much",
        changed(answer, lines=[changed(answered, promised=3)]),
    )
    yield (
        "a promise that waits for the close",
        2,
        "promised_too_much",
        changed(answer, lines=[changed(answered, decided=False)]),
    )
    yield "a promise in a refusal", 2, "promised_too_much", changed(answer, outcome="refused")
    yield "a reason that is a sentence", 2, "reason_characters", changed(answer, reason="Sold out!")
    yield "a total under another id", 2, "other_id", Total(bytes(16), 1, farm, bytes(16), farm, bytes(16), 2, 1)
    request, reply = an_erase_request(), an_erase_answer()
    yield "a request to erase under another id", 2, "other_id", changed(request, local=bytes(16))
    yield "a request to erase what nobody knows", 2, "unknown", changed(request, scope="photos")
    yield "an answer to a request under another id", 2, "other_id", changed(reply, local=bytes(16))
    yield "an answer for later that says no date", 2, "earliest_of_outcome", changed(reply, earliest=0)
    yield "an answer that it is done, with a date", 2, "earliest_of_outcome", changed(reply, outcome="done")
