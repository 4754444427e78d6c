"""Repositories that were named with their project are told in the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.artifact import Artifact
    from preheat.plan import Plan


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        ("include: [{exact: library/app}]", "by exact 'library/app' (line 5)"),
        ("include: [{glob: 'library/**'}, {glob: app}]", "project, write '**' without it."),
        ("exclude: [{regex: 'library/a.*'}]", "by regex 'library/a.*' (line 5)"),
    ],
)
def test_a_pattern_with_the_project_is_told(
    patterns: str, words: str, plan: Callable[..., Plan], art: Callable[..., Artifact]
) -> None:
    """It matches nothing; the warning says what to write."""
    made = plan([art("library/app")], f"rules: [{{name: r, repositories: {{{patterns}}}}}]")
    (warning,) = [warning for warning in made.warnings if "is a project" in warning]
    assert words in warning


@pytest.mark.parametrize("pattern", ["exact: library/app", "glob: 'team/*'"])
def test_a_repository_may_begin_as_a_project_does(
    pattern: str, plan: Callable[..., Plan], art: Callable[..., Artifact]
) -> None:
    """In a proxy cache there is library/library/app; and not every first part is a project."""
    made = plan(
        [art("library/library/app")],
        f"rules: [{{name: r, repositories: {{include: [{{{pattern}}}]}}}}]",
    )
    assert not [warning for warning in made.warnings if "is a project" in warning]
