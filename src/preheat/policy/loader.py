"""Reads clusters and policies from YAML, and tells everything that is wrong with a file at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from preheat.errors import Problem, ProblemsError
from preheat.policy.build import build_cluster, build_policy
from preheat.policy.choices import crowded_maps
from preheat.policy.clusterschema import ClusterFile
from preheat.policy.contradictions import contradictions
from preheat.policy.crosschecks import disagreements, repeated_names
from preheat.policy.fields import Strict
from preheat.policy.model import Clusters, Policy
from preheat.policy.problems import first_of, schema_problems
from preheat.policy.schema import PolicyFile
from preheat.policy.yamltext import MAX_BYTES, Document
from preheat.policy.yamltext import parse as parse_yaml

if TYPE_CHECKING:
    from pathlib import Path as FilePath

__all__ = ["load_clusters", "load_policy", "read_text", "undecodable"]

AnyFile = TypeVar("AnyFile", bound=Strict)


def load_clusters(text: str, source: str) -> Clusters:
    """Read ``include/clusters.yaml``.

    :param source: file name for messages.
    :raises ProblemsError: with every problem and its place.
    """
    document = _parsed(text, source)
    problems = list(repeated_names(document, source, ("clusters",)))
    file = _validated(ClusterFile, document, source, problems)
    return Clusters(tuple(build_cluster(spec) for spec in file.clusters))


def load_policy(text: str, source: str, clusters: Clusters) -> Policy:
    """Read one policy file; its ``metadata.name`` must be the file's stem.

    :param source: file name for messages.
    :raises ProblemsError: with every problem and its place.
    """
    document = _parsed(text, source)
    problems = [
        *disagreements(document, source, clusters),
        *contradictions(document, source),
        *crowded_maps(PolicyFile, document, source),
    ]
    file = _validated(PolicyFile, document, source, problems)
    policy = build_policy(file, document, clusters)
    return replace(policy, text=text, source=source)


def read_text(file: FilePath) -> str:
    """Read a small text file.

    :raises ProblemsError: when it is unreadable, too big or not UTF-8.
    """
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):
            # A pipe or a device would never end.
            raise ProblemsError([Problem("This is not a regular file.", file.name)])
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            message = f"The file is larger than {MAX_BYTES // 1024} KiB; no policy needs that."
            raise ProblemsError([Problem(message, file.name)])
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProblemsError([undecodable(error, file.name)]) from None
    except OSError as error:
        message = f"The file cannot be read: {error.strerror}."
        raise ProblemsError([Problem(message, file.name)]) from None


def undecodable(error: UnicodeDecodeError, source: str) -> Problem:
    """Tell where bytes are no text, and what to do."""
    line = error.object.count(b"\n", 0, error.start) + 1
    message = f"The file is not UTF-8 text (byte {error.start}); save it as UTF-8."
    return Problem(message, source, line)


def _parsed(text: str, source: str) -> Document:
    try:
        return parse_yaml(text, source)
    except ProblemsError as error:
        raise ProblemsError(first_of(error.problems)) from None


def _validated(
    model: type[AnyFile], document: Document, source: str, problems: list[Problem]
) -> AnyFile:
    if not document.values:
        raise ProblemsError([Problem("The file is empty; fill it, or remove it.", source)])
    found = [*document.problems, *problems]
    try:
        file = model.model_validate(document.data)
    except ValidationError as error:
        found.extend(schema_problems(error, model, document, source))
    if found:
        raise ProblemsError(first_of(dict.fromkeys(found)))
    return file
