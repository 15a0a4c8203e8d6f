"""The tables of a home's database, and the numbered steps that bring an older one here.

`log` and `entry` are the truth; all tables of `VIEWS` are views that `rebuild` makes again. An entry's key is its
place: the log's number in this file times 2^32 plus seq, so a log lies together and grows at its end.

Of a log, `seq`, `id` and `timestamp` are those of the last entry that counts: the head. What is held beyond it, up to
`held`, is set aside: it lies above the `limit` (the first seq that does not count, 0 for none), or belongs to a
checkpoint that begins at `jump`, behind the entry `jump_id`, and is not complete yet. `base` is where the last complete
checkpoint begins, 0 for none: what lies before it does not count. Up to `pruned`, whose id is `pruned_id`, entries may
be missing.

`spoke` says in which logs (by their numbers in this file) somebody else wrote for an owner, whether that counts or not.

The description of a product, its longest text, is not kept twice: its row says from which byte on (1 for the first) and
for how many it stands in the payload of the entry at its `place`. An entry that counts always has its payload.
"""

SEQ_BITS = 32
SCHEMA_VERSION = 8
FOLD_VERSION = 7
APPLICATION_ID = 0x666F6F64

TRUTH = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE log (
    ref INTEGER PRIMARY KEY, author BLOB NOT NULL, log INTEGER NOT NULL,
    seq INTEGER NOT NULL DEFAULT 0, id BLOB NOT NULL DEFAULT x'', timestamp INTEGER NOT NULL DEFAULT 0,
    "limit" INTEGER NOT NULL DEFAULT 0, arrival INTEGER NOT NULL DEFAULT 0,
    elsewhere INTEGER NOT NULL DEFAULT 0, always_on INTEGER NOT NULL DEFAULT 0,
    UNIQUE (author, log)
);
CREATE TABLE entry (
    place INTEGER PRIMARY KEY, id BLOB NOT NULL, kind INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    size INTEGER NOT NULL, hash BLOB, payload BLOB, signature BLOB
);
CREATE TABLE fork (
    author BLOB, log INTEGER, seq INTEGER, ours BLOB, theirs BLOB, PRIMARY KEY (author, log)
) WITHOUT ROWID;
CREATE TABLE party (ref INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE);
CREATE TABLE own (
    member BLOB PRIMARY KEY, device BLOB NOT NULL, name TEXT NOT NULL, roles TEXT NOT NULL, inception BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE address (address TEXT PRIMARY KEY, seen INTEGER NOT NULL, source TEXT NOT NULL) WITHOUT ROWID;
"""
"""The tables of the truth as version 1 made them.

What came later stands in `MIGRATIONS`, and new homes take the same steps.
"""

VIEWS = """
CREATE TABLE member (
    ref INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, roles TEXT NOT NULL, invited_by BLOB NOT NULL,
    joined INTEGER NOT NULL, admitted INTEGER NOT NULL, arrival INTEGER NOT NULL
);
CREATE TABLE device (
    key BLOB PRIMARY KEY, member BLOB NOT NULL, box BLOB NOT NULL, always_on INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE epoch (member BLOB, number INTEGER, public BLOB NOT NULL, PRIMARY KEY (member, number)) WITHOUT ROWID;
CREATE TABLE invite (
    public BLOB PRIMARY KEY, issuer BLOB NOT NULL, roles TEXT NOT NULL, expires INTEGER NOT NULL,
    revoked INTEGER NOT NULL, used_by BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE circuit (
    id BLOB PRIMARY KEY, name TEXT NOT NULL, currency TEXT NOT NULL, charter TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE unread (
    place INTEGER, position INTEGER, reason TEXT NOT NULL, PRIMARY KEY (place, position)
) WITHOUT ROWID;
CREATE TABLE profile (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, name TEXT NOT NULL, arrival INTEGER NOT NULL,
    PRIMARY KEY (owner, local)
) WITHOUT ROWID;
CREATE TABLE product (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, sku TEXT NOT NULL, name TEXT NOT NULL, variant TEXT NOT NULL, category TEXT NOT NULL,
    description TEXT NOT NULL, unit TEXT NOT NULL, unit_value INTEGER NOT NULL, unit_name TEXT NOT NULL,
    price INTEGER NOT NULL, price_per TEXT NOT NULL, currency TEXT NOT NULL, step INTEGER NOT NULL,
    tax_category TEXT NOT NULL, shipping_category TEXT NOT NULL, withdrawn INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    UNIQUE (owner, local)
);
CREATE TABLE stock (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, mode TEXT NOT NULL, on_hand INTEGER NOT NULL, arrival INTEGER NOT NULL,
    PRIMARY KEY (owner, local)
) WITHOUT ROWID;
CREATE TABLE cycle (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, name TEXT NOT NULL, opens INTEGER NOT NULL, closes INTEGER NOT NULL, zone TEXT NOT NULL,
    sale TEXT NOT NULL, device BLOB NOT NULL, arrival INTEGER NOT NULL,
    PRIMARY KEY (owner, local)
) WITHOUT ROWID;
CREATE TABLE allotment (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, cycle_owner BLOB NOT NULL, cycle BLOB NOT NULL, hub BLOB NOT NULL, device BLOB NOT NULL,
    product BLOB NOT NULL, quantity INTEGER NOT NULL, arrival INTEGER NOT NULL,
    PRIMARY KEY (owner, local)
) WITHOUT ROWID;
CREATE TABLE placement (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, entry BLOB NOT NULL, placed INTEGER NOT NULL, cycle_owner BLOB NOT NULL,
    cycle BLOB NOT NULL, hub BLOB NOT NULL, cancelled INTEGER NOT NULL, lines BLOB NOT NULL,
    arrival INTEGER NOT NULL,
    UNIQUE (owner, local)
);
CREATE TABLE receipt (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, entry BLOB NOT NULL, body BLOB NOT NULL, arrival INTEGER NOT NULL,
    UNIQUE (owner, local)
);
CREATE TABLE answer (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, buyer BLOB NOT NULL, placement BLOB NOT NULL, placement_version INTEGER NOT NULL,
    outcome TEXT NOT NULL, reason TEXT NOT NULL, receipt BLOB NOT NULL, position INTEGER NOT NULL,
    lines BLOB NOT NULL, arrival INTEGER NOT NULL,
    UNIQUE (owner, local)
);
CREATE TABLE total (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, cycle_owner BLOB NOT NULL, cycle BLOB NOT NULL, producer BLOB NOT NULL,
    product BLOB NOT NULL, ordered INTEGER NOT NULL, promised INTEGER NOT NULL, arrival INTEGER NOT NULL,
    PRIMARY KEY (owner, local)
) WITHOUT ROWID;
"""

_TRADE = {
    "case_size": "size i, minimum i, word t, broken i",
    "plan": "body b",
    "opening": "body b",
    "outgoing": "cycle_owner b, cycle b, device b, body b",
    "close": "cycle_owner b, cycle b, at i, open i",
    "draft": "ended i, body b",
    "repeat": "cycle b, ended i, body b",
    "mandate": "holder b, until i, ended i, body b",
    "allot_request": "cycle_owner b, cycle b, producer b, product b, quantity i",
    "lower": "cycle_owner b, cycle b, hub b, device b, product b, quantity i, override i",
    "returned": "cycle_owner b, cycle b, device b, producer b, product b, returned i",
    "shortfall": "cycle_owner b, cycle b, hub b, product b, available i, reason t, told t",
    "delivered": "cycle_owner b, cycle b, device b, body b",
    "remark": "body b",
    "standing": "hub b, paused i, ended i, body b",
    "receipt": "cycle_owner b, cycle b, entry b, body b",
    "tally": "cycle_owner b, cycle b, body b",
    "counted": "cycle_owner b, cycle b, at i, part i, body b",
    "queue": "cycle_owner b, cycle b, body b",
    "confirmation": "cycle_owner b, cycle b, buyer b, fingerprint b, body b",
    "baskets": "cycle_owner b, cycle b, body b",
    "purchase": "cycle_owner b, cycle b, producer b, part i, fingerprint b, body b",
    "purchase_answer": "hub b, cycle_owner b, cycle b, part i, purchase_version i, state t, body b, told t",
    "contact": "name t, phone t, address t",
    "belong": '"group" b, since i, left i',
    "represented": "member b, role t, ended i",
    "claim": "member b",
    "claim_confirmed": 'member b, "by" b',
    "successor": 'member b, "by" b, basis b',
}
"""The views of the trade: by table the columns that it has besides those of every fact; b, i and t are their types."""

CONFIRMED = (
    "(SELECT owner, local, timestamp, place, member, 'household' AS role, \"by\" FROM {0}claim_confirmed"
    " UNION ALL SELECT owner, local, timestamp, place, member, 'producer', \"by\" FROM {0}successor)"
)
"""Who was confirmed to be a represented member, in either role, as one table; for `format` with the prefix of views."""

_TYPES = {"b": "BLOB", "i": "INTEGER", "t": "TEXT"}


def _table(name: str) -> str:
    """Return the SQL that makes a view of the trade."""
    head = "owner i, local b, version i, timestamp i, place i, spoken i"
    columns = [each.split() for each in f"{head}, {_TRADE[name]}, arrival i".split(", ")]
    typed = ", ".join(f"{column} {_TYPES[letter]} NOT NULL" for column, letter in columns)
    return f"CREATE TABLE {name} ({typed}, UNIQUE (owner, local));\n"


_CONFIRMATIONS_SOUGHT = """
CREATE INDEX confirmation_to ON confirmation (buyer, arrival);
CREATE INDEX confirmation_of ON confirmation (cycle, cycle_owner, owner, buyer, version, fingerprint);
"""
_SOUGHT = f"""
CREATE INDEX placement_at ON placement (hub, arrival, cycle);
CREATE INDEX allotment_to ON allotment (hub, arrival);
CREATE INDEX answer_to ON answer (buyer, arrival);
{_CONFIRMATIONS_SOUGHT}
CREATE INDEX receipt_of ON receipt (cycle);
"""
"""By what a desk looks for orders, and a buyer for answers, without reading those of all times."""

MIGRATIONS: dict[int, str] = {
    1: """
CREATE TABLE refused (
    code TEXT PRIMARY KEY, times INTEGER NOT NULL, last INTEGER NOT NULL, peer TEXT NOT NULL
) WITHOUT ROWID;
""",
    2: """
ALTER TABLE log ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN pruned_id BLOB NOT NULL DEFAULT x'';
ALTER TABLE log ADD COLUMN jump INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN jump_id BLOB NOT NULL DEFAULT x'';
UPDATE log SET held = seq;
DROP TABLE fork;
CREATE TABLE fork_proof (
    author BLOB, log INTEGER, seq INTEGER NOT NULL, backlink BLOB NOT NULL, proof BLOB NOT NULL,
    arrival INTEGER NOT NULL, PRIMARY KEY (author, log)
) WITHOUT ROWID;
CREATE TABLE wanted (place INTEGER PRIMARY KEY);
CREATE INDEX absent ON entry (place) WHERE payload IS NULL;
ALTER TABLE member ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN recovery BLOB NOT NULL DEFAULT x'';
ALTER TABLE device RENAME TO device_before;
CREATE TABLE device (
    key BLOB PRIMARY KEY, member BLOB NOT NULL, box BLOB NOT NULL, always_on INTEGER NOT NULL,
    position INTEGER NOT NULL, retired INTEGER NOT NULL, heir BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO device SELECT key, member, box, always_on, 0, 0, x'' FROM device_before;
DROP TABLE device_before;
CREATE TABLE spare_epoch (member BLOB, public BLOB, PRIMARY KEY (member, public)) WITHOUT ROWID;
CREATE TABLE guest (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE keeper (
    member BLOB, "right" TEXT, device BLOB NOT NULL, PRIMARY KEY (member, "right")
) WITHOUT ROWID;
CREATE TABLE ticket (
    public BLOB, member BLOB, device BLOB NOT NULL, expires INTEGER NOT NULL, used_by BLOB NOT NULL,
    PRIMARY KEY (public, member)
) WITHOUT ROWID;
CREATE TABLE erased (
    author BLOB, log INTEGER, first INTEGER, last INTEGER, PRIMARY KEY (author, log, first, last)
) WITHOUT ROWID;
CREATE TABLE cut (
    author BLOB, log INTEGER, "limit" INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY (author, log)
) WITHOUT ROWID;
CREATE TABLE erase_request (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, about BLOB NOT NULL, scope TEXT NOT NULL, withdrawn INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    PRIMARY KEY (owner, local)
) WITHOUT ROWID;
CREATE TABLE erase_answer (
    owner INTEGER NOT NULL, local BLOB NOT NULL, version INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    place INTEGER NOT NULL, request BLOB NOT NULL, request_version INTEGER NOT NULL, requester BLOB NOT NULL,
    outcome TEXT NOT NULL, earliest INTEGER NOT NULL, arrival INTEGER NOT NULL,
    PRIMARY KEY (owner, local)
) WITHOUT ROWID;
""",
    3: """
ALTER TABLE product ADD COLUMN description_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE product ADD COLUMN description_size INTEGER NOT NULL DEFAULT 0;
UPDATE product SET description_at = coalesce((
    SELECT instr(e.payload, CAST(product.description AS BLOB)) FROM entry e WHERE e.place = product.place
), 0);
UPDATE product SET description_size = length(CAST(description AS BLOB)) WHERE description_at > 0;
ALTER TABLE product DROP COLUMN description;
""",
    4: """
ALTER TABLE profile ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE product ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stock ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cycle ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE allotment ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE placement ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE answer ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE total ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE erase_request ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE erase_answer ADD COLUMN spoken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE placement ADD COLUMN told TEXT NOT NULL DEFAULT '';
DROP TABLE receipt;
"""
    + "".join(map(_table, _TRADE))
    + "CREATE TABLE spoke (owner BLOB, log INTEGER, PRIMARY KEY (owner, log)) WITHOUT ROWID;\n"
    + _SOUGHT,
    # Made by step 4 as they are now; this is for the homes that took it before.
    5: "ALTER TABLE allotment ADD COLUMN told TEXT NOT NULL DEFAULT '';\n"  # noqa: S608 - names of ours
    + "".join(
        f"DROP TABLE IF EXISTS {each};\n{_table(each)}"
        for each in ("shortfall", "purchase_answer", "belong", "claim_confirmed", "successor", "delivered")
    )
    # Their rows hold whole statements, which nothing reads in the form that they had.
    + "DELETE FROM confirmation;\nDELETE FROM baskets;\n",
    6: f"DROP TABLE IF EXISTS queue;\n{_table('queue')}",
    7: "DROP TABLE confirmation;\nDROP TABLE purchase;\n"
    + _table("confirmation")
    + _table("purchase")
    + _CONFIRMATIONS_SOUGHT,
}
"""By the version they start from: the statements that bring a database one version on.

Where a step changes a view, it makes the view's table anew, and `FOLD_VERSION` rises so that `rebuild` fills it.
"""
