"""How the demo's Airflow is set up: everything in one folder, everything on this machine."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["airflow_environment"]


def airflow_environment(root: Path, home: Path, port: int, login: str) -> dict[str, str]:
    """Give the environment of Airflow's processes, and write the file with their one login.

    Airflow's two log servers (8793, 8794) listen on all interfaces and no option changes that
    (airflow: utils/serve_logs/core.py); they answer only what is signed with Airflow's own key.

    :param root: the clone, with ``dags/`` and ``plugins/``.
    :param home: keeps the demo's state.
    :param port: of the Airflow UI.
    :param login: name and password of the one user.
    """
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({login: login}), encoding="utf-8")
    airflow_home = home / "airflow"
    settings = {
        "CORE__DAGS_FOLDER": str(root / "dags"),
        "CORE__PLUGINS_FOLDER": str(root / "plugins"),
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "16",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__TEST_CONNECTION": "Enabled",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{login}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        # The default of 5 s is too short on a busy machine: the triggerer died of it.
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home / 'airflow.db'}?timeout=60",
        # A supervisor may notice the end of its task that late. With the default of 5 s the word of
        # a task that deferred came when its short job was proved and the task ran again: the
        # scheduler took that for a mismatch and made one try more than the retry policy allows.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "15",
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    }
    own = {f"AIRFLOW__{name}": value for name, value in settings.items()}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    path = os.pathsep.join((os.path.dirname(sys.executable), inherited.get("PATH", "")))  # noqa: PTH120  keep the venv's link
    return {**inherited, **own, "AIRFLOW_HOME": str(airflow_home), "PATH": path}
