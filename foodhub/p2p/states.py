"""Where a session stands, and which messages may come there: one table, and no other place decides it."""

from enum import Enum, auto

from foodhub.p2p import messages as m


class State(Enum):
    """Where a session stands."""

    HELLO = auto()
    PROOF = auto()
    STANDING = auto()
    STRANGER = auto()
    READY = auto()
    ENDED = auto()


MAY_COME: dict[State, tuple[type, ...]] = {
    State.HELLO: (m.Hello, m.Refuse),
    State.PROOF: (m.Proof, m.Refuse),
    # A side may be ready before the other has looked up who it is talking to: what comes then waits in `_early`.
    State.STANDING: (
        m.Summary,
        m.Nudge,
        m.Announce,
        m.Have,
        m.Forks,
        m.Refuse,
    ),
    # We dialed somebody whom we do not know: it may answer what we ask about logs 0, and ask nothing.
    State.STRANGER: (
        m.Summary,
        m.Items,
        m.Totals,
        m.Headers,
        m.Payloads,
        m.Packed,
        m.Sent,
        m.Credit,
        m.Have,
        m.Announce,
        m.Nudge,
        m.Forks,
        m.Ids,
        m.Branch,
        m.Refuse,
    ),
    State.READY: (
        m.Summary,
        m.Ask,
        m.Items,
        m.Want,
        m.Totals,
        m.Headers,
        m.Payloads,
        m.Packed,
        m.Sent,
        m.Credit,
        m.Have,
        m.Announce,
        m.Nudge,
        m.AskForks,
        m.Forks,
        m.Probe,
        m.Ids,
        m.Show,
        m.Branch,
        m.Lack,
        m.Found,
        m.Refuse,
    ),
    State.ENDED: (),
}
"""Which messages may come in which state; any other ends the session and changes nothing."""
