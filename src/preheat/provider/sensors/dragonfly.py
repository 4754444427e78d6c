"""Wait until one placement is warm."""

from __future__ import annotations

import socket
import time
from threading import Event
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, TaskInstanceState

from preheat.artifact import Image
from preheat.asking import ask
from preheat.demand import Demand
from preheat.provider.config import open_ledger
from preheat.provider.handover import Handover
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.links import DragonflyJobLink, HarborArtifactLink
from preheat.provider.retries import NotWarmError
from preheat.provider.runs import run_ref
from preheat.provider.tracing import span
from preheat.provider.triggers.dragonfly import DragonflyPreheatTrigger
from preheat.rendering import advice, finding_lines
from preheat.verdict import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context
    from pydantic import SecretStr

    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Attempt, Followed, Ledger, RunRef, StoredPlacement
    from preheat.verdict import Finding

__all__ = ["DragonflyPreheatSensor"]

# The deadline is for a manager that stays silent: the trigger itself ends a job that got lost.
_SILENCE_SECONDS = 1800.0
# Airflow ends a deferral past its time-out without any retry: only a net below our own deadline.
_NET_SECONDS = 1800.0


class DragonflyPreheatSensor(BaseSensorOperator):
    """Ask for one placement once, then wait until it is proved warm.

    A sensor waits for a condition. The one it waits for, *warm*, would never come true by itself:
    so its first act is to ask, or to join what an earlier try asked.

    **Guarantees**: at most one tracked job a placement, however often a worker or triggerer dies;
    success means WARM (or PARTIAL, where the policy accepts it). **Does not**: cancel anything;
    Dragonfly cannot, so the job of a killed task goes on, and the next try joins it.

    .. seealso::
        `Dragonfly's preheat jobs <https://d7y.io/docs/next/advanced-guides/preheat/>`__,
        and docs/verification.md for what a verdict rests on.

    :param placement: id of the placement in the ledger.
    :param demand: what must be shown before it counts as warm, as ``peers 95%``; "" as the latest
        plan of any run says.
    :param accept_partial: whether PARTIAL ends the task well (``verify.onPartial: accept``).
    :param attempts: how often it may be asked for, where one task tracks for several policies; 0
        for what the task's retry policy says.
    :param retry_partial: whether it may be asked for again while it is partly warm.
    :param placement_label: what the grid shows, such as ``library/app:1.2 linux/amd64``.
    """

    operator_extra_links = (HarborArtifactLink(), DragonflyJobLink())
    template_fields: Sequence[str] = ("placement_label", "demand")
    ui_color = "#d7f0e5"

    def __init__(
        self,
        *,
        placement: int,
        placement_label: str = "",
        demand: str = "",
        accept_partial: bool = False,
        attempts: int = 0,
        retry_partial: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.attempts = attempts
        self.retry_partial = retry_partial
        self.placement = placement
        self.placement_label = placement_label
        self.demand = demand
        self.accept_partial = accept_partial
        self.links: dict[str, str] = {}

    def execute(self, context: Context) -> None:
        """Ask or join, then defer.

        :raises RemoteError: Harbor or Dragonfly said no, or did not answer.
        """
        ledger = open_ledger()
        placement, image = ledger.placement_and_image(self.placement)
        key = placement.key
        harbor = HarborHook(placement.settings.registry).client()
        self.links[HarborArtifactLink.name] = harbor.artifact_url(key.repository, key.digest)
        if image is None:  # the plan fetched it as a rule
            ledger.record_image(harbor.resolve(key.repository, key.digest, key.platform))
        settings = placement.settings
        driver = DragonflyHook(settings.connection).trusting_driver(ledger, name=settings.driver)
        with span("ask", cluster=key.cluster):
            attempt = self._ask(context, ledger, driver, harbor, placement)
        self._defer(driver, placement, attempt)

    def execute_complete(self, context: Context, event: dict[str, Any] | str) -> None:
        """Say what is missing and leave the decision to the retry policy.

        :raises NotWarmError: there is a verdict and it is not WARM, or none came in time.
        :raises PreheatError: what the trigger met instead, as it met it.
        :raises ValueError: for an event that is not the trigger's.
        """
        if event == TaskInstanceState.SUCCESS:
            # ``airflow dags test`` hands a TaskSuccessEvent to the worker; the triggerer does not.
            return
        handover = Handover.of(event)
        if handover.error is not None:
            self.log.error("Attempt %d could not be followed to its end.", handover.attempt)
            raise handover.error
        ledger = open_ledger()
        followed = ledger.followed(handover.attempt)
        attempt, placement = followed.attempt, followed.placement
        if attempt.finding is None:
            why = attempt.words.rstrip(".") or "the manager stayed silent"
            message = f"No verdict for {self._name(placement)}: {why}."
            then = "joins the job" if attempt.is_open else "asks anew"
            raise NotWarmError(f"{message} The next try {then}.", _unknown(followed, message))
        demand = Demand.parse(self.demand) if self.demand else placement.settings.demand
        finding = attempt.finding.under(demand)
        for line in finding_lines(finding):
            self.log.error("%s", line)
        raise NotWarmError(
            f"{self._name(placement)} is {handover.verdict}: {advice(finding)}",
            finding,
            vanished=handover.vanished,
            tries=_tries_that_asked(ledger, attempt, run_ref(context)),
            attempts=self.attempts,
            retry_partial=self.retry_partial,
        )

    def _ask(
        self,
        context: Context,
        ledger: Ledger,
        driver: Driver,
        harbor: HarborClient,
        placement: StoredPlacement,
    ) -> Attempt:
        asked = False

        def authorize() -> SecretStr | None:
            nonlocal asked
            asked = True  # called just before a POST, and never by who joins
            # Not given to Airflow's masker: a worker keeps every mask it was ever told, and each
            # new one compiles them all anew. Our own words never hold a token (transport.redact).
            return harbor.pull_authorization([placement.key.repository])

        run = run_ref(context)
        key = placement.key
        self.log.info(
            "Wanted: %s on cluster %s (%s, scheduler cluster %d, %s%s).",
            key.manifest_url,
            key.cluster,
            placement.settings.connection,
            placement.settings.scheduler_cluster_id,
            key.scope,
            f", {key.peers}" if key.peers else "",
        )
        attempt = ask(
            ledger,
            driver,
            placement,
            owner=f"{socket.gethostname()}/{run.dag_id}/{run.run_id}/{run.task_id}/{run.map_index}",
            run=run,
            authorize=authorize,
            wait=_wait,
            note=f"{run.dag_id} {run.run_id} {self.placement_label}",
        )
        joined = (
            ""
            if attempt.run == run
            else f", first asked by {attempt.run.dag_id} {attempt.run.run_id}"
        )
        did = "Asked for it; following" if asked else "Nothing asked by this try; joining"
        self.log.info("%s job %s (attempt %d%s).", did, attempt.job_id, attempt.id, joined)
        self.links[DragonflyJobLink.name] = driver.job_url(attempt.job_id or 0)
        return attempt

    def _defer(self, driver: Driver, placement: StoredPlacement, attempt: Attempt) -> None:
        patience = driver.timing.lost_after + _SILENCE_SECONDS
        self.defer(
            trigger=DragonflyPreheatTrigger(
                attempt=attempt.id,
                dragonfly_conn_id=placement.settings.connection,
                harbor_conn_id=placement.settings.registry,
                deadline=time.time() + patience,
                accept_partial=self.accept_partial,
                demand=self.demand,
            ),
            method_name="execute_complete",
            timeout=patience + _NET_SECONDS,
        )

    def _name(self, placement: StoredPlacement) -> str:
        return f"{self.placement_label or placement.key.repository} on {placement.key.cluster}"


def _unknown(followed: Followed, words: str) -> Finding:
    key = followed.placement.key
    return unknown(followed.image or Image(key.digest, key.platform, ()), words)


def _tries_that_asked(ledger: Ledger, attempt: Attempt, run: RunRef) -> set[int]:
    """Collect the tries of this run that came to a verdict, this one among them."""
    return {run.try_number} | ledger.tries_with_verdict(attempt.placement_id, run)


def _wait(seconds: float) -> None:
    Event().wait(seconds)
