"""Clusters are read to the letter, and wrong entries are named with their line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from preheat.errors import ProblemsError
from preheat.policy.loader import load_clusters

if TYPE_CHECKING:
    from preheat.policy.model import Clusters


def test_clusters_arrive(clusters: Clusters) -> None:
    """Defaults of a cluster: driver, pool name and slots."""
    eu, us = clusters
    assert (eu.driver, eu.pool, eu.max_concurrent_jobs) == ("dragonfly", "preheat_eu-1", 10)
    assert us.pull_endpoints == {"harbor_default": "http://mirror.us.example.com:8080"}
    assert us.platforms == ("linux/amd64",)
    assert [cluster.name for cluster in clusters.labelled({"env": "prod"})] == ["eu-1", "us-1"]
    assert [cluster.name for cluster in clusters.named(["us-1", "us-1"])] == ["us-1"]


def test_unknown_cluster_names_list_the_known(clusters: Clusters) -> None:
    """What a person typed wrong in a form, each with what there is."""
    with pytest.raises(ProblemsError) as caught:
        clusters.named(["eu-1", "eu-9", "x"])
    assert [str(problem) for problem in caught.value.problems] == [
        f"clusters: There is no cluster {name!r}; known clusters: eu-1, us-1."
        for name in ("eu-9", "x")
    ]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("pullEndpoints: {h: harbor.example.com}", "is not a pull endpoint"),
        ("pullEndpoints: {h: 'https://harbor/v2'}", "is not a pull endpoint"),
        ("pullEndpoints: {h: 'https://u:p@harbor'}", "is not a pull endpoint"),
        ("pullEndpoints: {h: 'ftp://harbor'}", "is not a pull endpoint"),
        ("pullEndpoints: {h: 'https://[x'}", "pullEndpoints.h"),
        ("pullEndpoints: {}", "write at least one entry"),
        ("schedulerClusterID: 1", "did you mean 'schedulerClusterId'?"),
        ("schedulerClusterId: one", "is not a whole number"),
        ("driver: kraken", "'kraken' is not one of dragonfly"),
        ("timezone: UTC", "later version"),
        ("hosts: {seedPeers: [seed-1]}", "does not appear to be an IPv4 or IPv6 address"),
        ("platforms: [arm]", "is not a platform"),
        ("maxConcurrentJobs: 0", "at least 1"),
    ],
)
def test_bad_clusters(entry: str, words: str) -> None:
    """Each wrong value of a cluster is named with its line."""
    text = "apiVersion: preheat/v1alpha1\nkind: PreheatClusters\nclusters:\n"
    good = {
        "name": "a",
        "connection": "c",
        "schedulerClusterId": "1",
        "pullEndpoints": "{h: http://h}",
    }
    good.pop(entry.partition(":")[0], None)
    lines = [*(f"{key}: {value}" for key, value in good.items()), entry]
    with pytest.raises(ProblemsError) as caught:
        load_clusters(text + "  - " + "\n    ".join(lines), "clusters.yaml")
    assert words in str(caught.value)
    assert f"clusters.yaml:{3 + len(lines)}:" in str(caught.value)


def test_pull_endpoints_are_kept_as_written() -> None:
    """Dragonfly hashes this string: only a slash at its end goes."""
    text = (
        "apiVersion: preheat/v1alpha1\nkind: PreheatClusters\nclusters:\n"
        "  - {name: a, connection: c, schedulerClusterId: 1, pullEndpoints: {h: 'https://Harbor:443/'}}"
    )
    (cluster,) = load_clusters(text, "clusters.yaml")
    assert cluster.pull_endpoints == {"h": "https://Harbor:443"}


def test_cluster_names_are_taken_once() -> None:
    """Two clusters of one name would share a pool and a task."""
    one = "{name: a, connection: c, schedulerClusterId: 1, pullEndpoints: {h: http://h}}"
    text = f"apiVersion: preheat/v1alpha1\nkind: PreheatClusters\nclusters: [{one}, {one}]"
    with pytest.raises(ProblemsError, match="already taken in line 3"):
        load_clusters(text, "clusters.yaml")
