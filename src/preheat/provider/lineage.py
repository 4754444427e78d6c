"""Lineage: which artifacts were made warm on which clusters, for whoever reads Airflow's.

Told by the report, for it is the only task that knows and ends in a worker: what the tracked tasks
prove ends in the triggerer, where Airflow 3.3.2 collects no lineage. Airflow keeps what a task
tells only where a plugin reads it (the OpenLineage provider has one), and of each side at most
``[lineage] max_assets_per_collector``.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from airflow.sdk.lineage import MAX_COLLECTED_ASSETS, NoOpCollector, get_hook_lineage_collector

from preheat.provider.assets import artifact_asset, warm_asset
from preheat.provider.hooks.harbor import HarborHook
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.ledger import Ledger, Outcome

__all__ = ["tell_lineage"]


def tell_lineage(ledger: Ledger, outcomes: Iterable[Outcome]) -> None:
    """Tell what is warm: the artifacts as inputs, the clusters that hold them as outputs.

    What is not warm led to nothing, and is not told.
    """
    collector = get_hook_lineage_collector()
    if isinstance(collector, NoOpCollector):
        return  # nobody reads it
    warm = (one for one in outcomes if one.verdict is Verdict.WARM)
    hooks: dict[str, HarborHook] = {}
    for outcome in islice(warm, MAX_COLLECTED_ASSETS - 1):  # at the limit it warns
        stored = ledger.placement(outcome.placement_id)
        registry = stored.settings.registry
        hook = hooks.setdefault(registry, HarborHook(registry))
        artifact = artifact_asset(registry, stored.key.repository, stored.key.digest)
        collector.add_input_asset(hook, uri=artifact.uri)
        collector.add_output_asset(hook, uri=warm_asset(stored.key.cluster).uri)
