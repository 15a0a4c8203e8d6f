"""Every decoder that somebody else's bytes can reach. A new one gets its line here, and both fuzzers know it."""

from tests.fuzz import desk_decoders, fold_decoders, local_decoders, log_decoders, session_decoders
from tests.fuzz.decoder import Decoder

_ALL: list[Decoder] = [
    *log_decoders.DECODERS,
    *local_decoders.DECODERS,
    *session_decoders.DECODERS,
    *fold_decoders.DECODERS,
    *desk_decoders.DECODERS,
]
DECODERS = {decoder.name: decoder for decoder in _ALL}
