"""Projects and artifacts out of recorded answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Child, Tag
from preheat.errors import (
    NotFoundError,
    RateLimitedError,
    RefusedError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)

if TYPE_CHECKING:
    from conftest import Replay
    from preheat.artifact import Artifact
    from preheat.harbor.client import HarborClient

SYSTEM = "/api/v2.0/systeminfo"
PROJECTS = "/api/v2.0/projects"
TEAM_A = "/api/v2.0/projects/team-a/artifacts"
NESTED = "/api/v2.0/projects/team-a/repositories/deep%252Fnested%252Fpath%252Fapp/artifacts"
FRONTEND = "/api/v2.0/projects/team-a/repositories/web%252Ffrontend/artifacts"


@pytest.fixture
def listed(replay: Replay, robot: HarborClient) -> dict[str, Artifact]:
    """List the recorded project; by full name."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    replay.recorded(TEAM_A, "project-artifacts-keyset")
    # the recorded page holds 5 of 9 rows: end there
    status, headers, body = replay.answers[TEAM_A].popleft()
    replay.made_up(TEAM_A, body, status=status, headers={**headers, "X-Total-Count": "5"})
    return {found.full_name: found for found in robot.project_artifacts("team-a", labels=True)}


def test_index_has_a_child_for_each_platform(listed: dict[str, Artifact]) -> None:
    """Attestations, shown as unknown/unknown, are no platform (recorded: artifact 12)."""
    assert [child.platform for child in listed["team-a/deep/nested/path/app"].children] == [
        "linux/amd64",
        "linux/arm64/v8",
    ]


def test_single_image_is_its_own_child(listed: dict[str, Artifact]) -> None:
    """The platform of a single image stands in extra_attrs."""
    found = listed["team-a/untagged"]
    assert found.children == (Child(found.digest, "linux/amd64"),)


def test_chart_has_no_platform(listed: dict[str, Artifact]) -> None:
    """Other artifact types keep their type and have no children."""
    found = listed["team-a/charts/demo"]
    assert (found.type, found.children) == ("CHART", ())


def test_null_is_empty_and_zero_time_is_never(listed: dict[str, Artifact]) -> None:
    """Harbor writes null for no labels or tags and Go's zero time for never pulled."""
    found = listed["team-a/untagged"]
    assert (found.labels, found.tags, found.pull_time) == ((), (), None)
    assert found.push_time == datetime(2026, 11, 24, 3, 55, 27, 589000, tzinfo=UTC)


def test_tag_keeps_its_own_clock(listed: dict[str, Artifact]) -> None:
    """A tag's push time is not the artifact's (recorded: retag-step4-tag-moved)."""
    pushed = datetime(2026, 11, 24, 3, 55, 26, 769000, tzinfo=UTC)
    assert listed["team-a/deep/nested/path/app"].tags == (Tag("v3", pushed),)


def test_listing_tells_nothing_of_scan_and_accessories(listed: dict[str, Artifact]) -> None:
    """What was not asked for is None, not "there is none"."""
    assert {(found.scan, found.accessories) for found in listed.values()} == {(None, None)}


def test_listing_asks_by_ids_and_only_for_what_is_needed(
    replay: Replay, robot: HarborClient
) -> None:
    """The first request begins at id 1 with tags and without labels."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    replay.made_up(TEAM_A, "[]")
    assert list(robot.project_artifacts("team-a", labels=False)) == []
    asked = replay.asked[-1]
    assert dict(asked.query) == {
        "q": "id=[1~]",
        "sort": "id",
        "page": "1",
        "page_size": "100",
        "with_tag": "true",
        "with_label": "false",
    }
    assert robot.counts == {"system": 1, "listing": 1}


def test_ignored_order_is_noticed(replay: Replay, robot: HarborClient) -> None:
    """Harbor ignores a q or sort that it does not know and answers 200 in its own order."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    replay.recorded(TEAM_A, "project-artifacts-page-size-100")
    with pytest.raises(UnexpectedAnswerError, match="ids from 1 upwards in order") as caught:
        list(robot.project_artifacts("team-a", labels=False))
    assert caught.value.status == 200


def test_ignored_filter_is_noticed(replay: Replay, robot: HarborClient) -> None:
    """A second page that begins anew is an error, not an endless walk (q-unknown-key)."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    replay.recorded(TEAM_A, "project-artifacts-q-unknown-key")
    with pytest.raises(UnexpectedAnswerError, match="ids from 30 upwards"):
        list(robot.project_artifacts("team-a", labels=False))


def test_artifact_of_another_project_is_noticed(replay: Replay, robot: HarborClient) -> None:
    """A listing that shows another project's repository is not believed."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    row = '[{"id":1,"digest":"sha256:0","type":"IMAGE","repository_name":"other/app"}]'
    replay.made_up(TEAM_A, row)
    with pytest.raises(UnexpectedAnswerError, match="'other/app' as a repository of team-a"):
        list(robot.project_artifacts("team-a", labels=False))


def test_forbidden_project_says_what_is_missing(replay: Replay, robot: HarborClient) -> None:
    """Harbor says forbidden for missing projects too; the message names both ways out."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    path = "/api/v2.0/projects/nosuch/artifacts"
    replay.recorded(path, "project-artifacts-missing-project-robot")
    with pytest.raises(RefusedError, match="no project nosuch, or the robot lacks artifact:list"):
        list(robot.project_artifacts("nosuch", labels=False))


def test_wrong_secret_is_no_empty_catalogue(replay: Replay, robot: HarborClient) -> None:
    """Harbor shows public projects to wrong credentials; that must not look like an answer."""
    replay.recorded(SYSTEM, "systeminfo-robot-wrong-secret")
    with pytest.raises(RefusedError, match=r"treats robot\$orch as an anonymous caller"):
        robot.projects([lambda _: True])


def test_projects_are_those_that_a_pattern_accepts(replay: Replay, robot: HarborClient) -> None:
    """Every pattern may add projects; details are not asked for."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    rows = (
        '[{"project_id":1,"name":"library","repo_count":1},'
        '{"project_id":2,"name":"team-a"},{"project_id":3,"name":"team-b"}]'
    )
    replay.made_up(PROJECTS, rows, headers={"X-Total-Count": "3"})
    found = robot.projects([lambda name: name == "library", lambda name: name.endswith("-b")])
    assert [project.name for project in found] == ["library", "team-b"]
    assert replay.asked[-1].value("with_detail") == "false"


def test_project_listing_that_is_not_in_order_of_ids_is_refused(
    replay: Replay, robot: HarborClient
) -> None:
    """The default order by name (recorded: projects-robot-page1) would break the walk by ids."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    replay.recorded(PROJECTS, "projects-robot-page1")
    with pytest.raises(UnexpectedAnswerError):
        robot.projects([lambda _: True])


@pytest.mark.parametrize("version", ["v2.11.1-abc", "dev"])
def test_old_harbor_is_read_repository_by_repository(
    replay: Replay, robot: HarborClient, version: str
) -> None:
    """Before 2.12 there is no project listing and no repository_name; unknown counts as old."""
    replay.made_up(SYSTEM, f'{{"auth_mode":"db_auth","harbor_version":"{version}"}}')
    repositories = '[{"id":7,"name":"team-a/deep/nested/path/app"}]'
    replay.made_up("/api/v2.0/projects/team-a/repositories", repositories)
    replay.made_up(NESTED, '[{"id":4,"digest":"sha256:4","type":"IMAGE","tags":null}]')
    found = list(robot.project_artifacts("team-a", labels=True))
    assert [(item.full_name, item.digest) for item in found] == [
        ("team-a/deep/nested/path/app", "sha256:4")
    ]


def test_anonymous_caller_reads_repository_by_repository(
    replay: Replay, anonymous: HarborClient
) -> None:
    """The project listing is closed to anonymous callers even for public projects."""
    replay.made_up("/api/v2.0/projects/library/repositories", '[{"id":1,"name":"library/app"}]')
    replay.made_up("/api/v2.0/projects/library/repositories/app/artifacts", "[]")
    assert list(anonymous.project_artifacts("library", labels=False)) == []
    assert all("Authorization" not in asked.headers for asked in replay.asked)


def test_one_artifact_by_tag(replay: Replay, robot: HarborClient) -> None:
    """Slashes of the repository are encoded twice; labels come by name."""
    replay.recorded(f"{NESTED}/v3", "artifact-index-by-tag")
    found = robot.artifact("team-a", "deep/nested/path/app", "v3", labels=True)
    assert (found.registry, found.labels) == ("harbor_default", ("preheat",))
    assert found.annotations == {"org.opencontainers.image.version": "v3"}


def test_windows_platform_is_read(replay: Replay, robot: HarborClient) -> None:
    """OsVersion and OsFeatures are Harbor's own spelling and do not disturb."""
    path = "/api/v2.0/projects/team-a/repositories/winapp/artifacts/ltsc2022"
    replay.recorded(path, "artifact-index-windows-os-version")
    found = robot.artifact("team-a", "winapp", "ltsc2022")
    assert [child.platform for child in found.children] == ["windows/amd64"]


def test_model_has_its_type_and_no_platform(replay: Replay, robot: HarborClient) -> None:
    """A model's "architecture" is not a platform (recorded: artifact-cnai-old-media-type)."""
    path = "/api/v2.0/projects/team-a/repositories/models%252Ftiny-llm/artifacts/1.1"
    replay.recorded(path, "artifact-cnai-old-media-type")
    found = robot.artifact("team-a", "models/tiny-llm", "1.1")
    assert (found.type, found.children) == ("CNAI", ())


def test_missing_tag_is_not_found_in_harbors_words(replay: Replay, robot: HarborClient) -> None:
    """A 404 has its own type and keeps errors[].message."""
    replay.recorded(f"{FRONTEND}/nosuch", "artifact-tag-not-found")
    with pytest.raises(NotFoundError) as caught:
        robot.artifact("team-a", "web/frontend", "nosuch")
    assert caught.value.words == "artifact team-a/web/frontend:nosuch not found"
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, RateLimitedError), (503, RemoteUnavailableError), (302, UnexpectedAnswerError)],
)
def test_other_answers_have_their_own_errors(
    replay: Replay, robot: HarborClient, status: int, kind: type[Exception]
) -> None:
    """Callers tell "later" from "never" by type."""
    replay.made_up(f"{FRONTEND}/v1", "{}", status=status)
    with pytest.raises(kind):
        robot.artifact("team-a", "web/frontend", "v1")


@pytest.mark.parametrize(
    "body", ["<html>proxy</html>", "[]", '{"id":"x"}', '{"digest":"sha256:0"}']
)
def test_answer_of_another_shape_says_what_came(
    replay: Replay, robot: HarborClient, body: str
) -> None:
    """Nothing is guessed from a body that is not what the contract says."""
    replay.made_up(f"{FRONTEND}/v1", body)
    with pytest.raises(UnexpectedAnswerError) as caught:
        robot.artifact("team-a", "web/frontend", "v1")
    assert body in str(caught.value)


def test_link_leads_to_harbors_page(replay: Replay, robot: HarborClient) -> None:
    """A person can open the artifact in Harbor."""
    url = robot.artifact_url("team-a/web/frontend", "sha256:0")
    assert url == (
        f"{replay.url}/harbor/projects/team-a/repositories/web%2Ffrontend"
        "/artifacts-tab/artifacts/sha256:0"
    )
