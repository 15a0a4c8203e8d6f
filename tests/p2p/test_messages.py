"""Messages: each has one encoding, fits into a frame, and whatever else comes is refused without harm."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof
from foodhub.log.frontier import Item
from foodhub.log.run import MAX_ENTRIES, Run
from foodhub.p2p import messages as m
from foodhub.p2p.rounds import WANT_PER_FRAME

KEY = bytes(range(32))
BIG = 2**53 - 1
RUN = Run(1, KEY, 2, 7, bytes(32), [(0, BIG, 65536, KEY)] * MAX_ENTRIES, bytes(64))
ONE_OF_EACH: list[m.Message] = [
    m.Hello(1, KEY, bytes(16)),
    m.Proof([(KEY, bytes(64))], [], ["/ip4/127.0.0.1/tcp/4001/p2p/12D3"]),
    m.Summary([(0, bytes(16)), (3, bytes(16)), (BIG, bytes(16))]),
    m.Ask([1, 2], bytes(8 * 64)),
    m.Items([3], [(KEY, [(1, 5, KEY, 0)])], last=True),
    m.Want([(KEY, 1, 0)], last=False),
    m.Totals(12),
    m.Headers(RUN),
    m.Payloads([b"", bytes(20)]),
    m.Packed(3000, zlib.compress(bytes(3000))),
    m.Sent(),
    m.Credit(4096),
    m.Have([(KEY, 0, 9)]),
    m.Announce(RUN, []),
    m.Nudge(),
    m.Refuse("bad_proof"),
    m.AskForks([(KEY, 0), (KEY, 2)]),
    m.Forks([ForkProof(RUN, RUN)]),
    m.Probe(KEY, 1, [1, 9, BIG]),
    m.Ids(KEY, 1, [KEY, b""]),
    m.Show(KEY, 2, 0),
    m.Branch([RUN]),
    m.Lack([(KEY, 1, [3, 4])]),
    m.Found([(KEY, 1, 3, bytes(20))], last=True),
]


def read_or_code(frame: bytes) -> m.Message | str:
    """The message in a frame, or the code of what is wrong with it."""
    try:
        return m.read_message(frame)
    except PeerFault as fault:
        return fault.code


def code_of(frame: bytes) -> str:
    with pytest.raises(PeerFault) as caught:
        m.read_message(frame)
    return caught.value.code


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was_sent(message: m.Message) -> None:
    assert m.read_message(encode(message)) == message


def test_every_message_has_a_number_of_its_own() -> None:
    numbers = [encode(message)[1] for message in ONE_OF_EACH]
    assert numbers == list(range(24))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_are_a_fault_and_never_an_error(data: bytes) -> None:
    message = read_or_code(data)
    assert message == "not_canonical" or encode(message) == data


@given(st.sampled_from(ONE_OF_EACH), st.data())
def test_a_message_with_one_byte_changed_is_another_message_or_a_fault(message: m.Message, data: st.DataObject) -> None:
    frame = bytearray(encode(message))
    place = data.draw(st.integers(0, min(len(frame) - 1, 300)))
    frame[place] ^= data.draw(st.integers(1, 255))
    read = read_or_code(bytes(frame))
    assert read == "not_canonical" or (isinstance(read, m.Message) and read != message)


def test_a_number_in_a_longer_form_than_needed_is_refused() -> None:
    assert encode(m.Totals(5)) == b"\x92\x06\x05"
    assert code_of(b"\x92\x06\xcc\x05") == "not_canonical"


def test_text_that_is_not_normalized_is_refused() -> None:
    assert code_of(encode(m.Refuse("e\N{COMBINING ACUTE ACCENT}"))) == "not_canonical"


def test_nesting_without_end_is_refused() -> None:
    assert code_of(b"\x91" * 100_000) == "not_canonical"


@pytest.mark.parametrize(
    ("frame", "newer"),
    [
        (encode((0, 2, "anything")), True),
        (encode((0, 1, "anything")), False),
        (encode((1, 2)), False),
        (encode({"0": 2}), False),
        (b"\x92\x00", False),
        (b"", False),
    ],
)
def test_the_hello_of_a_newer_program_is_told_from_garbage(frame: bytes, newer: bool) -> None:
    assert m.is_newer(frame) is newer


def test_a_frame_above_the_limit_is_refused_unread() -> None:
    assert code_of(bytes(m.MAX_FRAME + 1)) == "too_large"


def test_the_largest_list_of_wants_fits_into_a_frame() -> None:
    want = m.Want([(KEY, 2, BIG)] * WANT_PER_FRAME, last=True)
    assert len(encode(want)) <= m.MAX_FRAME


def test_items_of_many_logs_fill_frames_that_fit_and_end_once() -> None:
    items = [Item(n.to_bytes(32, "big"), 1, BIG, KEY, BIG) for n in range(2 * m.ITEMS_PER_FRAME + 1)]
    messages = m.write_items(items, list(range(1024)))
    assert [message.last for message in messages] == [False, False, True]
    assert all(len(encode(message)) <= m.MAX_FRAME for message in messages)
    assert [Item(a, *rest) for message in messages for a, logs in message.authors for rest in logs] == items


def test_no_items_are_said_in_one_message() -> None:
    assert m.write_items([], []) == [m.Items([], [], last=True)]


@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=8), st.booleans())
def test_payloads_come_out_as_they_went_in(payloads: list[bytes], pack: bool) -> None:
    message = m.write_payloads(payloads, pack=pack)
    assert (m.unpack(message) if isinstance(message, m.Packed) else message.payloads) == payloads


def test_payloads_are_compressed_only_where_that_is_allowed_and_helps() -> None:
    text = [b"carrots " * 1000]
    noise = [bytes((n * n * 167 + n // 7) % 251 for n in range(100))]
    assert isinstance(m.write_payloads(text, pack=True), m.Packed)
    assert isinstance(m.write_payloads(text, pack=False), m.Payloads)
    assert isinstance(m.write_payloads(noise, pack=True), m.Payloads)


def unpack_code(packed: m.Packed) -> str:
    with pytest.raises(PeerFault) as caught:
        m.unpack(packed)
    return caught.value.code


def test_a_bomb_is_not_unpacked_beyond_what_it_said() -> None:
    bomb = zlib.compress(encode([bytes(60_000_000)]), 9)
    assert len(bomb) < 100_000
    assert unpack_code(m.Packed(60_000_005, bomb)) == "too_large"
    assert unpack_code(m.Packed(m.MAX_FRAME, bomb)) == "not_canonical"
    assert unpack_code(m.Packed(0, bomb)) == "not_canonical"


def test_what_unpacks_to_less_or_has_something_behind_it_is_refused() -> None:
    plain = encode([b"a" * 100])
    data = zlib.compress(plain)
    assert m.unpack(m.Packed(len(plain), data)) == [b"a" * 100]
    assert unpack_code(m.Packed(len(plain) + 1, data)) == "not_canonical"
    assert unpack_code(m.Packed(len(plain) - 1, data)) == "not_canonical"
    assert unpack_code(m.Packed(len(plain), data + b"!")) == "not_canonical"
    assert unpack_code(m.Packed(len(plain), data[:-2])) == "not_canonical"
    assert unpack_code(m.Packed(4, b"none")) == "not_canonical"


def test_a_compressed_frame_costs_what_it_unpacks_to() -> None:
    assert m.cost(m.Packed(50_000, b"x" * 90), 100) == 50_000
    assert m.cost(m.Packed(10, b"x" * 90), 100) == 100
    assert m.cost(m.Payloads([bytes(90)]), 100) == 100
