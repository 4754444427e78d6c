"""Answers to what a plan asks beyond the listing: one request a question, several at once.

Harbor charges a few database queries for each of these, and a manifest that is read counts as a
pull (recorded: retag-step7-pulled): so they are asked only where a decision hangs on them.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

from preheat.artifact import Image
from preheat.errors import AnswerTooLargeError, NotFoundError, RefusedError
from preheat.facts import Allowlist, Answer, Kind, Report
from preheat.harbor import registry
from preheat.harbor.answers import ArtifactAnswer, decode
from preheat.harbor.api import ROOT, artifacts_path, project_path
from preheat.harbor.vetting import AllowlistAnswer, ProjectSecurity, vulnerabilities_of
from preheat.threads import in_this_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from preheat.facts import Facts, Question
    from preheat.harbor.api import HarborApi

__all__ = ["SCAN_HEADERS", "Answering"]

log = logging.getLogger(__name__)

# The first type that has a report wins (harbor: handler/util.go).
SCAN_HEADERS = {
    "X-Accept-Vulnerabilities": (
        "application/vnd.security.vulnerability.report; version=1.1, "
        "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0"
    )
}


class Answering:
    """Find answers as one caller of one Harbor.

    :param api: the caller.
    :param max_connections: how many requests may run at once.
    :param exact: whether images are read, which counts as a pull; else only their size is asked.
    """

    def __init__(self, api: HarborApi, max_connections: int, *, exact: bool = True) -> None:
        self._api = api
        self._max_connections = max_connections
        self._lock = Lock()
        self._system: Allowlist | None = None
        self._ways: dict[Kind, Callable[[Question], Answer]] = {
            Kind.REPORT: self._report,
            Kind.VULNERABILITIES: self._vulnerabilities,
            Kind.ALLOWLIST: self._allowlist,
            Kind.IMAGE: self._image if exact else self._sized_image,
        }

    def answer(self, questions: Iterable[Question]) -> Facts:
        """Answer each question once; None where the thing is gone or cannot be known.

        :raises RefusedError: if the robot lacks a permission; says which.
        """
        asked = list(dict.fromkeys(questions))
        with ThreadPoolExecutor(self._max_connections, "harbor") as pool:
            return dict(zip(asked, pool.map(in_this_context(self._one), asked), strict=True))

    def _one(self, question: Question) -> Answer:
        try:
            return self._ways[question.kind](question)
        except (NotFoundError, AnswerTooLargeError, registry.IndexNotImageError) as error:
            log.info("%s: no answer: %s", question, error)
            return None

    def _report(self, question: Question) -> Report:
        params = {"with_tag": "false", "with_scan_overview": "true", "with_accessory": "true"}
        answer = self._api.get(
            "artifact",
            artifacts_path(question.project, question.repository, question.digest),
            params=params,
            headers=SCAN_HEADERS,
            advice=_advice("artifact:read", question),
        )
        found = decode(answer, ArtifactAnswer, "an artifact")
        return Report(found.scan(), found.accessory_types())

    def _vulnerabilities(self, question: Question) -> Answer:
        path = artifacts_path(question.project, question.repository, question.digest)
        answer = self._api.get(
            "vulnerabilities",
            f"{path}/additions/vulnerabilities",
            headers=SCAN_HEADERS,
            advice=_advice("artifact-addition:read", question),
        )
        return vulnerabilities_of(answer)

    def _allowlist(self, question: Question) -> Allowlist:
        """Read the list that holds: the system's, unless the project has its own.

        Source: harbor: src/pkg/project/models/project.go (ReuseSysCVEAllowlist).
        """
        path = project_path(question.project)
        answer = self._api.get("project", path, advice=_advice("project:read", question))
        project = decode(answer, ProjectSecurity, "a project")
        if not project.reuses_system_allowlist:
            return project.cve_allowlist.allowlist()
        with self._lock:
            if self._system is None:
                answer = self._api.get("allowlist", f"{ROOT}/system/CVEAllowlist")
                told = decode(answer, AllowlistAnswer, "the system's CVE allowlist")
                self._system = told.allowlist()
            return self._system

    def _sized_image(self, question: Question) -> Answer:
        path = artifacts_path(question.project, question.repository, question.digest)
        answer = self._api.get("artifact", path, advice=_advice("artifact:read", question))
        size = decode(answer, ArtifactAnswer, "an artifact").size
        return Image.of_size(question.digest, question.platform, size) if size else None

    def _image(self, question: Question) -> Answer:
        name = f"{question.project}/{question.repository}"
        try:
            return registry.resolve(self._api, name, question.digest, question.platform)
        except RefusedError as error:
            if error.status != HTTPStatus.PRECONDITION_FAILED:
                raise
            # The project's own policy forbids this one image (recorded: v2-prevent-vul-…).
            log.info("%s: no answer: %s", question, error)
            return None


def _advice(permission: str, question: Question) -> str:
    return f"Either there is no project {question.project}, or the robot lacks {permission} on it"
