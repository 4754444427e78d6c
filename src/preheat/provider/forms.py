"""The forms behind *Trigger*: what a person may say to a run.

Each DAG gets fields of its own: Airflow writes what a run was started with into the very objects
(tried on 3.3.2), and one that was shared would carry it to another DAG's runs in that process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from preheat.placement import Scope

if TYPE_CHECKING:
    from preheat.policy.model import Clusters

__all__ = ["CHECK_ALL", "images_form", "policy_form", "upkeep_form", "verify_form"]

CHECK_ALL = "check_all"


def policy_form() -> dict[str, Param]:
    """Make the form of a policy's DAG."""
    return {"dry_run": _dry_run()}


def upkeep_form() -> dict[str, Param]:
    """Make the form of ``preheat_upkeep``."""
    check_all = Param(
        False,
        type="boolean",
        title="Check all",
        description_md="Look at everything that is to be kept warm, due or not: after peers were "
        "replaced, or lost their disks.",
    )
    return {CHECK_ALL: check_all}


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
        "reason": _reason(),
        "dry_run": _dry_run(),
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
        "reason": _reason(),
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


def _reason() -> Param:
    return Param(
        None,
        type=["null", "string"],
        title="Reason",
        description_md="For those who read the run later.",
    )


def _dry_run() -> Param:
    return Param(
        False,
        type="boolean",
        title="Dry run",
        description_md="Plan and stop: nothing is asked of any cluster.",
    )
