"""The API on a real Airflow: who may do what, other sites, hostile requests, and a whole story.

Slow (about two minutes), so that all stands in one file and one Airflow is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from tests.web.realairflow import PEOPLE, wait_for

from preheat.web.app import make_app
from preheat.web.crosssite import HEADER
from preheat.web.refusing import MEDIA_TYPE

if TYPE_CHECKING:
    import requests
    from schemathesis import Case
    from tests.web.realairflow import Person, RealAirflow

WEBHOOK = ("POST", "/webhooks/harbor/{connection_id}")
API = "/api/v1"
READERS = ("viewer", "user", "op", "admin")
RUNNERS = ("user", "op", "admin")
HELLO = "library/hello"

# Of every route a request, what those get who may, and who may. Orders are wrong on purpose, where
# they can be: whoever may give them hears so, and nothing is started.
MATRIX: dict[tuple[str, str], tuple[str, Any, int, tuple[str, ...]]] = {
    ("GET", "/openapi.json"): ("/openapi.json", None, 200, tuple(PEOPLE)),
    ("GET", "/api/v1/warm"): (f"{API}/warm?image={HELLO}:1.0&cluster=eu-1", None, 200, READERS),
    ("GET", "/api/v1/images"): (f"{API}/images", None, 200, READERS),
    ("GET", "/api/v1/images.csv"): (f"{API}/images.csv", None, 200, READERS),
    ("GET", "/api/v1/images/detail"): (
        *(f"{API}/images/detail?repository={HELLO}&digest=sha256:{'0' * 64}", None, 404, READERS),
    ),
    ("GET", "/api/v1/coverage/counts"): (f"{API}/coverage/counts", None, 200, READERS),
    ("GET", "/api/v1/coverage/trend"): (f"{API}/coverage/trend", None, 200, READERS),
    ("GET", "/api/v1/placements"): (f"{API}/placements", None, 200, READERS),
    ("GET", "/api/v1/placements/{placement_id}"): (f"{API}/placements/1", None, 200, READERS),
    ("GET", "/api/v1/placements/{placement_id}/attempts"): (
        *(f"{API}/placements/1/attempts", None, 200, READERS),
    ),
    ("GET", "/api/v1/placements/{placement_id}/plans"): (
        *(f"{API}/placements/1/plans", None, 200, READERS),
    ),
    ("GET", "/api/v1/attempts/{attempt_id}"): (f"{API}/attempts/1", None, 200, READERS),
    ("GET", "/api/v1/plans"): (f"{API}/plans", None, 200, READERS),
    ("GET", "/api/v1/plans/{plan_id}"): (f"{API}/plans/1", None, 200, READERS),
    ("GET", "/api/v1/plans/{plan_id}/decisions"): (f"{API}/plans/1/decisions", None, 200, READERS),
    ("GET", "/api/v1/policies"): (f"{API}/policies", None, 200, READERS),
    ("GET", "/api/v1/policies/{name}"): (f"{API}/policies/library-base", None, 200, READERS),
    ("GET", "/api/v1/policies/{name}/explain"): (
        *(f"{API}/policies/library-base/explain?image={HELLO}:1.0", None, 200, READERS),
    ),
    ("GET", "/api/v1/runs"): (f"{API}/runs", None, 200, READERS),
    ("GET", "/api/v1/events"): (f"{API}/events", None, 200, READERS),
    ("GET", "/api/v1/events/ignored"): (f"{API}/events/ignored", None, 200, READERS),
    ("GET", "/api/v1/health"): (f"{API}/health", None, 404, READERS),
    ("POST", "/api/v1/policies/validate"): (
        *(f"{API}/policies/validate", {"text": ""}, 200, READERS),
    ),
    ("POST", "/api/v1/policies/{name}/plan"): (
        *(f"{API}/policies/library-base/plan", {"reason": "matrix"}, 202, RUNNERS),
    ),
    ("POST", "/api/v1/warm"): (
        f"{API}/warm",
        {"images": ["a b"], "clusters": ["eu-1"], "reason": "matrix"},
        422,
        RUNNERS,
    ),
    ("POST", "/api/v1/verify"): (
        *(f"{API}/verify", {"placements": [2**40], "reason": "matrix"}, 404, RUNNERS),
    ),
}
CHANGING = [key for key in MATRIX if key[0] != "GET"]


def test_every_role_on_every_route(real_airflow: RealAirflow) -> None:
    """Who is not logged in gets 401, who may not 403; and no route is forgotten here."""
    routes = {
        (method, route.path)
        for route in make_app().routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert routes == {*MATRIX, WEBHOOK}
    got = {
        (key, name): person.call(key[0], path, json=body).status_code
        for key, (path, body, _, _) in MATRIX.items()
        for name, person in real_airflow.people.items()
    }
    wanted = {
        (key, name): 401 if name == "stranger" else status if name in may else 403
        for key, (_, _, status, may) in MATRIX.items()
        for name in real_airflow.people
    }
    assert got == wanted


def is_refused(answer: requests.Response) -> bool:
    """Tell whether a request was taken for another site's."""
    return answer.status_code == 403 and HEADER in answer.json()["detail"]


@pytest.mark.parametrize("key", CHANGING)
def test_other_sites_change_nothing(real_airflow: RealAirflow, key: tuple[str, str]) -> None:
    """With Airflow's cookie only a request of this site passes; with a token each does."""
    admin = real_airflow.people["admin"]
    path, _, _, _ = MATRIX[key]
    wrong = {"reason": ""}
    own = {HEADER: "1", "Origin": real_airflow.api.url, "Sec-Fetch-Site": "same-origin"}
    foreign = (
        {},
        {"Origin": real_airflow.api.url},
        {HEADER: "1", "Origin": "http://evil.example"},
        {HEADER: "1", "Origin": "null"},
        {HEADER: "1", "Sec-Fetch-Site": "cross-site"},
        {HEADER: "1", "Sec-Fetch-Site": "same-site"},
        {"Authorization": "Basic YTpi"},
    )
    for headers in foreign:
        assert is_refused(admin.browse("POST", path, json=wrong, headers=headers)), headers
    assert admin.browse("POST", path, json=wrong, headers=own).status_code == 422
    assert admin.call("POST", path, json=wrong, headers=foreign[2]).status_code == 422
    form = {"Content-Type": "text/plain"}
    assert admin.browse("POST", path, data="{}", headers={**own, **form}).status_code == 415
    assert (
        admin.call(
            "POST", path, data="x" * 2_000_000, headers={"Content-Type": "application/json"}
        ).status_code
        == 413
    )


def test_whatever_is_sent_nothing_fails(real_airflow: RealAirflow) -> None:
    """Right and wrong requests made from the document: no 5xx, and each answer as it says."""
    admin = real_airflow.people["admin"]
    document = admin.call("GET", "/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document).exclude(path_regex="webhooks")
    # A cursor of the right form, or an image, may still be none: that is told with 422.
    excused = [one for one in CHECKS.get_all() if one.__name__ == "positive_data_acceptance"]
    failures: list[str] = []
    count = 0
    for operation in (result.ok() for result in schema.get_all_operations()):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=8,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def sent(case: Case) -> None:
                nonlocal count
                count += 1
                case.call_and_validate(
                    base_url=f"{admin.url}/preheat",
                    headers={"Authorization": f"Bearer {admin.token}"},
                    excluded_checks=excused,
                    timeout=60,
                )

            try:
                sent()
            except Exception as error:  # noqa: BLE001 - all of them are shown together
                failures.append(f"{operation.label} {mode.name}: {error}")
    assert failures == []
    assert count > 200


def read(person: Person, path: str, status: int = 200) -> Any:
    """Read a route of the API."""
    answer = person.call("GET", f"{API}{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


def order(person: Person, path: str, body: dict[str, Any], status: int = 202) -> Any:
    """Give an order to the API."""
    answer = person.call("POST", f"{API}{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_somebody_warms_an_image_before_it_is_deployed(real_airflow: RealAirflow) -> None:
    """The gate says no, he orders it, the gate says yes; he looks again; all of it can be read."""
    user, viewer = real_airflow.people["user"], real_airflow.people["viewer"]
    gate = "/warm?image=web/frontend:2.4.1&cluster=us-1"
    told = read(viewer, gate, 409)
    assert told["not_warm"][0]["words"] == "no plan wants it on us-1"
    started = order(
        user,
        "/warm",
        {"images": ["web/frontend:2.4.1"], "clusters": ["us-1"], "reason": "release 2.4.1"},
    )
    assert not started["dag_is_paused"]
    assert real_airflow.ended(started["dag_id"], started["run_id"]) == "success"
    (placement,) = read(viewer, gate)["placements"]
    assert placement["verdict"] == "WARM"

    plans = user.call("GET", started["plans"].removeprefix("/preheat")).json()["plans"]
    assert [plan["run_id"] for plan in plans] == [started["run_id"]]
    runs = read(viewer, f"/runs?dag_id={started['dag_id']}")["runs"]
    mine = next(run for run in runs if run["run_id"] == started["run_id"])
    assert (mine["note"], mine["state"]) == ("release 2.4.1", "success")
    assert [plan["id"] for plan in mine["plans"]] == [plans[0]["id"]]
    attempts = read(viewer, f"/placements/{placement['id']}/attempts")["attempts"]
    finding = read(viewer, f"/attempts/{attempts[0]['id']}")["finding"]
    assert finding["layers_warm"] == finding["layers_expected"] > 0
    assert finding["hosts"]

    again = {"placements": [placement["id"]], "reason": "before the release"}
    looked = order(user, "/verify", again)
    assert real_airflow.ended(looked["dag_id"], looked["run_id"]) == "success"
    assert read(viewer, gate)["checked_at"] > placement["checked_at"]


def test_a_plan_is_previewed_and_asks_for_nothing(real_airflow: RealAirflow) -> None:
    """It is a dry run, which is no last plan of its policy."""
    user = real_airflow.people["user"]
    jobs = real_airflow.ledger.status().rows["attempt"]
    before = read(user, "/policies/library-base")
    started = order(user, "/policies/library-base/plan", {"reason": "to see"})
    real_airflow.ended(started["dag_id"], started["run_id"])
    path = f"/plans?dag_id={started['dag_id']}&limit=200"
    wait_for(lambda: started["run_id"] in {one["run_id"] for one in read(user, path)["plans"]})
    (plan,) = (one for one in read(user, path)["plans"] if one["run_id"] == started["run_id"])
    assert plan["dry_run"]
    assert set(plan["placements"]) <= {"DRY_RUN", "ALREADY_WARM"}
    assert read(user, "/policies/library-base")["last_plan"] == before["last_plan"]
    assert real_airflow.ledger.status().rows["attempt"] == jobs


def test_runs_go_on_behind_what_was_shown(real_airflow: RealAirflow) -> None:
    """Page by page, by Airflow's own cursor."""
    viewer = real_airflow.people["viewer"]
    first = read(viewer, "/runs?limit=1")
    second = read(viewer, f"/runs?limit=1&cursor={first['next']}")
    assert first["runs"][0]["run_id"] != second["runs"][0]["run_id"]
    assert first["runs"][0]["dag_id"].startswith("preheat_")


def test_a_policy_is_told_with_all_that_is_wrong(real_airflow: RealAirflow) -> None:
    """The invalid one has its problems; a right one its text as evaluated; unknown names 404."""
    viewer = real_airflow.people["viewer"]
    rows = {row["name"]: row for row in read(viewer, "/policies")["policies"]}
    assert rows["broken"]["invalid"]
    assert not rows["library-base"]["invalid"]
    assert "spec" in read(viewer, "/policies/broken")["problems"]
    right = read(viewer, "/policies/library-base")
    assert (
        right["text"].startswith("# yaml-language-server") or "kind: PreheatPolicy" in right["text"]
    )
    assert right["problems"] is None
    read(viewer, "/policies/nothing", 404)
    told = order(viewer, "/policies/validate", {"text": right["text"]}, 200)
    assert told == {"valid": True, "problems": [], "clusters": ["eu-1", "us-1"]}


def test_unknown_parameters_are_refused(real_airflow: RealAirflow) -> None:
    """Whoever misspells a filter of the gate must not hear yes."""
    answer = real_airflow.people["viewer"].call("GET", f"{API}/warm?image={HELLO}:1.0&clutser=eu-1")
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, MEDIA_TYPE)
    assert answer.json()["problems"][0]["path"] == "query.clutser"
