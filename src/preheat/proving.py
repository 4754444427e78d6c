"""Proving: from a job that ended, expired or got lost to a verdict in the ledger.

The job's state only ends the wait. What the job reports, or what the peers say when there is no
report, is compared with the blobs that the manifest names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from preheat.drivers.base import HeatRequest, JobState
from preheat.errors import RemoteError
from preheat.placement import Peers, Scope
from preheat.verdict import Verdict, judge, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from preheat.artifact import Image
    from preheat.drivers.base import Driver, Job
    from preheat.ledger import Attempt, Ledger, StoredPlacement
    from preheat.verdict import Finding

__all__ = ["expected_hosts", "prove"]

_ASK_PEERS = {
    JobState.EXPIRED: "the job's row is gone at the manager, so the peers were asked",
    JobState.LOST: "the job stayed pending past the manager's last look, so the peers were asked",
    JobState.FAILED: "the job failed, so the peers were asked",
}


def expected_hosts(placement: StoredPlacement) -> tuple[str, ...]:
    """Return the addresses in scope, as far as ``clusters.yaml`` names them."""
    named = placement.settings.expected_hosts
    match placement.key.scope:
        case Scope.ALL_SEED_PEERS:
            return tuple(named.get("seed_peers", ()))
        case Scope.ALL_PEERS:
            return tuple(named.get("peers", ()))
        case Scope.SINGLE_SEED_PEER:
            return ()


def prove(
    ledger: Ledger,
    driver: Driver,
    attempt: Attempt,
    job: Job,
    authorize: Callable[[], SecretStr | None],
) -> Finding:
    """Judge a job that will not change any more and close its attempt with the verdict.

    :param job: a job in a terminal state.
    :param authorize: mints a pull credential; called only when the peers have to be asked.
    :returns: the finding that stands in the ledger: another process may have been first.
    """
    placement = ledger.placement(attempt.placement_id)
    image = ledger.image(placement.key.digest)
    if image is None:
        message = f"the ledger lost the blobs of {placement.key.digest}, which was asked for"
        raise LookupError(message)
    if job.state in _ASK_PEERS:
        finding = _ask_peers(driver, attempt, placement, image, job, authorize)
    else:
        finding = judge(image, placement.key, job.report, expected_hosts=expected_hosts(placement))
    ledger.close_attempt(attempt.id, finding)
    return ledger.attempt(attempt.id).finding or finding


def _ask_peers(
    driver: Driver,
    attempt: Attempt,
    placement: StoredPlacement,
    image: Image,
    job: Job,
    authorize: Callable[[], SecretStr | None],
) -> Finding:
    """Judge by what the peers hold now; a failed job tells no more than its first failure."""
    why = _ASK_PEERS[job.state]
    told = job.report.error if job.report else ""
    request = HeatRequest(placement.key, placement.settings, nonce=attempt.nonce)
    try:
        request = replace(request, authorization=authorize())
        report = driver.verify(request, [blob.digest for blob in image.blobs])
    except RemoteError as error:
        return unknown(image, " ".join(filter(None, [told, f"({why}; that failed too: {error})"])))
    report = replace(report, error=" ".join(filter(None, [told, f"({why})"])))
    finding = judge(image, placement.key, report, expected_hosts=expected_hosts(placement))
    if finding.verdict is Verdict.WARM and not _names_its_hosts(placement):
        # Peers that hold nothing do not answer, and here no job report tells of them either.
        words = "all hosts that answered hold it; name them in clusters.yaml to prove that all do"
        return replace(finding, verdict=Verdict.UNKNOWN, words=f"{words} ({why})")
    return finding


def _names_its_hosts(placement: StoredPlacement) -> bool:
    """Tell whether it is known how many hosts must hold the image."""
    peers = Peers.parse(placement.key.peers)
    counted = bool(peers.ips) or peers.count is not None
    single = placement.key.scope is Scope.SINGLE_SEED_PEER
    return single or counted or bool(expected_hosts(placement))
