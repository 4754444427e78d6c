"""Both stand-ins together: as tests start them, and as the command does."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from preheat.sandbox import Sandbox, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

SEEDS = ("10.77.0.11", "10.77.0.14")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Serve the demo's world."""
    with serve() as running:
        yield running


def _preheat(sandbox: Sandbox, image: str, **args: Any) -> Any:
    name, _, tag = image.partition(":")
    url = f"{sandbox.harbor_url}/v2/{name}/manifests/{tag}"
    return requests.post(
        f"{sandbox.dragonfly_url}/oapi/v1/jobs",
        headers={"Authorization": f"Bearer {sandbox.token}"},
        json={
            "type": "preheat",
            "args": {"type": "image", "url": url, **args},
            "scheduler_cluster_ids": [1],
        },
        timeout=30,
    )


def _held(sandbox: Sandbox) -> int:
    sandbox.dragonfly.state.advance(31)
    peers = [sandbox.dragonfly.state.peer(ip) for ip in SEEDS]
    return sum(copy.complete for peer in peers for copy in peer.copies.values())


def test_a_public_image_is_fetched_with_an_anonymous_token(sandbox: Sandbox) -> None:
    """The manager resolves library/hello:1.0 by ping, challenge and token; seeds fetch it."""
    before = _held(sandbox)
    assert _preheat(sandbox, "library/hello:1.0").status_code == 200
    assert _held(sandbox) == before + 3
    log = requests.get(f"{sandbox.harbor_url}/sandbox/requests", timeout=10).json()
    assert {entry["peer"] for entry in log if "/blobs/" in entry["path"]} <= set(SEEDS)


def test_a_private_image_needs_the_robot(sandbox: Sandbox) -> None:
    """Without credentials the manager tells Harbor's words; with them the blobs arrive."""
    image = _private_image(sandbox)
    refused = _preheat(sandbox, image)
    assert refused.status_code == 500
    assert refused.json()["message"].startswith("unauthorized: ")
    before = _held(sandbox)
    robot = {"username": sandbox.robot_name, "password": sandbox.robot_secret}
    assert _preheat(sandbox, image, **robot).status_code == 200
    assert _held(sandbox) > before


def _private_image(sandbox: Sandbox) -> str:
    auth = (sandbox.robot_name, sandbox.robot_secret)
    base = f"{sandbox.harbor_url}/api/v2.0/projects"
    projects = requests.get(f"{base}?page_size=100", auth=auth, timeout=10).json()
    for project in projects:
        if project["metadata"]["public"] == "true":
            continue
        listed = f"{base}/{project['name']}/artifacts?page_size=100&with_tag=true"
        for artifact in requests.get(listed, auth=auth, timeout=10).json():
            if artifact["type"] == "IMAGE" and artifact.get("tags"):
                return f"{artifact['repository_name']}:{artifact['tags'][0]['name']}"
    pytest.fail("the demo catalogue has no private image")


def test_the_command_serves_until_it_is_terminated() -> None:
    """It prints addresses and credentials, and ends with 0 on SIGTERM."""
    command = [str(Path(sys.executable).with_name("preheat")), "sandbox"]
    options = ["--harbor-port", "0", "--dragonfly-port", "0", "--catalogue", "empty"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        told = "".join(takewhile(lambda line: "Ctrl-C" not in line, lines))
        url = re.search(r"Dragonfly  (\S+)", told)
        assert url is not None
        assert requests.get(f"{url[1]}/healthy", timeout=10).text == '"OK"'
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert "preheat-sandbox-robot" in told
    assert "preheat-sandbox-token" in told
