"""What people typed and files say: every mistake is told at once, and nothing is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


def states(run: DagRun, task_id: str) -> list[str]:
    """List the states of a task's instances."""
    return [str(ti.state) for ti in run.get_task_instances() if ti.task_id == task_id]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        pytest.param(
            {"images": "library/nope:1", "clusters": ["eu-1"]},
            "repository library/nope not found",
            id="unknown image",
        ),
        pytest.param(
            {"images": "library/Hello:1", "clusters": ["eu-1"]},
            "images:1: 'library/Hello:1': a repository's name has small letters only",
            id="malformed reference",
        ),
        pytest.param(
            {"images": "library/hello:1.0", "clusters": ["eu-9"]},
            "There is no cluster 'eu-9'; known clusters: eu-1, us-1.",
            id="unknown cluster",
        ),
        pytest.param(
            {"images": "library/hello:1.0", "clusters": ["eu-1"], "platform": "linux/arm64"},
            "platform: there is no such field; the fields are clusters, dry_run, images",
            id="mistyped field",
        ),
        pytest.param(
            {"images": "library/hello:1.0", "clusters": []},
            "choose at least one of: eu-1, us-1",
            id="no cluster",
        ),
        pytest.param(
            {
                "images": "library/hello:1.0",
                "clusters": ["eu-1"],
                "platforms": ["linux"],
            },
            "platforms: 'linux' is not a platform",
            id="malformed platform",
        ),
        pytest.param(
            {
                "images": "library/hello:1.0",
                "clusters": ["eu-1"],
                "platforms": ["linux/s390x"],
            },
            "library/hello:1.0 has no image for linux/s390x",
            id="platform that is not there",
        ),
    ],
)
def test_bad_input_is_named_and_nothing_is_asked(
    place: Any, said: Any, typed: dict[str, Any], message: str
) -> None:
    """One clear message, no job, and a run that is red at its plan."""
    before = place.jobs

    run = place.run("preheat_images", **typed)

    assert run.state == "failed"
    assert states(run, "plan") == ["failed"]
    assert message in said()
    assert place.jobs == before


def test_everything_wrong_with_a_form_is_told_at_once(place: Any, said: Any) -> None:
    """Images and clusters are both looked at before anything is refused."""
    place.run("preheat_images", images="hello\nlibrary/hello:1.0:2", clusters=["eu-9"])

    heard = said()
    assert "images:1: 'hello'" in heard
    assert "images:2: 'library/hello:1.0:2'" in heard
    assert "no cluster 'eu-9'" in heard


def test_a_wrong_harbor_secret_is_told_though_harbor_answers(place: Any, said: Any) -> None:
    """Harbor shows public things to anybody: recorded projects-wrong-credentials."""
    place.connect_harbor(secret="wrong")
    before = place.jobs

    run = place.run("preheat_images", images="library/hello:1.0", clusters=["eu-1"])

    assert run.state == "failed"
    assert "Harbor treats robot$preheat as an anonymous caller" in said()
    assert place.jobs == before


def test_a_wrong_dragonfly_token_fails_at_once(place: Any, said: Any) -> None:
    """No retry changes a token, and the message says which field to look at."""
    place.connect_dragonfly(token="wrong")
    before = place.jobs

    run = place.run("preheat_images", images="library/hello:1.0", clusters=["eu-1"])

    assert run.state == "failed"
    assert states(run, "eu-1.track") == ["failed"]
    assert "Check the personal access token of the connection" in said()
    assert place.jobs == before


def test_a_policy_with_mistakes_fails_with_all_of_them(place: Any, said: Any) -> None:
    """Three mistakes are three lines; the policy beside it is unharmed."""
    wrong = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: wrong}
spec:
  sources: [{registry: harbor_default, project: [library]}]
  rules:
    - {name: hello, tags: {allow: [{regex: "("}]}}
  targets: [{cluster: eu-2, scope: all_seed_peers}]
  triggers: {schedule: {cron: "0 0 1 1 *", timezone: UTC}}
"""
    dag_id = place.write_file("wrong", wrong)
    place.write_policy("right")

    dags = place.dags()
    run = dags[dag_id].test()

    assert "invalid" in dags[dag_id].tags
    assert "invalid" not in dags["preheat__right"].tags
    assert run.state == "failed"
    heard = said()
    for place_of_mistake in ("wrong.yaml:5", "wrong.yaml:7", "wrong.yaml:8"):
        assert place_of_mistake in heard
        assert place_of_mistake in (dags[dag_id].doc_md or "")


def test_broken_clusters_fail_every_run_with_the_reason(place: Any, said: Any) -> None:
    """Nothing can be checked without them, so nothing runs."""
    dag_id = place.write_policy("hello")
    (place.folder / "clusters.yaml").write_text("kind: Clusters\n", encoding="utf-8")
    dags = place.dags()
    before = place.jobs

    assert dags[dag_id].test().state == "failed"
    assert dags["preheat_images"].test(run_conf={"images": "library/hello:1.0"}).state == "failed"

    assert said().count("clusters.yaml:1") >= 2
    assert place.jobs == before


@pytest.mark.parametrize(
    "typed", [{"scope": "all-peers"}, {"registry": "nobody"}, {"clusters": "eu-1"}]
)
def test_airflow_itself_refuses_what_is_no_choice(place: Any, typed: dict[str, Any]) -> None:
    """A misspelt scope would be run as another one by Dragonfly, without a word."""
    with pytest.raises(ParamValidationError):
        place.run("preheat_images", **{"images": "hello", "clusters": ["eu-1"], **typed})
