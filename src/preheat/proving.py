"""Proving: from a job that ended, expired or got lost to a verdict in the ledger.

The job's state only ends the wait. What the job reports, or what the peers say now, is compared
with the blobs that the manifest names. The peers are asked where the run demands it, and wherever
a job does not tell: it failed, it is gone, or it leaves hosts out of its report.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from preheat.demand import VerifyMode
from preheat.drivers.base import PEER, SEED, UNKNOWN_HOST, HeatRequest, JobState
from preheat.errors import WAITED_OUT, RemoteError
from preheat.placement import Scope
from preheat.verdict import Verdict, join_words, judge, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import SecretStr

    from preheat.artifact import BlobAnswer, Image
    from preheat.demand import Demand
    from preheat.drivers.base import Driver, Job, Report
    from preheat.ledger import Followed, Ledger, StoredPlacement
    from preheat.placement import PlacementKey, TrackSettings
    from preheat.verdict import Finding, MissingLayer

__all__ = ["Registry", "ask_peers", "confirm", "look_now", "prove", "with_reasons"]

_EXPLAINED_LAYERS = 5

_ASK_PEERS = {
    JobState.EXPIRED: "the job's row is gone at the manager, so the peers were asked",
    JobState.LOST: "the job stayed pending past the manager's last look, so the peers were asked",
    JobState.FAILED: "the job failed, so the peers were asked",
}
_LEFT_OUT = "the job tells nothing more of a host that failed one layer, so the peers were asked"
_NAMELESS = "the job does not tell enough, so the peers were asked"


class Registry(Protocol):
    """What proving needs of the registry (``preheat.harbor.client.HarborClient``)."""

    def pull_authorization(self, repositories: Iterable[str]) -> SecretStr:
        """Mint a pull credential."""
        ...

    def blob_answer(self, full_name: str, digest: str) -> BlobAnswer:
        """Tell what the registry says when a blob is asked for."""
        ...


def prove(
    ledger: Ledger,
    driver: Driver,
    followed: Followed,
    job: Job,
    registry: Registry,
    *,
    demand: Demand | None = None,
) -> Finding | None:
    """Judge a job that will not change any more and close its attempt with the verdict.

    :param job: a job in a terminal state.
    :param registry: asked only where peers must be asked, or nobody says why a layer is missing.
    :param demand: of the run that follows; else what the latest plan demands.
    :returns: the finding, judged by the demand: another process may have been first. None when the
        attempt was closed without one.
    :raises RemoteError: one of ``WAITED_OUT`` stood between us and the peers. Nothing was learned,
        so the attempt stays open: a finding would cost an attempt and a needless job.
    """
    placement = followed.placement
    wanted = demand or placement.settings.demand
    finding = _judged(driver, followed, job, registry, wanted)
    told = job.report.error if job.report else ""
    finding = with_reasons(finding, registry, placement.key.repository, told=told)
    if ledger.close_attempt(followed.attempt.id, finding):
        return finding
    stood = ledger.attempt(followed.attempt.id).finding
    if stood is None or stood.proof.suffices_for(wanted.mode):
        return stood.under(wanted) if stood else None
    ledger.strengthen(followed.attempt.id, finding)
    return finding


def confirm(
    ledger: Ledger, driver: Driver, followed: Followed, registry: Registry, demand: Demand
) -> Finding | None:
    """Give what a closed attempt found, judged by a demand; ask the peers if that needs their word.

    :returns: None when the attempt was closed without a finding.
    :raises RemoteError: one of ``WAITED_OUT``; what was found stands.
    """
    stood = followed.attempt.finding
    if stood is None or stood.proof.suffices_for(demand.mode):
        return stood.under(demand) if stood else None
    placement = followed.placement
    finding = _look(driver, placement, _image_of(followed), registry, demand)
    ledger.strengthen(followed.attempt.id, finding)
    return finding


def look_now(
    driver: Driver,
    placement: StoredPlacement,
    image: Image,
    registry: Registry,
    demand: Demand,
) -> Finding:
    """Judge a placement by what the peers hold now. Nothing is heated, and nothing written down.

    :raises RemoteError: the manager cannot be asked: that is no finding.
    """
    key, settings = placement.key, placement.settings
    report = ask_peers(driver, key, settings, image, registry)
    hosts = settings.hosts_of(key.scope)
    return judge(image, key, report, expected_hosts=hosts, demand=demand)


def ask_peers(
    driver: Driver,
    key: PlacementKey,
    settings: TrackSettings,
    image: Image,
    registry: Registry,
    *,
    nonce: str = "",
) -> Report:
    """Ask every peer of the cluster for every blob of an image.

    Goes on without a credential where the registry gives none: peers can be asked blob by blob.

    :raises RemoteError: the manager cannot be asked.
    """
    authorization = None
    with suppress(RemoteError):  # the registry may be away; what the peers hold is not
        authorization = registry.pull_authorization([key.repository])
    request = HeatRequest(
        key, settings, nonce=nonce or secrets.token_hex(16), authorization=authorization
    )
    return driver.verify(request, [blob.digest for blob in image.blobs])


def _look(
    driver: Driver, placement: StoredPlacement, image: Image, registry: Registry, demand: Demand
) -> Finding:
    """Judge what the peers hold now; a refusal is a finding, an outage is raised."""
    try:
        finding = look_now(driver, placement, image, registry, demand)
    except WAITED_OUT:
        raise
    except RemoteError as error:
        return unknown(image, f"the peers could not be asked: {error}")
    return with_reasons(finding, registry, placement.key.repository)


def _judged(
    driver: Driver, followed: Followed, job: Job, registry: Registry, demand: Demand
) -> Finding:
    placement, image = followed.placement, _image_of(followed)
    key, settings = placement.key, placement.settings
    hosts = settings.hosts_of(key.scope)
    by_job = judge(image, key, job.report, expected_hosts=hosts, demand=demand)
    why = _why_ask(job, by_job)
    if not why and demand.mode is VerifyMode.LAYERS:
        return by_job
    told = job.report.error if job.report else ""
    try:
        report = ask_peers(driver, key, settings, image, registry, nonce=followed.attempt.nonce)
    except WAITED_OUT:
        raise
    except RemoteError as error:
        words = _joined(told, why, f"that failed too: {error}")
        if job.state in _ASK_PEERS or demand.mode is VerifyMode.PEERS:
            return unknown(image, words)
        return replace(by_job, words=words)
    merged = replace(_merged(job.report, report, key.scope), error=_joined(told, why))
    return judge(image, key, merged, expected_hosts=hosts, demand=demand)


def _why_ask(job: Job, finding: Finding) -> str:
    """Say why a job's report is not enough, whatever is demanded; "" if it is."""
    if job.state in _ASK_PEERS:
        return _ASK_PEERS[job.state]
    if job.report and job.report.failures:
        return _LEFT_OUT
    return _NAMELESS if finding.verdict is Verdict.UNKNOWN else ""


def _merged(told: Report | None, now: Report, scope: Scope) -> Report:
    """Take from a job which hosts it chose, and why they failed; from the peers what they hold.

    Peers that hold nothing do not answer: without the job nobody would miss them.
    """
    if told is None:
        return now
    if scope is Scope.SINGLE_SEED_PEER:
        return replace(now, is_final=told.is_final, is_refused=told.is_refused)
    kind = PEER if scope is Scope.ALL_PEERS else SEED
    failures = {(each.url, each.ip, each.hostname): each for each in now.failures}
    failures |= {
        (each.url, each.ip, each.hostname): replace(each, host_type=kind) for each in told.failures
    }
    hosts = {(copy.ip, copy.hostname) for copy in told.copies if copy.ip != UNKNOWN_HOST}
    hosts |= {(failure.ip, failure.hostname) for failure in told.failures}
    return replace(
        now,
        failures=tuple(failures.values()),
        hosts=tuple(sorted(hosts)),
        names_every_host=bool(hosts),
        is_final=told.is_final,
        is_refused=told.is_refused,
    )


def _image_of(followed: Followed) -> Image:
    if followed.image is None:
        digest = followed.placement.key.digest
        message = f"the ledger lost the blobs of {digest}, which was asked for"
        raise LookupError(message)
    return followed.image


def _joined(told: str, *why: str) -> str:
    """Put our own words in brackets behind what the other system said."""
    reasons = "; ".join(filter(None, why))
    return f"{told} ({reasons})" if told and reasons else told or reasons


def with_reasons(
    finding: Finding, registry: Registry, repository: str, *, told: str = ""
) -> Finding:
    """Add what the registry says of missing layers, where it says no or nobody else gave a reason.

    ``single_seed_peer`` swallows every error (dragonfly: scheduler/job/job.go), and a failed job
    names its first one only, so often the registry is the only one who tells. Of many layers as
    many are asked for as it takes to know whether all of them are lost.

    :param told: what failed the job as a whole: it belongs to the layer that it names, or to the
        only one that is missing.
    """
    is_only = len(finding.missing) == 1
    explained: list[MissingLayer] = []
    for each in finding.missing:
        is_meant = told and told not in each.words and (is_only or each.digest in told)
        words = join_words([told, each.words])
        layer = replace(each, words=words) if is_meant else each
        is_worth_it = len(explained) < _EXPLAINED_LAYERS or all(one.is_final for one in explained)
        explained.append(_explained(layer, registry, repository) if is_worth_it else layer)
    return replace(finding, missing=tuple(explained))


def _explained(layer: MissingLayer, registry: Registry, repository: str) -> MissingLayer:
    if layer.is_final:
        return layer
    said = registry.blob_answer(repository, layer.digest)
    words = join_words([layer.words, said.words])
    return replace(layer, words=words, is_final=said.is_refused)
