"""From the images that a test gives to a catalogue, and to what Harbor would answer about them."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from preheat.artifact import Artifact, Blob, Child, Image, ScanSummary, Tag
from preheat.facts import Allowlist, Facts, Kind, Question, Report, Vulnerability

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from preheat.policytest.shape import GivenSpec

__all__ = ["artifacts_of"]


def artifacts_of(
    given: Sequence[GivenSpec],
    at: datetime,
    registry: str,
    allowlists: Mapping[str, tuple[str, ...]],
) -> tuple[tuple[Artifact, ...], Facts]:
    """Make artifacts and the answers to all that a policy may ask of them.

    :param registry: of the images that name none.
    """
    artifacts: list[Artifact] = []
    facts: Facts = {}
    for number, spec in enumerate(given, start=1):
        artifact = _artifact(spec, at, registry, number)
        artifacts.append(artifact)
        facts |= _facts(spec, artifact, at)
        allowed = allowlists.get(artifact.project, ())
        facts[Question.of_project(artifact)] = Allowlist(frozenset(allowed))
    return tuple(artifacts), facts


def _artifact(spec: GivenSpec, at: datetime, registry: str, number: int) -> Artifact:
    name, _, tag = spec.image.partition(":")
    project, _, repository = name.partition("/")
    pushed = _time(spec.pushed, at)
    pulled = _time(spec.pulled, at) if spec.pulled is not None else None
    digest = _digest(spec.image, number)
    tags = [Tag(each, pushed, pulled) for each in dict.fromkeys((tag, *spec.tags)) if each]
    tags += [Tag(each, _time(moment, at), pulled) for each, moment in spec.tagged.items()]
    return Artifact(
        registry=spec.registry or registry,
        project=project,
        repository=repository,
        digest=digest,
        id=number,
        type=spec.type.upper(),
        size=(spec.size or 0) * len(spec.platforms),
        push_time=pushed,
        pull_time=pulled,
        tags=tuple(tags),
        labels=spec.labels,
        children=tuple(
            Child(digest if len(spec.platforms) == 1 else _digest(digest, platform), platform)
            for platform in spec.platforms
        ),
    )


def _facts(spec: GivenSpec, artifact: Artifact, at: datetime) -> Facts:
    scan = None
    if spec.scan is not None:
        scan = ScanSummary(spec.scan.status, spec.scan.severity, _time(spec.scan.ended, at))
    accessories = (f"signature.{spec.signed}",) if spec.signed else ()
    found = tuple(Vulnerability(each.id, each.severity) for each in spec.vulnerabilities)
    facts: Facts = {
        Question.of_artifact(Kind.REPORT, artifact): Report(scan, accessories),
        Question.of_artifact(Kind.VULNERABILITIES, artifact): found if scan else None,
    }
    for child in artifact.children:
        blobs = (Blob(_digest(child.digest, "layer"), spec.size),) if spec.size else ()
        image = Image(child.digest, child.platform, blobs)
        facts[Question.of_image(artifact, child)] = image if blobs else None
    return facts


def _time(moment: timedelta | datetime, at: datetime) -> datetime:
    return at - moment if isinstance(moment, timedelta) else moment


def _digest(*words: object) -> str:
    return f"sha256:{hashlib.sha256(repr(words).encode()).hexdigest()}"
