"""Reads clusters and policies from YAML, and tells everything that is wrong with a file at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from preheat.errors import Problem, ProblemsError
from preheat.policy.build import build_cluster, build_policy
from preheat.policy.fields import Strict
from preheat.policy.model import Cluster, Clusters, Policy
from preheat.policy.problems import hint, problem_at, schema_problems
from preheat.policy.schema import ClusterFile, PolicyFile
from preheat.policy.yamltext import MAX_BYTES, Document, Path, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["load_clusters", "load_policy", "read_text"]

AnyFile = TypeVar("AnyFile", bound=Strict)


def load_clusters(text: str, source: str) -> Clusters:
    """Read ``include/clusters.yaml``.

    :param source: file name for messages.
    :raises ProblemsError: with every problem and its place.
    """
    document = parse(text, source)
    problems = _repeated(document, source, ("clusters",))
    file = _validated(ClusterFile, document, source, problems)
    return Clusters(tuple(build_cluster(spec) for spec in file.clusters))


def load_policy(text: str, source: str, clusters: Clusters) -> Policy:
    """Read one policy file; its ``metadata.name`` must be the file's stem.

    :param source: file name for messages.
    :raises ProblemsError: with every problem and its place.
    """
    document = parse(text, source)
    problems = [
        *_wrong_name(document, source),
        *_repeated(document, source, ("spec", "rules")),
        *_bad_targets(document, source, clusters),
    ]
    file = _validated(PolicyFile, document, source, problems)
    policy = build_policy(file, document, clusters)
    return replace(policy, text=text, source=source)


def read_text(file: FilePath) -> str:
    """Read a small text file.

    :raises ProblemsError: when it is unreadable, too big or not UTF-8.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            message = f"The file is larger than {MAX_BYTES // 1024} KiB; no policy needs that."
            raise ProblemsError([Problem(message, file.name)])
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"The file is not UTF-8 text (byte {error.start})."
        raise ProblemsError([Problem(message, file.name)]) from None
    except OSError as error:
        message = f"The file cannot be read: {error.strerror}."
        raise ProblemsError([Problem(message, file.name)]) from None


def _validated(
    model: type[AnyFile], document: Document, source: str, problems: list[Problem]
) -> AnyFile:
    if not document.values:
        raise ProblemsError([Problem("The file is empty.", source)])
    found = [*document.problems, *problems]
    try:
        file = model.model_validate(document.data)
    except ValidationError as error:
        found.extend(schema_problems(error, model, document, source))
    if found:
        raise ProblemsError(sorted(found, key=lambda p: (p.line or 0, p.column or 0)))
    return file


def _wrong_name(document: Document, source: str) -> Iterator[Problem]:
    stem = FilePath(source).stem
    name = _at(document, "metadata", "name")
    if isinstance(name, str) and name != stem and FilePath(source).suffix:
        message = f"The name {name!r} must be that of the file, {stem!r}."
        yield problem_at(document, source, ("metadata", "name"), message)


def _repeated(document: Document, source: str, path: tuple[str, ...]) -> list[Problem]:
    """Names within a list must differ: reasons and tasks go by them."""
    first: dict[str, int | None] = {}
    problems: list[Problem] = []
    for index, name in _named(document, path, "name"):
        place: Path = (*path, index, "name")
        if name in first:
            message = f"The name {name!r} is already taken in line {first[name]}."
            problems.append(problem_at(document, source, place, message))
        first.setdefault(name, document.line(place))
    return problems


def _bad_targets(document: Document, source: str, clusters: Clusters) -> Iterator[Problem]:
    """Targets that mean no cluster, and clusters that do not say how they pull from a source."""
    registries = [name for _, name in _named(document, ("spec", "sources"), "registry")]
    targets = _at(document, "spec", "targets")
    for index, target in enumerate(targets if isinstance(targets, list) else ()):
        if not isinstance(target, dict):
            continue
        path: Path = ("spec", "targets", index)
        name, selector = target.get("cluster"), target.get("clusterSelector")
        meant: tuple[Cluster, ...] = ()
        if isinstance(name, str):
            meant = tuple(cluster for cluster in clusters if cluster.name == name)
            if not meant:
                message = f"There is no cluster {name!r}; {hint(name, clusters.names)}"
                yield problem_at(document, source, (*path, "cluster"), message)
        elif isinstance(selector, dict) and all(isinstance(v, str) for v in selector.values()):
            meant = clusters.labelled(selector)
            if not meant:
                message = f"No cluster carries {_labels(selector)}; there are {_listing(clusters)}."
                yield problem_at(document, source, (*path, "clusterSelector"), message)
        key = "cluster" if "cluster" in target else "clusterSelector"
        yield from _without_endpoint(document, source, (*path, key), meant, registries)


def _without_endpoint(
    document: Document,
    source: str,
    path: Path,
    clusters: Iterable[Cluster],
    registries: Iterable[str],
) -> Iterator[Problem]:
    for cluster in clusters:
        for registry in dict.fromkeys(registries):
            if registry not in cluster.pull_endpoints:
                message = (
                    f"The cluster {cluster.name!r} has no pull endpoint for the registry"
                    f" {registry!r} (it has: {', '.join(cluster.pull_endpoints)}); add it to"
                    " pullEndpoints of that cluster."
                )
                yield problem_at(document, source, path, message)


def _named(document: Document, path: tuple[str, ...], key: str) -> Iterator[tuple[int, str]]:
    entries = _at(document, *path)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        name = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(name, str):
            yield index, name


def _at(document: Document, *path: str) -> object:
    data = document.data
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _listing(clusters: Clusters) -> str:
    return "; ".join(f"{cluster.name} ({_labels(cluster.labels)})" for cluster in clusters)


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in labels.items()) or "no label"
