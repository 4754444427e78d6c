"""The Harbor client: what the rest of Preheat asks Harbor and its registry.

Synchronous and on ``requests``: workers and the CLI call it straight, triggers through a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from preheat.harbor import auditfeed, check, listing, preheating, registry, tokens
from preheat.harbor.answering import Answering
from preheat.harbor.answers import ArtifactAnswer, Project, artifact_of, decode
from preheat.harbor.api import ROOT, HarborApi, artifacts_path
from preheat.harbor.notifying import Webhooks
from preheat.harbor.walk import Listing

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from pydantic import SecretStr

    from preheat.artifact import Artifact, BlobAnswer, Child, Image
    from preheat.checks import CheckReport
    from preheat.facts import Facts, Question
    from preheat.harbor.auditfeed import AuditPage
    from preheat.harbor.preheating import PreheatInstance, PreheatPolicy
    from preheat.harbor.vetting import ProjectSecurity
    from preheat.transport import Transport

__all__ = ["HarborClient"]


class HarborClient:
    """Ask one Harbor as one account.

    Does not retry and keeps nothing but the version: callers decide when to ask again.

    :param transport: built on Harbor's base URL.
    :param registry: Airflow connection id, copied into every artifact.
    :param username: name of a robot (with its ``robot$`` prefix); empty for anonymous.
    :param secret: the robot's secret.
    :param max_connections: how many requests may run at once where many are needed.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        registry: str,
        username: str = "",
        secret: SecretStr | None = None,
        max_connections: int = 4,
    ) -> None:
        self.registry = registry
        self.max_connections = max_connections
        self._api = HarborApi(transport, username, secret)

    @property
    def counts(self) -> Counter[str]:
        """Requests made so far: ``listing``, ``artifact``, ``token``, ``manifest`` …."""
        return self._api.counts

    def check(self) -> CheckReport:
        """Try URL, credentials, token service, version and clock; raises no RemoteError."""
        return check.check(self._api)

    def require_known_account(self) -> None:
        """Make sure that Harbor knows the credentials: it would show public things to anybody.

        :raises RefusedError: if it treats the caller as anonymous though credentials were given.
        """
        self._api.version()

    def is_at_least(self, major: int, minor: int) -> bool:
        """Tell whether Harbor says that it is of this version or newer."""
        return (self._api.version() or (0, 0)) >= (major, minor)

    def projects(self, patterns: Sequence[Callable[[str], bool]]) -> list[Project]:
        """List the visible projects whose name one of the patterns accepts, in the order of age.

        :raises RefusedError: if Harbor does not know the credentials: it would show public ones.
        """
        self._api.version()
        params = {"with_detail": "false"}
        listed = Listing(self._api, f"{ROOT}/projects", Project, key="project_id", params=params)
        return [found for found in listed if any(accepts(found.name) for accepts in patterns)]

    def project_artifacts(
        self, project: str, *, labels: bool, accessories: bool = False
    ) -> Iterator[Artifact]:
        """List all artifacts of a project that have a tag or are no child of an index, each once.

        Complete under concurrent pushes (:func:`preheat.harbor.walk.walk`). One request a hundred
        artifacts since Harbor 2.12; before that, and for anonymous callers, repository by
        repository.

        :param labels: whether labels are needed; they cost Harbor a query for each artifact.
        :param accessories: whether signatures and the like are needed; as costly.
        """
        for answer in self.listed(project, labels=labels, accessories=accessories):
            yield self._artifact(answer, project, accessories=accessories)

    def repository_artifacts(self, full_name: str, *, labels: bool) -> Iterator[Artifact]:
        """List the artifacts of one repository; nothing where there is no such repository.

        Harbor answers 200 and an empty list then (recorded: artifacts-missing-repository).

        :param full_name: project and repository.
        :param labels: as in :meth:`project_artifacts`.
        :raises RefusedError: if Harbor does not know the credentials: it would show public ones.
        """
        self._api.version()
        project, _, name = full_name.partition("/")
        wanted = {"with_tag": "true", "with_label": _flag(labels)}
        for answer in listing.of_repository(self._api, project, name, wanted):
            yield self._artifact(answer, project, name)

    def listed(
        self, project: str, *, labels: bool, accessories: bool = False, scans: bool = False
    ) -> Iterator[ArtifactAnswer]:
        """List a project's artifacts in Harbor's own words, each with its repository's name.

        :param accessories: with signatures and the like; costs Harbor a seventh more.
        :param scans: with what the last scan said; costs three times as much (both measured:
            enumeration-timings).
        """
        wanted = {"with_tag": "true", "with_label": _flag(labels)}
        if accessories:
            wanted["with_accessory"] = "true"
        if scans:
            wanted["with_scan_overview"] = "true"
        return listing.of_project(self._api, project, wanted, self.max_connections)

    def has_project_listing(self) -> bool:
        """Tell whether a project can be listed as a whole, as :meth:`added_artifacts` does."""
        return listing.has_project_listing(self._api)

    def added_artifacts(
        self, project: str, first: int, since: datetime | None = None
    ) -> Iterator[list[Artifact]]:
        """List the artifacts with this id and above, page by page; ids grow as things are pushed.

        :param since: only those pushed then and later.
        """
        for answers in listing.added_to(self._api, project, first, since):
            yield [self._artifact(answer, project) for answer in answers]

    def newest_artifact_id(self, project: str) -> int:
        """Tell the highest id of an artifact of a project; 0 where there is none."""
        return listing.newest_in(self._api, project)

    def still_has(self, full_name: str, digests: Collection[str]) -> set[str]:
        """Tell which of these artifacts a repository has, those included that no listing shows."""
        project, _, repository = full_name.partition("/")
        return listing.still_in(self._api, project, repository, digests)

    def now(self) -> datetime | None:
        """Tell the time by Harbor's clock, which dates all that happens there.

        None for an anonymous caller, to whom Harbor does not tell it.
        """
        return self._api.system()[1].current_time

    def reads_audit_feed(self) -> bool:
        """Tell whether :meth:`audit_pages` can be relied on (:func:`auditfeed.is_readable`)."""
        return auditfeed.is_readable(self._api)

    def audit_pages(self, since: datetime) -> Iterator[AuditPage]:
        """Tell what was pushed, tagged and deleted since (:mod:`preheat.harbor.auditfeed`)."""
        return auditfeed.pages_since(self._api, self.registry, since)

    @property
    def webhooks(self) -> Webhooks:
        """The webhook policies of projects."""
        return Webhooks(self._api)

    def artifact(
        self, project: str, repository: str, reference: str, *, labels: bool = False
    ) -> Artifact:
        """Read one artifact by tag or digest.

        :raises NotFoundError: if it is not there.
        """
        params = {"with_tag": "true", "with_label": _flag(labels)}
        path = artifacts_path(project, repository, reference)
        advice = f"Either there is no project {project}, or the robot lacks artifact:read on it"
        answer = self._api.get("artifact", path, params=params, advice=advice)
        found = decode(answer, ArtifactAnswer, "an artifact")
        return self._artifact(found, project, repository)

    def answer(self, questions: Iterable[Question]) -> Facts:
        """Answer those questions that are about this Harbor, each with one request.

        None where the thing is gone, or Harbor cannot or does not tell. Costly: ask only where a
        decision hangs on it. ``IMAGE`` reads a manifest, which counts as a pull.

        :raises RefusedError: if Harbor does not know the credentials, or the robot lacks a
            permission; says which.
        """
        asked = [question for question in questions if question.registry == self.registry]
        if not asked:
            return {}
        self._api.version()
        return Answering(self._api, self.max_connections).answer(asked)

    def sizes(self, questions: Iterable[Question]) -> Facts:
        """Answer those ``IMAGE`` questions that are about this Harbor by size alone.

        Harbor's own figure, which counts the manifest too; unlike reading that, it is no pull.

        :raises RefusedError: as :meth:`answer`.
        """
        asked = [question for question in questions if question.registry == self.registry]
        if not asked:
            return {}
        self._api.version()
        return Answering(self._api, self.max_connections, exact=False).answer(asked)

    def pull_authorization(self, repositories: Iterable[str]) -> SecretStr:
        """Mint a pull token for these repositories: the value of an ``Authorization`` header.

        :raises RefusedError: if Harbor does not know the credentials, or they may not pull.
        """
        return tokens.pull_authorization(self._api, repositories)

    def token_life_seconds(self) -> float:
        """Tell how long a pull token lives: Harbor's token expiration."""
        return tokens.grant(self._api, ()).life_seconds

    def resolve(
        self,
        full_name: str,
        digest: str,
        platform: str,
        *,
        authorization: SecretStr | None = None,
    ) -> Image:
        """List the blobs of one platform's manifest (:func:`preheat.harbor.registry.resolve`)."""
        return registry.resolve(self._api, full_name, digest, platform, authorization=authorization)

    def children(self, full_name: str, digest: str) -> tuple[Child, ...]:
        """Tell the platforms of an artifact where Harbor's listing does not."""
        return registry.children(self._api, full_name, digest)

    def blob_answer(self, full_name: str, digest: str) -> BlobAnswer:
        """Tell what the registry says when one byte of a blob is asked for."""
        return registry.blob_answer(self._api, full_name, digest)

    def preheat_instances(self) -> list[PreheatInstance]:
        """List the providers of Harbor's own preheat (:mod:`preheat.harbor.preheating`)."""
        return preheating.instances(self._api)

    def preheat_policies(self, project: str) -> list[PreheatPolicy]:
        """List a project's own preheat policies."""
        return preheating.policies(self._api, project)

    def project_security(self, project: str) -> ProjectSecurity:
        """Read the project's settings that decide which pulls Harbor allows."""
        return preheating.security(self._api, project)

    def external_url(self) -> str:
        """Tell the address that Harbor gives to Dragonfly; empty for an anonymous caller."""
        return preheating.external_url(self._api)

    def artifact_url(self, full_name: str, digest: str) -> str:
        """Where a person can look at the artifact in Harbor's own pages."""
        project, _, repository = full_name.partition("/")
        return (
            f"{self._api.transport.base_url}/harbor/projects/{quote(project, safe='')}"
            f"/repositories/{quote(repository, safe='')}/artifacts-tab/artifacts/{digest}"
        )

    def _artifact(
        self,
        answer: ArtifactAnswer,
        project: str,
        repository: str = "",
        *,
        accessories: bool = False,
    ) -> Artifact:
        return artifact_of(
            answer,
            registry=self.registry,
            project=project,
            repository=repository or answer.repository_name.partition("/")[2],
            accessories=accessories,
        )


def _flag(value: bool) -> str:  # noqa: FBT001 - the value itself is what is written
    return "true" if value else "false"
