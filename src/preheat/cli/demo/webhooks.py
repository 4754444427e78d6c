"""The sandbox's webhooks, made as ``preheat harbor webhook install`` makes Harbor's."""

from __future__ import annotations

import requests
from pydantic import SecretStr

from preheat.cli.demo.connections import ROBOT, ROBOT_SECRET
from preheat.harbor.client import HarborClient
from preheat.harbor.installing import install, wanted_policy
from preheat.transport import Transport, harden

__all__ = ["install_webhook"]

_REGISTRY = "harbor_default"


def install_webhook(harbor_url: str, airflow_url: str, project: str, authorization: str) -> None:
    """Let a project of the sandbox tell an Airflow on this machine; one of another port is moved.

    :param authorization: what the connection ``harbor_default`` of that Airflow says.
    :raises RemoteError: if the sandbox does not answer as it should.
    """
    client = HarborClient(
        Transport(harden(requests.Session()), harbor_url, system="Harbor"),
        registry=_REGISTRY,
        username=ROBOT,
        secret=SecretStr(ROBOT_SECRET),
    )
    wanted = wanted_policy(airflow_url, _REGISTRY, SecretStr(authorization))
    install(client.webhooks, project, wanted, take_over=True)
