"""The files that pages load: style, scripts, icons. Their addresses change with their content.

So a browser may keep each of them for ever, and still never shows an old one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Path
from fastapi.responses import Response

from preheat.web.refusing import Refusal

__all__ = ["asset_path", "router"]

router = APIRouter()

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    media_type: str
    mark: str


@cache
def _assets() -> dict[str, _Asset]:
    """Read all files, once in a process."""
    found = {}
    for file in files("preheat.web").joinpath("static").iterdir():
        ending = f".{file.name.rpartition('.')[2]}"
        if ending in _TYPES:
            content = file.read_bytes()
            mark = blake2b(content, digest_size=8).hexdigest()
            found[file.name] = _Asset(content, _TYPES[ending], mark)
    return found


def asset_path(name: str) -> str:
    """Give the path of a file below ``/preheat``."""
    return f"/static/{_assets()[name].mark}/{name}"


@router.get("/static/{mark}/{name}", include_in_schema=False)
def read_asset(
    _: GetUserDep,
    mark: Annotated[str, Path(max_length=32)],
    name: Annotated[str, Path(max_length=100)],
) -> Response:
    """Serve a file; only under the address of what it holds now."""
    found = _assets().get(name)
    if found is None or found.mark != mark:
        raise Refusal(HTTPStatus.NOT_FOUND, "There is no such file.")
    return Response(found.content, media_type=found.media_type, headers=_FOR_EVER)
