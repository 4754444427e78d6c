"""Plans for images that a person typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from preheat.errors import ProblemsError
from preheat.harbor.reference import parse_references
from preheat.placement import Peers, Scope
from preheat.plan import Disposition
from preheat.policy.images import plan_images
from preheat.policy.model import Submit, Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.policy.images import TypedImage
    from preheat.policy.model import Clusters

BOTH = ["linux/amd64", "linux/arm64"]


def typed(text: str) -> TypedImage:
    """Read one reference as the form does."""
    (reference,) = parse_references(text)
    return reference


def test_typed_images_are_placed_on_each_cluster(
    art: Callable[..., Artifact], clusters: Clusters, now: datetime
) -> None:
    """The typed tag speaks for the image, in the order typed; each cluster gets what it runs."""
    images = [
        (typed("library/hello:1.0"), art("library/hello", 2, tags="latest 1.0", platforms=BOTH)),
        (typed("docker pull library/app"), art("library/app", 3, tags="latest")),
    ]
    plan = plan_images(images, tuple(clusters), now=now)
    assert plan.policy == "preheat_images"
    assert [(p.key.cluster, p.label) for p in plan.placements] == [
        ("eu-1", "library/hello:1.0 linux/amd64"),
        ("eu-1", "library/hello:1.0 linux/arm64"),
        ("eu-1", "library/app:latest linux/amd64"),
        ("us-1", "library/hello:1.0 linux/amd64"),
        ("us-1", "library/app:latest linux/amd64"),
    ]
    assert {p.key.scope for p in plan.placements} == {Scope.ALL_SEED_PEERS}
    assert plan.decisions[0].reasons[0].detail == "typed as library/hello:1.0"
    assert plan.policy_text == "library/hello:1.0\nlibrary/app:latest"


def test_an_untagged_image_is_named_by_its_digest(
    art: Callable[..., Artifact], clusters: Clusters, now: datetime
) -> None:
    """Whoever types a digest sees it in the grid, short."""
    artifact = art("library/hello", "abcdef0123456789".zfill(64)[::-1], tags="")
    images = [(typed(f"library/hello@{artifact.digest}"), artifact)]
    (placement,) = plan_images(images, clusters.named(["eu-1"]), now=now).placements
    assert placement.label == "library/hello@sha256:9876543210fe linux/amd64"


def test_scope_peers_and_settings_are_the_persons(
    art: Callable[..., Artifact], clusters: Clusters, now: datetime
) -> None:
    """A typed image is asked for now, even if it was warm a minute ago, unless told otherwise."""
    images = [(typed("library/app:1.0"), art())]
    eu = clusters.named(["eu-1"])
    target = Target((), Scope.ALL_PEERS, Peers(count=2))
    (asked,) = plan_images(images, eu, target=target, now=now).placements
    assert (asked.key.scope, asked.key.peers) == (Scope.ALL_PEERS, "count=2")
    warm = {asked.key: now}
    (again,) = plan_images(images, eu, target=target, now=now, warm=warm).placements
    assert again.disposition is Disposition.ASK
    submit = Submit(fresh_for_seconds=60)
    (fresh,) = plan_images(images, eu, target=target, submit=submit, now=now, warm=warm).placements
    assert fresh.disposition is Disposition.ALREADY_WARM


def test_everything_wrong_is_told_together(
    art: Callable[..., Artifact], clusters: Clusters, now: datetime
) -> None:
    """Platforms that images lack, and a registry a cluster cannot pull from."""
    images = [
        (typed("library/hello:1.0"), art("library/hello", 2, platforms=BOTH)),
        (typed("library/app:1.0"), art(registry="harbor_2")),
    ]
    with pytest.raises(ProblemsError) as caught:
        plan_images(images, tuple(clusters), platforms=["linux/arm64", "linux/arm"], now=now)
    endpoint = (
        "clusters: The cluster 'us-1' has no pull endpoint for the registry 'harbor_2';"
        " add it to pullEndpoints of that cluster."
    )
    assert [str(problem) for problem in caught.value.problems] == [
        "images: library/hello:1.0 has no image for linux/arm; it has linux/amd64, linux/arm64.",
        "images: library/app:1.0 has no image for linux/arm64; it has linux/amd64.",
        "images: library/app:1.0 has no image for linux/arm; it has linux/amd64.",
        endpoint,
    ]


def test_a_malformed_platform_is_told_once(
    art: Callable[..., Artifact], clusters: Clusters, now: datetime
) -> None:
    """Not also as a platform that each image lacks."""
    with pytest.raises(ProblemsError) as caught:
        plan_images(
            [(typed("library/app:1.0"), art())], tuple(clusters), platforms=["arm"], now=now
        )
    (problem,) = caught.value.problems
    assert str(problem) == (
        "platforms: 'arm' is not a platform; write os/arch, such as linux/amd64."
    )


def test_a_cluster_whose_nodes_cannot_run_it(
    art: Callable[..., Artifact], clusters: Clusters, now: datetime
) -> None:
    """An image without any platform of a chosen cluster is a mistake, not an empty plan."""
    images = [(typed("library/app:1.0"), art(platforms=["linux/arm64"]))]
    with pytest.raises(ProblemsError, match="no image for 'us-1', whose nodes run linux/amd64"):
        plan_images(images, tuple(clusters), now=now)
