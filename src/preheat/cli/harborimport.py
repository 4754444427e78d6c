"""What ``preheat import harbor`` does: read policies, write files, say what differs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from preheat.cli.console import WRONG, errors_told, plain, print_json, stderr, stdout
from preheat.cli.harbors import glob_of, open_harbor
from preheat.cli.writing import replace_file, write_new
from preheat.errors import InputError, ProblemsError, RefusedError
from preheat.importing.batch import import_project
from preheat.importing.clusters import Inventory
from preheat.importing.differences import ALWAYS
from preheat.policy.loader import load_clusters, read_text
from preheat.policy.model import Clusters
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from preheat.harbor.client import HarborClient
    from preheat.harbor.preheating import PreheatInstance
    from preheat.importing.translation import Imported

__all__ = ["Order", "import_harbor"]

MODELS_SINCE = (2, 13)


@dataclass(frozen=True)
class Order:
    """What to import, and where to.

    :param projects: globs of their names.
    :param managers: ``PROVIDER=CONN_ID`` each.
    """

    projects: tuple[str, ...]
    registry: str
    into: Path
    clusters: Path
    managers: tuple[str, ...] = ()
    dry_run: bool = False
    force: bool = False


@dataclass
class _Outcome:
    """One policy: its file, and what became of it: written, unchanged, exists or dry-run."""

    imported: Imported
    file: Path
    state: str


@dataclass
class _Result:
    inventory: Inventory
    outcomes: list[_Outcome] = field(default_factory=list)
    problems: list[ProblemsError] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether there was something, and all of it is a file now, or would be."""
        states = {outcome.state for outcome in self.outcomes}
        return bool(states) and "exists" not in states and not self.problems


def import_harbor(order: Order, *, as_json: bool) -> None:
    """Import, and tell what became of each policy."""
    with errors_told():
        managers = dict(_manager(text) for text in order.managers)
        clusters = _clusters(order.clusters)
        client = open_harbor(order.registry)
        providers = _instances(client)
        inventory = Inventory(clusters, providers, managers, order.registry, client.external_url())
        result = _Result(inventory)
        for found in _policies(client, order, inventory):
            if isinstance(found, ProblemsError):
                result.problems.append(found)
            else:
                result.outcomes.append(_written(found, order))
    if as_json:
        print_json(_data(result))
    else:
        _print(result, order)
    if not result.is_right:
        raise typer.Exit(WRONG)


def _policies(
    client: HarborClient, order: Order, inventory: Inventory
) -> Iterator[Imported | ProblemsError]:
    taken: set[str] = set()
    for project in client.projects([glob_of(text, "--project") for text in order.projects]):
        policies = client.preheat_policies(project.name)
        if policies:
            yield from import_project(
                project.name,
                policies,
                client.project_security(project.name),
                inventory,
                taken,
                registry=order.registry,
                models=client.is_at_least(*MODELS_SINCE),
            )


def _instances(client: HarborClient) -> list[PreheatInstance]:
    try:
        return client.preheat_instances()
    except RefusedError as error:
        told = f"The providers are not known: {error}"
        stderr().print(told, style="yellow", soft_wrap=True)
        return []


def _written(found: Imported, order: Order) -> _Outcome:
    file = order.into / f"{found.name}.yaml"
    try:
        return _Outcome(found, file, _state(file, found.text, order))
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from None


def _state(file: Path, text: str, order: Order) -> str:
    if order.dry_run:
        return "dry-run"
    if not file.exists():
        order.into.mkdir(parents=True, exist_ok=True)
        write_new(file, text)
        return "written"
    if file.read_bytes() == text.encode():
        return "unchanged"
    if not order.force:
        return "exists"
    replace_file(file, text)
    return "written"


def _clusters(file: Path) -> Clusters:
    return load_clusters(read_text(file), str(file)) if file.exists() else Clusters()


def _manager(text: str) -> tuple[str, str]:
    name, equals, connection = text.partition("=")
    if not (name and equals and connection):
        raise InputError(f"--manager {text!r} is not PROVIDER=CONN_ID.")
    return name, connection


def _data(result: _Result) -> dict[str, Any]:
    return {
        "policies": [
            {
                "project": outcome.imported.origin.project,
                "policy": outcome.imported.origin.name,
                "name": outcome.imported.name,
                "file": str(outcome.file),
                "state": outcome.state,
                "suspended": outcome.imported.suspended,
                "differences": [asdict(one) for one in outcome.imported.differences],
                "text": outcome.imported.text,
            }
            for outcome in result.outcomes
        ],
        "always": [asdict(one) for one in ALWAYS],
        "problems": [str(error) for error in result.problems],
        "missing_clusters": [cluster.name for cluster in result.inventory.missing],
        "clusters_without_endpoint": result.inventory.without_endpoint,
        "clusters_snippet": result.inventory.snippet(),
    }


def _print(result: _Result, order: Order) -> None:
    out = stdout()
    for outcome in result.outcomes:
        imported = outcome.imported
        how = f"{outcome.state}{', suspended' if imported.suspended else ''}"
        origin = f"{imported.origin.project}/{imported.origin.name}"
        out.print(Text(plain(f"{outcome.file}  ({how})  from {origin}"), "bold"), soft_wrap=True)
        if order.dry_run:
            out.print(Text(imported.text), soft_wrap=True)
            continue
        for one in imported.differences:
            out.print(Text(plain(f"  {one.topic}: {one.text}")), soft_wrap=True)
    for error in result.problems:
        stderr().print(Text(f"Not imported:\n{error}", "red"), soft_wrap=True)
    if not result.outcomes:
        names = ", ".join(order.projects)
        text = f"{order.registry} shows no preheat policy in projects called {names}."
        stderr().print(Text(plain(text), "red"), soft_wrap=True)
        return
    out.print("\nFor all of them:")
    for one in ALWAYS:
        out.print(Text(f"  {one.topic}: {one.text}"), soft_wrap=True)
    if snippet := result.inventory.snippet():
        out.print(f"\n{order.clusters} lacks:")
        out.print(Text(snippet), soft_wrap=True)
    _print_end(result)


def _print_end(result: _Result) -> None:
    kept = [outcome for outcome in result.outcomes if outcome.state == "exists"]
    if kept:
        text = f"{count_of(len(kept), 'file')} exist and differ: give --force to replace them."
        stderr().print(text, style="red", soft_wrap=True)
    told = count_of(len(result.outcomes), "policy")
    stdout().print(f"Read {told} of Harbor's.", soft_wrap=True)
