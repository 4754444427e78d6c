"""What ``preheat explain`` does: find the image, evaluate the policies, tell the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from preheat.cli.catalogues import Known, known
from preheat.cli.console import WRONG, errors_told, plain, print_json, stderr, stdout
from preheat.cli.explanation import print_steps, sentences, steps_data
from preheat.cli.include import Include, did_you_mean
from preheat.cli.problems import print_problem, problem_data
from preheat.cli.remembered import remembered
from preheat.cli.times import moment
from preheat.cli.world import World
from preheat.explaining import Explanation, explain
from preheat.harbor.reference import ImageReference, parse_references

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from preheat.artifact import Artifact
    from preheat.catalogue import Catalogue
    from preheat.cli.preview import Preview
    from preheat.policy.folder import PolicyEntry
    from preheat.policy.model import Clusters, Policy

__all__ = ["Wanted", "run"]

_NAMED = 8


@dataclass(frozen=True)
class Wanted:
    """What a person typed.

    :param image: one or more, as ``docker pull`` takes them.
    :param policies: names; empty for all.
    :param catalogs: saved catalogues.
    :param at: ISO time; empty for now.
    :param ledger: URL; empty for none.
    :param manifests: whether manifests are read in Harbor, for exact sizes.
    """

    image: str
    policies: tuple[str, ...] = ()
    catalogs: tuple[str, ...] = ()
    at: str = ""
    ledger: str = ""
    manifests: bool = False


@dataclass(frozen=True)
class _Told:
    """One image under one policy."""

    name: str
    entry: PolicyEntry
    found: Explanation
    preview: Preview
    suspended: bool

    @property
    def policy(self) -> str:
        """Name of the policy."""
        return self.preview.plan.policy

    @property
    def sentences(self) -> list[str]:
        """The answer in plain words."""
        policy = self.preview.evaluation.policy
        told = list(sentences(self.name, self.found, policy, self.preview.doubtful))
        own = {planned.key for planned in self.found.placements}
        if own and not own & self.preview.doubtful and self.preview.doubt:
            told.append(self.preview.doubt)
        if self.suspended:
            told.append(f"{self.policy} is suspended: it does not run by itself.")
        return told


def run(wanted: Wanted, folder: Path, *, as_json: bool) -> None:
    """Explain, and exit with 1 if an image is unknown or a policy has problems."""
    with errors_told():
        include = Include.at(folder)
        clusters = include.clusters()
        references = parse_references(wanted.image, source="IMAGE")
        entries = include.chosen(wanted.policies, clusters)
        policies = [entry.policy for entry in entries if entry.policy]
        at = moment(wanted.at)
        memory = remembered(wanted.ledger, clusters, policies, at)
        projects = {each.project for each in references}
        found = known(policies, wanted.catalogs, reads_manifests=wanted.manifests, also=projects)
        world = World(found, memory, at)
        artifacts = {str(each): _lookup(world.known.catalogue, each) for each in references}
        told = _explained(entries, artifacts, world, clusters)
    unknown = [str(each) for each in references if not artifacts[str(each)]]
    broken = [entry for entry in entries if entry.problems]
    unread = [] if wanted.policies else _unread(references, policies)
    if as_json:
        print_json(_data(told, unknown, broken, at) | {"unread_projects": unread})
    else:
        _print(told, broken, all_steps=bool(wanted.policies))
        for project in unread:
            stdout().print(f"No policy reads the project {project}.", soft_wrap=True)
    for name in unknown:
        reference = next(each for each in references if str(each) == name)
        stderr().print(_near(world.known, reference), style="red", soft_wrap=True)
    if unknown or broken:
        raise typer.Exit(WRONG)


def _unread(references: Iterable[ImageReference], policies: Sequence[Policy]) -> list[str]:
    """Name the projects that no source covers; a policy with problems reads nothing."""
    sources = [source for policy in policies for source in policy.sources]
    projects = dict.fromkeys(each.project for each in references)
    return [
        project
        for project in projects
        if not any(source.covers(source.registry, project) for source in sources)
    ]


def _lookup(catalogue: Catalogue, wanted: ImageReference) -> list[Artifact]:
    """Find an image in every Harbor; a digest may be that of one platform."""
    return [
        artifact
        for repository in catalogue
        if repository.project == wanted.project and repository.name == wanted.repository
        for artifact in repository.artifacts
        if _is(artifact, wanted)
    ]


def _is(artifact: Artifact, wanted: ImageReference) -> bool:
    if wanted.digest:
        digests = {artifact.digest, *(child.digest for child in artifact.children)}
        return wanted.digest in digests
    return any(tag.name == wanted.tag for tag in artifact.tags)


def _explained(
    entries: Iterable[PolicyEntry],
    artifacts: dict[str, list[Artifact]],
    world: World,
    clusters: Clusters,
) -> list[_Told]:
    told: list[_Told] = []
    for entry in entries:
        if entry.policy is None or not any(artifacts.values()):
            continue
        preview = world.preview(entry.policy, clusters)
        for name, listed in artifacts.items():
            for each in listed:
                found = explain(preview.evaluation, preview.plan, each)
                called = name if len(listed) == 1 else f"{name} of {each.registry}"
                told.append(_Told(called, entry, found, preview, entry.policy.suspend))
    return told


def _near(found: Known, wanted: ImageReference) -> str:
    """Say that an image is not there, and what is near."""
    where = ", ".join(f"{name} ({origin})" for name, origin in found.origins.items())
    text = f"The catalogue of {where} has no {wanted}."
    repositories = [r for r in found.catalogue if f"{r.project}/{r.name}" == wanted.full_name]
    if not repositories:
        names = [f"{r.project}/{r.name}" for r in found.catalogue]
        near = did_you_mean(wanted.full_name, names)
        return f"{text}{near or ' It has no such repository, nor one of a like name.'}"
    tags = [tag.name for r in repositories for each in r.artifacts for tag in each.tags]
    if near := did_you_mean(wanted.tag, tags):
        return f"{text}{near}"
    more = ", …" if len(tags) > _NAMED else ""
    return f"{text} {wanted.full_name} has the tags {', '.join(tags[:_NAMED]) or 'none'}{more}."


def _print(told: Sequence[_Told], broken: Sequence[PolicyEntry], *, all_steps: bool) -> None:
    console = stdout()
    for each in told:
        if not all_steps and not each.found.decisions:
            console.print(f"{plain(each.sentences[0])}\n", soft_wrap=True)
            continue
        console.print(Text(f"{each.name} and {each.entry.name}", "bold"), soft_wrap=True)
        console.print(f"  {plain(_facts(each.found.artifact))}", style="dim", soft_wrap=True)
        print_steps(console, each.found, each.entry)
        for sentence in each.sentences:
            console.print(plain(sentence), soft_wrap=True)
        console.print()
    for entry in broken:
        for problem in entry.problems:
            print_problem(console, problem, entry.path, entry.text)


def _facts(artifact: Artifact) -> str:
    tags = ", ".join(tag.name for tag in artifact.tags) or "no tag"
    pushed = f", pushed {artifact.push_time:%Y-%m-%d %H:%M}" if artifact.push_time else ""
    labels = f", labels {', '.join(artifact.labels)}" if artifact.labels else ""
    return f"{artifact.digest[:19]}…: {tags}{pushed}{labels}"


def _data(
    told: Sequence[_Told], unknown: Sequence[str], broken: Sequence[PolicyEntry], at: datetime
) -> dict[str, Any]:
    return {
        "at": at.isoformat(),
        "not_in_catalogue": list(unknown),
        "explanations": [_told_data(each) for each in told],
        "problems": [problem_data(p, entry.path) for entry in broken for p in entry.problems],
    }


def _told_data(told: _Told) -> dict[str, Any]:
    artifact = told.found.artifact
    return {
        "image": told.name,
        "registry": artifact.registry,
        "repository": artifact.full_name,
        "digest": artifact.digest,
        "tags": [tag.name for tag in artifact.tags],
        "policy": told.policy,
        "file": str(told.entry.path),
        "selected": any(decision.selected for decision in told.found.decisions),
        "sentences": told.sentences,
        "rules": steps_data(told.found, told.entry),
        "decisions": [
            {
                "platform": decision.platform,
                "selected": decision.selected,
                "reasons": [
                    {"code": r.code.value, "detail": r.detail, "rule": r.rule, "line": r.line}
                    for r in decision.reasons
                ],
            }
            for decision in told.found.decisions
        ],
        "placements": [
            {
                "cluster": planned.key.cluster,
                "platform": planned.key.platform,
                "scope": planned.key.scope.value,
                "disposition": planned.disposition.value,
                "detail": planned.detail,
            }
            for planned in told.found.placements
        ],
    }
