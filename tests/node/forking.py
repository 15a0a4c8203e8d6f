"""Homes that contradict themselves, for tests: a second pen writes with the keys of a home, and everybody sees it."""

from foodhub.log.encoding import encode
from foodhub.log.run import write_run
from foodhub.node.exchange import take_forks
from foodhub.orders.statements import Profile
from foodhub.store.outgoing import new_proofs
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction
from tests.homes import Home, Village
from tests.pens import Paper


def second_pen(tx: Transaction, device: bytes, log: int, after: int) -> Paper:
    """Sign something else behind the entry `after` of a log, as a copy of the home would that lost the rest."""
    file = tx.keyring.files[device]
    row = tx.db.execute("SELECT ref FROM log WHERE author = ? AND log = ?", (device, log)).fetchone()
    place = (row[0] << SEQ_BITS) + after
    before = tx.db.execute("SELECT id FROM entry WHERE place = ?", (place,)).fetchone() if after else (b"",)
    payload = bytes(16) + encode([Profile(9, "Somebody else")])
    run, _ = write_run(tx.circuit, file.keys.signing, log, (after, before[0]), [(1, tx.now, payload)])
    return run, [payload]


async def fork(village: Village, home: Home, log: int, after: int) -> None:
    """Let a home contradict itself behind the entry `after` of a log, and everybody see the proof."""
    paper = await home.write(second_pen, home.hat.device, log, after)
    for other in village.homes:
        if other is not home:
            assert await other.take([paper]) == ["forked"]
    proofs = await next(other for other in village.homes if other is not home).read(new_proofs, 0)
    assert await home.write(take_forks, proofs, "a peer") == [None] * len(proofs)
