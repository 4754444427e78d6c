"""What Airflow makes of the package: connection types with forms, a section of configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager
from airflow.sdk.log import redact
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook

if TYPE_CHECKING:
    from preheat.provider.hooks.remote import RemoteHook


WEBHOOK_FIELDS = {"webhook_authorization", "webhook_authorization_previous"}


@pytest.fixture(scope="module")
def manager() -> ProvidersManager:
    """Let Airflow look for providers, as its API server does."""
    return ProvidersManager()


@pytest.mark.parametrize("hook", [HarborHook, DragonflyHook])
def test_each_connection_type_has_its_hook(hook: type[RemoteHook]) -> None:
    """Airflow finds the class by the connection's type, and both say the same."""
    found = ProvidersManagerTaskRuntime().hooks[hook.conn_type]

    assert found is not None
    assert found.hook_class_name == f"{hook.__module__}.{hook.__qualname__}"
    assert found.hook_name == hook.hook_name
    assert found.connection_id_attribute_name == hook.conn_name_attr
    assert found.connection_testable  # the button is there


@pytest.mark.parametrize(
    ("connection_type", "hidden", "fields"),
    [
        pytest.param(
            "harbor", ["schema", "port"], {"verify_tls", "ca_file", *WEBHOOK_FIELDS}, id="Harbor"
        ),
        pytest.param(
            "dragonfly",
            ["schema", "port", "login"],
            {"verify_tls", "ca_file", "console_url", "clock_factor"},
            id="Dragonfly",
        ),
    ],
)
def test_the_form_asks_for_what_the_hook_reads(
    manager: ProvidersManager, connection_type: str, hidden: list[str], fields: set[str]
) -> None:
    """Airflow 3 builds forms from the provider's information, without importing the hook."""
    behaviour = manager.field_behaviours[connection_type]
    prefix = f"extra__{connection_type}__"

    assert behaviour["hidden_fields"] == hidden
    assert behaviour["relabeling"]["password"]
    assert {
        widget.removeprefix(prefix)
        for widget in manager.connection_form_widgets
        if widget.startswith(prefix)
    } == fields


def test_what_webhooks_send_is_masked(manager: ProvidersManager) -> None:
    """In the form by its kind, in the REST API and in logs by its name."""
    widgets = manager.connection_form_widgets
    fields = [widgets[f"extra__harbor__{name}"] for name in sorted(WEBHOOK_FIELDS)]
    assert [field.is_sensitive for field in fields] == [True, True]
    extra = dict.fromkeys(WEBHOOK_FIELDS, "Bearer correct-horse-battery")
    assert set(redact(extra).values()) == {"***"}


def test_the_configuration_has_defaults() -> None:
    """An installation without any setting of ours works on one machine."""
    assert conf.get("preheat", "ledger_url").endswith("/preheat.db")
    assert "{" not in conf.get("preheat", "ledger_url")
    assert conf.get("preheat", "include_dir") == ""
    assert ("preheat", "ledger_url") in conf.sensitive_config_values
