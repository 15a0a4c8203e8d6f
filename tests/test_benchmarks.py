"""The benchmarks still run, and still give the figures that others rely on by name: the sizes here measure nothing."""

import json
from pathlib import Path

import pytest

from benchmarks import back, ingest, protocol, settling
from benchmarks.__main__ import MEASUREMENTS, report, show
from benchmarks.figure import Figure, below, percentile

PROMISED = {
    *("import_10k_visible", "publish_visible_p50", "publish_visible_p95", "cli_to_screen_p95"),
    *("ingest_one_log", "ingest_each_signature", "ingest_limit"),
    *("start_help", "start_status", "tui_first_paint_10k", "node_rss_100k"),
    "back_after_6_months_bytes",
    "settle_collective",
}


def test_every_promised_figure_is_given_by_one_measurement() -> None:
    given = [name for measurement in MEASUREMENTS for name in measurement.gives]
    assert len(given) == len(set(given))
    assert set(given) >= PROMISED


def test_ingesting_is_measured_beside_its_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    figures = {figure.name: figure for figure in ingest.one_log(tmp_path, entries=600, rounds=1)}
    assert set(figures) == {"ingest_one_log", "ingest_each_signature", "ingest_limit"}
    one_log, bound = figures["ingest_one_log"], figures["ingest_limit"]
    assert one_log.reference == "ingest_limit"
    assert one_log.ratio == pytest.approx(one_log.value / bound.value)


def test_the_talk_of_equal_and_of_differing_nodes_is_counted(tmp_path: Path) -> None:
    size, trips = protocol.equal(tmp_path, logs=5)
    assert (size.unit, trips.value) == ("bytes", 1)
    size, trips = protocol.differing(tmp_path, logs=400, changed=4)
    assert size.value > 400
    assert trips.value >= 2


def test_a_laptop_that_slept_begins_at_the_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (figure,) = back.back(tmp_path, back.Sizes(producers=2, weeks=6, products=8))
    assert (figure.name, figure.unit) == ("back_after_6_months_bytes", "bytes")
    assert 2 * 8 * 50 < figure.value < 2 * 300 * 100


def test_allocating_a_collective_cycle_is_measured_beside_adding_up_its_wishes(tmp_path: Path) -> None:
    allocated, added = settling.collective(tmp_path, settling.Sizes(households=20, products=4, rounds=1))
    assert (allocated.name, allocated.reference) == ("settle_collective", added.name)
    assert allocated.ratio == pytest.approx(allocated.value / added.value)
    assert allocated.detail.startswith("80 lines")


def test_a_report_keeps_what_other_runs_have_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report([Figure("a", 1.5, "s", below(2))])
    report([Figure("b", 3, "ms", reference="a", ratio=2.0)])
    assert json.loads(Path("build/bench.json").read_text("utf-8")) == {
        "a": {"value": 1.5, "unit": "s", "goal": "< 2", "met": True, "command": "make bench ONLY=a"},
        "b": {"value": 3, "unit": "ms", "reference": "a", "ratio": 2.0, "command": "make bench ONLY=b"},
    }
    assert "✓" in show(Figure("a", 1.5, "s", below(2)))


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile([4, 1, 3, 2], part) for part in (0.25, 0.5, 0.95, 1)] == [1, 2, 4, 4]
