"""``preheat verify``: the peers are asked now, and nothing is changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from typer.testing import CliRunner

from preheat.cli import app
from preheat.sandbox import serve
from preheat.sandbox.harbor import ImageSpec, push_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from preheat.sandbox import Sandbox
    from preheat.sandbox.harbor import Artifact

MIB = 1024 * 1024
CLUSTERS = """\
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: eu-1
    connection: dragonfly_default
    schedulerClusterId: 1
    pullEndpoints: {{harbor_default: "{harbor}"}}
    hosts: {{seedPeers: [10.77.0.11, 10.77.0.14], peers: [10.77.0.12, 10.77.0.13]}}
  - name: us-1
    connection: dragonfly_default
    schedulerClusterId: 2
    pullEndpoints: {{harbor_default: "{harbor}"}}
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Serve both stand-ins."""
    with serve(clock_factor=0.01) as served:
        yield served


@pytest.fixture
def image(sandbox: Sandbox, tmp_path: Path) -> Artifact:
    """Push an image of a small and a large layer, which only this test has."""
    layers = ((f"{tmp_path} small", 500), (f"{tmp_path} large", 5 * MIB))
    spec = ImageSpec(str(tmp_path), layers=layers)
    return push_image(sandbox.harbor.state, "library/verified", spec, tags=["1"])


@pytest.fixture(autouse=True)
def connections(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name both systems in the environment."""
    harbor = {"host": sandbox.harbor_url, "login": sandbox.robot_name}
    told = {
        "harbor": {**harbor, "password": sandbox.robot_secret},
        "dragonfly": {
            "host": sandbox.dragonfly_url,
            "password": sandbox.token,
            "extra": '{"clock_factor": 0.01}',
        },
    }
    for kind, fields in told.items():
        text = json.dumps({"conn_type": kind, **fields})
        monkeypatch.setenv(f"AIRFLOW_CONN_{kind.upper()}_DEFAULT", text)


@pytest.fixture
def preheat(sandbox: Sandbox, tmp_path: Path) -> Any:
    """Give a way to call the command as a shell would."""
    text = CLUSTERS.format(harbor=sandbox.harbor_url)
    (tmp_path / "clusters.yaml").write_text(text, encoding="utf-8")

    def call(*words: str, image: str = "library/verified:1") -> Any:
        runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"})
        arguments = ["verify", image, *words, "--include", str(tmp_path)]
        return runner.invoke(app, arguments, catch_exceptions=False)

    return call


def heat(sandbox: Sandbox, image: Artifact, scope: str, **args: Any) -> None:
    """Preheat the image on eu-1 behind Preheat's back, and wait until the work is done."""
    asked = {
        "type": "preheat",
        "scheduler_cluster_ids": [1],
        "args": {
            "type": "image",
            "url": f"{sandbox.harbor_url}/v2/library/verified/manifests/{image.digest}",
            "scope": scope,
            **args,
        },
    }
    answer = requests.post(
        f"{sandbox.dragonfly_url}/oapi/v1/jobs",
        json=asked,
        headers={"Authorization": f"Bearer {sandbox.token}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    sandbox.dragonfly.state.advance(31)


def test_a_cold_image_is_shown_host_by_layer(image: Artifact, preheat: Any) -> None:
    """Every host that should hold it is there, though none of them says a word."""
    found = preheat("--cluster", "eu-1")
    assert found.exit_code == 1
    assert "> all_seed_peers   COLD    0 of 3 layers; 0 of 2 hosts hold all" in found.stdout
    assert "  10.77.0.11  seed  ...  no answer: it holds nothing, or cannot be" in found.stdout
    assert "  10.77.0.13  peer  ...  no answer" in found.stdout


def test_each_scope_has_its_verdict_and_one_decides(
    sandbox: Sandbox, image: Artifact, preheat: Any
) -> None:
    """Warm on the seeds is not warm on the peers."""
    heat(sandbox, image, "all_seed_peers")
    seeds, peers = (
        preheat("--cluster", "eu-1"),
        preheat("--cluster", "eu-1", "--scope", "all_peers"),
    )
    assert (seeds.exit_code, peers.exit_code) == (0, 1)
    assert "> all_seed_peers   WARM    3 of 3 layers; 2 of 2 hosts hold all" in seeds.stdout
    assert "> all_peers        COLD" in peers.stdout
    assert "  10.77.0.14 seed-2  seed  ###  3 of 3" in seeds.stdout
    assert "on 2 of 4 hosts, too small to be shared" in seeds.stdout


def test_some_hosts_may_be_enough(sandbox: Sandbox, image: Artifact, preheat: Any) -> None:
    """One of two peers holds it; a half is met, three hosts are not."""
    heat(sandbox, image, "all_peers", ips=["10.77.0.12"])
    scope = ("--cluster", "eu-1", "--scope", "all_peers")
    exits = {
        share: preheat(*scope, "--min-hosts", share).exit_code for share in ("50%", "51%", "1", "3")
    }
    assert exits == {"50%": 0, "51%": 1, "1": 0, "3": 1}


def test_a_layer_that_failed_is_not_held(sandbox: Sandbox, image: Artifact, preheat: Any) -> None:
    """Peers list what they know of, finished or not (recorded get-task-failed-blob)."""
    large = image.recipe.layers[-1].digest
    sandbox.harbor.state.set_blob(large, "missing")
    heat(sandbox, image, "all_seed_peers")
    found = preheat("--cluster", "eu-1", "--json")
    data = json.loads(found.stdout)
    (result,) = data["results"]
    assert (found.exit_code, data["warm"], result["verdict"]) == (1, False, "PARTIAL")
    assert [layer["shared"] for layer in result["layers"]] == [False, False, True]
    assert {tuple(host["layers"]) for host in result["hosts"] if host["kind"] == "seed"} == {
        ("held", "held", "not finished")
    }
    missing = result["scopes"]["all_seed_peers"]["missing"]
    assert [(layer["digest"], layer["hosts"]) for layer in missing] == [
        (large, ["10.77.0.11", "10.77.0.14"])
    ]
    assert "the registry answers 404" in missing[0]["words"]
    assert "missing: The host knows this layer but has not finished it; the registry" in (
        preheat("--cluster", "eu-1").stdout
    )


def test_nothing_is_fetched_and_no_job_heats(
    sandbox: Sandbox, image: Artifact, preheat: Any
) -> None:
    """Asking changes nothing: the peers hold what they held."""
    state = sandbox.dragonfly.state
    before = [sorted(peer.copies) for peer in state.peers]
    kinds = {job.id for job in state.jobs.newest_first() if job.type == "preheat"}
    preheat()
    assert [sorted(peer.copies) for peer in state.peers] == before
    assert {job.id for job in state.jobs.newest_first() if job.type == "preheat"} == kinds


def test_hosts_that_nobody_names_leave_the_verdict_open(
    sandbox: Sandbox, image: Artifact, preheat: Any
) -> None:
    """us-1 lists no hosts: the answer of one seed says nothing of another."""
    found = preheat("--cluster", "us-1")
    assert found.exit_code == 1
    assert "> all_seed_peers   COLD" in found.stdout


def test_a_manager_that_is_away_hides_no_other_cluster(
    sandbox: Sandbox, image: Artifact, preheat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is UNKNOWN there, with the reason."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_DRAGONFLY_DEFAULT",
        '{"conn_type": "dragonfly", "host": "http://127.0.0.1:9", "password": "x"}',
    )
    found = preheat()
    assert found.exit_code == 2
    assert found.stdout.count("> all_seed_peers   UNKNOWN ") == 2
    assert "the peers of eu-1 could not be asked" in found.stdout
    assert "clusters.yaml names none" not in found.stdout
    assert found.stderr.count("Dragonfly") == 1  # once, whatever the scopes and clusters


def test_an_image_that_is_not_there(preheat: Any) -> None:
    """Harbor answered: it is not a failure to look, and nothing is warm."""
    found = preheat(image="library/nothing:1")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "404" in found.stderr


def test_a_platform_that_is_not_there(image: Artifact, preheat: Any) -> None:
    """As an image that is not there."""
    found = preheat("--platform", "linux/s390x")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "has no image for linux/s390x" in " ".join(found.stderr.split())


def test_more_hosts_are_wanted_than_there_are(
    sandbox: Sandbox, image: Artifact, preheat: Any
) -> None:
    """Nothing can meet that, so it is said."""
    heat(sandbox, image, "all_seed_peers")
    found = preheat("--cluster", "eu-1", "--min-hosts", "3")
    assert found.exit_code == 1
    assert "2 of 2 hosts hold all; 3 hosts are wanted, there are 2" in found.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--cluster", "eu-9"), "There is no cluster 'eu-9'"),
        (("--min-hosts", "0%"), "--min-hosts: '0%' is no number of hosts"),
        (("--platform", "nonsense"), "nonsense"),
    ],
)
def test_what_cannot_be_asked_for_is_told(
    image: Artifact, preheat: Any, words: tuple[str, ...], told: str
) -> None:
    """One message, and the exit code for bad input."""
    found = preheat(*words)
    assert (found.exit_code, found.stdout) == (2, "")
    assert told in " ".join(found.stderr.split())
