"""Buttons on each tracked task: the artifact in Harbor, the job in Dragonfly.

Links are pushed again at each worker pass, so they read XCom and never the operator's attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink, BaseXCom

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

__all__ = ["DRAGONFLY_URL_KEY", "HARBOR_URL_KEY", "DragonflyJobLink", "HarborArtifactLink"]

HARBOR_URL_KEY = "harbor_url"
DRAGONFLY_URL_KEY = "dragonfly_url"


class _XComLink(BaseOperatorLink):
    """A link whose address the task pushed."""

    key: str

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the pushed address, or "" before there is one."""
        del operator
        url = BaseXCom.get_value(key=self.key, ti_key=ti_key)  # type: ignore[arg-type] # Airflow's own key
        return str(url) if url else ""


class HarborArtifactLink(_XComLink):
    """Open the artifact in Harbor."""

    name = "Open in Harbor"
    key = HARBOR_URL_KEY


class DragonflyJobLink(_XComLink):
    """Open the preheat job at the Dragonfly manager."""

    name = "Open Dragonfly job"
    key = DRAGONFLY_URL_KEY
