"""Whether an image is warm somewhere, for those who deploy only then: yes only where it is proved.

A digest of a platform's manifest is looked up in the ledger. What a tag or an index points at, the
registry is asked: it may have moved since it was warmed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

import anyio
from airflow.sdk.exceptions import AirflowNotFoundException

from preheat.artifact import Artifact, Child
from preheat.errors import InputError, NotFoundError, RemoteError
from preheat.harbor.reference import ImageReference
from preheat.harbor.typed import find
from preheat.ledger import Cell, Ledger, Shown
from preheat.policy.model import Cluster
from preheat.policy.platforms import ATTESTATION_PLATFORM, normal_platform
from preheat.provider.hooks.harbor import HarborHook
from preheat.verdict import Verdict
from preheat.web.refusing import Refusal

__all__ = ["HARBOR_SECONDS", "Against", "Gate", "Standing", "images_of", "look_up", "standing"]

HARBOR_SECONDS = 5.0
_RETRY = {"Retry-After": "15"}
# A Harbor that hangs keeps threads; it must not keep those that serve other routes.
_asking = anyio.CapacityLimiter(8)


@dataclass(frozen=True, slots=True)
class Gate:
    """What somebody wants to know.

    :param cluster: its entry, as a plan used it last.
    :param scope: "" for whatever is wanted there now.
    :param platform: "" for those of the cluster.
    :param registry: Airflow connection of the Harbor.
    :param max_age: how old a proof may be; None for any age.
    """

    image: ImageReference
    cluster: Cluster
    registry: str
    scope: str = ""
    platform: str = ""
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Against:
    """One thing that stands against yes.

    :param cell: the placement; None where there is none.
    :param since: when that was found; None where nothing was.
    """

    digest: str
    platform: str
    cell: Cell | None
    since: datetime | None
    words: str
    advice: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How an image stands on a cluster.

    :param images: the platforms' manifests that were looked at.
    :param cells: their placements there.
    :param against: empty where all of it is warm.
    """

    images: tuple[Child, ...]
    cells: tuple[Cell, ...] = ()
    against: tuple[Against, ...] = field(default=())


async def look_up(reference: ImageReference, registry: str) -> Artifact:
    """Ask the registry what a tag or digest points at now.

    :raises Refusal: 404 where there is no such image, 503 where nobody can tell.
    """

    def ask() -> Artifact:
        return find(HarborHook(registry).client(), reference)

    try:
        with anyio.fail_after(HARBOR_SECONDS):
            return await anyio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=_asking)
    except TimeoutError:
        raise _unknown(f"Harbor did not answer within {HARBOR_SECONDS:g} s.") from None
    except NotFoundError:
        raise Refusal(HTTPStatus.NOT_FOUND, f"Harbor has no image {reference}.") from None
    except RemoteError as error:
        raise _unknown(str(error)) from None
    except (InputError, AirflowNotFoundException):
        raise _unknown(f"The connection {registry} cannot be used.") from None


def _unknown(words: str) -> Refusal:
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"{words} What the image is now is not known, so it is not known to be warm.",
        headers=_RETRY,
    )


def images_of(gate: Gate, artifact: Artifact) -> tuple[Child, ...]:
    """Give the manifests of those platforms that are wanted; empty where it has none of them."""
    had = [child for child in artifact.children if child.platform != ATTESTATION_PLATFORM]
    if not artifact.children:
        return (Child(artifact.digest, ""),)
    wanted = {gate.platform} if gate.platform else set(gate.cluster.platforms)
    normal = set(map(normal_platform, wanted))
    return tuple(child for child in had if not normal or normal_platform(child.platform) in normal)


def standing(
    ledger: Ledger, gate: Gate, images: Sequence[Child], seen: Collection[str] | None
) -> Standing:
    """Tell how these manifests stand on the cluster."""
    now = ledger.overview.now()
    cells: list[Cell] = []
    against: list[Against] = []
    for image in images:
        found = _cells(ledger, gate, image, seen)
        cells += found
        against += _against(gate, image, found, now)
    return Standing(tuple(images), tuple(cells), tuple(against))


def _cells(ledger: Ledger, gate: Gate, image: Child, seen: Collection[str] | None) -> list[Cell]:
    """Give what is wanted there now; where nothing is, what ever was."""
    for everything in (False, True):
        shown = Shown(cluster=gate.cluster.name, everything=everything)
        found = ledger.overview.placements_of(gate.image.full_name, image.digest, seen, shown)
        if meant := [cell for cell in found if _is_meant(gate, cell)]:
            return meant
    return []


def _is_meant(gate: Gate, cell: Cell) -> bool:
    stored = cell.placement
    is_platform = gate.platform in {"", stored.key.platform}
    return (
        stored.settings.registry == gate.registry
        and gate.scope in {"", stored.key.scope}
        and (is_platform or normal_platform(gate.platform) == normal_platform(stored.key.platform))
    )


def _against(gate: Gate, image: Child, cells: Sequence[Cell], now: datetime) -> Iterator[Against]:
    if not cells:
        words = f"no plan wants it on {gate.cluster.name}"
        advice = "Warm it with POST /preheat/api/v1/warm, or let a policy select it."
        yield Against(image.digest, image.platform, None, None, words, advice)
    for cell in cells:
        stored = cell.placement
        if told := _told(gate, cell, now):
            platform = stored.key.platform
            yield Against(image.digest, platform, cell, stored.checked_at, *told)


def _told(gate: Gate, cell: Cell, now: datetime) -> tuple[str, str] | None:
    """Say why a placement is no yes, and what to do; None where it is one."""
    stored = cell.placement
    if stored.deleted_at is not None:
        return "its artifact is gone from Harbor", "Push it again, then warm it."
    if stored.verdict is Verdict.WARM and stored.checked_at is not None:
        age = now - stored.checked_at
        if gate.max_age is None or age <= gate.max_age:
            return None
        words = f"it was proved warm {age.total_seconds():.0f} s ago, which is too long"
        return words, f"Look again with POST /preheat/api/v1/verify of placement {stored.id}."
    if cell.attempt_id is not None:
        return "it is being asked for now", f"Wait for attempt {cell.attempt_id}."
    if stored.checked_at is None:
        return "it was never proved", "Warm it with POST /preheat/api/v1/warm."
    words = f"it is {stored.verdict.value}{_hosts(cell)}"
    advice = f"See /preheat/api/v1/placements/{stored.id}/attempts for what is missing, and why."
    return words, advice


def _hosts(cell: Cell) -> str:
    if not cell.hosts_expected:
        return ""
    return f", whole on {cell.hosts_warm} of {cell.hosts_expected} hosts"
