"""Routes that read: pages, filters, what somebody sees nothing of, and what is hostile."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from tests.web.plans import decision, digest_of, plan, planned, prove, record

from preheat.event import EventKind, EventSource, HarborEvent
from preheat.verdict import Verdict
from preheat.web.refusing import MEDIA_TYPE

if TYPE_CHECKING:
    from tests.web.conftest import Receiver

API = "/api/v1"
MARKUP = "library/<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def _reader(receiver: Receiver) -> None:
    receiver.read_as(None)


def pages(receiver: Receiver, path: str, key: str, **params: Any) -> list[list[Any]]:
    """Read a list to its end, a page after the other."""
    found = []
    cursor = ""
    while True:
        answer = receiver.get(path, **params, cursor=cursor).json()
        found.append(answer[key])
        if answer["next"] is None:
            return found
        cursor = answer["next"]


def test_lists_go_on_behind_what_was_shown(receiver: Receiver) -> None:
    """Each row is shown once, pages are as long as was asked for."""
    record(receiver.ledger, plan(*map(planned, range(1, 6))))
    for path, key in (("/placements", "placements"), ("/images", "images")):
        found = pages(receiver, path, key, limit=2)
        assert [len(page) for page in found] == [2, 2, 1]
        shown = [row["digest"] for page in found for row in page]
        assert sorted(shown) == [digest_of(number) for number in range(1, 6)]


def test_plans_attempts_and_decisions_are_paged(receiver: Receiver) -> None:
    """The newest plans first; decisions by their position, chosen ones only."""
    made = plan(planned(), decisions=tuple(map(decision, range(6))))
    for number in range(3):
        record(receiver.ledger, made, run_id=f"manual__{number}")
    found = [row["id"] for page in pages(receiver, "/plans", "plans", limit=2) for row in page]
    assert found == [3, 2, 1]
    path = "/plans/1/decisions"
    rows = pages(receiver, path, "decisions", selected=True, limit=2)
    assert [[row["position"] for row in page] for page in rows] == [[1, 3], [5]]
    chosen = receiver.get(path, code="NOT_NEWEST", repository="ary/ap").json()["decisions"]
    assert [row["position"] for row in chosen] == [0, 2, 4]
    assert receiver.get(path, repository="nothing").json() == {"decisions": [], "next": None}


def test_filters_choose(receiver: Receiver) -> None:
    """Cluster, verdict and part of a name."""
    ids = record(
        receiver.ledger, plan(planned(1), planned(2, repository="web/ui"), planned(3, cluster="b"))
    )
    prove(receiver.ledger, ids[0])
    for params, wanted in (
        ({"verdict": "WARM"}, ids[:1]),
        ({"verdict": ["COLD", "WARM"]}, ids[:1]),
        ({"project": "web"}, ids[1:2]),
        ({"q": "eb/u"}, ids[1:2]),
        ({"cluster": "b"}, ids[2:]),
        ({"policy": "another"}, []),
        ({"everything": "true", "policy": "web"}, ids),
    ):
        found = receiver.get("/placements", **params).json()["placements"]
        assert [row["id"] for row in found] == sorted(wanted), params


def test_what_no_plan_of_theirs_names_is_not_there(receiver: Receiver) -> None:
    """It is 404 by id and absent from every list, and so are its tags."""
    ledger = receiver.ledger
    (hidden,) = record(ledger, plan(planned(9), decisions=(decision(),), policy="b"), "preheat__b")
    (shared,) = record(ledger, plan(planned(1)))
    record(ledger, plan(planned(1, repository="library/app"), policy="b"), "preheat__b", "2")
    receiver.read_as({"preheat__web"})
    for path in (
        f"/placements/{hidden}",
        f"/placements/{hidden}/attempts",
        f"/placements/{hidden}/plans",
        "/plans/1",
        "/plans/1/decisions",
        f"/images/detail?repository=library/app&digest={digest_of(9)}",
        "/policies/b/explain?image=library/app:1",
        f"/warm?cluster=eu-1&image=other/app@{digest_of(9)}",
    ):
        answer = receiver.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, MEDIA_TYPE), path
    assert [row["id"] for row in receiver.get("/plans").json()["plans"]] == [2]
    shown = receiver.get("/placements", everything=True).json()["placements"]
    assert [row["id"] for row in shown] == [shared]
    plans = receiver.get(f"/placements/{shared}/plans").json()["plans"]
    assert [row["plan_id"] for row in plans] == [2]
    assert digest_of(9) not in receiver.get("/images.csv").text
    assert [row["placements"] for row in receiver.get("/coverage/counts").json()["counts"]] == [1]


def test_some_is_for_those_only_who_may_read_a_dag_or_all(receiver: Receiver) -> None:
    """Events, the doctor and the trend are refused with words."""
    receiver.read_as({"preheat__web"})
    for path, words in (
        ("/events", "preheat_events"),
        ("/events/ignored", "preheat_events"),
        ("/health", "preheat_upkeep"),
        ("/coverage/trend", "all"),
    ):
        answer = receiver.get(path)
        assert answer.status_code == 403
        assert words in answer.json()["detail"]


def test_events_are_told_newest_first(receiver: Receiver) -> None:
    """With how they came to be known and what became of them."""
    told = [
        HarborEvent("harbor_default", f"ce:{n}", EventSource.WEBHOOK, EventKind.PUSHED, f"a/b{n}")
        for n in range(5)
    ]
    receiver.ledger.inbox.receive(told)
    found = pages(receiver, "/events", "events", limit=2)
    assert [row["repository"] for page in found for row in page] == [
        *("a/b4", "a/b3", "a/b2", "a/b1", "a/b0")
    ]
    assert receiver.get("/events", handled=True).json()["events"] == []
    assert receiver.get("/events", repository="a/b3").json()["events"][0]["sources"] == ["webhook"]


def test_a_placement_tells_how_it_was_found(receiver: Receiver) -> None:
    """Its verdict, and on how many hosts it is whole."""
    ledger = receiver.ledger
    (placement_id,) = record(ledger, plan(planned()))
    prove(ledger, placement_id, Verdict.PARTIAL)
    shown = receiver.get(f"/placements/{placement_id}").json()
    assert (shown["verdict"], shown["hosts_warm"], shown["hosts_expected"]) == ("PARTIAL", 0, 1)


def test_an_image_is_told_whole(receiver: Receiver) -> None:
    """Label, tags and placements; no blobs where nobody read the manifest."""
    record(receiver.ledger, plan(planned(1), planned(1, cluster="us-1")))
    detail = {"repository": "library/app", "digest": digest_of(1)}
    shown = receiver.get("/images/detail", **detail).json()
    assert (shown["label"], shown["tags"], shown["blobs"]) == (
        *("library/app:1 linux/amd64", ["1"], []),
    )
    assert [one["cluster"] for one in shown["placements"]] == ["eu-1", "us-1"]


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("/placements", {"q": "a\0b"}),
    ("/placements", {"policy": "\0"}),
    ("/plans", {"run_id": "\0"}),
    ("/placements", {"limit": 0}),
    ("/placements", {"limit": 201}),
    ("/placements", {"q": "x" * 256}),
    ("/placements", {"cursor": "WyJ4Il0"}),
    ("/placements", {"cursor": "WzkyMjMzNzIwMzY4NTQ3NzU4MDhd"}),
    ("/placements", {"cursor": "%00"}),
    ("/images", {"cursor": "WyJcdTAwMDAiLCJhIiwiYiJd"}),
    ("/placements", {"verdict": "HOT"}),
    ("/placements/0", {}),
    ("/placements/9223372036854775808", {}),
    ("/placements/x", {}),
    ("/plans/1/decisions", {"code": "NONE"}),
    ("/policies/a%00b/explain", {"image": "a/b"}),
    ("/warm", {"image": "a/b", "cluster": "c", "max_age": 0}),
    ("/warm", {"image": "a b", "cluster": "eu-1"}),
    ("/warm", {"image": "a/b,c/d", "cluster": "eu-1"}),
    ("/warm", {"image": "a/b:1", "cluster": "eu-1", "registry": "postgres_default"}),
    ("/warm", {"cluster": "eu-1"}),
]


def test_what_is_wrong_is_named(receiver: Receiver) -> None:
    """In problem details, with the place of each; nothing of it reaches the database."""
    record(receiver.ledger, plan(planned()))
    for path, params in WRONG:
        answer = receiver.get(path, **params)
        assert (answer.status_code, answer.headers["Content-Type"]) == (422, MEDIA_TYPE), params
        assert answer.json()["problems"]
        assert all(one["path"] and one["message"] for one in answer.json()["problems"])


def test_markup_is_only_text(receiver: Receiver) -> None:
    """It comes back as it is, in JSON that no browser takes for a page."""
    record(receiver.ledger, plan(planned(1, repository=MARKUP)))
    for answer in (
        receiver.get("/images", q="<img"),
        receiver.get("/placements", q=MARKUP),
        receiver.get("/warm", image=MARKUP, cluster="eu-1"),
        receiver.get("/policies/<script>/explain", image="a/b"),
        receiver.get(f"/plans/{MARKUP}"),
    ):
        assert answer.headers["Content-Type"] in {"application/json", MEDIA_TYPE}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert receiver.get("/images").json()["images"][0]["repository"] == MARKUP


def test_what_is_searched_for_is_only_text(receiver: Receiver) -> None:
    """Marks of SQL and of patterns mean themselves."""
    record(receiver.ledger, plan(planned(1)))
    for text in ("' OR 1=1 --", '%"', "\\", "_", "[a-z]", "%"):
        answer = receiver.get("/images", q=text)
        assert (answer.status_code, answer.json()["images"]) == (200, []), text


def test_no_spreadsheet_takes_a_cell_for_a_formula(receiver: Receiver) -> None:
    """What begins like one has an apostrophe in front, and is else as it was."""
    names = [f'{start}HYPERLINK("http://evil.example")' for start in "=+-@\t\r"]
    made = plan(*(planned(n, repository=name) for n, name in enumerate(names)))
    record(receiver.ledger, made)
    answer = receiver.get("/images.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(StringIO(answer.content.decode(), newline="")))
    assert {row["repository"] for row in rows} == {f"'{name}" for name in names}
    assert not any(
        cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row.values()
    )


def test_the_table_has_all_pages(receiver: Receiver) -> None:
    """More rows than are read at once."""
    record(receiver.ledger, plan(*map(planned, range(1, 451))))
    rows = list(csv.DictReader(receiver.get("/images.csv").text.splitlines()))
    assert [row["digest"] for row in rows] == [digest_of(number) for number in range(1, 451)]


def test_an_image_is_explained_from_the_last_plan(receiver: Receiver) -> None:
    """With the line of the policy that decided; and what else the plan looked at."""
    made = plan(planned(), decisions=tuple(map(decision, (1, 2))))
    record(receiver.ledger, made)
    path = "/policies/web/explain"
    taken = receiver.get(path, image="library/app:1").json()
    assert taken["sentence"] == (
        "library/app:1 is selected by web (rule newest) for linux/amd64: number 1."
    )
    assert taken["explained"][0]["lines"] == [{"line": 4, "text": "  rules: []"}]
    left = receiver.get(path, image=f"library/app@{digest_of(1002)}").json()
    assert "is not selected by web for linux/amd64 because number 2." in left["sentence"]
    unseen = receiver.get(path, image="library/app:3").json()
    assert unseen["explained"] == []
    assert unseen["tags"] == ["1", "2"]
    assert "looked at the tags 1, 2." in unseen["sentence"]
    other = receiver.get(path, image="library/other:3").json()
    assert other["sentence"].endswith("and at nothing in its repository.")
