"""The vectors of the close against those who read slips: from each of them its share follows, or why it is wrong."""

from typing import Any

import msgspec

from foodhub.log.encoding import decode, encode
from foodhub.orders.closing import ConfirmedLine, Slip
from foodhub.orders.slips import fault_of, overlap, share_of
from tests.vectors.reading import read
from tests.vectors.trade_cases import a_confirmation

VECTORS = read("allocations")
_slips = msgspec.msgpack.Decoder(Slip)


def slip_in(data: str) -> Slip:
    return decode(_slips, bytes.fromhex(data))


def line_of(said: dict[str, Any]) -> ConfirmedLine:
    """Return the line of a confirmation with these numbers."""
    numbers = {name: said[name] for name in ("ordered", "tolerance", "confirmed", "share")}
    return msgspec.structs.replace(a_confirmation().lines[0], **numbers)


def test_what_is_confirmed_follows_from_each_slip() -> None:
    for case in VECTORS["cases"]:
        for line in case["lines"]:
            slip = slip_in(line["bytes"])
            assert share_of(slip) == slip.share == line["share"] == line["confirmed"]
            assert fault_of(slip, line_of(line)) is None, case["name"]
        assert case["units"] == case["leftover"] + sum(line["confirmed"] for line in case["lines"])
        assert encode(slip_in(case["lines"][0]["bytes"])).hex() == case["lines"][0]["bytes"]


def test_whoever_is_shown_a_queue_works_out_the_same_fingerprint() -> None:
    queues = {case["name"]: case["fingerprint"] for case in VECTORS["shown_queues"]}
    whole = VECTORS["two_products"]["fingerprint"]
    assert [name for name, found in queues.items() if found == whole] == [
        "in one part",
        "products that stand in both parts",
        "beside parts of an older version",
    ]
    group = queues.pop("a group fills its own cases")
    assert group not in {whole, None}
    assert set(queues.values()) == {whole, None}


def test_what_there_is_of_a_shortfall_is_shared() -> None:
    for case in VECTORS["shortfalls"]:
        slips = {each["buyer"]: slip_in(each["bytes"]) for each in case["slips"]}
        assert sum(slip.share for slip in slips.values()) == min(case["available"], sum(case["confirmed"].values()))
        for buyer, slip in slips.items():
            assert share_of(slip) == slip.share <= case["confirmed"][buyer]


def test_a_slip_is_wrong_for_the_reason_that_stands_there() -> None:
    for case in VECTORS["faults"]:
        assert fault_of(slip_in(case["bytes"]), line_of(case["line"])) == case["why"], case["name"]


def test_two_slips_contradict_each_other_as_it_stands_there() -> None:
    for case in VECTORS["contradictions"]:
        assert overlap(slip_in(case["one"]), slip_in(case["other"])) == case["why"], case["name"]
