"""Artifacts as Harbor lists them: of a project, of a repository, or the newest of a project.

One request a hundred artifacts since Harbor 2.12; before that, and for anonymous callers, a
project is read repository by repository.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from preheat.errors import UnexpectedAnswerError
from preheat.harbor.answering import SCAN_HEADERS
from preheat.harbor.answers import ArtifactAnswer, RepositoryAnswer, decode
from preheat.harbor.api import artifacts_path, project_path
from preheat.harbor.check import PROJECT_LISTING_SINCE
from preheat.harbor.walk import Listing, pages
from preheat.threads import in_this_context

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from preheat.harbor.api import HarborApi

__all__ = [
    "TIME",
    "added_to",
    "has_project_listing",
    "newest_in",
    "of_project",
    "of_repository",
    "still_in",
]

TIME = "%Y-%m-%dT%H:%M:%S"
"""The one layout of times that filters understand, read as UTC (harbor: src/lib/q/builder.go)."""

_DIGESTS_AT_ONCE = 40  # of 71 characters each, in one URL
_TAGS_ONLY = {"with_tag": "true", "with_label": "false"}


def has_project_listing(api: HarborApi) -> bool:
    """Tell whether a project can be listed as a whole: Harbor 2.12, and nobody anonymous.

    :raises RefusedError: if Harbor does not know the credentials.
    """
    return (api.version() or (0, 0)) >= PROJECT_LISTING_SINCE


def of_project(
    api: HarborApi, project: str, wanted: Mapping[str, str], max_connections: int
) -> Iterator[ArtifactAnswer]:
    """List all artifacts of a project, each with its repository's name.

    :param wanted: the ``with_…`` parameters.
    :raises RefusedError: if the robot may not; says what it lacks.
    """
    if not has_project_listing(api):
        yield from _by_repository(api, project, wanted, max_connections)
        return
    for answer in _listing(api, project, f"{project_path(project)}/artifacts", wanted):
        yield _owned(api, project, answer)


def of_repository(
    api: HarborApi, project: str, name: str, wanted: Mapping[str, str]
) -> Listing[ArtifactAnswer]:
    """List the artifacts of one repository; of one that is not there, none.

    :param name: without the project.
    """
    return _listing(api, project, artifacts_path(project, name), wanted)


def added_to(
    api: HarborApi, project: str, first: int, since: datetime | None
) -> Iterator[list[ArtifactAnswer]]:
    """List the artifacts of a project with this id and above, page by page; needs Harbor 2.12.

    :param since: only those pushed then and later, to the second; None for all.
    """
    where = f"push_time=[{since:{TIME}}~]" if since else ""
    path = f"{project_path(project)}/artifacts"
    for page in pages(_listing(api, project, path, _TAGS_ONLY, where).page, first):
        yield [_owned(api, project, answer) for answer in page.rows]


def newest_in(api: HarborApi, project: str) -> int:
    """Tell the highest id of an artifact of a project; 0 where there is none. Needs Harbor 2.12."""
    params: dict[str, str | int] = {"sort": "-id", "page": 1, "page_size": 1, "with_tag": "false"}
    path = f"{project_path(project)}/artifacts"
    answer = api.get("listing", path, params=params, advice=_advice(project, "artifact:list"))
    return max((row.id for row in decode(answer, list[ArtifactAnswer], "a list")), default=0)


def still_in(api: HarborApi, project: str, name: str, digests: Collection[str]) -> set[str]:
    """Tell which of these a repository has, those included that listings hide.

    Listings leave out children of indexes that have no tag (harbor: src/pkg/artifact/dao/dao.go).
    """
    found: set[str] = set()
    asked = sorted(digests)
    path = artifacts_path(project, name)
    for start in range(0, len(asked), _DIGESTS_AT_ONCE):
        some = asked[start : start + _DIGESTS_AT_ONCE]
        where = f"base=*,digest={{{' '.join(some)}}}"
        found |= {answer.digest for answer in _listing(api, project, path, {}, where)}
    return found & set(asked)


def _by_repository(
    api: HarborApi, project: str, wanted: Mapping[str, str], max_connections: int
) -> Iterator[ArtifactAnswer]:
    prefix = f"{project}/"
    repositories = Listing(
        api,
        f"{project_path(project)}/repositories",
        RepositoryAnswer,
        key="repository_id",
        advice=_advice(project, "repository:list"),
    )
    names = [found.name.removeprefix(prefix) for found in repositories]

    def read(name: str) -> list[ArtifactAnswer]:
        return list(of_repository(api, project, name, wanted))

    with ThreadPoolExecutor(max_connections, "harbor") as pool:
        for name, answers in zip(names, pool.map(in_this_context(read), names), strict=True):
            for answer in answers:
                answer.repository_name = f"{project}/{name}"
                yield answer


def _listing(
    api: HarborApi, project: str, path: str, wanted: Mapping[str, str], where: str = ""
) -> Listing[ArtifactAnswer]:
    return Listing(
        api,
        path,
        ArtifactAnswer,
        where=where,
        params=wanted,
        headers=SCAN_HEADERS if "with_scan_overview" in wanted else None,
        advice=_advice(project, "artifact:list"),
    )


def _owned(api: HarborApi, project: str, answer: ArtifactAnswer) -> ArtifactAnswer:
    owner, _, repository = answer.repository_name.partition("/")
    if owner == project and repository:
        return answer
    raise UnexpectedAnswerError(
        f"Harbor listed {answer.repository_name!r} as a repository of {project}",
        system=api.transport.system,
    )


def _advice(project: str, permission: str) -> str:
    return f"Either there is no project {project}, or the robot lacks {permission} on it"
