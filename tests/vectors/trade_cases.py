"""Vectors of the statements of the trade: cycles, stock set aside, the close, purchase orders, who acts for whom."""

from collections.abc import Iterator
from typing import Any

import msgspec

from foodhub.catalog.statements import Case
from foodhub.log.encoding import encode
from foodhub.orders.closing import (
    Baskets,
    Confirmation,
    ConfirmedLine,
    Counted,
    CountedGoods,
    CountedRow,
    Slip,
    SlipRow,
    Tally,
    TallyLine,
)
from foodhub.orders.exchanges import (
    DEFAULT_RULE,
    Close,
    Draft,
    Incoming,
    Opening,
    Outgoing,
    Pickup,
    Plan,
    ProductRule,
    Repeat,
)
from foodhub.orders.hands import (
    Behalf,
    Belong,
    Claim,
    ClaimConfirmed,
    Contact,
    Mandate,
    Represented,
    Successor,
    represented_id,
)
from foodhub.orders.purchase import (
    Purchase,
    PurchaseAnswer,
    PurchaseAnswerLine,
    PurchaseLine,
    purchase_answer_id,
    purchase_id,
)
from foodhub.orders.reserving import AllotRequest, Delivered, DeliveredRow, Lower, Return, Shortfall
from foodhub.orders.shown_queue import Queue, QueueGoods
from foodhub.orders.statements import Cycle, Order, Receipt, ReceiptLine, ReceiptRow, Remark, Standing, StandingLine
from foodhub.orders.statements import derived_id as derived
from tests.vectors.seeds import BEGIN, FARM, FARM_BOX, FOUNDING, HUB, carrots, inception, seed

HUB_ID, FARM_ID = FOUNDING.inception.id, inception("farm", FARM, FARM_BOX).id
CYCLE = (HUB_ID, seed("a cycle", 16))
PRODUCT = (FARM_ID, carrots().local)
DAY = 86_400_000
GROUP, HOUSEHOLD, SALT = seed("a group"), seed("a household"), seed("a represented member", 16)


def a_cycle() -> Cycle:
    """Return the hub's cycle."""
    return Cycle(CYCLE[1], 1, "Semaine 39", BEGIN, BEGIN + DAY, "Europe/Paris", "resale", HUB.public)


def a_plan() -> Plan:
    """Return how it is run."""
    coming = Incoming(FARM_ID, [PRODUCT[1]], "Halle aux grains", BEGIN + 2 * DAY, BEGIN + DAY + 3_600_000)
    return Plan(CYCLE[1], 1, [coming], [], pooled=False, deputies=[FARM_ID])


def an_outgoing() -> Outgoing:
    """Return how the hub sells in it."""
    rule = ProductRule("hub", "round_up", "fair", "proportional")
    head = (derived(b"outgoing", *CYCLE), 1, *CYCLE, HUB_ID, HUB.public, BEGIN + DAY)
    pickups = [Pickup("12, rue du Val", BEGIN + 3 * DAY, BEGIN + 3 * DAY + 7_200_000)]
    rules = [(*PRODUCT, rule)]
    return Outgoing(
        *head,
        "resale",
        "as_one",
        by_hand=False,
        shown=True,
        products=[PRODUCT],
        rule=DEFAULT_RULE,
        rules=rules,
        pickups=pickups,
    )


def a_close() -> Close:
    """Return the close."""
    return Close(derived(b"close", *CYCLE), 1, *CYCLE, BEGIN + DAY, open=False)


def a_receipt(order: Order) -> Receipt:
    """Return a receipt of one placement."""
    row = ReceiptRow(FARM_ID, order.local, 1, seed("an entry"), [ReceiptLine(*PRODUCT, 2, 1)])
    return Receipt(seed("a receipt", 16), 1, *CYCLE, [(FARM.public, 3)], [row])


def a_confirmation() -> Confirmation:
    """Return what C is confirmed of the apple juice in the worked example of the rules."""
    slip = Slip("cases", "queue", 9, 7, 4, 1, 0, 0, 0, [SlipRow(1, 2, 5, 2), SlipRow(1, 0, 6, 4)], 2)
    line = ConfirmedLine(*PRODUCT, 2, 2, 2, 2, "", "", [slip])
    local = derived(b"confirmation", HOUSEHOLD, *CYCLE, (1).to_bytes(8, "big"))
    return Confirmation(local, 1, *CYCLE, HOUSEHOLD, BEGIN + DAY, 1, 1, seed("a fingerprint"), [line])


def some_goods() -> CountedGoods:
    """Return on what terms there are two cases of a product."""
    return CountedGoods(*PRODUCT, DEFAULT_RULE, 6, 0, broken=False, step=1, part=1, limited=True, units=12)


def a_queue(order: Order) -> Queue:
    """Return the queue of a product that one order wants."""
    local = derived(b"queue", *CYCLE, (1).to_bytes(8, "big"))
    goods = QueueGoods(some_goods(), False, [(0, 2, 1)])
    return Queue(local, 1, *CYCLE, BEGIN + DAY, 1, 1, seed("a fingerprint"), [(FARM_ID, order.local, 1)], [goods])


def some_baskets() -> Baskets:
    """Return the baskets of a group."""
    local = derived(b"baskets", *CYCLE, (1).to_bytes(8, "big"))
    return Baskets(local, 1, *CYCLE, 1, 1, [(1, [(*PRODUCT, 2)])])


def a_purchase() -> Purchase:
    """Return a purchase order of two cases."""
    made = carrots()
    head = (made.local, 1, made.sku, made.name, made.variant, "g", 500, 245, "piece", "EUR")
    line = PurchaseLine(*head, 12, 6, 2)  # type: ignore[arg-type]
    local = purchase_id(CYCLE, FARM_ID, 1)
    at = BEGIN + 2 * DAY
    return Purchase(local, 1, *CYCLE, FARM_ID, 1, "Halle aux grains", at, "", seed("a fingerprint"), [line])


def a_purchase_answer() -> PurchaseAnswer:
    """Return what the farm says to it."""
    local = purchase_answer_id(HUB_ID, CYCLE, 1)
    lines = [PurchaseAnswerLine(PRODUCT[1], 6, "grêle")]
    return PurchaseAnswer(local, 1, HUB_ID, *CYCLE, 1, 1, "part", "", lines)


def a_lower() -> Lower:
    """Return how the farm asks stock back."""
    local = derived(b"lower", *CYCLE, HUB.public, PRODUCT[1])
    return Lower(local, 1, *CYCLE, HUB_ID, HUB.public, PRODUCT[1], 30, override=False)


def a_delivered() -> Delivered:
    """Return what the farm says has left of what was set aside for the hub."""
    local = derived(b"delivered", *CYCLE, HUB.public, (1).to_bytes(8, "big"))
    return Delivered(local, 1, *CYCLE, HUB.public, 1, [DeliveredRow(PRODUCT[1], 3, 40, 30)])


def a_mandate() -> Mandate:
    """Return the farm's mandate to the hub."""
    return Mandate(seed("a mandate", 16), 1, HUB_ID, ["price", "stock"], BEGIN + DAY, ended=False)


def a_contact() -> Contact:
    """Return a household's contact card."""
    return Contact(derived(b"contact"), 1, "Famille Le Goff", "+33 6 00 00 00 00", "3, rue du Moulin")


def trade_statements(order: Order) -> list[tuple[int, msgspec.Struct]]:
    """Return one of each statement, with its log."""
    tally = TallyLine(*PRODUCT, 7, 4, 6, 1, 1)
    counted = CountedRow(FARM_ID, order.local, 1, by_clock=False)
    part = derived(b"counted", *CYCLE, (1).to_bytes(8, "big"))
    goods = some_goods()
    standing = Standing(
        seed("standing", 16), 1, HUB_ID, paused=False, ended=False, lines=[StandingLine(*PRODUCT, 2, 1)]
    )
    stands = Behalf(represented_id(GROUP, SALT, "household"), SALT, "household", b"", "phone", order)
    return [
        (1, Case(carrots().local, 1, 6, 12, "carton", broken=False)),
        (1, a_plan()),
        (1, Opening(CYCLE[1], 1, [(FARM.public, BEGIN)])),
        (1, an_outgoing()),
        (1, a_close()),
        (1, a_mandate()),
        (1, Successor(SALT, 1, FARM_ID, [(FARM.public, 7)])),
        (2, Draft(CYCLE[1], 1, False, a_cycle(), a_plan(), [an_outgoing()])),
        (2, Repeat(seed("repeat", 16), 1, CYCLE[1], 2, [20261225], 0, ended=False)),
        (2, AllotRequest(derived(b"allot_request", *CYCLE, *PRODUCT), 1, *CYCLE, *PRODUCT, 60)),
        (2, a_lower()),
        (2, Return(derived(b"return", *CYCLE, HUB.public, *PRODUCT), 1, *CYCLE, HUB.public, *PRODUCT, 10)),
        (2, Shortfall(derived(b"shortfall", *CYCLE, HUB_ID, PRODUCT[1]), 1, *CYCLE, HUB_ID, PRODUCT[1], 8, "grêle")),
        (2, a_delivered()),
        (2, Remark(order.local, 1, "Sans fanes, merci.", [(*PRODUCT, "cheaper")])),
        (2, standing),
        (2, a_receipt(order)),
        (2, Tally(derived(b"tally", *CYCLE), 1, *CYCLE, [tally])),
        (2, Counted(part, 1, *CYCLE, BEGIN + DAY, 1, 1, [counted], [goods])),
        (2, a_queue(order)),
        (2, a_confirmation()),
        (2, some_baskets()),
        (2, a_purchase()),
        (2, a_purchase_answer()),
        (2, a_contact()),
        (2, Belong(derived(b"belong", GROUP), 1, GROUP, BEGIN, left=False)),
        (2, Represented(SALT, 1, "household", ended=False)),
        (2, Claim(derived(b"claim", stands.owner), 1, stands.owner)),
        (2, ClaimConfirmed(SALT, 1, HOUSEHOLD)),
        (2, stands),
    ]


def bad_trade_statements(order: Order) -> Iterator[tuple[str, int, str, Any]]:
    """Yield name, log, reason, and the statement or its bytes."""
    changed = msgspec.structs.replace
    coming = a_plan().incoming[0]
    yield "a case whose word breaks the line", 1, "word_characters", Case(carrots().local, 1, 6, 0, "car\nton", False)
    yield "a plan that names a producer twice", 1, "named_twice", changed(a_plan(), incoming=[coming, coming])
    yield "a place with an escape", 1, "place_characters", changed(a_plan(), incoming=[changed(coming, place="\x1b")])
    yield "an outgoing exchange under another id", 1, "other_id", changed(an_outgoing(), local=bytes(16))
    pickup = changed(an_outgoing().pickups[0], closes=BEGIN)
    yield "a pickup that ends before it begins", 1, "closes_before_it_opens", changed(an_outgoing(), pickups=[pickup])
    yield "a rule that nobody knows", 1, "unknown", encode(an_outgoing()).replace(b"round_up", b"round_it")
    yield "a close under another id", 1, "other_id", changed(a_close(), local=bytes(16))
    yield "an opening with a device twice", 1, "named_twice", Opening(CYCLE[1], 1, [(FARM.public, 1), (FARM.public, 2)])
    yield "a mandate with a field twice", 1, "named_twice", changed(a_mandate(), fields=["price", "price"])
    line = a_confirmation().lines[0]
    yield (
        "a share above what is confirmed",
        2,
        "share_too_large",
        changed(a_confirmation(), lines=[changed(line, share=3)]),
    )
    note = changed(line, note="line\nfeed")
    yield "a note with a line feed", 2, "note_characters", changed(a_confirmation(), lines=[note])
    yield "a confirmation with a product twice", 2, "line_twice", changed(a_confirmation(), lines=[line, line])
    yield "a confirmation under another's id", 2, "other_id", changed(a_confirmation(), buyer=FARM_ID)
    second = derived(b"confirmation", HOUSEHOLD, *CYCLE, (2).to_bytes(8, "big"))
    yield "a second part of one", 2, "part_of", changed(a_confirmation(), local=second, part=2)
    yield "a queue with a row of no order", 2, "place_range", changed(a_queue(order), places=[])
    yield "a queue under another cycle's id", 2, "other_id", changed(a_queue(order), cycle=bytes(16))
    yield "baskets under another id", 2, "other_id", changed(some_baskets(), part=2, of=2)
    receipt = a_receipt(order)
    yield "a receipt with a placement twice", 2, "named_twice", changed(receipt, rows=receipt.rows * 2)
    yield "a purchase order with a product twice", 2, "line_twice", changed(a_purchase(), lines=a_purchase().lines * 2)
    yield "a purchase order for another producer's id", 2, "other_id", changed(a_purchase(), producer=HUB_ID)
    yield "a producer's answer to another hub's id", 2, "other_id", changed(a_purchase_answer(), hub=FARM_ID)
    yield "a contact card without a name", 2, "name_length", changed(a_contact(), name="")
    yield "a comment that is too long", 2, "comment_length", Remark(order.local, 1, "x" * 501, [])
    short = Shortfall(derived(b"shortfall", *CYCLE, HUB_ID, PRODUCT[1]), 1, *CYCLE, HUB_ID, PRODUCT[1], 8, "")
    yield "a shortfall without a reason", 2, "reason_length", short
    yield "what left under another cycle's id", 2, "other_id", changed(a_delivered(), cycle=bytes(16))
    rows = a_delivered().rows
    yield "what left with a product twice", 2, "named_twice", changed(a_delivered(), rows=[*rows, *rows])
    yield "a return under another device's id", 2, "other_id", Return(bytes(16), 1, *CYCLE, HUB.public, *PRODUCT, 10)
