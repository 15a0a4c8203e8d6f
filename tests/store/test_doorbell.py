import os
import select
from pathlib import Path

import pytest

from foodhub.store.doorbell import Doorbell, ring


def rings(bell: Doorbell) -> bool:
    ready, _, _ = select.select([bell.fileno()], [], [], 0)
    return bool(ready)


def test_everybody_who_listens_hears_a_ring_until_they_have_taken_note(tmp_path: Path) -> None:
    bells = [Doorbell(tmp_path / "bells") for _ in range(3)]
    assert not any(map(rings, bells))
    ring(tmp_path / "bells")
    ring(tmp_path / "bells")
    assert all(map(rings, bells))
    bells[0].drain()
    assert [rings(bell) for bell in bells] == [False, True, True]
    for bell in bells:
        bell.close()
    assert list((tmp_path / "bells").iterdir()) == []


def test_ringing_where_nobody_ever_listened_does_nothing(tmp_path: Path) -> None:
    ring(tmp_path / "bells")
    assert not (tmp_path / "bells").exists()


def test_the_bell_of_a_process_that_was_killed_is_swept_away(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1-dead")
    bell = Doorbell(tmp_path)
    ring(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [bell.path.name]
    bell.close()


def test_a_listener_that_never_looks_does_not_hold_anybody_up(tmp_path: Path) -> None:
    bell = Doorbell(tmp_path)
    for _ in range(70_000):
        ring(tmp_path)
    assert rings(bell)
    bell.drain()
    assert not rings(bell)
    bell.close()


@pytest.mark.parametrize("times", [1, 2])
def test_a_bell_that_was_taken_down_is_no_error(tmp_path: Path, times: int) -> None:
    for _ in range(times):
        bell = Doorbell(tmp_path)
        bell.path.unlink()
        ring(tmp_path)
        bell.close()
    assert list(tmp_path.iterdir()) == []
