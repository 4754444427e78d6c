"""Manners: what anybody expects of a provider's operators, sensors, hooks and triggers."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import BaseOperator

from preheat.provider.info import get_provider_info

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

KINDS = ("hooks", "operators", "sensors", "triggers")
COLOR = re.compile(r"#[0-9a-f]{6}")


def modules(kind: str) -> set[str]:
    """Name the modules that lie in the folder of a kind."""
    package = import_module(f"preheat.provider.{kind}")
    return {f"{package.__name__}.{found.name}" for found in pkgutil.iter_modules(package.__path__)}


def classes(*kinds: str) -> list[Any]:
    """Give the public classes of these kinds, as test parameters."""
    return [
        pytest.param(found, id=label)
        for name in sorted(name for kind in kinds for name in modules(kind))
        for label, found in vars(import_module(name)).items()
        if inspect.isclass(found) and found.__module__ == name and label[0] != "_"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_provider_names_every_module_of_a_kind(kind: str) -> None:
    """And none that is not there: the folders are the list."""
    named = [name for row in get_provider_info()[kind] for name in row["python-modules"]]
    assert sorted(named) == sorted(modules(kind))


@pytest.mark.parametrize("found", classes("operators", "sensors", "triggers"))
def test_every_argument_is_typed_and_given_by_its_name(found: type[Any]) -> None:
    """Airflow wants that of operators; it lets arguments come and go."""
    for name, parameter in own_parameters(found).items():
        assert parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD, name
        assert parameter.annotation is not inspect.Parameter.empty, name


@pytest.mark.parametrize("found", classes(*KINDS))
def test_every_argument_is_described_on_its_class(found: type[Any]) -> None:
    """Where Airflow's own are, as reST fields; no field describes what is not there."""
    names = {
        name
        for name, parameter in own_parameters(found).items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    assert set(re.findall(r":param (\w+):", found.__doc__ or "")) == names


@pytest.mark.parametrize("found", classes("sensors", "hooks"))
def test_what_speaks_to_a_vendor_leads_to_its_documentation(found: type[Any]) -> None:
    """The base of the hooks is of no vendor."""
    is_base = found.__name__ == "RemoteHook"
    assert (".. seealso::" in (found.__doc__ or "")) is not is_base


@pytest.mark.parametrize("found", classes("operators", "sensors"))
def test_each_operator_has_a_colour_of_ours(found: type[BaseOperator]) -> None:
    """White is what nobody chose."""
    assert COLOR.fullmatch(found.ui_color)
    assert "ui_color" in vars(found)


@pytest.mark.parametrize("found", classes("operators", "sensors"))
def test_what_is_plain_text_can_be_a_template(found: type[BaseOperator]) -> None:
    """A name of a cluster or a folder may come from a parameter of the run."""
    plain = {name for name, one in own_parameters(found).items() if one.annotation == "str"}
    inherited = set(BaseOperator.template_fields)
    missing = plain - set(found.template_fields) - inherited
    # These two are part of what the approval's own template says.
    assert missing <= ({"plan_task_id", "policy"} if "subject" in found.template_fields else set())


@pytest.mark.parametrize("found", classes("triggers"))
def test_a_trigger_writes_down_every_argument(found: type[BaseTrigger]) -> None:
    """It crosses the database, and is built anew from that alone."""
    values: dict[str, Any] = {"str": "a", "int": 1, "float": 1.0, "bool": True}
    given = {
        name: values.get(parameter.annotation, [["glob", "**"]])
        for name, parameter in own_parameters(found).items()
    }
    path, written = found(**given).serialize()
    assert path == f"{found.__module__}.{found.__qualname__}"
    assert written == given


def own_parameters(found: type[Any]) -> dict[str, inspect.Parameter]:
    """List what the class itself takes, not what its parents do."""
    if "__init__" not in vars(found):
        return {}
    parameters = dict(inspect.signature(vars(found)["__init__"]).parameters)
    parameters.pop("self")
    return parameters
