"""Beginning: making a member on this machine, founding a circuit, inviting, and joining on an invite."""

import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

import msgspec

from foodhub.circuit.invite import InviteCode, read_code, write_code
from foodhub.circuit.statements import (
    MAX_CHARTER,
    ROLES,
    Device,
    Epoch,
    Found,
    Founding,
    Inception,
    Invite,
    Join,
    Role,
    Uninvite,
    charter_hash,
    proof_of_join,
)
from foodhub.errors import N_, NotThereError, RefusedError, UsageError
from foodhub.log.encoding import decode, encode
from foodhub.log.header import Log
from foodhub.log.keys import BoxKey, DeviceKeys, SigningKey
from foodhub.node.epochs import first_epoch
from foodhub.node.hat import Hat, choose_hat, hats, require_member
from foodhub.node.knocking import begin_knocking, remember_addresses
from foodhub.node.recovery_words import new_words
from foodhub.orders.statements import Profile
from foodhub.store.keyring import KeyFile, write_key_file
from foodhub.store.place import file_identity, machine
from foodhub.store.store import DATABASE
from foodhub.store.transaction import Transaction

INVITE_DAYS = 14
MAX_NAME = 100
_inception = msgspec.msgpack.Decoder(Inception)
DEFAULT_CHARTER = N_(
    "The members of this circuit own it together. Prices are open: who gets what part of a price is shown."
    " Whoever leaves takes their data along."
)
"""The charter of a circuit whose founder has no other: a text to be signed in the founder's language."""


def check_name(name: str) -> str:
    """Return a name without needless space and in Unicode's normal form C, as everything signed has to be.

    Raises:
        UsageError: it is empty, too long or holds control characters.
    """
    clean = normalize("NFC", " ".join(name.split()))
    if not clean or len(clean) > MAX_NAME or not clean.isprintable():
        raise UsageError("bad_name", N_("A name has 1 to {most} characters that can be shown."), most=MAX_NAME)
    return clean


def check_roles(roles: Sequence[str]) -> None:
    """Make sure that these are roles a member can have.

    Raises:
        UsageError: `bad_role`.
    """
    known = ", ".join(ROLES)
    if not roles:
        raise UsageError("bad_role", N_("A member needs a role."), N_("Roles are: {roles}."), roles=known)
    for role in roles:
        if role not in ROLES:
            raise UsageError("bad_role", N_('"{role}" is no role.'), N_("Roles are: {roles}."), role=role, roles=known)


def check_free(db: sqlite3.Connection, name: str) -> None:
    """Make sure that no member of this home has this name.

    Raises:
        RefusedError: `name_taken`.
    """
    if any(hat.name.casefold() == name.casefold() for hat in hats(db)):
        raise RefusedError(
            "name_taken", N_('This home already has a member called "{name}".'), N_("Choose another name."), name=name
        )


def make_member(
    tx: Transaction, home: Path, name: str, roles: Sequence[str], *, always_on: bool
) -> tuple[Hat, list[str]]:
    """Make a member and its keys in this home; return it and its recovery words.

    Raises:
        UsageError: the name or a role is not usable. RefusedError: this home has a member of that name.
    """
    name = check_name(name)
    check_roles(roles)
    check_free(tx.db, name)
    keys = DeviceKeys(SigningKey(secrets.token_bytes(32)), BoxKey(secrets.token_bytes(32)))
    words, signing, box = new_words()
    device = Device(keys.signing.public, keys.box.public, always_on)
    inception = Inception(secrets.token_bytes(16), device, signing.public, box.public)
    write_key_file(home / "keys", KeyFile(inception.id, keys, machine(), file_identity(home / DATABASE)))
    row = (inception.id, keys.signing.public, name, " ".join(dict.fromkeys(roles)), encode(inception))
    tx.db.execute("INSERT INTO own VALUES (?, ?, ?, ?, ?)", row)
    return choose_hat(tx.db, name), words


def _inception_of(db: sqlite3.Connection, hat: Hat) -> Inception:
    (data,) = db.execute("SELECT inception FROM own WHERE member = ?", (hat.member,)).fetchone()
    return decode(_inception, data)


def _epoch_of(inception: Inception) -> Epoch:
    return first_epoch(inception.device.signing, inception.device.box, inception.recovery_box)


def _say_name(tx: Transaction, hat: Hat) -> None:
    """Publish the name of a producer, group or hub; a household's name stays at home."""
    if set(hat.roles) - {"household"}:
        tx.append(hat.member, Log.CATALOG, [Profile(1, hat.name)])


def found(tx: Transaction, hat: Hat, name: str, charter: str | None, currency: str) -> bytes:
    """Found a circuit; return its id.

    Raises:
        RefusedError: this home is in a circuit already. UsageError: the name or the charter is not usable.
    """
    check_circuit(tx.db, b"")
    _leave_unsigned(tx, b"")
    text = _clean_charter(DEFAULT_CHARTER if charter is None else charter)
    _check_currency(currency)
    inception = _inception_of(tx.db, hat)
    founding = Founding(secrets.token_bytes(16), text, inception, 1)
    tx.enter(founding.circuit)
    roles: list[Role] = [role for role in ROLES if role in hat.roles]
    tx.append(hat.member, Log.CIRCUIT, [Found(founding, check_name(name), currency, roles), _epoch_of(inception)])
    _say_name(tx, hat)
    return founding.circuit


def _check_currency(code: str) -> None:
    if not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
        raise UsageError(
            "bad_currency", N_('"{text}" is not a currency.'), N_("Write a code such as EUR."), text=code[:20]
        )


def _clean_charter(text: str) -> str:
    clean = normalize("NFC", text.strip())
    if not clean or len(clean.encode()) > MAX_CHARTER:
        raise UsageError(
            "bad_charter",
            N_("A charter has 1 to {most} bytes of text."),
            N_("Shorten it, or point to a longer document."),
            most=MAX_CHARTER,
        )
    return clean


def check_circuit(db: sqlite3.Connection, wanted: bytes) -> None:
    """Make sure that this home may be of the circuit `wanted` (b"" for one that is being founded).

    Raises:
        RefusedError: `other_circuit`.
    """
    bound = db.execute("SELECT value FROM meta WHERE key = 'circuit'").fetchone()
    founded = db.execute("SELECT name FROM circuit").fetchone()
    if bound and founded and bound[0] != wanted and _has_signed(db):
        raise RefusedError(
            "other_circuit",
            N_('This home belongs to the circuit "{name}"; a home has one circuit.'),
            N_("Use another home for another circuit: foodhub --home DIR …"),
            name=founded[0],
        )


def _has_signed(db: sqlite3.Connection) -> bool:
    """Say whether a member of this home has signed something in the circuit, be it with a device that is gone."""
    own = "SELECT 1 FROM log JOIN own ON own.device = log.author WHERE log.seq > 0"
    before = "SELECT 1 FROM own JOIN device ON device.member = own.member"
    return db.execute(f"{own} UNION ALL {before} LIMIT 1").fetchone() is not None


def enter_circuit(tx: Transaction, wanted: bytes) -> None:
    """Bind this home to a circuit, which `check_circuit` has allowed."""
    _leave_unsigned(tx, wanted)
    tx.enter(wanted)


def _leave_unsigned(tx: Transaction, wanted: bytes) -> None:
    """Forget another circuit, where this home only knocked: its charter was declined, or the door stayed shut."""
    if tx.circuit not in {b"", wanted} and not _has_signed(tx.db):
        tx.leave()


def invite(tx: Transaction, hat: Hat, roles: Sequence[str], addresses: Sequence[str], days: int = INVITE_DAYS) -> str:
    """Append a single-use invite for these roles; return the line of text to hand over.

    Raises:
        RefusedError: this member may not invite.
    """
    require_steward(tx.db, hat)
    check_roles(roles)
    wanted: list[Role] = [role for role in ROLES if role in roles]
    key = SigningKey(secrets.token_bytes(32))
    expires = tx.now + days * 86_400_000
    tx.append(hat.member, Log.CIRCUIT, [Invite(key.public, wanted, expires)])
    return write_code(InviteCode(tx.circuit, key.seed, expires, list(addresses)))


def uninvite(tx: Transaction, hat: Hat, code: str) -> None:
    """Take an invite back.

    Raises:
        RefusedError: this member may not, or somebody came in on it. NotThereError: it is not of this circuit.
    """
    require_steward(tx.db, hat)
    public = read_code(code).key.public
    row = tx.db.execute("SELECT used_by FROM invite WHERE public = ?", (public,)).fetchone()
    if row is None:
        raise NotThereError("no_such_invite", N_("This circuit has no such invite."))
    if row[0]:
        raise RefusedError("invite_used", N_("This invite has been used: its member is in the circuit."))
    tx.append(hat.member, Log.CIRCUIT, [Uninvite(public)])


def require_steward(db: sqlite3.Connection, hat: Hat) -> None:
    """Make sure that a member may invite and admit.

    Raises:
        RefusedError: `not_a_steward`.
    """
    require_member(db, hat)
    (roles,) = db.execute("SELECT roles FROM member WHERE id = ?", (hat.member,)).fetchone()
    if "steward" not in roles.split():
        raise RefusedError(
            "not_a_steward",
            N_("{name} may not invite: that is for a steward of the circuit."),
            N_("Ask the founder of the circuit."),
            name=hat.name,
        )


INVITE_UNKNOWN = "invite_unknown"
REFUSALS = {
    INVITE_UNKNOWN: (
        N_("The nodes that were reached do not know this invite."),
        N_("Try again when the node of whoever invited you is on."),
    ),
    "invite_used": (N_("This invite has been used already."), N_("Ask for a new one; each is for one member.")),
    "invite_revoked": (N_("This invite was taken back."), N_("Ask for a new one.")),
    "invite_expired": (N_("This invite has expired."), N_("Ask for a new one.")),
    "other_circuit": (N_("The node at this invite's address is of another circuit."), N_("Ask for a new one.")),
}
"""Why a door may stay shut, by the code that the network process notes."""


def refusal(code: str) -> RefusedError:
    """Return a door's refusal as the user meets it."""
    message, hint = REFUSALS.get(code) or (N_("The circuit refused this invite."), N_("Ask for a new one."))
    return RefusedError(code, message, hint)


def check_invite(db: sqlite3.Connection, hat: Hat, text: str, now: int) -> InviteCode:
    """Read an invite and check what can be known of it here; `now` in ms.

    Raises:
        RefusedError: it is expired, unreadable or for another circuit, or this member is in the circuit already.
    """
    code = read_code(text)
    check_circuit(db, code.circuit)
    if db.execute("SELECT 1 FROM member WHERE id = ?", (hat.member,)).fetchone():
        raise RefusedError("member_already", N_("{name} is in the circuit already."), name=hat.name)
    if code.expires <= now:
        raise refusal("invite_expired")
    return code


def prepare_join(tx: Transaction, home: Path, hat: Hat, text: str) -> InviteCode:
    """Check an invite and remember it and its addresses, so that the network process can knock with it.

    Raises:
        RefusedError: see `check_invite`.
    """
    code = check_invite(tx.db, hat, text, tx.now)
    enter_circuit(tx, code.circuit)
    remember_addresses(tx, code.addresses, "invite")
    begin_knocking(home, text, hat.member)
    return code


def charter(db: sqlite3.Connection) -> str | None:
    """Return the charter of the circuit, None while the founding document has not arrived."""
    row = db.execute("SELECT charter FROM circuit").fetchone()
    return row[0] if row else None


def join(tx: Transaction, hat: Hat, code: InviteCode) -> None:
    """Sign the charter and join: the first entries of a newcomer.

    What `prepare_join` left in the home stays: the network process knocks with it until another node has these entries.

    Raises:
        RefusedError: the invite is used, revoked or does not carry the member's roles.
    """
    invited = tx.db.execute(
        "SELECT roles, revoked, used_by FROM invite WHERE public = ?", (code.key.public,)
    ).fetchone()
    if invited is None:
        raise RefusedError(
            "invite_unknown", N_("The circuit does not know this invite yet."), N_("Try again in a moment.")
        )
    roles, revoked, used_by = invited
    if used_by:
        raise refusal("invite_used")
    if revoked:
        raise refusal("invite_revoked")
    if not set(hat.roles) <= set(roles.split()):
        raise RefusedError(
            "invite_role",
            N_("This invite is for a {invited}, and {name} is set up as {roles}."),
            N_("Ask for an invite with --role {first}, or set up a member with the invite's role."),
            invited=", ".join(roles.split()),
            name=hat.name,
            roles=", ".join(hat.roles),
            first=" --role ".join(hat.roles),
        )
    inception = _inception_of(tx.db, hat)
    own: list[Role] = [role for role in ROLES if role in hat.roles]
    accepted = charter_hash(charter(tx.db) or "")
    proof = code.key.sign("invite", proof_of_join(code.circuit, hat.member, own, accepted))
    statement = Join(inception, own, accepted, code.key.public, proof)
    tx.append(hat.member, Log.CIRCUIT, [statement, _epoch_of(inception)])
    _say_name(tx, hat)


def invite_arrived(db: sqlite3.Connection, code: InviteCode) -> bool:
    """Say whether both the founding document and the invite have arrived here, so that `join` can be signed."""
    invited = db.execute("SELECT 1 FROM invite WHERE public = ?", (code.key.public,)).fetchone()
    return invited is not None and charter(db) is not None
