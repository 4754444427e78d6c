"""From the text of a test file to a case that can be run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from preheat.errors import Problem, ProblemsError
from preheat.policy.problems import first_of, schema_problems
from preheat.policy.yamltext import parse
from preheat.policytest.shape import TestFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from preheat.plan import Disposition, ReasonCode
    from preheat.policytest.shape import GivenSpec

__all__ = ["Case", "Expectation", "load_case"]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What should become of one image.

    :param image: ``project/repository:tag``.
    :param registry: empty for the policy's first one.
    :param platform: empty for any.
    :param clusters: where it goes, all of them; None when that does not matter.
    :param line: of the test file.
    """

    image: str
    selected: bool
    registry: str = ""
    platform: str = ""
    reason: ReasonCode | None = None
    rule: str = ""
    clusters: tuple[str, ...] | None = None
    disposition: Disposition | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One test file, known to be right.

    :param source: file name, for messages.
    :param policy: name of the policy under test.
    :param catalog: a saved catalogue in place of the given images, relative to the test file.
    :param allowlists: CVE ids that Harbor lets pass, by project.
    """

    source: str
    policy: str
    at: datetime
    given: tuple[GivenSpec, ...]
    expectations: tuple[Expectation, ...]
    catalog: str = ""
    allowlists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    description: str = ""
    policy_line: int | None = None


def load_case(text: str, source: str) -> Case:
    """Read a test file.

    :param source: file name for messages.
    :raises ProblemsError: with every problem and its place.
    """
    document = parse(text, source)
    if not document.values:
        raise ProblemsError([Problem("The file is empty.", source)])
    problems = list(document.problems)
    try:
        file = TestFile.model_validate(document.data)
    except ValidationError as error:
        problems.extend(schema_problems(error, TestFile, document, source))
    if problems:
        raise ProblemsError(first_of(problems))
    return Case(
        source=source,
        policy=file.policy,
        at=file.at,
        given=file.given,
        expectations=tuple(
            Expectation(
                image=spec.image,
                selected=spec.selected,
                registry=spec.registry or "",
                platform=spec.platform or "",
                reason=spec.reason,
                rule=spec.rule or "",
                clusters=spec.clusters,
                disposition=spec.disposition,
                line=document.line(("expect", number)),
            )
            for number, spec in enumerate(file.expect)
        ),
        catalog=file.catalog or "",
        allowlists=file.allowlists,
        description=file.description,
        policy_line=document.line(("policy",)),
    )
