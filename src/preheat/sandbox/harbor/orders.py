"""What the control routes share: how orders are read, and how images are told."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict

from preheat.sandbox.harbor.call import state_of
from preheat.sandbox.harbor.events import By
from preheat.sandbox.harbor.recipes import IndexRecipe, ManifestRecipe
from preheat.sandbox.harbor.rows import Artifact
from preheat.sandbox.harbor.state import HarborState

__all__ = ["Deed", "Order", "Reference", "State", "described", "ensure_project"]

State = Annotated[HarborState, Depends(state_of)]


class Order(BaseModel):
    """What all orders share: a misspelt key is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Deed(Order):
    """What is told of: who did it, as Harbor names users and robots."""

    operator: str = "admin"

    @property
    def by(self) -> By:
        """Whoever did it, in a request of its own."""
        return By(self.operator)


class Reference(Deed):
    """An artifact by repository and tag or digest."""

    repository: str
    reference: str


def ensure_project(state: HarborState, repository: str, by: By) -> None:
    """Make the project of a repository if need be."""
    project = repository.partition("/")[0]
    if project not in state.projects:
        state.add_project(project, by=by)


def described(artifact: Artifact) -> dict[str, Any]:
    """Tell what an artifact is made of, its children too."""
    recipe = artifact.recipe
    told: dict[str, Any] = {
        "id": artifact.id,
        "repository": artifact.repository.name,
        "digest": artifact.digest,
        "tags": [tag.name for tag in artifact.tags],
        "labels": [label.name for label in artifact.labels],
    }
    if isinstance(recipe, ManifestRecipe):
        blobs = [(recipe.config, "config"), *((layer, "layer") for layer in recipe.layers)]
        told["blobs"] = [{"digest": b.digest, "size": b.size, "kind": kind} for b, kind in blobs]
    if isinstance(recipe, IndexRecipe):
        known = artifact.repository.by_digest
        told["platforms"] = {
            str(child.platform): described(known[child.digest]) for child in recipe.children
        }
    return told
