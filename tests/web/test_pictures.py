"""Pictures and words of the pages: pure functions, held to what they are given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from preheat.artifact import Blob, Image
from preheat.finding import Finding, HostFinding, MissingLayer, Verdict
from preheat.placement import Scope
from preheat.web.pages import charts, words
from preheat.web.pages.layers import grid_of
from preheat.web.pages.markdown import html_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BLOBS = tuple(Blob(f"sha256:{number:064x}", 10 * (number + 1)) for number in range(3))
IMAGE = Image("sha256:image", "linux/amd64", BLOBS)


def finding(
    verdict: Verdict, hosts: dict[str, int], *missing: MissingLayer, **more: object
) -> Finding:
    """Make a finding over three layers."""
    told = tuple(HostFinding(name, layers, 0) for name, layers in hosts.items())
    return Finding(verdict, 3, 3 - len(missing), 60, 0, missing, told, **more)  # type: ignore[arg-type]


def test_a_bar_fills_its_whole_width() -> None:
    """Its parts stand side by side, in one order, and what there is none of has no part."""
    parts = charts.bars({Verdict.COLD: 1, Verdict.WARM: 2, Verdict.PARTIAL: 0})
    assert [(part.verdict, part.count) for part in parts] == [(Verdict.WARM, 2), (Verdict.COLD, 1)]
    assert parts[0].x == 0
    assert parts[0].width + parts[1].width == pytest.approx(100, abs=0.01)
    assert charts.bars({}) == ()


def test_a_trend_needs_two_moments() -> None:
    """One moment is no line, and nothing is drawn where nothing was counted."""
    begins = NOW - timedelta(hours=24)
    one = charts.Moment(begins, {Verdict.WARM: 2})
    assert charts.trend([one], begins, NOW) is None
    empty = [charts.Moment(begins, {}), charts.Moment(NOW, {})]
    assert charts.trend(empty, begins, NOW) is None


def test_a_trend_stacks_what_was_counted() -> None:
    """The upper edge is the most that there ever was; bands lie upon each other."""
    begins = NOW - timedelta(hours=24)
    later = charts.Moment(NOW, {Verdict.WARM: 2, Verdict.COLD: 2})
    drawn = charts.trend([later, charts.Moment(begins, {Verdict.WARM: 1})], begins, NOW)
    assert drawn is not None
    assert drawn.top == 4
    assert drawn.areas[Verdict.WARM] == "0.0,90.0 720.0,60.0 720.0,120.0 0.0,120.0"
    assert drawn.areas[Verdict.COLD] == "0.0,90.0 720.0,0.0 720.0,60.0 0.0,90.0"
    assert Verdict.PARTIAL not in drawn.areas


def test_layers_stand_by_host() -> None:
    """Each host that is said to lack a layer lacks it in the picture, and no other."""
    lost = MissingLayer(BLOBS[1].digest, 20, ("b",), "the disk is full")
    grid = grid_of(IMAGE, Scope.ALL_SEED_PEERS, finding(Verdict.PARTIAL, {"a": 3, "b": 2}, lost))
    assert grid is not None
    assert grid.hosts == ("a", "b")
    assert [row.held for row in grid.rows] == [(True, True), (True, False), (True, True)]
    assert (grid.complete, grid.complete_bytes, grid.size) == (2, 40, 60)
    assert grid.rows[1].lacking == lost
    assert [row.is_config for row in grid.rows] == [True, False, False]


def test_nothing_is_drawn_that_was_not_counted() -> None:
    """Where layers and hosts do not agree, or nothing is known, there is no picture."""
    lost = MissingLayer(BLOBS[1].digest, 20, (), "nobody knows where")
    odd = finding(Verdict.PARTIAL, {"a": 3, "b": 1}, lost)
    assert grid_of(IMAGE, Scope.ALL_SEED_PEERS, odd) is None
    assert grid_of(IMAGE, Scope.ALL_PEERS, finding(Verdict.UNKNOWN, {})) is None
    assert grid_of(IMAGE, Scope.ALL_PEERS, None) is None
    assert grid_of(None, Scope.ALL_PEERS, finding(Verdict.WARM, {"a": 3})) is None


def test_what_any_host_may_hold_has_one_column() -> None:
    """A single seed peer: there or missing, whoever holds it."""
    lost = MissingLayer(BLOBS[2].digest, 30)
    found = finding(Verdict.PARTIAL, {"a": 1, "unknown": 1}, lost)
    grid = grid_of(IMAGE, Scope.SINGLE_SEED_PEER, found)
    assert grid is not None
    assert (grid.hosts, grid.wanted) == ((), 1)
    assert [row.present for row in grid.rows] == [1, 1, 0]


def test_what_some_hosts_lack_is_drawn_though_it_is_tolerated() -> None:
    """WARM by minHosts is not everywhere."""
    lost = MissingLayer(BLOBS[0].digest, 10, ("b",))
    grid = grid_of(
        IMAGE, Scope.ALL_PEERS, finding(Verdict.WARM, {"a": 3, "b": 2}, tolerated=(lost,))
    )
    assert grid is not None
    assert grid.rows[0].held == (True, False)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "just now"), (59, "59 s ago"), (61, "1 min ago"), (7300, "2 h ago"), (-7300, "in 2 h")],
)
def test_moments_are_told_from_now(seconds: int, told: str) -> None:
    """In the largest unit that fits, in both directions."""
    assert words.ago(NOW - timedelta(seconds=seconds), NOW) == told


def test_every_verdict_has_a_sign_of_its_own() -> None:
    """Nobody need tell colours apart."""
    signs = [words.sign(verdict) for verdict in Verdict]
    assert len(set(signs)) == len(list(Verdict))


def test_markdown_lets_no_markup_through() -> None:
    """HTML, scripts in links and pictures stand there as text."""
    text = "### `<b>`\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![y](https://z)\n"
    made = str(html_of(text))
    assert "<script" not in made
    assert "<a " not in made
    assert "<img" not in made
    assert "<h3><code>&lt;b&gt;</code></h3>" in made
