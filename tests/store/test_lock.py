from contextlib import closing
from pathlib import Path
from threading import Thread

from foodhub.store.lock import FileLock


def test_only_one_holds_the_lock_and_it_is_free_again_when_its_holder_is_gone(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.try_acquire()
    assert not second.try_acquire()
    first.close()
    assert second.try_acquire()
    second.close()


def test_who_asks_whether_a_lock_is_held_keeps_others_from_taking_it_but_not_from_asking(tmp_path: Path) -> None:
    holder, one, other = (FileLock(tmp_path / "lock") for _ in range(3))
    assert holder.try_acquire()
    assert one.is_held()
    holder.close()
    assert not one.is_held()
    assert not other.is_held()
    with closing(FileLock(tmp_path / "lock")) as late:
        assert not late.try_acquire()
        one.close()
        other.close()
        assert late.try_acquire()


def test_who_waits_gets_the_lock_in_the_end(tmp_path: Path) -> None:
    order: list[int] = []

    def wait_for_it(number: int) -> None:
        with closing(FileLock(tmp_path / "lock")) as own, own:
            order.append(number)

    with closing(FileLock(tmp_path / "lock")) as lock:
        with lock:
            threads = [Thread(target=wait_for_it, args=[number]) for number in range(4)]
            for thread in threads:
                thread.start()
            assert order == []
        for thread in threads:
            thread.join()
    assert sorted(order) == [0, 1, 2, 3]
