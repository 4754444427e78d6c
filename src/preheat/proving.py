"""Proving: from a job that ended, expired or got lost to a verdict in the ledger.

The job's state only ends the wait. What the job reports, or what the peers say when there is no
report, is compared with the blobs that the manifest names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from preheat.drivers.base import HeatRequest, JobState
from preheat.errors import RemoteError
from preheat.verdict import judge, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import SecretStr

    from preheat.artifact import Image
    from preheat.drivers.base import Driver, Job
    from preheat.ledger import Attempt, Followed, Ledger, StoredPlacement
    from preheat.verdict import Finding

__all__ = ["Registry", "prove"]

_EXPLAINED_LAYERS = 5

_ASK_PEERS = {
    JobState.EXPIRED: "the job's row is gone at the manager, so the peers were asked",
    JobState.LOST: "the job stayed pending past the manager's last look, so the peers were asked",
    JobState.FAILED: "the job failed, so the peers were asked",
}


class Registry(Protocol):
    """What proving needs of the registry (``preheat.harbor.client.HarborClient``)."""

    def pull_authorization(self, repositories: Iterable[str]) -> SecretStr:
        """Mint a pull credential."""
        ...

    def blob_words(self, full_name: str, digest: str) -> str:
        """Tell what the registry says when a blob is asked for."""
        ...


def prove(
    ledger: Ledger,
    driver: Driver,
    followed: Followed,
    job: Job,
    registry: Registry,
) -> Finding | None:
    """Judge a job that will not change any more and close its attempt with the verdict.

    :param job: a job in a terminal state.
    :param registry: asked only where peers must be asked, or nobody says why a layer is missing.
    :returns: the finding that stands in the ledger: another process may have been first. None when
        the attempt was closed without one.
    """
    placement = followed.placement
    image = followed.image
    if image is None:
        message = f"the ledger lost the blobs of {placement.key.digest}, which was asked for"
        raise LookupError(message)
    if job.state in _ASK_PEERS:
        finding = _ask_peers(driver, followed.attempt, placement, image, job, registry)
    else:
        hosts = placement.settings.hosts_of(placement.key.scope)
        finding = judge(image, placement.key, job.report, expected_hosts=hosts)
    finding = _with_reasons(finding, registry, placement.key.repository)
    if ledger.close_attempt(followed.attempt.id, finding):
        return finding
    return ledger.attempt(followed.attempt.id).finding


def _ask_peers(
    driver: Driver,
    attempt: Attempt,
    placement: StoredPlacement,
    image: Image,
    job: Job,
    registry: Registry,
) -> Finding:
    """Judge by what the peers hold now; a failed job tells no more than its first failure."""
    why = _ASK_PEERS[job.state]
    told = job.report.error if job.report else ""
    request = HeatRequest(placement.key, placement.settings, nonce=attempt.nonce)
    try:
        request = replace(
            request, authorization=registry.pull_authorization([placement.key.repository])
        )
        report = driver.verify(request, [blob.digest for blob in image.blobs])
    except RemoteError as error:
        return unknown(image, " ".join(filter(None, [told, f"({why}; that failed too: {error})"])))
    report = replace(report, error=" ".join(filter(None, [told, f"({why})"])))
    hosts = placement.settings.hosts_of(placement.key.scope)
    return judge(image, placement.key, report, expected_hosts=hosts)


def _with_reasons(finding: Finding, registry: Registry, repository: str) -> Finding:
    """Add what the registry says of missing layers that Dragonfly gave no reason for.

    ``single_seed_peer`` swallows every error (dragonfly: scheduler/job/job.go), so often the
    registry is the only one who tells.
    """
    explained = tuple(
        layer
        if layer.words or number >= _EXPLAINED_LAYERS
        else replace(layer, words=registry.blob_words(repository, layer.digest))
        for number, layer in enumerate(finding.missing)
    )
    return replace(finding, missing=explained)
