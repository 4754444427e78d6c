"""Bytes are counted once where Dragonfly stores them once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from preheat.artifact import Blob, Image
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import ClusterBytes, PlannedPlacement
from preheat.policy.weighing import Scale, weigh

SETTINGS = TrackSettings("dragonfly", "dragonfly_default", 1, "harbor_default")
IMAGES = {
    "a": Image("a", "linux/amd64", (Blob("base", 100), Blob("a-layer", 10))),
    "b": Image("b", "linux/amd64", (Blob("base", 100), Blob("b-layer", 1))),
}


def placement(
    digest: str,
    cluster: str = "eu-1",
    repository: str = "web/app",
    endpoint: str = "https://harbor.example.com",
    scope: Scope = Scope.ALL_SEED_PEERS,
) -> PlannedPlacement:
    """Make a placement."""
    key = PlacementKey(cluster, endpoint, repository, digest, "linux/amd64", scope)
    return PlannedPlacement(key, SETTINGS, f"{repository}:{digest}")


def image_of(key: PlacementKey) -> Image | None:
    """Look a manifest up; some are not known."""
    return IMAGES.get(key.digest)


def test_a_shared_layer_counts_once_in_a_repository_of_a_cluster() -> None:
    """Two images on one base, asked of two clusters."""
    placements = [placement(digest, cluster) for cluster in ("eu-1", "us-1") for digest in "ab"]
    assert weigh(placements, image_of) == {
        "eu-1": ClusterBytes(2, 111),
        "us-1": ClusterBytes(2, 111),
    }


def test_a_shared_layer_counts_again_under_another_url() -> None:
    """Dragonfly's cache key is the whole blob URL."""
    elsewhere = [placement("a"), placement("b", repository="web/other")]
    assert weigh(elsewhere, image_of)["eu-1"].bytes == 211
    other_host = [placement("a"), placement("b", endpoint="http://harbor.example.com")]
    assert weigh(other_host, image_of)["eu-1"].bytes == 211


def test_one_image_for_two_scopes_is_one() -> None:
    """The blobs lie under the same URL."""
    twice = [placement("a"), placement("a", scope=Scope.ALL_PEERS)]
    assert weigh(twice, image_of) == {"eu-1": ClusterBytes(1, 110)}


def test_an_unknown_manifest_weighs_nothing_and_is_told() -> None:
    """So that a reader sees that the sum is not all."""
    assert weigh([placement("a"), placement("x")], image_of) == {"eu-1": ClusterBytes(2, 110, 1)}
    assert weigh([], image_of) == {}


def test_a_scale_tells_what_would_come_on_top() -> None:
    """By itself, on top of others, and None where nobody knows."""
    scale = Scale(image_of)
    assert (scale.size(placement("a")), scale.added(placement("a"))) == (110, 110)
    scale.add(placement("b"))
    assert (scale.added(placement("a")), scale.added(placement("b"))) == (10, 0)
    assert scale.added(placement("a", "us-1")) == 110
    assert (scale.size(placement("x")), scale.added(placement("x"))) == (None, None)
    assert (scale.on("eu-1"), scale.on("us-1"), scale.total) == (101, 0, 101)


placements = st.builds(
    placement,
    st.sampled_from("abx"),
    st.sampled_from(["eu-1", "us-1"]),
    st.sampled_from(["web/app", "web/other"]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(placements, max_size=12))
def test_the_order_on_the_scale_does_not_matter(drawn: list[PlannedPlacement]) -> None:
    """Whatever comes first, the sum is the same, and what was added makes it up."""
    scale = Scale(image_of)
    told = 0
    for each in drawn:
        told += scale.added(each) or 0
        scale.add(each)
    assert told == scale.total
    assert weigh(reversed(drawn), image_of) == scale.clusters()
