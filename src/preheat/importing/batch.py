"""Several policies at once: names that differ, files that our own loader accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.errors import ProblemsError
from preheat.importing.clusters import slug, unique
from preheat.importing.reading import read_policy
from preheat.importing.translation import Imported, translate
from preheat.policy.loader import load_policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from preheat.harbor.preheating import PreheatPolicy
    from preheat.harbor.vetting import ProjectSecurity
    from preheat.importing.clusters import Inventory

__all__ = ["import_project"]


def import_project(
    project: str,
    policies: Iterable[PreheatPolicy],
    security: ProjectSecurity,
    inventory: Inventory,
    taken: set[str],
    *,
    registry: str,
    models: bool = True,
) -> Iterator[Imported | ProblemsError]:
    """Make a file of each policy of a project, in the order of their ids.

    Gives the problems instead where the loader does not accept a file: such a file is not written.

    :param taken: names used so far; it grows.
    """
    for told in sorted(policies, key=lambda policy: policy.id):
        name = unique(slug(f"{project}-{told.name}"), taken)
        taken.add(name)
        made = translate(
            read_policy(project, told),
            name,
            security,
            inventory,
            registry=registry,
            models=models,
        )
        try:
            load_policy(made.text, f"{name}.yaml", inventory.clusters)
        except ProblemsError as error:
            yield error
        else:
            yield made
