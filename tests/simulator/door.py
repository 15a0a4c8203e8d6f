"""The way in of a newcomer: it knocks with its invite, joins when that has come, and is in once another node knows.

It does what `foodhub circuit join` and `foodhub.p2p.circle` do together, and sees to it that a joiner is served no more
than it may have.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from foodhub.log.keys import SigningKey
from foodhub.store.schema import SEQ_BITS

if TYPE_CHECKING:
    from tests.simulator.node import Node

Step = Literal["knocking", "signed", "inside", "turned away", "lost"]
"""Lost is who was in until it learned that its invite had let in somebody else."""


class Door:
    """Where a newcomer stands; `join` signs its first entries. `expired` is an invite of which that was so before."""

    def __init__(self, key: SigningKey, join: Callable[["Node"], None], *, expired: bool = False) -> None:
        self.key = key
        self.expired = expired
        self.step: Step = "knocking"
        self.heard = False
        """Whether another node has what was signed."""
        self._join = join

    @property
    def knocks(self) -> bool:
        """Say whether the newcomer proves itself with its invite."""
        return self.step in {"knocking", "signed"}

    @property
    def shut(self) -> bool:
        """Say whether the newcomer has given up, and neither dials nor answers."""
        return self.step in {"turned away", "lost"}

    def look(self, node: "Node") -> None:
        """Go a step further, now that something has come in or was heard of, and then begin all links anew.

        Between two commits a newcomer may seem to be out, until the second one says that it is in.
        """
        before = self.knocks, self.shut
        if self.step == "knocking" and node.may_sign:
            self._read_invite(node)
        known = node.disk.db.execute("SELECT 1 FROM device WHERE key = ?", (node.pen.device,)).fetchone()
        if self.step in {"signed", "lost"} and self.heard and known:
            self.step = "inside"
        elif self.step == "inside" and not known:
            self.step = "lost"
        if before != (self.knocks, self.shut):
            node.knock_again()

    def _read_invite(self, node: "Node") -> None:
        """Join if the invite is here and still good."""
        db = node.disk.db
        invite = db.execute("SELECT revoked, used_by FROM invite WHERE public = ?", (self.key.public,)).fetchone()
        if invite is None or db.execute("SELECT 1 FROM circuit").fetchone() is None:
            return
        query = "SELECT count(*) FROM entry e JOIN log l ON l.ref = e.place >> ? WHERE l.log > 0"
        (more,) = db.execute(query, (SEQ_BITS,)).fetchone()
        assert not more, f"{node.name} was served {more} entries at the door that are not of logs 0"
        assert not self.expired, f"{node.name} was served on an invite that had expired"
        if invite != (0, b""):
            self.step = "turned away"
            return
        self._join(node)
        self.step = "signed"
