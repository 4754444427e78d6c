"""Reads a catalogue line by line; keeps values, no text."""

from __future__ import annotations

import codecs
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Raw

from preheat.artifact import Artifact, Blob, Image
from preheat.catalogfile.line import Line
from preheat.errors import InputError, Problem, ProblemsError
from preheat.facts import Kind, Question, Report, Vulnerability
from preheat.harbor.answers import artifact_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from preheat.artifact import Child
    from preheat.facts import Facts

__all__ = ["CatalogueFile", "load", "load_lines"]

SHOWN = 20  # problems
ONE_A_LINE = "write one object a line, as jq -c '.[]' does"
_Key = tuple[str, str]  # repository with its project, and digest


class CatalogueFile(NamedTuple):
    """What a file holds, as the engine takes it.

    :param facts: answers to what gates and budgets ask; what is missing is not known.
    """

    artifacts: tuple[Artifact, ...]
    facts: Facts


def load(path: Path, registry: str) -> CatalogueFile:
    """Read a catalogue file.

    :param registry: connection id of the Harbor that its artifacts count as.
    :raises InputError: when the file cannot be opened.
    :raises ProblemsError: with the bad lines, the first twenty of them.
    """
    try:
        with path.open("rb") as lines:
            return load_lines(lines, registry, str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def load_lines(lines: Iterable[bytes], registry: str, source: str) -> CatalogueFile:
    """Read a catalogue line by line, such as from standard input.

    An artifact that is there twice counts as its last line says.

    :raises ProblemsError: with the bad lines, the first twenty of them.
    """
    reader = _Reader(registry)
    problems: list[Problem] = []
    wrong = 0
    with _uncollected():
        for number, path, entry in _entries(lines, source):
            try:
                reader.read(entry)
            except (msgspec.MsgspecError, ValueError) as error:
                wrong += 1
                if wrong <= SHOWN:
                    problems.append(Problem(_told(error), source, number, path=path))
    if wrong > SHOWN:
        problems.append(Problem(f"{wrong - SHOWN} more lines are wrong.", source))
    if problems:
        raise ProblemsError(problems)
    with _uncollected():
        return reader.result()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking a catalogue that only grows: it doubles the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Reader:
    """Takes objects in and gives the catalogue; keeps no raw text.

    :param registry: connection id, copied into every artifact.
    """

    def __init__(self, registry: str) -> None:
        self._registry = registry
        self._decoder = msgspec.json.Decoder(Line)
        self._artifacts: dict[_Key, Artifact] = {}
        self._reports: dict[_Key, Report] = {}
        self._blobs: dict[_Key, tuple[Blob, ...]] = {}
        self._named: set[_Key] = set()
        self._facts: Facts = {}
        self._is_vetted = False

    def read(self, entry: bytes | Raw) -> None:
        """Take one object in.

        :raises ValueError: for one that tells too little; the message says what to do.
        """
        line = self._decoder.decode(entry)
        if line.project:
            self._read_project(line)
            return
        project, _, repository = line.repository_name.partition("/")
        if not project or not repository:
            raise ValueError(
                f"repository_name is {line.repository_name!r}; it must be project/repository "
                "(Harbor tells it since 2.12; add it with jq otherwise)"
            )
        if not line.digest:
            raise ValueError("digest is missing; it says what is to be warm")
        line.type = line.type or "IMAGE"
        artifact = artifact_of(
            line, registry=self._registry, project=project, repository=repository
        )
        key = (line.repository_name, line.digest)
        self._artifacts[key] = artifact
        self._reports[key] = Report(line.scan(), line.accessory_types())
        self._is_vetted |= line.accessories is not None or line.scan_overview is not None
        self._named.update((key[0], child.child_digest) for child in line.references or ())
        if line.blobs is not None:
            self._blobs[key] = tuple(Blob(blob.digest, blob.size) for blob in line.blobs)
        if line.vulnerabilities is not None:
            found = (Vulnerability(item.id, item.severity) for item in line.vulnerabilities)
            question = Question.of_artifact(Kind.VULNERABILITIES, artifact)
            self._facts[question] = tuple(dict.fromkeys(found))

    def _read_project(self, line: Line) -> None:
        if line.cve_allowlist is None:
            raise ValueError(f"project {line.project} has no cve_allowlist; it is all that counts")
        question = Question(Kind.ALLOWLIST, self._registry, line.project)
        self._facts[question] = line.cve_allowlist.allowlist()

    def result(self) -> CatalogueFile:
        """Give what was read: children without tags are no candidates, as in Harbor's lists."""
        shown: list[Artifact] = []
        for key, artifact in self._artifacts.items():
            if key in self._named and not artifact.tags:
                continue
            shown.append(artifact)
            if self._is_vetted:
                question = Question.of_artifact(Kind.REPORT, artifact)
                self._facts[question] = self._reports[key]
            for child in artifact.children:
                if image := self._image(key[0], child):
                    self._facts[Question.of_image(artifact, child)] = image
        return CatalogueFile(tuple(shown), self._facts)

    def _image(self, repository: str, child: Child) -> Image | None:
        """Give an image as it is told: by its blobs, by its size alone, or not at all."""
        key = (repository, child.digest)
        if blobs := self._blobs.get(key):
            return Image(child.digest, child.platform, blobs)
        listed = self._artifacts.get(key)
        if key in self._blobs or listed is None or not listed.size:
            return None
        return Image.of_size(child.digest, child.platform, listed.size)


def _entries(lines: Iterable[bytes], source: str) -> Iterator[tuple[int, str, bytes | Raw]]:
    """Give each object with its line, and with its place if the line is an array."""
    rest = iter(lines)
    for number, line in enumerate(rest, 1):
        if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise InputError(f"{source} is UTF-16; write it as UTF-8.")
        text = line.removeprefix(codecs.BOM_UTF8).strip()
        if not text.startswith(b"["):
            if text:
                yield number, "", text
            continue
        try:
            # An array over many lines, as jq writes it by default, is read whole.
            whole = text if text.endswith(b"]") else text + b"".join(rest)
            page = msgspec.json.decode(whole, type=list[Raw])
        except msgspec.MsgspecError:
            yield number, "", text
            continue
        for position, entry in enumerate(page):
            yield number, f"[{position}]", entry


def _told(error: Exception) -> str:
    if isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
        return f"This is no JSON object ({error}); {ONE_A_LINE}."
    return f"{error}."
