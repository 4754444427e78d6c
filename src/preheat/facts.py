"""What can be known of an artifact beyond the listing; asked only where a decision hangs on it.

The engine is pure: it tells its questions with the plan, somebody else finds the answers, and the
engine decides again. A question that stays without answer is answered with None: gates then refuse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from preheat.artifact import Image, ScanSummary

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.artifact import Artifact, Child

__all__ = ["Allowlist", "Answer", "Facts", "Inquiry", "Kind", "Question", "Report", "Vulnerability"]


class Kind(StrEnum):
    """What is asked; each kind is one request to Harbor."""

    REPORT = "REPORT"
    VULNERABILITIES = "VULNERABILITIES"
    ALLOWLIST = "ALLOWLIST"
    IMAGE = "IMAGE"


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """One thing to find out.

    :param registry: Airflow connection id of the Harbor.
    :param repository: without the project; empty for a question about the project.
    :param digest: the artifact's; of an ``IMAGE`` the digest of the platform's manifest.
    """

    kind: Kind
    registry: str
    project: str
    repository: str = ""
    digest: str = ""
    platform: str = ""

    @classmethod
    def of_artifact(cls, kind: Kind, artifact: Artifact) -> Question:
        """Ask about an artifact as listed."""
        return cls(kind, artifact.registry, artifact.project, artifact.repository, artifact.digest)

    @classmethod
    def of_image(cls, artifact: Artifact, child: Child) -> Question:
        """Ask what one platform consists of."""
        return cls(
            Kind.IMAGE,
            artifact.registry,
            artifact.project,
            artifact.repository,
            child.digest,
            child.platform,
        )

    @classmethod
    def of_project(cls, artifact: Artifact) -> Question:
        """Ask for the CVE allowlist that holds in the artifact's project."""
        return cls(Kind.ALLOWLIST, artifact.registry, artifact.project)


@dataclass(frozen=True, slots=True)
class Report:
    """Answer to ``REPORT``.

    :param scan: None when never scanned.
    :param accessories: types of what hangs on the artifact, such as ``signature.cosign``.
    """

    scan: ScanSummary | None = None
    accessories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One finding of a scan; the answer to ``VULNERABILITIES`` is a tuple of them.

    :param severity: Harbor's word, such as ``High``.
    """

    id: str
    severity: str


@dataclass(frozen=True, slots=True)
class Allowlist:
    """Answer to ``ALLOWLIST``: CVE ids that Harbor lets pass in a project.

    :param expires_at: the whole list counts for nothing from then on; None for never.
    """

    ids: frozenset[str] = frozenset()
    expires_at: datetime | None = None


Answer: TypeAlias = Report | tuple[Vulnerability, ...] | Allowlist | Image | None
Facts: TypeAlias = dict[Question, Answer]


@dataclass(slots=True)
class Inquiry:
    """Looks answers up, and remembers the questions that have none yet."""

    facts: Facts = field(default_factory=dict)
    open: set[Question] = field(default_factory=set)

    def knows(self, question: Question) -> bool:
        """Whether the question was answered; one that was not is remembered."""
        if question in self.facts:
            return True
        self.open.add(question)
        return False
