"""Where commands take a catalogue from: saved files, or the Harbors themselves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from preheat.catalogfile import load
from preheat.catalogue import Catalogue
from preheat.cli.console import stderr
from preheat.errors import InputError
from preheat.facts import Kind
from preheat.planning import list_artifacts
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from preheat.artifact import Artifact
    from preheat.facts import Facts, Question
    from preheat.harbor.client import HarborClient
    from preheat.policy.model import Policy

__all__ = ["Known", "known"]


@dataclass
class Known:
    """A catalogue, and answers to what policies ask beyond it.

    :param origins: by registry, where it comes from, for people.
    :param facts: answers so far; planning adds what it is told.
    :param clients: the Harbors that may be asked; none for saved files.
    :param reads_manifests: whether images are read, which counts as a pull; else their size is
        asked for.
    """

    catalogue: Catalogue
    origins: Mapping[str, str]
    facts: Facts = field(default_factory=dict)
    clients: Mapping[str, HarborClient] = field(default_factory=dict)
    reads_manifests: bool = False

    def answer(self, questions: Sequence[Question]) -> Facts:
        """Answer each question, with None for what cannot be known.

        :raises RemoteError: if a Harbor does not answer as it should.
        """
        found: Facts = {}
        left: dict[str, list[Question]] = defaultdict(list)
        for question in questions:
            left[question.registry].append(question)
        for registry, asked in left.items():
            client = self.clients.get(registry)
            if client is None:
                found |= dict.fromkeys(asked)
            else:
                stderr().print(f"Asking {registry}: {count_of(len(asked), 'question')}.")
                images = [question for question in asked if question.kind is Kind.IMAGE]
                others = [question for question in asked if question.kind is not Kind.IMAGE]
                read = client.answer if self.reads_manifests else client.sizes
                found |= {**client.answer(others), **read(images)}
        return found


def known(
    policies: Iterable[Policy],
    files: Sequence[str],
    *,
    reads_manifests: bool = False,
    also: Collection[str] = (),
) -> Known:
    """Get what these policies look at.

    :param files: saved catalogues, ``FILE`` or ``CONN_ID=FILE``; without any, Harbor is asked.
    :param also: names of projects that Harbor is asked for besides.
    :raises InputError: when a file cannot be read, or it is not clear whose it is; or when
        manifests should be read though no Harbor is asked.
    :raises RemoteError: if a Harbor does not answer as it should.
    """
    if files and reads_manifests:
        raise InputError(
            "--manifests reads in Harbor, which --catalog does not ask: save the catalogue with"
            " --manifests instead."
        )
    listed = list(policies)
    registries = list(dict.fromkeys(name for policy in listed for name in policy.registries))
    if not registries:
        return Known(Catalogue.of(()), {})
    if files:
        return _saved(_paths(files, registries))
    clients = _clients(registries)
    catalogue = Catalogue.of(list_artifacts(clients, listed, _tell, also))
    origins = dict.fromkeys(registries, "as listed now")
    return Known(catalogue, origins, clients=clients, reads_manifests=reads_manifests)


def _paths(files: Sequence[str], registries: Sequence[str]) -> dict[str, Path]:
    """Say which file is the catalogue of which Harbor."""
    paths: dict[str, Path] = {}
    for text in files:
        registry, equals, path = text.partition("=")
        if not equals or registry not in registries:
            if len(registries) > 1:
                raise InputError(
                    f"The policies read {', '.join(registries)}: say which of them {text} is the"
                    f" catalogue of, --catalog {registries[0]}={text}."
                )
            registry, path = registries[0], text
        paths[registry] = Path(path)
    if missing := [name for name in registries if name not in paths]:
        raise InputError(
            f"There is no catalogue of {', '.join(missing)}: add --catalog {missing[0]}=FILE."
        )
    return paths


def _saved(paths: Mapping[str, Path]) -> Known:
    artifacts: list[Artifact] = []
    facts: Facts = {}
    for registry, path in paths.items():
        found = load(path, registry)
        artifacts.extend(found.artifacts)
        facts |= found.facts
    return Known(Catalogue.of(artifacts), {name: str(path) for name, path in paths.items()}, facts)


def _clients(registries: Sequence[str]) -> dict[str, HarborClient]:
    from preheat.cli.harbors import open_harbor  # noqa: PLC0415 - only where a Harbor is asked

    return {registry: open_harbor(registry) for registry in registries}


def _tell(registry: str, project: str, artifacts: int) -> None:
    stderr().print(f"{registry} {project}: {count_of(artifacts, 'artifact')}", style="dim")
