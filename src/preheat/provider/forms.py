"""The forms behind *Trigger*: what a person may say to a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from preheat.placement import Scope

if TYPE_CHECKING:
    from preheat.policy.model import Clusters

__all__ = ["DRY_RUN", "images_form", "verify_form"]

DRY_RUN = Param(
    False,
    type="boolean",
    title="Dry run",
    description_md="Plan and stop: nothing is asked of any cluster.",
)


REASON = Param(
    None,
    type=["null", "string"],
    title="Reason",
    description_md="For those who read the run later.",
)


def images_form(clusters: Clusters) -> dict[str, Param]:
    """Make the form of ``preheat_images``."""
    platforms = list(dict.fromkeys(name for c in clusters for name in c.platforms))
    fields: dict[str, Any] = {
        "images": Param(
            "",
            type="string",
            minLength=1,
            format="multiline",
            title="Images",
            description_md="One a line: `library/hello:1.0`, `ml/serving/llm@sha256:…`.",
        ),
        "clusters": Param(
            [],
            type="array",
            items={"type": "string"},
            examples=list(clusters.names),
            title="Clusters",
            description_md="Where the images should be warm.",
        ),
        "platforms": Param(
            [],
            type=["null", "array"],
            items={"type": "string"},
            examples=platforms,
            title="Platforms",
            description_md="None chosen: those of each cluster.",
        ),
        "scope": Param(
            Scope.ALL_SEED_PEERS.value,
            type="string",
            enum=[scope.value for scope in Scope],
            title="Scope",
            description_md="Which peers should hold the images.",
        ),
        "registry": _registry(clusters),
        "reason": REASON,
        "dry_run": DRY_RUN,
    }
    return fields


def verify_form(clusters: Clusters) -> dict[str, Param]:
    """Make the form of ``preheat_verify``."""
    fields: dict[str, Any] = {
        "placements": Param(
            [],
            type="array",
            items={"type": "integer"},
            title="Placements",
            description_md="By their numbers in the ledger; pages of Preheat fill them in.",
        ),
        "images": Param(
            None,
            type=["null", "string"],
            format="multiline",
            title="Images",
            description_md="Or images, one a line: `library/hello:1.0`, `ml/serving/llm@sha256:…`.",
        ),
        "clusters": Param(
            [],
            type=["null", "array"],
            items={"type": "string"},
            examples=list(clusters.names),
            title="Clusters",
            description_md="Where to look for the images; none chosen: wherever they were planned.",
        ),
        "registry": _registry(clusters),
        "reason": REASON,
    }
    return fields


def _registry(clusters: Clusters) -> Param:
    registries = list(dict.fromkeys(name for c in clusters for name in c.pull_endpoints))
    return Param(
        registries[0] if registries else "harbor_default",
        type="string",
        enum=registries or ["harbor_default"],
        title="Registry",
        description_md="Airflow connection of the Harbor that holds them.",
    )
