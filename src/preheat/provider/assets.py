"""The assets of Airflow that Preheat speaks of, and what is read where.

``warm://<cluster>`` is updated by each green run: all that it wanted there is warm.
``harbor://<connection>`` is updated while events of that Harbor wait. Below it,
``harbor://<connection>/<repository>@<digest>`` names an artifact, for lineage only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = [
    "artifact_asset",
    "harbor_asset",
    "harbor_uri",
    "to_openlineage",
    "warm_asset",
    "warm_uri",
]


def warm_asset(cluster: str, **more: Any) -> Asset:
    """Make the asset of a cluster.

    :param cluster: its name in ``clusters.yaml``.
    :param more: of Airflow's asset, such as ``extra``.
    """
    return Asset(f"warm://{cluster}", **more)


def harbor_asset(conn_id: str, **more: Any) -> Asset:
    """Make the asset of a Harbor.

    :param conn_id: its Airflow connection.
    :param more: of Airflow's asset, such as ``watchers``.
    """
    return Asset(f"harbor://{conn_id}", **more)


def artifact_asset(conn_id: str, repository: str, digest: str) -> Asset:
    """Make the asset of one artifact in a Harbor."""
    return Asset(f"harbor://{conn_id}/{repository}@{digest}")


def warm_uri(parts: SplitResult) -> SplitResult:
    """Check the URI of a cluster: a DAG on one with a slip of the pen would never run.

    :raises ValueError: if it is not a cluster's.
    """
    if not parts.netloc or parts.path not in {"", "/"} or parts.query:
        wrong = f"{parts.geturl()} is no asset of Preheat's: write warm://<name of the cluster>"
        raise ValueError(wrong)
    return parts


def harbor_uri(parts: SplitResult) -> SplitResult:
    """Check the URI of a Harbor, or of an artifact in it.

    :raises ValueError: if it is neither.
    """
    repository, _, digest = parts.path.strip("/").partition("@")
    if not parts.netloc or parts.query or bool(repository) != bool(digest):
        wrong = f"{parts.geturl()} is no asset of Preheat's: write harbor://<Airflow connection>"
        raise ValueError(wrong)
    return parts


def to_openlineage(asset: Asset, lineage_context: Any) -> Any:
    """Name an asset as OpenLineage does; None where its client is not installed."""
    del lineage_context
    from airflow.providers.common.compat.openlineage.facet import (  # noqa: PLC0415 - for OpenLineage
        Dataset,
    )

    scheme, _, rest = asset.uri.partition("://")
    place, _, name = rest.strip("/").partition("/")
    return Dataset(namespace=f"{scheme}://{place}", name=name or "/")
