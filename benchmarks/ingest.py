"""How fast entries go into the store and the views, beside what SQLite and the hashes alone would take.

The entries wait in memory as they would arrive, encoded in runs: what is measured is decoding, hashing, one signature a
run, the rules, the rows of the log and those of the views, and the commits, in batches like those of a network process.
"""

import asyncio
import gc
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, Measurement, at_least_times, below_times
from benchmarks.homes import Paper, Producer, add_producers, arrivals, catalog, follower, founded, payloads, take
from foodhub.log.encoding import encode
from foodhub.log.header import VERSION, entry_id, payload_hash
from foodhub.log.run import read_run
from foodhub.node.application import Node
from foodhub.store.database import open_database

ENTRIES = 100_000
ROUNDS = 3
LIMIT_BATCH = 500


async def ingest(node: Node, circuit: bytes, papers: Sequence[Paper]) -> float:
    """Take runs into a home, views included; return how many entries a second that were."""
    entries = sum(len(paper.payloads) for paper in papers)
    gc.collect()
    began = time.perf_counter()
    for batch in arrivals(circuit, papers):
        await take(node, batch)
    rate = entries / (time.perf_counter() - began)
    await node.read(check, entries)
    return rate


def check(db: sqlite3.Connection, entries: int) -> None:
    """Make sure that the work was done: each entry about a product of its own is held, and is a row of the view."""
    held = db.execute(
        "SELECT count(*) FROM entry JOIN log ON ref = place >> 32 WHERE log = 1 AND size = 300"
    ).fetchone()[0]
    shown = db.execute("SELECT count(*), count(DISTINCT local) FROM product").fetchone()
    unread = db.execute("SELECT count(*) FROM unread").fetchone()[0]
    assert (held, *shown, unread) == (entries, entries, entries, 0), (held, shown, unread)


Row = tuple[bytes, int, int, bytes, bytes]


def rows(producer: Producer, papers: Sequence[Paper]) -> list[Row]:
    """Return (author, log, seq, header, payload) of every entry: what the limit has to store."""
    found: list[Row] = []
    for paper in papers:
        run = read_run(producer.circuit, paper.run)
        backlink = run.backlink
        for n, payload in enumerate(paper.payloads):
            seq = run.first + n
            line = (run.kinds[n], seq, backlink, run.timestamps[n], run.sizes[n], run.hashes[n])
            header = encode((VERSION, producer.circuit, run.author, run.log, *line))
            backlink = run.ids[n]
            found.append((run.author, run.log, seq, header, payload))
    return found


def limit(path: Path, entries: Sequence[Row]) -> float:
    """Hash the same rows and put them into one table, and nothing else; return how many a second that were.

    The database is opened, and its write-ahead log checkpointed, as that of a home is.
    """
    with closing(open_database(path, create=True)) as db:
        db.execute(
            "CREATE TABLE plain (author BLOB, log INTEGER, seq INTEGER, id BLOB UNIQUE, header BLOB, hash BLOB,"
            " payload BLOB, UNIQUE (author, log, seq))"
        )
        db.execute("PRAGMA wal_autocheckpoint=1000")
        gc.collect()
        began = time.perf_counter()
        for start in range(0, len(entries), LIMIT_BATCH):
            batch = [
                (author, log, seq, entry_id(header), header, payload_hash(payload), payload)
                for author, log, seq, header, payload in entries[start : start + LIMIT_BATCH]
            ]
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO plain VALUES (?, ?, ?, ?, ?, ?, ?)", batch)
            db.execute("COMMIT")
        rate = len(entries) / (time.perf_counter() - began)
        assert db.execute("SELECT count(*) FROM plain").fetchone() == (len(entries),)
        return rate


async def _one_log(folder: Path, entries: int, rounds: int) -> list[Figure]:
    async with founded(folder / "hub") as (hub, hat):
        (producer,) = await add_producers(hub, hat, 1)
        bodies = payloads(entries, products=entries)
        by_run, by_one = list(catalog(producer, bodies)), list(catalog(producer, bodies, run_length=1))
        plain = rows(producer, by_run)
        runs, ones, limits = [], [], []
        for n in range(rounds):
            async with follower(folder / f"runs-{n}", hub) as node:
                runs.append(await ingest(node, producer.circuit, by_run))
            async with follower(folder / f"ones-{n}", hub) as node:
                ones.append(await ingest(node, producer.circuit, by_one))
            limits.append(limit(folder / f"limit-{n}.db", plain))
    return _figures(median(runs), median(ones), median(limits))


def _figures(rate: float, ones: float, bound: float) -> list[Figure]:
    name = "ingest_one_log"
    times = f"{name} is {rate / ones:.1f} times it, and has to be 2.5 times"
    return [
        Figure(name, rate, "per_s", at_least_times(0.5), "ingest_limit", rate / bound),
        Figure("ingest_each_signature", ones, "per_s", below_times(1 / 2.5), name, ones / rate, times),
        Figure("ingest_limit", bound, "per_s"),
    ]


async def _many_logs(folder: Path, entries: int, logs: int, rounds: int) -> list[Figure]:
    async with founded(folder / "hub") as (hub, hat):
        producers = await add_producers(hub, hat, logs)
        share = entries // logs
        by_log = [list(catalog(producer, payloads(share, products=share))) for producer in producers]
        plain = [row for producer, papers in zip(producers, by_log, strict=True) for row in rows(producer, papers)]
        papers = [paper for part in by_log for paper in part]
        rates, limits = [], []
        for n in range(rounds):
            async with follower(folder / f"home-{n}", hub) as node:
                rates.append(await ingest(node, producers[0].circuit, papers))
            limits.append(limit(folder / f"limit-{n}.db", plain))
    rate, bound = median(rates), median(limits)
    return [Figure("ingest_200_logs", rate, "per_s", at_least_times(0.5), "ingest_limit", rate / bound)]


def one_log(folder: Path, entries: int = ENTRIES, rounds: int = ROUNDS) -> list[Figure]:
    """Measure one author's log beside its two references, by turns, and give the medians."""
    return asyncio.run(_one_log(folder, entries, rounds))


def many_logs(folder: Path, entries: int = ENTRIES, logs: int = 200, rounds: int = ROUNDS) -> list[Figure]:
    """Measure the logs of many authors beside the limit, by turns, and give the medians."""
    return asyncio.run(_many_logs(folder, entries, logs, rounds))


MEASUREMENTS = (
    Measurement(("ingest_one_log", "ingest_each_signature", "ingest_limit"), one_log),
    Measurement(("ingest_200_logs",), many_logs),
)
