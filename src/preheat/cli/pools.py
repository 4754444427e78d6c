"""``preheat pools``: the Airflow pools that cap the jobs in flight, one a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from preheat.errors import ProblemsError

__all__ = ["pools", "pools_of"]


def pools_of(clusters_file: Path) -> dict[str, dict[str, Any]]:
    """Describe the pools in the form that ``airflow pools import`` reads.

    A pool counts its waiting tasks too (*include deferred*): only so it caps the jobs at Dragonfly.

    :raises ProblemsError: if the clusters file is wrong.
    """
    from preheat.policy.loader import load_clusters, read_text  # noqa: PLC0415 - heavy for other commands

    clusters = load_clusters(read_text(clusters_file), str(clusters_file))
    return {
        cluster.pool: {
            "slots": cluster.max_concurrent_jobs,
            "description": f"Preheat jobs in flight on cluster {cluster.name}",
            "include_deferred": True,
        }
        for cluster in clusters
    }


def pools(
    include: Annotated[Path, typer.Option(help="Folder with clusters.yaml.")] = Path("include"),
) -> None:
    """Print the pools that the clusters need, in the form that 'airflow pools import' reads."""
    try:
        found = pools_of(include / "clusters.yaml")
    except ProblemsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps(found, indent=2))
