"""Lineage and assets: what Airflow is told to be made of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import Asset, lineage, plugins_manager
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.lineage import HookLineageReader, get_hook_lineage_collector
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from preheat.plan import Disposition
from preheat.provider.assets import artifact_asset, harbor_asset, warm_asset
from preheat.provider.operators.report import PreheatReportOperator
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator


class Reading(AirflowPlugin):
    """What OpenLineage's provider brings: somebody who reads."""

    name = "reading"
    hook_lineage_readers = [HookLineageReader]  # noqa: RUF012 - as Airflow wants it


@pytest.fixture
def readers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Airflow know of readers, or of none."""
    monkeypatch.setattr(
        plugins_manager, "get_hook_lineage_readers_plugins", lambda: list(request.param)
    )
    lineage.get_hook_lineage_collector.cache_clear()
    yield
    lineage.get_hook_lineage_collector.cache_clear()


def report(world: Any, context: dict[str, Any]) -> None:
    """Plan two placements, of which the first gets warm, and report."""
    for placement, verdict in zip(
        world.plan(Disposition.ASK, Disposition.ASK), (Verdict.WARM, Verdict.COLD), strict=True
    ):
        claim = world.ledger.open_attempt(placement.id, owner="t", run=world.run, lease_seconds=60)
        world.ledger.close_attempt(claim.attempt.id, Finding(verdict, 3, 3, 1500, 1500))
    with pytest.raises(AirflowFailException):
        PreheatReportOperator(task_id="report", plan_task_id="plan").execute(context)


@pytest.mark.parametrize("readers", [[Reading]], indirect=True)
@pytest.mark.usefixtures("readers")
def test_what_is_warm_comes_from_its_artifact(world: Any, context: dict[str, Any]) -> None:
    """And only that: what stayed cold led to nothing, though the run failed for it."""
    report(world, context)

    told = get_hook_lineage_collector().collected_assets
    artifact = f"harbor://harbor_default/library/followed@{world.image.digest}"
    assert [one.asset.uri for one in told.inputs] == [artifact]
    assert [one.asset.uri for one in told.outputs] == ["warm://us-1/"]


@pytest.mark.parametrize("readers", [[]], indirect=True)
@pytest.mark.usefixtures("readers")
def test_nothing_is_told_where_nobody_reads(world: Any, context: dict[str, Any]) -> None:
    """Airflow's own answer, without a plugin that reads."""
    report(world, context)

    assert not get_hook_lineage_collector().has_collected


def test_airflow_finds_handlers_and_factories() -> None:
    """They are named in the provider's information, and used for every asset."""
    runtime = ProvidersManagerTaskRuntime()
    assert {"warm", "harbor"} <= set(runtime.asset_uri_handlers)
    assert runtime.asset_factories["warm"](cluster="eu-1").uri == "warm://eu-1/"
    assert runtime.asset_factories["harbor"](conn_id="harbor_default").uri == (
        "harbor://harbor_default/"
    )


@pytest.mark.parametrize(
    "asset",
    [
        warm_asset("eu-1"),
        harbor_asset("harbor_default"),
        artifact_asset("harbor_default", "library/app", "sha256:12"),
        Asset("warm://eu-1/"),
    ],
    ids=lambda asset: str(asset.uri),
)
def test_an_asset_of_ours_keeps_its_uri(asset: Asset) -> None:
    """Airflow's own normalisation is all that happens to it."""
    assert Asset(asset.uri).uri == asset.uri


@pytest.mark.parametrize(
    "uri",
    [
        *("warm:///eu-1", "warm://eu-1/library/app", "warm://eu-1?scope=all"),
        *("harbor:///library/app", "harbor://harbor_default/library/app", "harbor://h/@sha256:12"),
    ],
)
def test_an_asset_with_a_slip_of_the_pen_is_refused(uri: str) -> None:
    """A DAG that is scheduled on it would never run, and nobody would be told."""
    with pytest.raises(ValueError, match=r"is no asset of Preheat's: write (warm|harbor)://<"):
        Asset(uri)
