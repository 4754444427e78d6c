"""The one page of the console that people follow links to: a preheat job, as the manager shows it.

A real manager serves its console beside the API; without this page a link from the demo would lead
to a redirect. Shows no header, user name or password of a job.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from preheat.sandbox.dragonfly.store import NotFound

if TYPE_CHECKING:
    from preheat.sandbox.dragonfly.state import DragonflyState

__all__ = ["build_console_router"]

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 70rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }}
td, th {{ text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top }}
</style>
<h1>{title}</h1>
<p>{intro}</p>
{body}
</html>"""


def build_console_router(state: DragonflyState) -> APIRouter:
    """Lay the page's route."""
    router = APIRouter()

    @router.get("/jobs/preheats/{job_id}")
    def job_page(job_id: int) -> HTMLResponse:
        try:
            job = state.jobs.get(job_id)
        except NotFound:
            intro = "The manager has no such row: it never had, or has cleaned it up."
            return HTMLResponse(_page(f"Job {job_id}", intro, ""), status_code=404)
        look = job.look(state.clock.monotonic())
        row = job.row(look, is_listed=False)
        return HTMLResponse(_page(f"Job {job_id}: {row['state']}", row["bio"], _body(row)))

    return router


def _page(title: str, intro: str, body: str) -> str:
    return _PAGE.format(title=escape(title), intro=escape(intro), body=body)


def _body(row: dict[str, Any]) -> str:
    shown = {
        "image": row["args"].get("url", ""),
        "scope": row["args"].get("scope", ""),
        "created": row["created_at"],
        "updated": row["updated_at"],
    }
    facts = _table(shown.items())
    results = [
        result
        for task in (row["result"] or {}).get("job_states") or ()
        for result in task.get("results") or ()
    ]
    copies = [
        (entry["hostname"], entry["ip"], entry["url"].rpartition("/")[2])
        for result in results
        for entry in result.get("success_tasks") or ()
    ]
    failures = [
        (entry["hostname"], entry["ip"], entry["description"])
        for result in results
        for entry in result.get("failure_tasks") or ()
    ]
    return (
        f"{facts}<h2>Reported as fetched: {len(copies)}</h2>{_table(copies)}"
        f"<h2>Reported as failed: {len(failures)}</h2>{_table(failures)}"
    )


def _table(rows: Any) -> str:
    lines = (
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table>{''.join(lines)}</table>"
