"""Manifests and pull tokens out of recorded answers."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from preheat.artifact import Blob, Child, Image
from preheat.errors import InputError, NotFoundError, RefusedError, UnexpectedAnswerError
from preheat.harbor.registry import IndexNotImageError

if TYPE_CHECKING:
    from conftest import Replay
    from preheat.harbor.client import HarborClient

NAME = "team-a/web/frontend"
DIGEST = "sha256:305e38c3872de911d99239853e8cf9b3e1163c03abfd6bea56b08e31aa43a762"
CONFIG = "sha256:8202d35dd45534fe48fe0bbb2d3d1df91f10e63beef148e6e4318f31360d3d7f"
LAYER = "sha256:c16213f59b49d9cb4860ef057fb6803616e44c6a982b38f5d074f8f958a90180"
PATH = f"/v2/{NAME}/manifests/{DIGEST}"
TOKEN = "/service/token"


def serve(replay: Replay, manifest: dict[str, Any]) -> str:
    """Serve a made-up manifest under its true digest."""
    body = json.dumps(manifest).encode()
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    replay.made_up(f"/v2/{NAME}/manifests/{digest}", body)
    return digest


def entry(number: int, **more: object) -> dict[str, Any]:
    """Describe a blob."""
    return {"digest": f"sha256:{number:064x}", "size": number, **more}


def test_image_is_config_and_layers(replay: Replay, robot: HarborClient) -> None:
    """The recorded manifest gives two blobs, config first."""
    replay.recorded(PATH, "v2-manifest-get-by-digest")
    image = robot.resolve(NAME, DIGEST, "linux/amd64")
    assert image == Image(DIGEST, "linux/amd64", (Blob(CONFIG, 410), Blob(LAYER, 115)))
    assert robot.counts == {"manifest": 1}


def test_blob_that_is_there_twice_counts_once_and_foreign_layers_do_not(
    replay: Replay, robot: HarborClient
) -> None:
    """Nodes fetch a layer once, and foreign layers from elsewhere."""
    foreign = entry(9, urls=["https://example.com/base.tar"])
    layers = [entry(2), entry(3), entry(2), foreign]
    digest = serve(replay, {"schemaVersion": 2, "config": entry(1), "layers": layers})
    assert [blob.size for blob in robot.resolve(NAME, digest, "").blobs] == [1, 2, 3]


def test_other_bytes_than_the_digest_names_are_refused(replay: Replay, robot: HarborClient) -> None:
    """What a proxy or a broken store changed is not believed."""
    replay.made_up(PATH, '{"schemaVersion":2,"config":{},"layers":[]}')
    with pytest.raises(UnexpectedAnswerError, match=f"the content of {DIGEST}"):
        robot.resolve(NAME, DIGEST, "linux/amd64")


def test_index_is_refused_with_its_images(replay: Replay, robot: HarborClient) -> None:
    """An index is no image: the error and children() name the platforms, without attestations."""
    manifests = [
        entry(1, platform={"os": "linux", "architecture": "amd64"}),
        entry(2, platform={"os": "linux", "architecture": "arm", "variant": "v7"}),
        entry(3, platform={"os": "unknown", "architecture": "unknown"}),
        entry(4),
    ]
    digest = serve(replay, {"schemaVersion": 2, "manifests": manifests})
    expected = (
        Child(f"sha256:{1:064x}", "linux/amd64"),
        Child(f"sha256:{2:064x}", "linux/arm/v7"),
    )
    with pytest.raises(IndexNotImageError, match="is an index") as caught:
        robot.resolve(NAME, digest, "linux/amd64")
    assert caught.value.children == expected
    assert robot.children(NAME, digest) == expected


def test_single_image_tells_its_platform_by_its_config(replay: Replay, robot: HarborClient) -> None:
    """children() of an image is the image itself (recorded: v2-blob-config)."""
    replay.recorded(PATH, "v2-manifest-get-by-digest")
    replay.recorded(f"/v2/{NAME}/blobs/{CONFIG}", "v2-blob-config")
    assert robot.children(NAME, DIGEST) == (Child(DIGEST, "linux/amd64"),)


@pytest.mark.parametrize(
    "manifest",
    [{"schemaVersion": 1, "fsLayers": []}, {"schemaVersion": 2, "config": entry(1)}, {}],
    ids=["schema 1", "no layers", "nothing"],
)
def test_manifest_of_another_form_is_unexpected(
    replay: Replay, robot: HarborClient, manifest: dict[str, Any]
) -> None:
    """Only images with config and layers can be warm."""
    with pytest.raises(UnexpectedAnswerError):
        robot.resolve(NAME, serve(replay, manifest), "linux/amd64")


@pytest.mark.parametrize("digest", ["sha256:../../etc", f"md5:{1:032x}"])
def test_malformed_digests_of_blobs_are_unexpected(
    replay: Replay, robot: HarborClient, digest: str
) -> None:
    """A digest becomes part of URLs, so its form is checked."""
    manifest = {"schemaVersion": 2, "config": {"digest": digest, "size": 1}, "layers": []}
    with pytest.raises(UnexpectedAnswerError):
        robot.resolve(NAME, serve(replay, manifest), "linux/amd64")


def test_tag_is_no_digest(replay: Replay, robot: HarborClient) -> None:
    """Images are resolved by digest only."""
    with pytest.raises(InputError, match="'v1' is not a digest"):
        robot.resolve(NAME, "v1", "linux/amd64")
    assert replay.asked == []


def test_project_policy_refuses_in_harbors_words(replay: Replay, robot: HarborClient) -> None:
    """A 412 keeps Harbor's own sentence (recorded: v2-prevent-vul-critical-refused)."""
    replay.recorded(PATH, "v2-prevent-vul-critical-refused")
    with pytest.raises(RefusedError) as caught:
        robot.resolve(NAME, DIGEST, "linux/amd64")
    assert caught.value.status == 412
    assert caught.value.words.startswith("current image with 2 vulnerabilities cannot be pulled")


def test_missing_repository_is_not_found(replay: Replay, robot: HarborClient) -> None:
    """A 404 of the registry is told apart."""
    replay.recorded(PATH, "v2-manifest-get-missing-repo")
    with pytest.raises(NotFoundError, match="repository team-a/nosuch not found"):
        robot.resolve(NAME, DIGEST, "linux/amd64")


def test_expired_token_is_replaced_by_own_credentials(replay: Replay, robot: HarborClient) -> None:
    """Harbor challenges an expired token with Basic (recorded: v2-expired-token-get)."""
    replay.recorded(PATH, "v2-expired-token-get", "v2-manifest-get-by-digest")
    image = robot.resolve(NAME, DIGEST, "", authorization=SecretStr("Bearer old"))
    assert image.size == 525
    sent = [asked.headers["Authorization"].split()[0] for asked in replay.asked]
    assert sent == ["Bearer", "Basic"]


def test_refused_pull_names_the_permission(replay: Replay, robot: HarborClient) -> None:
    """A 401 of the registry also means a missing permission; the message says which."""
    replay.recorded(PATH, "v2-expired-token-get")
    with pytest.raises(RefusedError, match="repository:pull on project team-a"):
        robot.resolve(NAME, DIGEST, "linux/amd64")


def test_anonymous_caller_pulls_with_an_anonymous_token(
    replay: Replay, anonymous: HarborClient
) -> None:
    """The registry lets nobody in without a header (recorded: v2-public-no-auth)."""
    replay.recorded(TOKEN, "token-anonymous-public")
    replay.recorded(f"/v2/public-lib/busy/manifests/{DIGEST}", "v2-manifest-get-by-digest")
    assert anonymous.resolve("public-lib/busy", DIGEST, "linux/amd64").size == 525
    assert [asked.headers.get("Authorization", "")[:7] for asked in replay.asked] == ["", "Bearer "]


def test_one_token_for_all_projects(replay: Replay, robot: HarborClient) -> None:
    """A scope per project is enough: a token opens the whole project."""
    replay.recorded(TOKEN, "token-multi-scope")
    names = ["team-a/api", "team-a/web/frontend", "hooks/multi", "public-lib/busy"]
    granted = robot.pull_authorization(names)
    assert granted.get_secret_value().startswith("Bearer ey")
    assert "ey" not in repr(granted)
    assert replay.asked[-1].query == [
        ("service", "harbor-registry"),
        ("scope", "repository:hooks/multi:pull"),
        ("scope", "repository:public-lib/busy:pull"),
        ("scope", "repository:team-a/web/frontend:pull"),
    ]


def test_token_without_pull_is_refused_before_use(replay: Replay, robot: HarborClient) -> None:
    """A forbidden or missing project gets 200 and no actions (recorded: token-forbidden-repo)."""
    replay.recorded(TOKEN, "token-forbidden-repo")
    with pytest.raises(RefusedError, match=r"may not pull from other.*repository:pull"):
        robot.pull_authorization(["other/x"])


def test_anonymous_token_for_a_robot_is_refused(replay: Replay, robot: HarborClient) -> None:
    """A wrong secret gets 200 and an anonymous token (recorded: token-wrong-secret)."""
    replay.recorded(TOKEN, "token-wrong-secret")
    with pytest.raises(RefusedError, match=r"treats robot\$orch as an anonymous caller"):
        robot.pull_authorization(["team-a/api"])


@pytest.mark.parametrize(
    "body", ['{"token":"not.a.jwt"}', '{"access_token":"eyJhbGciOiJIUzI1NiJ9.e30.x"}', "sorry"]
)
def test_unreadable_token_is_unexpected_and_not_shown(
    replay: Replay, robot: HarborClient, body: str
) -> None:
    """The message says what was wanted and never holds a token."""
    replay.made_up(TOKEN, body)
    with pytest.raises(UnexpectedAnswerError) as caught:
        robot.pull_authorization(["team-a/api"])
    assert "not.a.jwt" not in str(caught.value)
    assert "eyJ" not in str(caught.value)
