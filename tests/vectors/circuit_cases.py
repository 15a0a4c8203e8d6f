"""Vectors of the circuit: ids, joins, invites, and runs as one store takes them."""

from collections.abc import Sequence

import msgspec

from foodhub.catalog.statements import Stock, product_id
from foodhub.circuit.device_code import PREFIX as DEVICE_PREFIX
from foodhub.circuit.device_code import Card, DeviceCode, write_card, write_device_code
from foodhub.circuit.invite import InviteCode, write_code, write_word
from foodhub.circuit.statements import (
    Cut,
    Device,
    Enrol,
    Epoch,
    Found,
    Invite,
    Join,
    Recover,
    charter_hash,
    proof_of_enrolment,
    proof_of_join,
    proof_of_recovery,
)
from foodhub.log.encoding import encode
from foodhub.log.frontier import Item, bucket_digests, bucket_of, frontier_digest
from foodhub.log.keys import SigningKey
from foodhub.log.run import Run, write_run
from foodhub.node.recovery_words import read_words
from foodhub.orders.statements import Profile, derived_id
from tests.vectors.seeds import (
    BEGIN,
    FARM,
    FARM_BOX,
    FARM_RECOVERY,
    FOUNDING,
    HUB,
    HUB_BOX,
    INVITE,
    LAPTOP,
    LAPTOP_BOX,
    STRANGER,
    STRANGER_BOX,
    TICKET,
    Json,
    a_join,
    carrots,
    fields,
    payload,
    seed,
)
from tests.vectors.store_cases import stores


def members() -> Json:
    """Ids of members and circuits, and the membership pass."""
    join = a_join()
    changed = msgspec.structs.replace
    bad = {
        "other roles than the proof's": changed(join, roles=["producer", "hub"]),
        "another charter": changed(join, charter=seed("another charter")),
        "another member under the same proof": changed(join, inception=changed(join.inception, salt=seed("salt", 16))),
        "a proof by another key": changed(join, proof=STRANGER.sign("invite", b"anything")),
        "a proof for another use": changed(join, proof=INVITE.sign("entry", proof_text(join))),
    }
    return {
        "about": "Ids are tagged BLAKE2b-256 of the canonical encoding. `proof_text` is what the invite key signs.",
        "inception": {**fields(join.inception), "bytes": encode(join.inception).hex(), "id": join.inception.id.hex()},
        "founding": {**fields(FOUNDING), "bytes": encode(FOUNDING).hex(), "circuit": FOUNDING.circuit.hex()},
        "charter_hash": charter_hash(FOUNDING.charter).hex(),
        "join": {"author": FARM.public.hex(), "proof_text": proof_text(join).hex(), "bytes": encode(join).hex()},
        "bad_joins": [
            {"name": name, "author": FARM.public.hex(), "bytes": encode(case).hex()} for name, case in bad.items()
        ]
        + [{"name": "in another device's log", "author": STRANGER.public.hex(), "bytes": encode(join).hex()}],
        **further_devices(),
        "product_ids": [
            {
                "producer": FARM.public.hex(),
                "sku": sku,
                "name": name,
                "variant": variant,
                "unit": unit,
                "unit_value": value,
                "id": local,
            }
            for sku, name, variant, unit, value in [
                ("CAR-1", "Carottes", "botte", "g", 500),
                ("", "Carottes", "botte", "g", 500),
            ]
            for local in [product_id(sku, FARM.public, name, variant, unit, value).hex()]  # type: ignore[arg-type]
        ],
        "derived_ids": [
            {"parts": [part.hex() for part in parts], "id": derived_id(*parts).hex()}
            for parts in [(b"ref", FARM.public, b"order 7"), (b"answer", FARM.public, bytes(16)), ()]
        ],
        "signatures": [
            {
                "use": use,
                "seed": FARM.seed.hex(),
                "message": b"a message".hex(),
                "bytes": FARM.sign(use, b"a message").hex(),
            }
            for use in ("entry", "invite", "session", "enrol", "recover")
        ],
        "recovery_words": recovery_words(),
    }


def recovery_words() -> Json:
    """Return words with the keys that follow from them: those of the entropy that is zero but for its last byte."""
    words = ["abandon"] * 23 + ["diesel"]
    keys = read_words(words)
    public = {"signing": keys.signing.public.hex(), "box": keys.box.public.hex()}
    return {"words": " ".join(words), "entropy": (bytes(31) + b"\x01").hex(), **public}


def further_devices() -> Json:
    """Return enrolments and recoveries that hold, and that do not."""
    circuit, farm = FOUNDING.circuit, a_join().inception
    laptop = Device(LAPTOP.public, LAPTOP_BOX.public, always_on=True)
    enrol_text = proof_of_enrolment(circuit, farm.id, laptop)
    enrol = Enrol(farm.id, laptop, TICKET.public, TICKET.sign("enrol", enrol_text))
    cuts = [Cut(FARM.public, 1, 3, seed("the last entry"))]
    recover_text = proof_of_recovery(circuit, farm.id, 2, laptop, cuts)
    recover = Recover(farm.id, 2, laptop, cuts, FARM_RECOVERY.sign("recover", recover_text))
    changed = msgspec.structs.replace
    bad_enrolments = {
        "a proof for another use": changed(enrol, proof=TICKET.sign("invite", enrol_text)),
        "a proof by another key": changed(enrol, proof=INVITE.sign("enrol", enrol_text)),
        "another member": changed(enrol, member=FOUNDING.inception.id),
        "another box key": changed(enrol, device=changed(laptop, box=FARM_BOX.public)),
        "another flag": changed(enrol, device=changed(laptop, always_on=False)),
    }
    bad_recoveries = {
        "a proof for another use": changed(recover, proof=FARM_RECOVERY.sign("enrol", recover_text)),
        "a proof by the device itself": changed(recover, proof=LAPTOP.sign("recover", recover_text)),
        "a higher number": changed(recover, number=3),
        "without its cuts": changed(recover, cuts=[]),
        "another member": changed(recover, member=FOUNDING.inception.id),
    }
    return {
        "enrolment": proved(enrol, enrol_text),
        "bad_enrolments": [{"name": name, **proved(case)} for name, case in bad_enrolments.items()]
        + [{"name": "in another device's log", **proved(enrol), "author": STRANGER.public.hex()}],
        "recovery": {**proved(recover, recover_text), "recovery_signing": farm.recovery_signing.hex()},
        "bad_recoveries": [{"name": name, **proved(case)} for name, case in bad_recoveries.items()]
        + [{"name": "in another device's log", **proved(recover), "author": STRANGER.public.hex()}],
    }


def proved(statement: msgspec.Struct, text: bytes = b"") -> Json:
    """Return a statement of the laptop, with the text that its proof signs."""
    case = {"author": LAPTOP.public.hex(), "bytes": encode(statement).hex()}
    return {**case, "proof_text": text.hex()} if text else case


def proof_text(join: Join) -> bytes:
    """Return what the invite key signs."""
    return proof_of_join(FOUNDING.circuit, join.inception.id, join.roles, join.charter)


def invites() -> Json:
    """Invite codes as people pass them on."""
    small = InviteCode(FOUNDING.circuit, INVITE.seed, BEGIN, [])
    usual = msgspec.structs.replace(
        small, addresses=["/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWExample", "/dns4/hub.example/tcp/4001"]
    )
    good = [("without addresses", small), ("with two addresses", usual)]
    text = write_code(small)
    swapped = text[:20] + text[21] + text[20] + text[22:]
    bad = {
        "one letter missing": text[:-1],
        "two letters exchanged": swapped,
        "another prefix": text.replace("foodhub1", "foodhub2"),
        "nothing behind the prefix": "foodhub1",
        "a character that is none of base32": text[:30] + "0" + text[31:],
        "nothing": "",
        "another word": "good morning",
    }
    return {
        "about": "An invite is the word foodhub1, then base32 of the msgpack array and a checksum of 4 bytes.",
        "good": [{"name": name, **fields(code), "text": write_code(code)} for name, code in good]
        + [{"name": "with line breaks and capitals", **fields(small), "text": f" {text[:40].upper()}\n{text[40:]} "}],
        "bad": [{"name": name, "code": "invite_unreadable", "text": case} for name, case in bad.items()],
        "devices": device_codes(text),
        "cards": cards(text),
    }


def device_codes(invite: str) -> Json:
    """Return codes for a further device, and texts that are none."""
    code = DeviceCode(
        FOUNDING.circuit, a_join().inception.id, TICKET.seed, BEGIN, "La Ferme", ["producer"], ["/dns4/f"]
    )
    text = write_device_code(code)
    bad = {"an invite": invite, "cut": text[:-2], "another array": write_word(DEVICE_PREFIX, encode([1]))}
    return {
        "good": [{"name": "a code", **fields(code), "text": text}],
        "bad": [{"name": name, "code": "code_unreadable", "text": each} for name, each in bad.items()],
    }


def cards(invite: str) -> Json:
    """Return a circuit's card, and texts that are none."""
    card = Card(FOUNDING.circuit, ["/dns4/hub.example/tcp/4001"])
    text = write_card(card)
    bad = {"an invite": invite, "another checksum": text[:-1] + ("a" if text[-1] != "a" else "i")}
    return {
        "good": [{"name": "a card", **fields(card), "text": text}],
        "bad": [{"name": name, "code": "card_unreadable", "text": each} for name, each in bad.items()],
    }


def logs() -> Json:
    """Runs as one store takes them, one after the other, and what it says of each."""
    circuit = FOUNDING.circuit
    epoch = [
        Epoch(1, box.public, [(key.public, seed("sealed", 64))], seed("sealed too", 64))
        for key, box in ((HUB, HUB_BOX), (FARM, FARM_BOX))
    ]
    circuit_log = Writer(circuit, HUB, 0)
    founding = circuit_log.write([Found(FOUNDING, "Circuit court", "EUR", ["hub"]), epoch[0]])
    join = Writer(circuit, FARM, 0).write([a_join(), epoch[1]])
    invite = circuit_log.write([Invite(INVITE.public, ["producer"], BEGIN)])
    catalog = Writer(circuit, FARM, 1)
    name = catalog.write([Profile(1, "Farm")])
    other = Writer(circuit, FARM, 1).write([Profile(1, "Fork")])
    branched = Writer(circuit, FARM, 1, after=2, link=seed("another entry")).write([Profile(3, "Fork")])
    product, stock = catalog.write([carrots()]), catalog.write([Stock(carrots().local, 1, "counted", 40)])
    third = Writer(circuit, FARM, 1, after=2, link=catalog.before).write([Profile(3, "Fork")])
    back = Writer(circuit, FARM, 1, after=3, link=catalog.link, clock=BEGIN - 1).write([Profile(2, "Farm")])
    fourth = catalog.write([Profile(2, "Farm")])
    stranger = Writer(circuit, STRANGER, 1).write([Profile(1, "Stranger")])
    uninvited = Writer(circuit, STRANGER, 0).write([a_join(STRANGER, STRANGER_BOX, SigningKey(seed("no invite")))])
    unsigned = {**stock, "run": encode(msgspec.structs.replace(run_of(stock), signature=b"")).hex()}
    steps = [
        ("a member that nobody has let in yet", join, "unknown_author", 0),
        ("the founding", founding, None, 1),
        ("a join on an invite that is not here yet", join, "unknown_author", 0),
        ("an entry of log 0 whose payload is withheld", {**invite, "payloads": [None]}, "payload_missing", 0),
        ("the invite", invite, None, 1),
        ("the join", join, None, 1),
        ("the join once more", join, None, 0),
        ("a join on no invite", uninvited, "unknown_author", 0),
        ("a stranger's catalog", stranger, "unknown_author", 0),
        ("an entry before its predecessor", product, "gap", 0),
        ("the first entry", name, None, 1),
        ("an entry with another's payload", {**product, "payloads": name["payloads"]}, "bad_payload", 0),
        ("the second entry, its payload withheld", {**product, "payloads": [None]}, None, 1),
        ("the second entry with its payload", product, None, 0),
        ("a third entry behind another second one", branched, "branched", 0),
        ("the third entry without a signature", unsigned, "unsigned", 0),
        ("the third entry", stock, None, 1),
        ("a fourth entry that is older than the third", back, "bad_timestamp", 0),
        ("another third entry, so that nothing counts from there on", third, "forked", 0),
        ("the third entry, which counted before", stock, "above_limit", 0),
        ("the fourth entry, far above the new head", fourth, "gap", 0),
        ("a first entry, though another is held, in a log that is forked further up", other, "forked", 0),
    ]
    return {
        "about": "One store takes these runs in order; `new` is how many entries each adds, `fault` why none.",
        "circuit": circuit.hex(),
        "steps": [{"name": name, "fault": fault, "new": new, **run} for name, run, fault, new in steps],
        "frontier": frontier_example(),
        "another": stores(),
    }


class Writer:
    """Writes one log, entry by entry, each a run of its own."""

    def __init__(
        self, circuit: bytes, key: SigningKey, log: int, *, after: int = 0, link: bytes = b"", clock: int = BEGIN
    ) -> None:
        self.circuit, self.key, self.log, self.seq, self.link, self.clock = circuit, key, log, after, link, clock
        self.before = b""

    def write(self, body: Sequence[msgspec.Struct]) -> Json:
        """Return the run with its payload."""
        data = payload(f"{self.key.public.hex()} {self.log} {self.seq}", encode(list(body)))
        entries = [(0 if self.log == 0 else 1, self.clock, data)]
        run, checked = write_run(self.circuit, self.key, self.log, (self.seq, self.link), entries)
        self.before = self.link
        self.seq, self.link = run.first, checked.ids[0]
        return {"run": encode(run).hex(), "payloads": [data.hex()]}


def run_of(step: Json) -> Run:
    """Return the run of a step."""
    return msgspec.msgpack.decode(bytes.fromhex(step["run"]), type=Run)


def frontier_example() -> Json:
    """Return a frontier and its digests."""
    items = sorted(Item(seed(f"author {n // 2}"), n % 2, n + 1, seed(f"head {n}"), 0 if n else 5) for n in range(6))
    salt = seed("salt of a session", 16)
    return {
        "items": [fields(item) for item in items],
        "digest": frontier_digest(items).hex(),
        "salt": salt.hex(),
        "buckets": 64,
        "bucket_of_first": bucket_of(items[0].author, 64, salt),
        "bucket_digests": bucket_digests(items, 64, salt).hex(),
    }
