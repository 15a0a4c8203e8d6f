"""What buyers placed and what was answered to it, as the views hold it: the ground of every list of orders.

Nothing here adds up, decides or signs.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from foodhub.orders.order import OrderState, placement_state
from foodhub.orders.statements import AnswerLine, Consent, OrderLine, Remark

_lines = msgspec.msgpack.Decoder(list[OrderLine])
_answer_lines = msgspec.msgpack.Decoder(list[AnswerLine])
_remarks = msgspec.msgpack.Decoder(Remark)


@dataclass(frozen=True, slots=True)
class Placement:
    """One placement with the answer to it, if there is one."""

    owner: bytes
    local: bytes
    version: int
    placed: int
    cycle: tuple[bytes, bytes]
    hub: bytes
    cancelled: bool
    lines: list[OrderLine]
    writer: bytes | None
    told: str
    answered: int
    answered_at: int | None
    outcome: str | None
    reason: str
    answer: list[AnswerLine]
    comment: str
    consents: Mapping[tuple[bytes, bytes], Consent]

    @property
    def group(self) -> tuple[bytes, tuple[bytes, bytes], bytes]:
        """Return what it has in common with the other placements of its order."""
        return self.owner, self.cycle, self.hub

    @property
    def gone(self) -> bool:
        """Say whether it is cancelled: its buyer said so, and the hub has not answered that it was too late."""
        return self.cancelled and not self.changed_late

    @property
    def current(self) -> bool:
        """Say whether the answer is to what its buyer says now, not to an older version."""
        return self.answered >= self.version

    @property
    def by_clock(self) -> bool:
        """Say whether it came after the close, and counts since it was signed before."""
        return (self.outcome, self.reason) == ("received", "buyers_clock")

    @property
    def changed_late(self) -> bool:
        """Say whether its buyer changed it too late, so that what counted before still counts."""
        return self.answered == self.version and (self.outcome, self.reason) == ("received", "late")

    def state(self, *, confirmed: bool) -> OrderState:
        """Return where it stands; an amendment that the aggregator has not answered is on its way."""
        outcome = self.outcome if self.current else None
        return placement_state(cancelled=self.gone, outcome=outcome, confirmed=confirmed)


def placements(db: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[Placement]:
    """Return placements: of `m` (the buyer) and `p` in SQL; those of one order stand together, the first one first."""
    rows = db.execute(
        "SELECT m.id, p.local, p.version, p.placed, p.cycle_owner, p.cycle, p.hub, p.cancelled, p.lines, w.id, p.told,"  # noqa: S608 - conditions of ours
        " a.placement_version, a.timestamp, a.outcome, a.reason, a.lines, k.body"
        " FROM placement p JOIN party m ON m.ref = p.owner LEFT JOIN party h ON h.id = p.hub"
        " LEFT JOIN party w ON w.ref = p.spoken"
        " LEFT JOIN answer a ON a.owner = h.ref AND a.placement = p.local AND a.buyer = m.id"
        " LEFT JOIN remark k ON k.owner = p.owner AND k.local = p.local"
        f" WHERE {where} ORDER BY m.id, p.cycle_owner, p.cycle, p.hub, p.placed, p.local",
        values,
    )
    return [
        Placement(
            owner=row[0],
            local=row[1],
            version=row[2],
            placed=row[3],
            cycle=(row[4], row[5]),
            hub=row[6],
            cancelled=bool(row[7]),
            lines=_lines.decode(row[8]),
            writer=row[9],
            told=row[10],
            answered=row[11] or 0,
            answered_at=row[12],
            outcome=row[13],
            reason=row[14] or "",
            answer=_answer_lines.decode(row[15]) if row[15] else [],
            **_remarked(row[16]),
        )
        for row in rows
    ]


def _remarked(body: bytes | None) -> dict[str, Any]:
    said = _remarks.decode(body) if body else None
    consents = {(producer, product): consent for producer, product, consent in said.consents} if said else {}
    return {"comment": said.comment if said else "", "consents": consents}
