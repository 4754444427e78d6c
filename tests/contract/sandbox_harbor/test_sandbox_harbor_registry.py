"""The registry of the Harbor stand-in: true bytes, tokens that end, faults that show."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import jwt
import pytest

from preheat.sandbox.harbor import HarborState, ImageSpec, Permission, Settings, push_image, sign

NAME = "team-a/web/frontend"


def blobs_of(lab: Any, headers: dict[str, str], name: str = NAME, tag: str = "v1.1.0") -> Any:
    """Read the descriptors of a single image, config first."""
    manifest = lab.call("GET", f"/v2/{name}/manifests/{tag}", headers=headers).json()
    return [manifest["config"], *manifest["layers"]]


def sha256(body: bytes) -> str:
    """Name content as registries do."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_every_digest_is_that_of_the_bytes(shared_lab: Any) -> None:
    """Index, child manifests, configs and layers hash to their names and have their sizes."""
    headers = shared_lab.bearer("hooks/multi")
    index = shared_lab.call("GET", "/v2/hooks/multi/manifests/v1", headers=headers)
    assert sha256(index.content) == index.headers["Docker-Content-Digest"]
    for child in index.json()["manifests"]:
        path = f"/v2/hooks/multi/manifests/{child['digest']}"
        manifest = shared_lab.call("GET", path, headers=headers)
        assert (sha256(manifest.content), len(manifest.content)) == (child["digest"], child["size"])
        for part in (manifest.json()["config"], *manifest.json()["layers"]):
            path = f"/v2/hooks/multi/blobs/{part['digest']}"
            body = shared_lab.call("GET", path, headers=headers).content
            assert (sha256(body), len(body)) == (part["digest"], part["size"])


def test_images_of_one_base_share_its_layers(shared_lab: Any) -> None:
    """Two images have their base layer in common and nothing else."""
    headers = shared_lab.bearer(NAME)
    one = {part["digest"] for part in blobs_of(shared_lab, headers, tag="v1.0.0")[1:]}
    other = {part["digest"] for part in blobs_of(shared_lab, headers, tag="v1.1.0")[1:]}
    assert one & other


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=23990-", 206, slice(23990, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=0-999999", 206, slice(0, None)),
        ("lines=1-2", 200, slice(0, None)),
    ],
)
def test_a_range_of_a_blob_is_a_slice_of_it(
    asked: str, status: int, part: slice, shared_lab: Any
) -> None:
    """Peers fetch large blobs in pieces; unreadable ranges get everything."""
    headers = shared_lab.bearer(NAME)
    path = f"/v2/{NAME}/blobs/{blobs_of(shared_lab, headers)[-1]['digest']}"
    whole = shared_lab.call("GET", path, headers=headers).content
    answer = shared_lab.call("GET", path, headers=headers | {"Range": asked})
    assert (answer.status_code, answer.content) == (status, whole[part])


def test_a_range_past_the_end_is_refused(shared_lab: Any) -> None:
    """A range that holds nothing is 416."""
    headers = shared_lab.bearer(NAME)
    path = f"/v2/{NAME}/blobs/{blobs_of(shared_lab, headers)[-1]['digest']}"
    answer = shared_lab.call("GET", path, headers=headers | {"Range": "bytes=24000-"})
    assert answer.status_code == 416


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [("missing", 404, "BLOB_UNKNOWN"), ("unreadable", 500, "UNKNOWN"), ("ok", 200, "")],
)
def test_a_broken_blob_shows_and_can_be_repaired(
    state: str, status: int, code: str, lab: Any
) -> None:
    """Over HTTP a blob is made missing, unreadable, and well again; its manifest stays."""
    headers = lab.bearer(NAME)
    digest = blobs_of(lab, headers)[-1]["digest"]
    lab.call("POST", f"/sandbox/blobs/{digest}", json={"state": "missing"})
    lab.call("POST", f"/sandbox/blobs/{digest}", json={"state": state})
    answer = lab.call("GET", f"/v2/{NAME}/blobs/{digest}", headers=headers)
    assert answer.status_code == status
    assert not code or answer.json()["errors"][0]["code"] == code
    assert len(blobs_of(lab, headers)) == 3


def test_a_blob_is_served_only_where_it_is_linked(shared_lab: Any) -> None:
    """A digest of another repository is unknown here, like an invented one."""
    headers = shared_lab.bearer("team-a/api")
    foreign = blobs_of(shared_lab, headers, NAME)[0]["digest"]
    for digest in (foreign, "sha256:" + "1" * 64):
        answer = shared_lab.call("GET", f"/v2/team-a/api/blobs/{digest}", headers=headers)
        assert answer.json()["errors"][0]["code"] == "BLOB_UNKNOWN"


def test_a_token_ends_after_its_lifetime_and_leeway(serve: Any) -> None:
    """Past exp + 60 s it is 401 with Basic (recorded: v2-expired-token-get); before, it works."""
    state = HarborState()
    state.add_project("web")
    push_image(state, "web/app", tags=["1.0"])
    state.accounts.add_robot("robot$orch", "right-secret", [Permission.project("*")])
    now, path = state.now(), "/v2/web/app/manifests/1.0"
    with serve(state) as lab:
        headers = lab.bearer("web/app")
        state.settings.clock = lambda: now + timedelta(seconds=1855)
        assert lab.call("GET", path, headers=headers).status_code == 200
        state.settings.clock = lambda: now + timedelta(seconds=1870)
        refused = lab.call("GET", path, headers=headers)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="harbor"'


def test_token_lifetime_is_a_setting(serve: Any) -> None:
    """A short lifetime lets tests see tokens expire."""
    state = HarborState(Settings(token_lifetime_seconds=0.5, token_leeway_seconds=0))
    with serve(state) as lab:
        answer = lab.call("GET", "/service/token?service=harbor-registry").json()
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "name",
    [
        *("token-anonymous-private", "token-anonymous-public", "token-no-scope"),
        *("token-pull-robot", "token-missing-project", "token-multi-scope", "token-forbidden-repo"),
        *("token-pull-asked-pusher-robot", "token-pull-push-asked-pullonly"),
    ],
)
def test_a_token_claims_what_the_recorded_one_did(
    name: str, shared_lab: Any, recorded: Any
) -> None:
    """Actions are all the account may do, whatever was asked; nobody has no subject."""
    recording = recorded(name)
    note = recording["observed"]["note"]
    account = recording["request"]["headers"].get("Authorization", "").partition("<")[2]
    answer = shared_lab.get(recording["request"]["path"], account.partition(":")[0])
    ours = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    theirs = note["jwt_claims"]
    assert ours.keys() == theirs.keys()
    for claim in ("iss", "aud", "access"):
        assert ours[claim] == theirs[claim]
    assert ours.get("sub") == theirs.get("sub")
    header = jwt.get_unverified_header(answer.json()["token"])
    assert (header["alg"], len(header["kid"])) == ("RS256", len(note["jwt_header"]["kid"]))


def test_a_wrong_secret_gets_an_anonymous_token(shared_lab: Any) -> None:
    """200 and a token that opens nothing private (recorded: token-wrong-secret)."""
    token = shared_lab.token(NAME, secret="wrong")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert "sub" not in claims
    assert claims["access"][0]["actions"] == []
    headers = {"Authorization": f"Bearer {token}"}
    answer = shared_lab.call("GET", f"/v2/{NAME}/manifests/v1.1.0", headers=headers)
    assert answer.status_code == 401


def test_only_a_manifest_get_counts_as_a_pull(lab: Any) -> None:
    """GET moves pull times and the repository's update time, HEAD does not (retag-step7-pulled)."""
    headers, path = lab.bearer(NAME), f"/v2/{NAME}/manifests/v1.1.0"
    lab.call("HEAD", path, headers=headers)
    artifact = lab.state.find(NAME, "v1.1.0")
    assert artifact.pull_time is None
    before = artifact.repository.updated_at
    lab.call("GET", path, headers=headers)
    pulled = {tag.name: tag.pull_time for tag in artifact.tags}
    assert artifact.pull_time is not None
    assert pulled["v1.1.0"] == artifact.pull_time
    assert pulled["latest"] is None
    assert (artifact.repository.pull_count, artifact.repository.updated_at > before) == (1, True)


def test_a_policy_guards_manifests_but_not_blobs(lab: Any) -> None:
    """Recorded: v2-cosign-required-unsigned-blob, v2-cosign-required-signed-allowed."""
    headers = lab.bearer(NAME)
    config = blobs_of(lab, headers)[0]["digest"]
    lab.state.projects["team-a"].metadata["enable_content_trust_cosign"] = "true"
    path = f"/v2/{NAME}/manifests/v1.1.0"
    assert lab.call("GET", path, headers=headers).status_code == 412
    assert lab.call("GET", f"/v2/{NAME}/blobs/{config}", headers=headers).status_code == 200
    sign(lab.state, lab.state.find(NAME, "v1.1.0"))
    assert lab.call("GET", path, headers=headers).status_code == 200


def test_the_access_log_tells_who_fetched_what(lab: Any) -> None:
    """Simulated peers name themselves; the way of authorization shows, the secret does not."""
    headers = lab.bearer(NAME) | {"User-Agent": "dragonfly-peer/10.0.0.7"}
    digest = blobs_of(lab, headers)[1]["digest"]
    lab.call("DELETE", "/sandbox/requests")
    lab.call("GET", f"/v2/{NAME}/blobs/{digest}", headers=headers | {"Range": "bytes=0-99"})
    lab.get("/api/v2.0/projects")
    blob, listing = lab.call("GET", "/sandbox/requests").json()
    assert (blob["peer"], blob["status"], blob["sent"]) == ("10.0.0.7", 206, 100)
    assert (blob["path"], blob["range"]) == (f"/v2/{NAME}/blobs/{digest}", "bytes=0-99")
    assert (blob["authorization"], listing["authorization"]) == ("bearer", "basic")
    assert listing["account"] == "robot$orch"
    assert "right-secret" not in str(listing)
    assert lab.call("GET", "/sandbox/requests?peer=10.0.0.7").json() == [blob]


def test_a_docker_image_keeps_its_media_types(shared_lab: Any) -> None:
    """Docker schema 2 is served under its own types (recorded: artifact-docker-schema2)."""
    headers = shared_lab.bearer("team-a/api")
    answer = shared_lab.call("GET", "/v2/team-a/api/manifests/1.0", headers=headers)
    assert answer.headers["Content-Type"] == answer.json()["mediaType"]
    assert "docker" in answer.json()["config"]["mediaType"]
    assert "docker" in answer.json()["layers"][0]["mediaType"]


def test_layers_larger_than_a_piece_are_real_too(serve: Any) -> None:
    """A layer of more than 4 MiB has true bytes to its end."""
    state = HarborState()
    state.add_project("library", public=True)
    spec = ImageSpec("large", layers=(("large", 5_000_001),))
    artifact = push_image(state, "library/large", spec, tags=["1"])
    with serve(state) as lab:
        headers = lab.bearer("library/large", who="")
        layer = blobs_of(lab, headers, "library/large", "1")[1]
        body = lab.call("GET", f"/v2/library/large/blobs/{layer['digest']}", headers=headers)
    assert (len(body.content), sha256(body.content)) == (5_000_001, layer["digest"])
    assert artifact.size > 5_000_001
