"""Unicode's normal form C as Unicode 14.0 has it, whatever version this Python was built with.

Whether a text is in normal form decides whether a statement counts, so two nodes may not judge by tables of different
years. A character of a later version takes part in no order and no composition here.
"""

from unicodedata import is_normalized

VERSION = "14.0.0"
LATER = (
    *(range(0x0897, 0x0898), range(0x0ECE, 0x0ECF), range(0x1ACF, 0x1B00), range(0x105C0, 0x10600)),
    *(range(0x10D40, 0x10D90), range(0x10EFA, 0x10F00), range(0x11380, 0x11400), range(0x11F00, 0x11F60)),
    *(range(0x16100, 0x16140), range(0x16D40, 0x16D80), range(0x1E08F, 0x1E090), range(0x1E4D0, 0x1E500)),
    *(range(0x1E5D0, 0x1E600), range(0x1E6C0, 0x1E700)),
)
"""Where later versions (15.0 to 17.0) put characters that combine; the tests fail on a Python that has more of them."""
_ALONE = {character: " " for each in LATER for character in each}


def is_normal(text: str) -> bool:
    """Say whether a text is in normal form C."""
    # Whatever is normal by later tables is so by these: those only know more that could be out of order.
    return is_normalized("NFC", text) or is_normalized("NFC", text.translate(_ALONE))
