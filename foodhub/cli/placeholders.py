"""The words that stand for a value in a usage line ("CYCLE PRODUCT=QUANTITY..."), in the language spoken.

What is typed as it stands ("round_up", "--home") is never changed: only words in capitals are.
"""

import re
from typing import Final

from foodhub.errors import N_
from foodhub.words import _

# Translators: each word of this list stands for a value that one types in its place, as in "foodhub product show
# Translators: PRODUCT". One word in capitals, without spaces; the same as in the help texts that explain it.
WORDS: Final = frozenset(
    {
        N_("AMOUNT"),
        N_("ARGS"),
        N_("CARD"),
        N_("CODE"),
        N_("COMMAND"),
        N_("CONSENT"),
        N_("CUSTOMER"),
        N_("CYCLE"),
        N_("DATE"),
        N_("DEVICE"),
        N_("DIR"),
        N_("DRAFT"),
        N_("FIELD"),
        N_("FILE"),
        N_("FROM"),
        N_("GROUP"),
        N_("HOUSEHOLD"),
        N_("HOW"),
        N_("HUB"),
        N_("ID"),
        N_("INSTEAD"),
        N_("INVITE"),
        N_("LOG"),
        N_("MANDATE"),
        N_("MEANS"),
        N_("MEMBER"),
        N_("MONTHS"),
        N_("MULTIADDR"),
        N_("NAME"),
        N_("NUMBER"),
        N_("ONE"),
        N_("OPTIONS"),
        N_("ORDER"),
        N_("OTHER"),
        N_("PLACE"),
        N_("PRODUCER"),
        N_("PRODUCT"),
        N_("PURCHASE"),
        N_("QUANTITY"),
        N_("REPRESENTATIVE"),
        N_("RIGHT"),
        N_("ROLE"),
        N_("RULE"),
        N_("SALE"),
        N_("SECONDS"),
        N_("TEXT"),
        N_("TO"),
        N_("WHEN"),
        N_("ZONE"),
    }
)
CAPITALS: Final = re.compile(r"\b[A-Z]{2,}\b")


def placeholders(text: str) -> str:
    """Return a usage line, or a piece of one, with its placeholders in the language spoken."""
    return CAPITALS.sub(lambda match: _(match[0]) if match[0] in WORDS else match[0], text)
