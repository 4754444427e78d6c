"""The two pages of Harbor's portal that people follow links to: the first one, and an artifact.

A real Harbor serves its portal there; without this page a link from the demo would lead to a 404.
Like everything under ``/sandbox`` it asks for no log-in: the stand-in has no secrets to keep.
"""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from preheat.sandbox.harbor.call import state_of
from preheat.sandbox.harbor.errors import HarborError
from preheat.sandbox.harbor.state import HarborState

__all__ = ["router"]

router = APIRouter()
State = Annotated[HarborState, Depends(state_of)]

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 70rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }}
</style>
<h1>{name}</h1>
{body}
</html>"""


@router.get("/")
def first_page(state: State) -> HTMLResponse:
    """Say what this is, and which repositories it has."""
    names = sorted({artifact.repository.name for artifact in state.artifacts.values()})
    intro = "The sandbox's Harbor; its API is below /api/v2.0, its registry below /v2."
    return HTMLResponse(_page("Harbor", intro, *names))


@router.get(
    "/harbor/projects/{project}/repositories/{repository:path}/artifacts-tab/artifacts/{digest}"
)
def artifact_page(state: State, project: str, repository: str, digest: str) -> HTMLResponse:
    """Show an artifact, or that it is not there."""
    name = f"{project}/{repository}"
    try:
        artifact = state.find(name, digest)
    except HarborError as error:
        return HTMLResponse(_page(name, digest, str(error)), status_code=error.status)
    tags = ", ".join(tag.name for tag in artifact.tags) or "none"
    return HTMLResponse(_page(name, digest, f"Tags: {tags}"))


def _page(name: str, *lines: str) -> str:
    return _PAGE.format(
        name=escape(name), body="".join(f"<p>{escape(line)}</p>\n" for line in lines)
    )
