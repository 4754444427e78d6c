"""Harbor's listing pages in files: written once from the stand-in, read again without a network."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic import SecretStr
from requests import Session

from preheat.harbor.client import HarborClient
from preheat.sandbox import serve
from preheat.transport import Answer, Transport, harden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from preheat.artifact import Artifact

__all__ = ["Pages", "write_pages"]

_USER = "robot$preheat"
_FIRST = re.compile(r"id=\[([0-9]+)~\]")


@dataclass(frozen=True, slots=True)
class _Kept:
    """One answer.

    :param first: the id that was asked from; 0 of what is no page of artifacts.
    :param rows: how many artifacts are on the page.
    :param file: name of the file that holds the body.
    """

    path: str
    first: int
    rows: int
    file: str


class _Writer(Transport):
    """Asks the stand-in, and keeps each answer in a file."""

    def __init__(self, base_url: str, folder: Path) -> None:
        super().__init__(harden(Session()), base_url, system="Harbor")
        self.folder = folder
        self.kept: list[_Kept] = []

    def send(self, method: str, path: str, **options: Any) -> Answer:
        """Ask, and write the body down."""
        answer = super().send(method, path, **options)
        file = f"{len(self.kept):05d}.json"
        (self.folder / file).write_bytes(answer.body)
        first = _first(path, options.get("params"))
        self.kept.append(_Kept(path, first, len(answer.json()) if first else 0, file))
        return answer


def write_pages(folder: Path, artifacts: int) -> None:
    """Fill an empty folder with all pages of a stand-in of that many artifacts."""
    with serve(catalogue=f"scale:{artifacts}") as sandbox:
        writer = _Writer(sandbox.harbor_url, folder)
        for _ in _walk(writer, sandbox.robot_secret):
            pass
    index = [asdict(kept) for kept in writer.kept]
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


class Pages(Transport):
    """Gives the pages of a folder again, one file a request; nothing is held in memory.

    :param every: take each n-th page only: a smaller catalogue of the same kind, over all ages.
    """

    def __init__(self, folder: Path, *, every: int = 1) -> None:
        super().__init__(harden(Session()), "http://harbor.invalid", system="Harbor")
        self.folder = folder
        self._others: dict[str, str] = {}
        self._pages: dict[str, list[_Kept]] = {}
        for entry in json.loads((folder / "index.json").read_text(encoding="utf-8")):
            kept = _Kept(**entry)
            if kept.first:
                self._pages.setdefault(kept.path, []).append(kept)
            else:
                self._others[kept.path] = kept.file
        for path, pages in self._pages.items():
            self._pages[path] = sorted(pages, key=lambda kept: kept.first)[::every]

    @property
    def files(self) -> list[Path]:
        """All pages of artifacts."""
        return [self.folder / kept.file for pages in self._pages.values() for kept in pages]

    def artifacts(self) -> Iterator[Artifact]:
        """Walk all projects as every run does."""
        return _walk(self, "not needed")

    def send(self, method: str, path: str, **options: Any) -> Answer:
        """Give the page that holds what was asked for."""
        first = _first(path, options.get("params"))
        if not first:
            return self._answer(method, path, self._others[path], {})
        pages = self._pages[path]
        place = bisect_left(pages, first, key=lambda kept: kept.first)
        left = sum(kept.rows for kept in pages[place:])
        return self._answer(method, path, pages[place].file, {"X-Total-Count": str(left)})

    def _answer(self, method: str, path: str, file: str, headers: Mapping[str, str]) -> Answer:
        body = (self.folder / file).read_bytes()
        return Answer(self.system, f"{method} {path}", 200, headers, body)


def _walk(transport: Transport, secret: str) -> Iterator[Artifact]:
    client = HarborClient(
        transport, registry="harbor_default", username=_USER, secret=SecretStr(secret)
    )
    for project in client.projects([lambda name: name.startswith("bench-")]):
        yield from client.project_artifacts(project.name, labels=True)


def _first(path: str, params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None) -> int:
    """Read the id that a page of artifacts was asked from."""
    found = _FIRST.search(unquote(str(dict(params or {}).get("q", ""))))
    return int(found[1]) if found and path.endswith("/artifacts") else 0
