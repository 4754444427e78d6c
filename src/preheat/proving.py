"""Proving: from a job that ended, expired or got lost to a verdict in the ledger.

The job's state only ends the wait. What the job reports, or what the peers say when there is no
report, is compared with the blobs that the manifest names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.drivers.base import HeatRequest, JobState
from preheat.errors import RemoteError
from preheat.placement import Peers, Scope
from preheat.verdict import judge, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from preheat.artifact import Image
    from preheat.drivers.base import Driver, Job
    from preheat.ledger import Attempt, Ledger, StoredPlacement
    from preheat.verdict import Finding

__all__ = ["expected_hosts", "prove"]

_VANISHED = {
    JobState.EXPIRED: "the job's row is gone at the manager, so the peers were asked",
    JobState.LOST: "the job stayed pending past the manager's last look, so the peers were asked",
}


def expected_hosts(placement: StoredPlacement) -> tuple[str, ...]:
    """Return the addresses that must hold the image, as far as ``clusters.yaml`` names them."""
    peers = Peers.parse(placement.key.peers)
    if peers.ips:
        return peers.ips
    if peers.count is not None or peers.percentage is not None:
        return ()
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
    if job.state in _VANISHED:
        finding = _ask_peers(driver, attempt, placement, image, _VANISHED[job.state], authorize)
    elif job.report is None:
        finding = unknown(image, f"the job ended as {job.raw_state} and reported nothing")
    else:
        finding = judge(image, placement.key, job.report, expected_hosts=expected_hosts(placement))
    ledger.close_attempt(attempt.id, finding)
    return ledger.attempt(attempt.id).finding or finding


def _ask_peers(
    driver: Driver,
    attempt: Attempt,
    placement: StoredPlacement,
    image: Image,
    why: str,
    authorize: Callable[[], SecretStr | None],
) -> Finding:
    try:
        request = HeatRequest(
            key=placement.key,
            settings=placement.settings,
            nonce=attempt.nonce,
            authorization=authorize(),
        )
        report = driver.verify(request, [blob.digest for blob in image.blobs])
    except RemoteError as error:
        return unknown(image, f"{why}; that failed too: {error}")
    return judge(image, placement.key, report, expected_hosts=expected_hosts(placement))
