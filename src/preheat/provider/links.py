"""Buttons on each tracked task: the artifact in Harbor, the job in Dragonfly.

Airflow pushes each link again at the end of every worker pass. The first pass knows the addresses;
the second, after a deferral that did not end well, reads what the first one pushed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink, BaseXCom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

__all__ = ["DragonflyJobLink", "HarborArtifactLink"]


class _KeptLink(BaseOperatorLink):
    """A link whose address the operator learns while it runs: ``links[name]``."""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or "" before there is one."""
        links: Mapping[str, str] = getattr(operator, "links", {})
        if self.name in links:
            return links[self.name]
        url = BaseXCom.get_value(key=self.xcom_key, ti_key=ti_key)  # type: ignore[arg-type] # Airflow's own key
        return str(url) if url else ""


class HarborArtifactLink(_KeptLink):
    """Open the artifact in Harbor."""

    name = "Open in Harbor"


class DragonflyJobLink(_KeptLink):
    """Open the preheat job at the Dragonfly manager."""

    name = "Open Dragonfly job"
