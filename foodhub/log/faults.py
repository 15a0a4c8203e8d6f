"""The ways in which bytes from somebody else can be wrong.

A fault is data about a peer, not a failure of ours: whoever catches a `PeerFault` refuses the bytes, counts the code
and goes on. The codes are part of the protocol's test vectors and never change.
"""

FAULTS = {
    "not_canonical": "The bytes are not the one canonical encoding of what they say.",
    "too_large": "A run, a payload or a frame is larger than allowed.",
    "empty_run": "A run holds no entry.",
    "bad_version": "The format version is none that this program knows.",
    "bad_log": "The log number is none of 0, 1 and 2.",
    "bad_kind": "The kind of an entry is none of 0, 1, 2 and 3, or not allowed in this log.",
    "bad_sequence": "Sequence numbers start at 1 and stay below 2^31.",
    "bad_timestamp": "A timestamp is lower than the one before it, or beyond the year 6429.",
    "bad_backlink": "A first entry names a predecessor, or a later one names none or another one.",
    "bad_signature": "The signature does not fit the last entry of the run.",
    "unsigned": "The last entry of the run is not signed, and no fork proof names it.",
    "bad_payload": "A payload is not the one its header names.",
    "payload_missing": "A payload is missing where it must be there.",
    "unknown_author": "The author is no device of a member of this circuit.",
    "other_circuit": "It belongs to another circuit.",
    "own_log": "It claims to be ours, and we never wrote it.",
    "forked": "Another entry stands at this place of the log already.",
    "branched": "It follows another entry than the one that is held before its place: the logs part further down.",
    "bad_fork": "The two runs of a fork proof do not show two entries at one place.",
    "above_limit": "It stands above the limit of its log.",
    "gap": "Entries before it are missing.",
    "bad_proof": "The proof of devices or of an invite does not hold.",
    "bad_message": "The message is not one that may come now.",
    "over_credit": "More was sent than was granted.",
}


class PeerFault(Exception):  # noqa: N818 - a fault of the peer, which is not an error of ours
    """Bytes from a peer broke the rule named by `code`, a key of `FAULTS`."""

    def __init__(self, code: str) -> None:
        """Take the code of the broken rule."""
        super().__init__(FAULTS[code])
        self.code = code
