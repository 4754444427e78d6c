"""No secret leaves the process, whatever becomes of a run."""

from __future__ import annotations

import base64
import os
import sqlite3
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.secretscan import database_texts, file_texts, forms_of, leaks

from preheat.sandbox.harbor import ImageSpec, push_image

if TYPE_CHECKING:
    from collections.abc import Iterator

WRONG_SECRET = "Wr0ng-robot-secret-4711"
WRONG_TOKEN = "wr0ng-access-token-4711"
TYPED = {"images": "library/hello:1.0", "clusters": ["us-1"], "scope": "single_seed_peer"}


def everything(place: Any, said: Any) -> Iterator[tuple[str, str]]:
    """Give all that a person or a backup could read, with its place."""
    yield "log", said()
    home = Path(os.environ["AIRFLOW_HOME"])
    yield from file_texts(home)
    yield from database_texts(f"sqlite:///{home / 'airflow.db'}")
    yield from (("preheat.db", text) for _, text in database_texts(place.ledger_url))


def found(place: Any, said: Any) -> list[tuple[str, str]]:
    """List where a secret of either connection or a minted token can be read."""
    known = [place.sandbox.robot_secret, place.sandbox.token, WRONG_SECRET, WRONG_TOKEN]
    return leaks(everything(place, said), [form for each in known for form in forms_of(each)])


def warm(place: Any) -> str:
    """Run to the good end."""
    return str(place.run("preheat_images", **TYPED).state)


def wrong_secret(place: Any) -> str:
    """Give Harbor a wrong secret."""
    place.connect_harbor(secret=WRONG_SECRET)
    return str(place.run("preheat_images", **TYPED).state)


def wrong_token(place: Any) -> str:
    """Give the manager a wrong token."""
    place.connect_dragonfly(token=WRONG_TOKEN)
    return str(place.run("preheat_images", **TYPED).state)


def registry_says_no(place: Any) -> str:
    """Let the registry refuse the peers a layer, and repeat their token in its words."""
    image = push_image(
        place.sandbox.harbor.state,
        "library/refused",
        ImageSpec("refused", layers=(("r a", 900), ("r b", 700))),
        tags=["1"],
    )
    _, basic = forms_of(place.sandbox.robot_secret)
    place.sandbox.harbor.faults.add(
        match={"path": f"/blobs/{image.recipe.layers[-1].digest}"},
        times=None,
        status=401,
        body=f"no: Authorization: Bearer {jwt()} or Basic {basic}",
    )
    return str(place.run(place.write_policy("refused", image="exact: refused")).state)


def manager_repeats_what_it_got(place: Any) -> str:
    """Let the manager refuse a job, and repeat the request's headers in its words."""
    place.sandbox.dragonfly.faults.add(
        match={"method": "POST", "path": "/oapi/v1/jobs"},
        status=422,
        body={"errors": f"bad headers: map[Authorization:Bearer {jwt()}], sent with {jwt()}"},
    )
    return str(place.run(place.write_policy("repeated")).state)


def manager_breaks(place: Any) -> str:
    """Let a bug of ours or theirs end the task with a traceback."""
    place.sandbox.dragonfly.faults.add(
        match={"method": "POST", "path": "/oapi/v1/jobs"}, status=200, body="[]"
    )
    return str(place.run(place.write_policy("odd")).state)


def jwt() -> str:
    """Make what looks like a pull token."""
    return ".".join(
        base64.urlsafe_b64encode(part * 9).decode() for part in (b'{"alg":"RS256"}', b'{"a":1}')
    )


@pytest.mark.parametrize(
    ("story", "state"),
    [
        (warm, "success"),
        (wrong_secret, "failed"),
        (wrong_token, "failed"),
        (registry_says_no, "failed"),
        (manager_repeats_what_it_got, "failed"),
        (manager_breaks, "failed"),
    ],
)
def test_no_secret_can_be_read_anywhere(place: Any, said: Any, story: Any, state: str) -> None:
    """Logs, files, XComs, rendered fields and the ledger are searched, packed columns too."""
    assert story(place) == state

    assert found(place, said) == []


def test_the_search_would_find_a_secret(place: Any, said: Any) -> None:
    """It looks into what it should: a secret put into each place is found there."""
    warm(place)
    print(place.sandbox.token)  # noqa: T201 - what a careless task would do
    with sqlite3.connect(place.ledger_url.removeprefix("sqlite:///")) as ledger:
        packed = zlib.compress(place.sandbox.robot_secret.encode())
        ledger.execute("UPDATE plan SET decisions = ?", (packed,))

    assert {where for where, _ in found(place, said)} == {"log", "preheat.db"}
