"""Looking at a policy's text before anybody commits it; nothing of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from preheat.errors import Problem
from preheat.policy.folder import declared_name, load_text
from preheat.policy.model import Cluster, Clusters
from preheat.policy.yamltext import MAX_BYTES
from preheat.provider.config import open_ledger
from preheat.web.access import ReaderDep
from preheat.web.api.asking import CheckedRoute
from preheat.web.contract import CHANGE_PROBLEMS, PROBLEMS, ProblemBody, Told
from preheat.web.crosssite import not_from_another_site

__all__ = ["router"]

router = APIRouter(
    prefix="/policies",
    tags=["policies"],
    responses=PROBLEMS | CHANGE_PROBLEMS,
    route_class=CheckedRoute,
    dependencies=[Depends(not_from_another_site)],
)

_EXAMPLE = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: web}
spec:
  sources: [{registry: harbor_default, projects: [web]}]
  rules: [{name: newest, take: {newest: 1}}]
  triggers: {schedule: {cron: "0 2 * * *", timezone: UTC}}
  targets: [{cluster: eu-1, scope: all_seed_peers}]
"""


class PolicyText(BaseModel):
    """A policy's text, as its file would hold it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": _EXAMPLE}]})

    text: Annotated[str, Field(max_length=MAX_BYTES)]
    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]{1,240}$",
        description="Of the file, without .yaml; null for the name that the text gives itself.",
    )


class TextProblem(ProblemBody):
    """One thing that is wrong with the text."""

    column: int | None


class Validated(Told):
    """Whether the text is a right policy."""

    valid: bool
    problems: list[TextProblem] = Field(description="All of them; empty if it is right.")
    clusters: list[str] = Field(
        description="What it was compared with: the clusters that plans used lately."
    )


@router.post("/validate", operation_id="validate_policy", summary="Validate a policy's text")
def validate_policy(reader: ReaderDep, order: PolicyText) -> Validated:
    """Tell all that is wrong with a policy's text, with lines; nothing is stored."""
    known = Clusters(tuple(map(Cluster.from_data, open_ledger().overview.clusters(reader.seen))))
    problems = _problems(order, known)
    return Validated(
        valid=not problems,
        problems=[TextProblem.model_validate(one) for one in problems],
        clusters=list(known.names),
    )


def _problems(order: PolicyText, known: Clusters) -> Sequence[Problem]:
    if len(order.text.encode()) > MAX_BYTES:
        return [Problem(f"The text is larger than {MAX_BYTES // 1024} KiB.")]
    name = order.name or declared_name(order.text) or "policy"
    return load_text(Path(f"{name}.yaml"), order.text, known).problems
