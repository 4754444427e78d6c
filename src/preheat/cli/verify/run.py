"""What ``preheat verify`` does: resolve the image, ask the peers of each cluster, judge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from preheat.cli.console import UNREADABLE, WRONG, errors_told, print_json, stderr, stdout
from preheat.cli.harbors import open_driver, open_harbor
from preheat.cli.include import Include
from preheat.cli.verify.holdings import Holding, holdings
from preheat.cli.verify.shown import as_data, print_result
from preheat.demand import Demand, MinHosts, VerifyMode
from preheat.errors import InputError, NotFoundError, PreheatError, ProblemsError, RemoteError
from preheat.harbor.reference import ImageReference, parse_references
from preheat.harbor.typed import find
from preheat.placement import Scope
from preheat.policy.images import plan_images
from preheat.proving import ask_peers, with_reasons
from preheat.verdict import Verdict, judge, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from preheat.artifact import Image
    from preheat.drivers.base import Report
    from preheat.harbor.client import HarborClient
    from preheat.plan import PlannedPlacement
    from preheat.policy.model import Cluster, Clusters
    from preheat.verdict import Finding

__all__ = ["Result", "Wanted", "run"]


@dataclass(frozen=True)
class Wanted:
    """What a person typed.

    :param clusters: names; empty for all that pull from the registry.
    :param platforms: empty for those of each cluster.
    :param scope: which peers must hold the image.
    """

    image: str
    clusters: tuple[str, ...]
    platforms: tuple[str, ...]
    scope: Scope
    min_hosts: str
    registry: str


@dataclass(frozen=True)
class Result:
    """What the peers of one cluster hold of one platform's image.

    :param findings: by scope; what is asked for is ``finding``.
    :param error: why the peers could not be asked; "" if they could.
    """

    planned: PlannedPlacement
    image: Image
    findings: dict[Scope, Finding]
    hosts: list[Holding]
    unshared_bytes: int = 0
    error: str = ""

    @property
    def finding(self) -> Finding:
        """Of the scope that is wanted."""
        return self.findings[self.planned.key.scope]


class _NotThereError(PreheatError):
    """Harbor answered, and has no such image, or none for the platform."""


def run(wanted: Wanted, folder: Path, *, as_json: bool) -> None:
    """Verify, and exit with 1 unless all of it is WARM, with 2 where the peers cannot be asked."""
    try:
        reference, results = _results(wanted, folder)
    except _NotThereError as error:
        stderr().print(str(error), style="red", soft_wrap=True)
        raise typer.Exit(WRONG) from None
    if as_json:
        print_json(as_data(reference, results, datetime.now(UTC)))
    else:
        for result in results:
            print_result(stdout(), reference, result)
    if errors := dict.fromkeys(result.error for result in results if result.error):
        for words in errors:
            stderr().print(words, style="red", soft_wrap=True)
        raise typer.Exit(UNREADABLE)
    if any(result.finding.verdict is not Verdict.WARM for result in results):
        raise typer.Exit(WRONG)


def _results(wanted: Wanted, folder: Path) -> tuple[ImageReference, list[Result]]:
    with errors_told(but=_NotThereError):
        demand = Demand(VerifyMode.PEERS, _min_hosts(wanted.min_hosts))
        (reference, *more) = parse_references(wanted.image, source="IMAGE")
        if more:
            raise InputError("Name one image.")
        clusters = _chosen(
            wanted, Include(folder / "policies", folder / "clusters.yaml").clusters()
        )
        harbor = open_harbor(wanted.registry)
        planned = _planned(wanted, reference, clusters, harbor)
        images = _images(harbor, planned)
        results: list[Result] = []
        for placement in planned:
            if stderr().is_terminal:
                stderr().print(f"Asking the peers of {placement.key.cluster}.", style="dim")
            results.append(_verify(placement, images[placement.key.digest], harbor, demand))
    return reference, results


def _min_hosts(text: str) -> MinHosts:
    try:
        return MinHosts.parse(text)
    except ValueError as error:
        raise InputError(f"--min-hosts: {error}.") from None


def _chosen(wanted: Wanted, clusters: Clusters) -> Sequence[Cluster]:
    if wanted.clusters:
        return clusters.named(wanted.clusters)
    pulling = [cluster for cluster in clusters if wanted.registry in cluster.pull_endpoints]
    if not pulling:
        raise InputError(f"No cluster has a pull endpoint for the registry {wanted.registry!r}.")
    return pulling


def _planned(
    wanted: Wanted, reference: ImageReference, clusters: Sequence[Cluster], harbor: HarborClient
) -> Sequence[PlannedPlacement]:
    """Make the placements as ``preheat_images`` would; here they only say what to ask for."""
    try:
        artifact = find(harbor, reference)
    except NotFoundError as error:
        raise _NotThereError(str(error)) from None
    try:
        plan = plan_images(
            [(reference, artifact)], clusters, platforms=wanted.platforms, now=datetime.now(UTC)
        )
    except ProblemsError as error:
        if all(problem.source == "images" for problem in error.problems):  # a platform it lacks
            raise _NotThereError(str(error)) from None
        raise
    placements = [
        replace(each, key=replace(each.key, scope=wanted.scope)) for each in plan.placements
    ]
    if not placements:
        raise _NotThereError(f"{reference} has no image for any platform of these clusters.")
    return placements


def _images(harbor: HarborClient, planned: Sequence[PlannedPlacement]) -> dict[str, Image]:
    keys = {each.key.digest: each.key for each in planned}
    return {
        digest: harbor.resolve(key.repository, digest, key.platform) for digest, key in keys.items()
    }


def _verify(
    planned: PlannedPlacement, image: Image, harbor: HarborClient, demand: Demand
) -> Result:
    key, settings = planned.key, planned.settings
    try:
        driver = open_driver(settings.connection, settings.driver)
        report = ask_peers(driver, key, settings, image, harbor)
    except (RemoteError, InputError) as error:
        findings = {scope: unknown(image, str(error)) for scope in Scope}
        return Result(planned, image, findings, [], error=str(error))
    findings = dict(_judged(planned, image, report, demand))
    findings[key.scope] = with_reasons(findings[key.scope], harbor, key.repository)
    hosts = holdings(image, key, report, settings.expected_hosts)
    return Result(planned, image, findings, hosts, report.unshared_bytes)


def _judged(
    planned: PlannedPlacement, image: Image, report: Report, demand: Demand
) -> Iterator[tuple[Scope, Finding]]:
    for scope in Scope:
        key = replace(planned.key, scope=scope)
        hosts = planned.settings.hosts_of(scope)
        yield scope, judge(image, key, report, expected_hosts=hosts, demand=demand)
