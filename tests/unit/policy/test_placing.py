"""Placements: their keys, labels and settings, what is warm already, and what waits."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Disposition

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.plan import Plan

HOUR = timedelta(hours=1)
BOTH = "targets: [{cluster: eu-1, scope: all_seed_peers}, {cluster: us-1, scope: all_peers}]"


def test_a_placement_names_all_that_makes_it_warm(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Pull endpoint, repository, child digest, platform, cluster, scope and peers."""
    index = art(tags="1.2", platforms=["linux/amd64", "linux/arm64"])
    target = "targets: [{cluster: us-1, scope: all_peers, peers: {percent: 25}}]"
    (placement,) = plan([index], target).placements
    assert placement.key == PlacementKey(
        cluster="us-1",
        pull_endpoint="http://mirror.us.example.com:8080",
        repository="library/app",
        digest=index.children[0].digest,
        platform="linux/amd64",
        scope=Scope.ALL_PEERS,
        peers="percentage=25",
    )
    assert placement.label == "library/app:1.2 linux/amd64"
    assert (placement.tags, placement.wave) == (("1.2",), 1)


def test_settings_come_from_cluster_and_policy(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Whoever tracks the placement needs no file."""
    (placement,) = plan(
        [art()],
        "targets: [{cluster: us-1, scope: all_peers}]",
        "submit: {timeout: 10m, concurrentTasks: 2, concurrentPeers: 3}",
        "verify: {onPartial: accept}",
    ).placements
    assert placement.settings == TrackSettings(
        driver="dragonfly",
        connection="dragonfly_us",
        scheduler_cluster_id=2,
        registry="harbor_default",
        timeout_seconds=600,
        concurrent_tasks=2,
        concurrent_peers=3,
    )


def test_clusters_have_their_own_platforms(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Without ``platforms`` a cluster gets what it runs; one that says nothing gets all."""
    made = plan([art(platforms=["linux/amd64", "linux/arm64"])], BOTH)
    assert [(p.key.cluster, p.key.platform) for p in made.placements] == [
        ("eu-1", "linux/amd64"),
        ("eu-1", "linux/arm64"),
        ("us-1", "linux/amd64"),
    ]


def test_a_key_is_placed_once(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> None:
    """A cluster addressed twice, by name and by label, gets one placement a scope."""
    targets = (
        "targets: [{cluster: us-1, scope: all_peers}, {clusterSelector: {env: prod},"
        " scope: all_peers}, {cluster: us-1, scope: single_seed_peer}]"
    )
    made = plan([art()], targets)
    assert [(p.key.cluster, p.key.scope.value) for p in made.placements] == [
        ("us-1", "all_peers"),
        ("us-1", "single_seed_peer"),
        ("eu-1", "all_peers"),
    ]


@pytest.mark.parametrize(
    ("ago", "disposition", "detail"),
    [
        pytest.param(
            HOUR, "ALREADY_WARM", "found warm 1h ago; freshFor is 6h", id="proved an hour ago"
        ),
        pytest.param(6 * HOUR, "ASK", "", id="proved as long ago as freshFor"),
        pytest.param(-HOUR, "ALREADY_WARM", "found warm 0s ago; freshFor is 6h", id="clocks apart"),
    ],
)
def test_what_is_fresh_is_not_asked_for(
    ago: timedelta,
    disposition: str,
    detail: str,
    art: Callable[..., Artifact],
    plan: Callable[..., Plan],
    now: datetime,
) -> None:
    """A placement found warm less than ``freshFor`` ago stays in the plan, and says since when."""
    (key,) = (p.key for p in plan([art()]).placements)
    (placement,) = plan([art()], warm={key: now - ago}).placements
    assert (placement.disposition, placement.detail) == (disposition, detail)


def test_another_repository_or_scope_is_not_warm(
    art: Callable[..., Artifact], plan: Callable[..., Plan], now: datetime
) -> None:
    """Dragonfly caches by whole URL: the same digest copied elsewhere is cold."""
    (key,) = (p.key for p in plan([art()]).placements)
    (copied,) = plan([art("library/other")], warm={key: now}).placements
    (wider,) = plan(
        [art()], "targets: [{cluster: eu-1, scope: all_peers}]", warm={key: now}
    ).placements
    assert {copied.disposition, wider.disposition} == {Disposition.ASK}


def test_too_many_wait_for_the_next_run(
    art: Callable[..., Artifact], plan: Callable[..., Plan], now: datetime
) -> None:
    """The first in order go now; those that were never warm go before those that were."""
    images = [art(number=n, tags=f"1.{n}", age=n * HOUR) for n in range(1, 6)]
    first = plan(images, "submit: {freshFor: 0s}", max_map_length=2)
    asked = [p for p in first.placements if p.disposition is Disposition.ASK]
    late = [p for p in first.placements if p.disposition is Disposition.NEXT_RUN]
    assert [p.tags[0] for p in asked] == ["1.1", "1.2"]
    assert [p.tags[0] for p in late] == ["1.3", "1.4", "1.5"]
    assert late[0].detail == "one run takes 2 placements of eu-1; 3 wait for the next"
    warm = {p.key: now for p in asked}
    second = plan(images, "submit: {freshFor: 0s}", max_map_length=2, warm=warm)
    asked = [p for p in second.placements if p.disposition is Disposition.ASK]
    assert [p.tags[0] for p in asked] == ["1.3", "1.4"]


def test_each_cluster_has_its_own_limit(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """A full cluster holds back no other; what is warm already takes no place."""
    images = [art(number=n, tags=f"1.{n}", age=n * HOUR) for n in range(1, 4)]
    made = plan(images, BOTH, max_map_length=3)
    assert {p.disposition for p in made.placements} == {Disposition.ASK}
    assert len(made.placements) == 6
