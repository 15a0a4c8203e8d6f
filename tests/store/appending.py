"""A process of its own that appends to a home, for tests that kill it or let several run at once.

`python -m tests.store.appending HOME COUNT [wait]` prints, after each commit, the seq of the entry; `init` in place of
COUNT makes the home and a member.
"""

import asyncio
import sys
from pathlib import Path

from foodhub.log.header import Log
from foodhub.node import setup
from foodhub.node.application import open_node
from foodhub.node.hat import choose_hat
from foodhub.orders.statements import Profile
from foodhub.store.entries import log_row
from foodhub.store.transaction import Transaction


async def main(home: Path, what: str) -> None:
    if what == "init":
        sys.stdout.write("begins\n")
        sys.stdout.flush()
        async with open_node(home, create=True) as node:
            await node.write(setup.make_member, home, "Hub", ["hub"], always_on=False)
        return
    async with open_node(home) as node:
        hat = await node.read(choose_hat, None)

        def append(tx: Transaction) -> int:
            head = log_row(tx.db, hat.device, Log.CATALOG)
            seq = (head.seq if head else 0) + 1
            tx.append(hat.member, Log.CATALOG, [Profile(seq, f"Hub {seq}")])
            return seq

        if "wait" in sys.argv[3:]:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            sys.stdin.readline()
        for _ in range(int(what)):
            sys.stdout.write(f"{await node.write(append)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
