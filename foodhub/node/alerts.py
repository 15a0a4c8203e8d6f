"""What the user of a home should know and do something about: one alert for each condition, worked out when asked.

`foodhub status` asks this, and must answer at once: nothing here may load what signs, or the network.
"""

import sqlite3
from collections.abc import Iterable

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.errors import N_, RefusedError
from foodhub.node import deputy_alerts
from foodhub.node.hat import Hat, hats, shown_name
from foodhub.node.home import now
from foodhub.node.standing import fallen, without_role
from foodhub.node.trade_alerts import RECENT, trade_alerts
from foodhub.store.place import misplaced
from foodhub.store.schema import CONFIRMED

NEWER_REMEMBERED = 7 * 86_400_000
"""How long (ms) after a newer program was met it is worth a warning."""


class Alert(msgspec.Struct, frozen=True):
    """Something that the user of a home should know and do something about.

    Text and hint are message ids over `details`, as with an error; a front end says them. What waits in the `trade` is
    looked for beside the orders; of a home with several members `hat` says for whom.
    """

    code: str
    text: str
    hint: str
    details: dict[str, str | int | list[str]]
    trade: bool = False
    hat: str = ""


def alerts(db: sqlite3.Connection) -> list[Alert]:
    """Return what the user of a home should know and do something about, the gravest first."""
    own = hats(db)
    found = [_alert(error) for hat in own if (error := fallen(db, hat)) is not None]
    found += [_alert(error) for hat in own if (error := without_role(db, hat)) is not None]
    shut = misplaced(db)
    # Where nobody of the home may sign, the home itself is said to be read-only.
    found += [_alert(RefusedError("member_read_only", *_SHUT, name=name)) for name in shut if len(shut) < len(own)]
    found += [alert for hat in own for alert in _own_forks(db, hat)]
    found += [alert for hat in own for alert in _set_aside(db, hat)]
    forked = _forks_of_others(db)
    (wanted,) = db.execute("SELECT count(*) FROM wanted").fetchone()
    newer = db.execute(
        "SELECT times FROM refused WHERE code = 'bad_version' AND last > ?", (now() - NEWER_REMEMBERED,)
    ).fetchone()
    if forked:
        found.append(_alert(RefusedError("logs_forked", *_FORKED, n=forked)))
    found += [
        _alert(RefusedError(code, *texts, **details), trade=True, hat=hat.name if len(own) > 1 else "")
        for hat in own
        for code, texts, details in trade_alerts(db, hat, now())
    ]
    found += [
        _alert(
            RefusedError("close_awaited", *deputy_alerts.TEXTS, **details),
            trade=True,
            hat=hat.name if len(own) > 1 else "",
        )
        for hat in own
        for details in deputy_alerts.closes_awaited(db, hat, now())
    ]
    found += [
        _alert(RefusedError("claim_waits", *_CLAIMED, name=name, id=claimer))
        for hat in own
        for name, claimer in _claims(db, hat)
    ]
    found += [_alert(RefusedError("words_unconfirmed", *_UNCONFIRMED, name=name)) for name in _unconfirmed(db)]
    if wanted:
        found.append(_alert(RefusedError("payloads_wanted", *_WANTED, n=wanted)))
    if newer:
        found.append(_alert(RefusedError("newer_program", *_NEWER, n=newer[0])))
    return found


def _own_forks(db: sqlite3.Connection, hat: Hat) -> list[Alert]:
    """Warn of forks of a member's other devices; `fallen` says it of this one."""
    rows = db.execute(
        "SELECT DISTINCT d.key FROM fork_proof f JOIN device d ON d.key = f.author"
        " WHERE d.member = ? AND d.key != ? AND NOT d.retired ORDER BY d.position",
        (hat.member, hat.device),
    )
    texts = _DEVICE_FORKED
    return [_alert(RefusedError("device_forked", *texts, name=hat.name, device=base32_id(key)[:8])) for (key,) in rows]


def _set_aside(db: sqlite3.Connection, hat: Hat) -> list[Alert]:
    """Warn of entries of a member's retired devices that count nowhere, until they were dealt with from here."""
    if fallen(db, hat) is not None:
        return []
    (count,) = db.execute(
        'SELECT coalesce(sum(l.held - max(l."limit" - 1, coalesce(n.value, 0))), 0) FROM log l'
        " JOIN device d ON d.key = l.author"
        " LEFT JOIN meta n ON n.key = 'dealt_with:' || lower(hex(l.author)) || ':' || l.log"
        ' WHERE d.member = ? AND d.retired AND l.log > 0 AND l."limit" > 0'
        ' AND l.held >= max(l."limit", coalesce(n.value, 0) + 1)',
        (hat.member,),
    ).fetchone()
    return [_alert(RefusedError("entries_aside", *_ASIDE, name=hat.name, n=count))] if count else []


def _forks_of_others(db: sqlite3.Connection) -> int:
    """Count the logs of others that forked; a retired device, or one of a removed member, has been dealt with."""
    (count,) = db.execute(
        "SELECT count(*) FROM fork_proof f LEFT JOIN device d ON d.key = f.author LEFT JOIN member m ON m.id = d.member"
        " WHERE NOT coalesce(d.retired, 0) AND NOT coalesce(m.removed, 0)"
        " AND NOT EXISTS (SELECT 1 FROM own o WHERE o.member = d.member)"
    ).fetchone()
    return int(count)


def _unconfirmed(db: sqlite3.Connection) -> list[str]:
    # What `recovery.unconfirmed` says; that module would load all that signs, and a look at the state has to be quick.
    rows = db.execute(
        "SELECT name FROM own WHERE inception != x'' AND NOT EXISTS"
        " (SELECT 1 FROM meta WHERE key = 'words_confirmed:' || lower(hex(own.member))) ORDER BY name"
    )
    return [name for (name,) in rows]


def _claims(db: sqlite3.Connection, hat: Hat) -> list[tuple[str, str]]:
    """Return the names of those for whom a hat writes, and the ids of homes that say they are them, unconfirmed."""
    rows = db.execute(
        "SELECT r.member, p.id FROM represented r JOIN party o ON o.ref = r.owner JOIN claim f ON f.member = r.member"  # noqa: S608 - names of ours
        " JOIN party p ON p.ref = f.owner WHERE o.id = ? AND NOT r.ended AND f.timestamp > ?"
        " AND NOT EXISTS (SELECT 1 FROM member g WHERE g.id = p.id AND g.removed)"
        f" AND NOT EXISTS (SELECT 1 FROM {CONFIRMED.format('')} k WHERE k.member = r.member) ORDER BY f.timestamp",
        (hat.member, now() - RECENT),  # anybody can say so; what nobody confirmed for long is no claim
    )
    return [(shown_name(db, member), base32_id(claimer)[:8]) for member, claimer in rows]


def turned_away(known: Iterable[Alert], reasons: Iterable[str]) -> list[Alert]:
    """Return what peers say of us who turn this node away for `reasons`, where the log does not say it here yet."""
    codes = {alert.code for alert in known}
    said = dict.fromkeys(reasons)
    return [
        _alert(RefusedError(code, *texts))
        for code, texts in _TURNED_AWAY.items()
        if code in said and code.partition("_")[2] not in codes
    ]


_TURNED_AWAY = {
    "member_removed": (
        N_("Other nodes turn this one away: they say that its member was removed from the circuit."),
        N_("What is signed here then counts nowhere. Ask a steward of the circuit."),
    ),
    "device_retired": (
        N_("Other nodes turn this one away: they say that this device was retired."),
        N_("Enrol it anew: foodhub device add on another device of the member, then foodhub device enrol CODE here."),
    ),
}
_DEVICE_FORKED = (
    N_("The device {device} of {name} signed two different entries at one place: from there on none counts."),
    N_("Enrol it anew: foodhub device add, here. What is lost can be said again here: foodhub disputed reissue"),
)
_SHUT = (
    N_("{name} may not sign in this home, though others may: it was copied or set back, or lacks the keys of {name}."),
    N_("See why with: foodhub doctor. New keys for {name} come with: foodhub device enrol CODE, or foodhub recover"),
)
_ASIDE = (
    N_("Entries of {name} that count nowhere: {n}."),
    N_("See them with: foodhub disputed. Say again what is still wanted: foodhub disputed reissue"),
)
_FORKED = (
    N_("Logs of others that say two different things at one place: {n}. From there on they count nowhere."),
    N_("See what was set aside: foodhub disputed"),
)
_CLAIMED = (
    N_("A home ({id}) says that it is {name}, for whom you write."),
    N_('Ask {name} by another way whether that is so, then: foodhub member confirm "{name}"'),
)
_UNCONFIRMED = (
    N_("The recovery words of {name} were never asked back: without them nothing brings it back if all is lost."),
    N_("Have them at hand, then: foodhub recover --check"),
)
_WANTED = (
    N_("Entries whose contents have not arrived: {n}. What they say is not shown."),
    N_("They are asked for in every session; another node may have them: foodhub peers"),
)
_NEWER = (
    N_("Refused from peers because a newer program wrote it: {n}."),
    N_("Upgrade foodhub on this machine."),
)


def _alert(error: RefusedError, *, trade: bool = False, hat: str = "") -> Alert:
    details = {name: value if isinstance(value, int | list) else str(value) for name, value in error.details.items()}
    return Alert(error.code, error.message, error.hint, details, trade, hat)
