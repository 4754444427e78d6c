"""Decide what should be warm where, and write it down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from preheat.difference import difference, selected
from preheat.errors import InputError, RefusedError, RemoteError
from preheat.plan import Disposition
from preheat.policy.images import IMAGES_PLAN
from preheat.policy.units import format_size
from preheat.policy.weighing import weigh
from preheat.provider.config import open_ledger
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.runs import run_ref
from preheat.rendering import count_of
from preheat.upkeep import UPKEEP_PLAN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from preheat.artifact import Image
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger, RunRef
    from preheat.plan import ClusterBytes, Plan, PlannedPlacement
    from preheat.provider.sources import PlanSource

__all__ = ["OVER_BUDGET", "EvaluatePolicyOperator"]

OVER_BUDGET = "over_budget"
"""Key of what the task returns: what a person is to be asked, empty if nothing."""

_MANIFESTS_AT_ONCE = 4


class EvaluatePolicyOperator(BaseOperator):
    """Evaluate a plan source and record the plan; nothing is asked of any cluster here.

    **Guarantees**: the plan of a run is recorded once; a cleared task replaces it. The manifests of
    what is to be warmed are fetched here, once for each digest ever. Where the policy waits for its
    window, the task sleeps in the triggerer and evaluates anew once it opens. **Raises** for bad
    input at once, without retries; for a Harbor that does not answer with the task's own retries.

    :param source: where candidates come from and what selects among them.
    """

    ui_color = "#e8eefc"

    def __init__(self, *, source: PlanSource, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source

    def execute(self, context: Context) -> dict[str, Any]:
        """Return counts for a person; the plan itself is in the ledger."""
        run = run_ref(context)
        try:
            ledger = open_ledger()
            plan = self.source.plan(ledger, context["params"])
            plan = _compared(plan, ledger, run)
        except (InputError, RefusedError) as error:
            # A repeat of the same question brings the same answer. The message says it all: with
            # its cause the log would show every word twice.
            raise AirflowFailException(str(error)) from None
        for warning in plan.warnings:
            self.log.warning("%s", warning)
        if plan.opens_at is not None:
            self.log.info("Waiting until %s, then planning anew.", plan.opens_at.isoformat())
            self.defer(trigger=DateTimeTrigger(moment=plan.opens_at), method_name="execute_open")
        plan = replace(plan, bytes=self._weigh(ledger, plan))
        recorded = ledger.record_plan(plan, run)
        counts = plan.counts()
        asked = sum(item.disposition is Disposition.ASK for item in recorded.items)
        self.log.info("Decisions: %s", counts)
        self.log.info("Placements: %d, of which %d are asked for now", len(recorded.items), asked)
        for placement in plan.placements:
            self.log.info(
                "  %s on %s (%s): %s %s",
                placement.label,
                placement.key.cluster,
                placement.key.scope,
                placement.disposition,
                placement.detail,
            )
        self._tell_difference(plan)
        return {
            "plan": recorded.plan_id,
            "decisions": counts,
            "asked": asked,
            OVER_BUDGET: plan.over_budget,
        }

    def execute_open(self, context: Context, event: Any) -> dict[str, Any]:
        """Plan anew now that the window has opened: what Harbor lists may have changed."""
        del event
        return self.execute(context)

    def _tell_difference(self, plan: Plan) -> None:
        for cluster, counted in plan.bytes.items():
            unknown = f" and {counted.unknown} of unknown size" if counted.unknown else ""
            images = count_of(counted.images, "image")
            self.log.info("%s: %s, %s%s", cluster, images, format_size(counted.bytes), unknown)
        if plan.difference is not None:
            self.log.info(
                "Images since the last plan: %d came, %d went, %d stayed",
                len(plan.difference.added),
                len(plan.difference.removed),
                len(plan.difference.kept),
            )

    def _weigh(self, ledger: Ledger, plan: Plan) -> dict[str, ClusterBytes]:
        """Find out what the images consist of, and count the bytes, shared blobs once."""
        asked = [p for p in plan.placements if p.disposition is Disposition.ASK]
        images = ledger.images(placement.key.digest for placement in asked)
        unread = {
            (p.settings.registry, p.key.digest): p for p in asked if p.key.digest not in images
        }
        clients = {registry: HarborHook(registry).client() for registry, _ in unread}
        with ThreadPoolExecutor(_MANIFESTS_AT_ONCE) as pool:
            for image in pool.map(partial(self._read, clients), unread.values()):
                if image is not None:
                    ledger.record_image(image)
                    images[image.digest] = image
        return weigh(asked, lambda key: images.get(key.digest))

    def _read(
        self, clients: Mapping[str, HarborClient], placement: PlannedPlacement
    ) -> Image | None:
        key = placement.key
        client = clients[placement.settings.registry]
        try:
            return client.resolve(key.repository, key.digest, key.platform)
        except (RemoteError, InputError) as error:
            # Only this placement suffers: its own task tries again and tells.
            self.log.warning("%s: its manifest could not be read now: %s", placement.label, error)
            return None


def _compared(plan: Plan, ledger: Ledger, run: RunRef) -> Plan:
    """Say what came and went since the policy's last plan; others follow from none, or say less."""
    if plan.partial or plan.policy in {IMAGES_PLAN, UPKEEP_PLAN}:
        return plan
    before = ledger.selected_before(plan.policy, run)
    if before is None:
        return plan
    return replace(plan, difference=difference(before, selected(plan.decisions)))
