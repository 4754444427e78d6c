"""What must agree within a policy file, and with the clusters: more than the shape of each map.

These checks read the plain document, so that they hold beside any mistake of shape, and everything
that is wrong is told at once.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from preheat.placement import Scope
from preheat.policy.captures import variables, variables_of
from preheat.policy.coverage import Coverage
from preheat.policy.matchers import Matcher, MatcherKind
from preheat.policy.pins import split_image
from preheat.policy.problems import hint, problem_at
from preheat.policy.ruleschema import too_much
from preheat.policy.schema import ONE_PEER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from preheat.errors import Problem
    from preheat.policy.model import Cluster, Clusters
    from preheat.policy.yamltext import Document, Path

__all__ = ["disagreements", "repeated_names"]

_SOURCES = ("spec", "sources")


def disagreements(document: Document, source: str, clusters: Clusters) -> Iterator[Problem]:
    """Tell everything in a policy file that does not fit the rest of it, or the clusters."""
    yield from _wrong_name(document, source)
    yield from repeated_names(document, source, ("spec", "rules"))
    yield from _bad_targets(document, source, clusters)
    yield from _unknown_variables(document, source)
    yield from _bad_pins(document, source)


def _wrong_name(document: Document, source: str) -> Iterator[Problem]:
    stem = FilePath(source).stem
    name = _at(document, "metadata", "name")
    if isinstance(name, str) and name != stem and FilePath(source).suffix:
        message = f"The name {name!r} must be that of the file, {stem!r}."
        yield problem_at(document, source, ("metadata", "name"), message)


def repeated_names(document: Document, source: str, path: tuple[str, ...]) -> Iterator[Problem]:
    """Names within a list must differ: reasons and tasks go by them."""
    first: dict[str, int | None] = {}
    for index, name in _named(document, path, "name"):
        place: Path = (*path, index, "name")
        if name in first:
            message = f"The name {name!r} is already taken in line {first[name]}."
            yield problem_at(document, source, place, message)
        first.setdefault(name, document.line(place))


def _bad_targets(document: Document, source: str, clusters: Clusters) -> Iterator[Problem]:
    """Targets that mean no cluster, and clusters that do not say how they pull from a source."""
    registries = [name for _, name in _named(document, _SOURCES, "registry")]
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
        if "peers" in target and target.get("scope") == Scope.SINGLE_SEED_PEER:
            yield problem_at(document, source, path, f"{ONE_PEER}.")
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


def _unknown_variables(document: Document, source: str) -> Iterator[Problem]:
    """Names that ``order.key`` and ``groupBy`` use must be captured whatever pattern matches."""
    rules = _at(document, "spec", "rules")
    if too_much(rules):  # the field itself tells
        return
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(rule, dict):
            continue
        path: Path = ("spec", "rules", index)
        captured = _captured(rule)
        for place, text in _texts(rule):
            for name in _names(text):
                if captured is None or name not in captured:
                    message = f"${name} is not captured: {_capture_hint(name, captured)}"
                    yield problem_at(document, source, (*path, *place), message)


def _texts(rule: dict[str, object]) -> Iterator[tuple[Path, str]]:
    order = rule.get("order")
    key = order.get("key") if isinstance(order, dict) else None
    if isinstance(key, str):
        yield ("order", "key"), key
    groups = rule.get("groupBy")
    for index, word in enumerate(groups if isinstance(groups, list) else ()):
        if isinstance(word, str) and word.startswith("$"):
            yield ("groupBy", index), word


def _names(text: str) -> tuple[str, ...]:
    try:
        return variables(text)
    except ValueError:  # the field itself tells
        return ()


def _captured(rule: dict[str, object]) -> frozenset[str] | None:
    """Names that every allowed pattern captures; None when the rule allows no pattern at all."""
    tags = rule.get("tags")
    allow = tags.get("allow") if isinstance(tags, dict) else None
    found: frozenset[str] | None = None
    for entry in allow if isinstance(allow, list) else ():
        regex = entry.get("regex") if isinstance(entry, dict) else None
        names: frozenset[str] = frozenset()
        if isinstance(regex, str):
            try:
                names = variables_of(Matcher(MatcherKind.REGEX, regex))
            except ValueError:  # the field itself tells
                continue
        found = names if found is None else found & names
    return found


def _capture_hint(name: str, captured: frozenset[str] | None) -> str:
    if captured is None:
        return f"give the rule tags.allow with a regex that holds (?P<{name}>…)."
    if not captured:
        return f"every pattern of tags.allow must be a regex that holds (?P<{name}>…)."
    return f"{hint(name, captured)} Every pattern of tags.allow must hold (?P<{name}>…)."


def _bad_pins(document: Document, source: str) -> Iterator[Problem]:
    """Pins must lie in what the sources list, and say of which Harbor they speak."""
    sources = _at(document, "spec", "sources")
    listed = [s for s in sources if isinstance(s, dict)] if isinstance(sources, list) else []
    registries = list(dict.fromkeys(name for _, name in _named(document, _SOURCES, "registry")))
    covers = Coverage(listed)
    pins = _at(document, "spec", "pins")
    first: dict[tuple[str, str], int | None] = {}
    for index, pin in enumerate(pins if isinstance(pins, list) else ()):
        if not isinstance(pin, dict) or not isinstance(pin.get("image"), str):
            continue
        path: Path = ("spec", "pins", index)
        registry = pin.get("registry")
        name = pin["image"], str(registries[0] if registry is None and registries else registry)
        if name in first:
            message = f"{pin['image']!r} is pinned in line {first[name]} already."
            yield problem_at(document, source, (*path, "image"), message)
            continue
        first[name] = document.line((*path, "image"))
        if registry is None and len(registries) > 1:
            message = f"Say of which Harbor: add registry, one of {', '.join(registries)}."
            yield problem_at(document, source, path, message)
        elif registry is not None and registries and registry not in registries:
            message = (
                f"No source reads the registry {registry!r}; {hint(str(registry), registries)}"
            )
            yield problem_at(document, source, (*path, "registry"), message)
            registry = None  # the project may be foreign to all
        project = _project(pin["image"])
        if project and not covers(project, registry):
            message = (
                f"No source covers the project of {pin['image']!r}: add the project to sources,"
                " or pin an image of theirs."
            )
            yield problem_at(document, source, (*path, "image"), message)


def _project(image: str) -> str:
    try:
        return split_image(image)[0]
    except ValueError:  # the field itself tells
        return ""


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
