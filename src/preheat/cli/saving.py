"""What ``preheat catalog save`` does: walk a Harbor and write what is found, or nothing."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, TypeVar

import typer

from preheat.artifact import Image
from preheat.catalogfile import artifact_line, child_line, project_line
from preheat.cli.console import WRONG, errors_told, print_json, stderr
from preheat.cli.harbors import glob_of, open_harbor
from preheat.errors import InputError, RefusedError
from preheat.facts import Allowlist, Kind, Question
from preheat.harbor.answers import artifact_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from preheat.artifact import Artifact
    from preheat.facts import Facts
    from preheat.harbor.answers import ArtifactAnswer
    from preheat.harbor.client import HarborClient

__all__ = ["Walk", "Wanted", "save_catalogue"]

CHUNK = 500  # artifacts whose answers are held at once
T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """What to save.

    :param projects: globs of their names.
    :param scan: scans, accessories and allowlists too.
    :param cves: what each scan found.
    :param manifests: what each image consists of.
    """

    projects: tuple[str, ...]
    scan: bool = True
    cves: bool = False
    manifests: bool = False


@dataclass
class Walk:
    """A walk over a Harbor, which gives the lines of its catalogue file.

    :param counts: projects and artifacts so far.
    """

    client: HarborClient
    wanted: Wanted
    counts: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[bytes]:
        """Give every line, project by project, and tell the progress."""
        patterns = [glob_of(text, "--project") for text in self.wanted.projects]
        told = stderr()
        for project in self.client.projects(patterns):
            before = self.counts["artifacts"]
            self.counts["projects"] += 1
            if self.wanted.scan:
                yield from self._allowlist(project.name)
            vetted = self.wanted.scan
            listed = self.client.listed(project.name, labels=True, accessories=vetted, scans=vetted)
            for chunk in _chunks(listed):
                yield from self._chunk(project.name, chunk)
            found = self.counts["artifacts"] - before
            told.print(f"{project.name}: {found} artifacts", style="dim", soft_wrap=True)

    def _allowlist(self, project: str) -> Iterator[bytes]:
        question = Question(Kind.ALLOWLIST, self.client.registry, project)
        try:
            allowlist = self.client.answer([question])[question]
        except RefusedError as error:
            text = f"{project}: its CVE allowlist is left out: {error}"
            stderr().print(text, style="yellow", soft_wrap=True)
            return
        if isinstance(allowlist, Allowlist):
            yield project_line(project, allowlist)

    def _chunk(self, project: str, listed: list[ArtifactAnswer]) -> Iterator[bytes]:
        artifacts = [self._artifact(project, found) for found in listed]
        facts = self.client.answer(self._questions(artifacts))
        for found, artifact in zip(listed, artifacts, strict=True):
            self.counts["artifacts"] += 1
            yield from self._artifact_lines(found, artifact, facts)

    def _artifact(self, project: str, found: ArtifactAnswer) -> Artifact:
        repository = found.repository_name.removeprefix(f"{project}/")
        name = self.client.registry
        return artifact_of(found, registry=name, project=project, repository=repository)

    def _questions(self, artifacts: list[Artifact]) -> Iterator[Question]:
        for artifact in artifacts:
            if self.wanted.cves:
                yield Question.of_artifact(Kind.VULNERABILITIES, artifact)
            if self.wanted.manifests and artifact.tags:
                for child in artifact.children:
                    yield Question.of_image(artifact, child)

    def _artifact_lines(
        self, found: ArtifactAnswer, artifact: Artifact, facts: Facts
    ) -> Iterator[bytes]:
        images = [facts.get(Question.of_image(artifact, child)) for child in artifact.children]
        known = [image for image in images if isinstance(image, Image)]
        own = next((image.blobs for image in known if image.digest == artifact.digest), ())
        listed = facts.get(Question.of_artifact(Kind.VULNERABILITIES, artifact))
        cves = listed if isinstance(listed, tuple) else None
        yield artifact_line(found, vetted=self.wanted.scan, blobs=own, vulnerabilities=cves)
        for image in known:
            if image.digest != artifact.digest:
                yield child_line(artifact.full_name, image)


def save_catalogue(file: Path, registry: str, wanted: Wanted, *, as_json: bool) -> None:
    """Save, and tell what was saved."""
    to_stdout = str(file) == "-"
    if to_stdout and as_json:
        message = "the catalogue goes to stdout already: give a FILE"
        raise typer.BadParameter(message, param_hint="--json")
    with errors_told():
        walk = Walk(open_harbor(registry), wanted)
        with _sink(file) as sink:
            size = sum(map(sink.write, walk.lines()))
            if not walk.counts["projects"]:
                names = ", ".join(wanted.projects)
                stderr().print(f"{registry} shows no project called {names}.", style="red")
                raise typer.Exit(WRONG)
    counts = walk.counts
    if as_json:
        summary = {"file": str(file), "registry": registry, "bytes": size, **counts}
        print_json(summary | {"requests": dict(walk.client.counts)})
    else:
        told = f"Saved {counts['artifacts']} artifacts of {counts['projects']} projects to {file}."
        typer.echo(told, err=to_stdout)


@contextmanager
def _sink(file: Path) -> Iterator[IO[bytes]]:
    """Give where to write; the file takes its place only when all is written."""
    if str(file) == "-":
        yield sys.stdout.buffer
        return
    part: Path | None = None
    try:
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as sink:
            part = Path(sink.name)
            yield sink
        part.chmod(0o644)
        part.replace(file)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(rows)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
