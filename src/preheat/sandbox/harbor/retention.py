"""Tag retention, in its simplest form: the last pushed artifacts of one repository stay.

Source: recorded: webhook-tag-retention.
"""

from __future__ import annotations

from typing import Any

from preheat.sandbox.harbor.events import JOBSERVICE, By, Event
from preheat.sandbox.harbor.state import HarborState

__all__ = ["retain"]


def retain(state: HarborState, name: str, keep: int, *, by: By | None = None) -> list[str]:
    """Delete all but the ``keep`` last pushed artifacts of a repository, and give their digests.

    Each is told as deleted by the jobservice, in a request of its own; then the run is.

    :param by: who started the run.
    :raises HarborError: 404 when there is no such repository.
    """
    with state.lock:
        repository = state.repository(name)
        shown = [state.artifacts[key] for _, key in reversed(repository.artifacts.by_push)]
        gone = shown[keep:]
        references = [next((tag.name for tag in row.newest_tags), row.digest) for row in gone]
        for artifact in gone:
            state.delete(artifact, by=By(JOBSERVICE))
        details = {
            "retention": {
                "total": len(shown),
                "retained": len(shown) - len(gone),
                "harbor_hostname": state.host.partition(":")[0],
                "project_name": repository.project.name,
                "retention_policy_id": repository.project.id,
                "retention_rule": [_rule(repository.path, keep)],
                "result": "SUCCESS",
                "deleted_artifact": [_deleted(repository.path, tag) for tag in references],
            }
        }
        event = Event("TAG_RETENTION", repository.project, state.now(), by or By(), details=details)
        state.events.emit(event)
        return [artifact.digest for artifact in gone]


def _rule(path: str, keep: int) -> dict[str, Any]:
    selector = {"kind": "doublestar", "decoration": "matches", "pattern": "**"}
    scope = {"kind": "doublestar", "decoration": "repoMatches", "pattern": path, "extras": ""}
    return {
        "template": "latestPushedK",
        "params": {"latestPushedK": keep},
        "tag_selectors": [selector | {"extras": '{"untagged":true}'}],
        "scope_selectors": {"repository": [scope]},
    }


def _deleted(path: str, reference: str) -> dict[str, Any]:
    return {
        "type": "image",
        "status": "SUCCESS",
        "name_tag": f"{path}:{reference}",
        "references": None,
    }
