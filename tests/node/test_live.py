"""What is known of peers: who is there, and of who has gone what is worth a line."""

import json
import time
from contextlib import closing
from pathlib import Path

from foodhub.node import live


def be_peers(home: Path, *rows: tuple[str, list[str], str, int, str]) -> None:
    """Write down peers: id, members, state, how many seconds ago the last contact was, and why."""
    live.start(home, 0)
    now = int(time.time() * 1000)
    with live.open_live(home) as db:
        for name, members, state, ago, reason in rows:
            row = (name, json.dumps(members), "", state, now, now - ago * 1000, 0, 0, reason)
            db.execute("INSERT INTO peer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def test_who_has_gone_long_ago_is_listed_once_for_each_member_and_strangers_no_more(tmp_path: Path) -> None:
    be_peers(
        tmp_path,
        ("here", ["Farm"], "connected", 0, ""),
        ("barn", ["Farm"], "offline", 60, ""),
        ("old barn", ["Farm"], "offline", 4000, ""),
        ("hub", ["Hub"], "offline", 90_000, ""),
        ("old hub", ["Hub"], "offline", 91_000, ""),
        ("knocks", [], "turned_away", 60, "unknown_author"),
        ("knocked", [], "turned_away", 700, "unknown_author"),
        ("household", [""], "offline", 700, ""),
    )
    with closing(live.node_lock(tmp_path)) as lock:
        assert lock.try_acquire()
        assert [row.id for row in live.peers(tmp_path)] == ["here", "barn", "knocks", "hub"]


def test_why_members_turned_us_away_is_known_after_the_network_process_has_ended(tmp_path: Path) -> None:
    assert live.refusals(tmp_path) == []
    be_peers(tmp_path, ("x", [], "refused", 0, "device_retired"))
    assert live.refusals(tmp_path) == []
    be_peers(tmp_path, ("x", ["Hub"], "refused", 0, "device_retired"), ("y", [], "turned_away", 0, "invite_unknown"))
    assert live.refusals(tmp_path) == ["device_retired"]
