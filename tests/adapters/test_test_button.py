"""What the *Test* button of a connection says: whether it works, and if not, what to do."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.models.connection import Connection

WRONG = "wrong-secret-4711"
HARBOR = "harbor_default"
DRAGONFLY = "dragonfly_default"

# Airflow's own way to a connection's hook uses what Airflow deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")


def press(conn_id: str) -> tuple[bool, str]:
    """Press the button: Airflow finds the hook by the connection's type and asks it."""
    works, told = Connection.get_connection_from_secrets(conn_id).test_connection()
    return bool(works), str(told)


def test_a_good_harbor_connection(world: Any) -> None:
    """Reachable, known by name, and its tokens are good for pulling."""
    works, told = press(HARBOR)

    assert works, told
    assert "ok credentials: Harbor knows robot$preheat" in told
    assert "ok pull" in told


def test_a_wrong_robot_secret(world: Any) -> None:
    """Harbor answers 200 to it, as to anybody (recorded systeminfo-robot-wrong-secret)."""
    world.connect(HARBOR, world.sandbox.harbor_url, WRONG, "robot$preheat")

    works, told = press(HARBOR)

    assert not works
    assert "FAILED credentials: Harbor answers robot$preheat as it answers anybody" in told
    assert "check the robot's name" in told
    assert WRONG not in told


def test_no_robot_at_all(world: Any) -> None:
    """Public projects can be pulled by anybody; that it is anonymous is said."""
    world.connect(HARBOR, world.sandbox.harbor_url, "")

    works, told = press(HARBOR)

    assert works
    assert "none given: anonymous (only public projects" in told


def test_a_good_dragonfly_connection(world: Any) -> None:
    """The token works, and the clusters are named for comparison with ``clusters.yaml``."""
    works, told = press(DRAGONFLY)

    assert works, told
    assert "ok token (scope job)" in told
    assert "ok clusters (scope cluster): scheduler clusters: 1 " in told


def test_a_wrong_token(world: Any) -> None:
    """The manager is up, and the message says which field to look at."""
    world.connect(DRAGONFLY, world.sandbox.dragonfly_url, WRONG)

    works, told = press(DRAGONFLY)

    assert not works
    assert "ok manager" in told
    assert "FAILED token" in told
    assert "Check the personal access token" in told
    assert WRONG not in told


@pytest.mark.parametrize("conn_id", [HARBOR, DRAGONFLY])
def test_nobody_there(world: Any, conn_id: str) -> None:
    """The address is in the message, the secret is not."""
    world.connect(conn_id, "http://127.0.0.1:1", WRONG, "robot$preheat")

    works, told = press(conn_id)

    assert not works
    assert "http://127.0.0.1:1 did not answer" in told
    assert "check the address, and that it is up" in told
    assert WRONG not in told


@pytest.mark.parametrize(
    ("conn_id", "message"),
    [(HARBOR, "check the URL"), (DRAGONFLY, "this is no Dragonfly manager")],
)
def test_the_addresses_exchanged(world: Any, conn_id: str, message: str) -> None:
    """Each says that the other is not what it expects."""
    world.connect(HARBOR, world.sandbox.dragonfly_url, WRONG, "robot$preheat")
    world.connect(DRAGONFLY, world.sandbox.harbor_url, WRONG)

    works, told = press(conn_id)

    assert not works
    assert message in told
    assert WRONG not in told


@pytest.mark.parametrize("conn_id", [HARBOR, DRAGONFLY])
@pytest.mark.parametrize(
    ("host", "extra", "message"),
    [
        pytest.param("", {}, "has no usable URL", id="no URL"),
        pytest.param("http://h", {"verify_tls": "no"}, "verify_tls is 'no'", id="no boolean"),
        pytest.param("http://h", {"ca_file": "/none.pem"}, "no CA file /none.pem", id="no CA"),
    ],
)
def test_what_cannot_be_right(
    world: Any, conn_id: str, host: str, extra: dict[str, Any], message: str
) -> None:
    """A mistake in the form is an answer of the button, not a traceback."""
    world.connect(conn_id, host, WRONG, **extra)

    works, told = press(conn_id)

    assert not works
    assert message in told
