"""The Harbor client against a Harbor: the sandbox's, and a live one when it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from preheat.errors import NotFoundError, RefusedError
from preheat.harbor.registry import IndexNotImageError

if TYPE_CHECKING:
    from conftest import HarborSite
    from preheat.artifact import Artifact

ABSENT = f"sha256:{0:064x}"


@pytest.fixture
def listed(harbor: HarborSite) -> list[Artifact]:
    """List the project."""
    return list(harbor.client().project_artifacts(harbor.project, labels=True))


@pytest.fixture
def image(listed: list[Artifact]) -> Artifact:
    """Pick a tagged image with a platform, an index if there is one."""
    images = [found for found in listed if found.tags and found.children]
    return max(images, key=lambda found: len(found.children))


def test_connection_test_passes(harbor: HarborSite) -> None:
    """Good credentials pass on the API and on the token service."""
    report = harbor.client().check()
    assert report.ok, report
    names = {item.name for item in report.items}
    assert {"reachable", "credentials", "version", "token service", "pull", "clock"} <= names


def test_wrong_secret_is_noticed_everywhere(harbor: HarborSite) -> None:
    """Where Harbor says 200 to a wrong secret, we say no."""
    if "$" not in harbor.username:
        pytest.skip("a wrong password would lock the user for everybody")
    client = harbor.client(secret="not-the-secret")
    report = client.check()
    assert {item.name for item in report.items if not item.ok} >= {"credentials", "token service"}
    assert "not-the-secret" not in str(report)
    with pytest.raises(RefusedError):
        client.projects([lambda _: True])
    with pytest.raises(RefusedError):
        client.pull_authorization([f"{harbor.project}/x"])


def test_projects_are_found_by_name(harbor: HarborSite) -> None:
    """A pattern that accepts one name gives one project."""
    found = harbor.client().projects([lambda name: name == harbor.project])
    assert [project.name for project in found] == [harbor.project]


def test_walk_is_as_complete_as_pages_by_number(harbor: HarborSite, listed: list[Artifact]) -> None:
    """Both ways through a quiet project show the same artifacts, ours each once."""
    url = f"{harbor.url}/api/v2.0/projects/{harbor.project}/artifacts"
    pages: list[int] = []
    for page in range(1, 1000):
        params = {"page": page, "page_size": 100, "with_tag": "false"}
        auth = (harbor.username, harbor.secret)
        rows = harbor.session.get(url, params=params, auth=auth, timeout=60).json()
        pages += [row["id"] for row in rows]
        if len(rows) < 100:
            break
    assert [found.id for found in listed] == sorted(pages)


def test_artifact_reads_the_same_by_tag_digest_and_list(
    harbor: HarborSite, image: Artifact
) -> None:
    """One artifact, three ways."""
    client = harbor.client()
    for reference in (image.tags[0].name, image.digest):
        found = client.artifact(image.project, image.repository, reference, labels=True)
        assert (found.id, found.digest, found.children) == (image.id, image.digest, image.children)
        assert set(found.labels) == set(image.labels)


def test_missing_tag_digest_and_repository_are_not_found(
    harbor: HarborSite, image: Artifact
) -> None:
    """All three are a typed 404 in Harbor's words."""
    client = harbor.client()
    cases = [(image.repository, "no-such-tag"), (image.repository, ABSENT), ("no/such", "1")]
    for repository, reference in cases:
        with pytest.raises(NotFoundError) as caught:
            client.artifact(image.project, repository, reference)
        assert "not found" in caught.value.words


def test_missing_project_is_refused(harbor: HarborSite) -> None:
    """Harbor says forbidden to a robot, not found to an administrator; both are a RefusedError."""
    with pytest.raises(RefusedError):
        list(harbor.client().project_artifacts("no-such-project", labels=False))


def test_every_blob_of_a_resolved_image_is_there(harbor: HarborSite, image: Artifact) -> None:
    """What we expect to be warm is what the registry serves, with these sizes."""
    client = harbor.client()
    token = client.pull_authorization([image.full_name])
    child = image.children[0]
    resolved = client.resolve(image.full_name, child.digest, child.platform, authorization=token)
    assert resolved.platform == child.platform
    for blob in resolved.blobs:
        answer = harbor.session.head(
            f"{harbor.url}/v2/{image.full_name}/blobs/{blob.digest}",
            headers={"Authorization": token.get_secret_value()},
            timeout=60,
            allow_redirects=True,
        )
        assert (answer.status_code, int(answer.headers["Content-Length"])) == (200, blob.size)


def test_own_credentials_resolve_too(harbor: HarborSite, image: Artifact) -> None:
    """Without a token the registry takes the robot's name and secret."""
    child = image.children[0]
    assert harbor.client().resolve(image.full_name, child.digest, child.platform).blobs


def test_index_and_listing_name_the_same_platforms(harbor: HarborSite, image: Artifact) -> None:
    """Registry and API agree on the children; an index is refused as an image."""
    client = harbor.client()
    assert client.children(image.full_name, image.digest) == image.children
    if len(image.children) > 1:
        with pytest.raises(IndexNotImageError) as caught:
            client.resolve(image.full_name, image.digest, "linux/amd64")
        assert caught.value.children == image.children


def test_absent_manifest_is_not_found(harbor: HarborSite, image: Artifact) -> None:
    """A digest that nobody pushed is a typed 404."""
    with pytest.raises(NotFoundError):
        harbor.client().resolve(image.full_name, ABSENT, "linux/amd64")


def test_token_for_a_missing_project_is_refused(harbor: HarborSite) -> None:
    """Harbor hands out a token without actions; we look into it."""
    with pytest.raises(RefusedError, match="may not pull from no-such-project"):
        harbor.client().pull_authorization([f"{harbor.project}/x", "no-such-project/x"])
