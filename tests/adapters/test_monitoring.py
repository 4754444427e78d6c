"""What docs/monitoring gives to Prometheus and Grafana names exactly the metrics that are told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest
import yaml

from preheat.provider.metrics import METRICS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.provider.metrics import Metric

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "monitoring.md"
NAME = re.compile(r"\bairflow_preheat_\w+")
GRAFANAS_OWN = re.compile(r"^label_values\((.+), \w+\)$")


def series_of(metric: Metric) -> set[str]:
    """Name what Prometheus makes of a metric; of a timer a histogram."""
    name = metric.prometheus
    if metric.kind is not Kind.TIMER:
        return {name}
    return {f"{name}_{part}" for part in ("bucket", "count", "sum")}


def read(name: str) -> Any:
    """Read one of the files."""
    text = (DOCS / "monitoring" / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)


def panels() -> list[dict[str, Any]]:
    """List the panels of the dashboard."""
    return list(read("grafana.json")["panels"])


def rules() -> list[dict[str, Any]]:
    """List the alerts."""
    return [rule for group in read("alerts.yaml")["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """Give every PromQL expression of both."""
    yield from (target["expr"] for panel in panels() for target in panel["targets"])
    yield from (rule["expr"] for rule in rules())
    yield from (one["query"]["query"] for one in read("grafana.json")["templating"]["list"][1:])


def labels_in(expression: str) -> set[str]:
    """Name the labels that an expression matches or groups by."""
    matched = re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", expression)
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    return {*matched, *(name.strip() for names in grouped for name in names.split(","))}


def table() -> str:
    """Write the page's table of metrics."""
    rows = [
        f"| `{metric.name}` | {metric.kind} | {', '.join(metric.labels) or 'none'} | {meaning} |"
        for metric in METRICS
        for meaning in [metric.meaning]
    ]
    return "\n".join(["| metric | kind | labels | what it tells |", "|---|---|---|---|", *rows])


def test_the_page_has_the_table_of_all_metrics() -> None:
    """Written from the code: where this fails, the table to be put there stands below."""
    assert table() in PAGE.read_text(encoding="utf-8"), f"the table must be:\n\n{table()}\n"


def test_the_mapping_has_every_metric_in_both_shapes() -> None:
    """With the labels in its name, in their order, and with tags."""
    found = {
        (row["match"], row["name"], tuple(row.get("labels", {}).items()), row.get("observer_type"))
        for row in read("statsd-mapping.yaml")["mappings"]
    }
    wanted = set()
    for metric in METRICS:
        kind = "histogram" if metric.kind is Kind.TIMER else None
        labels = tuple((name, f"${place}") for place, name in enumerate(metric.labels, 1))
        stars = ".*" * len(labels)
        wanted |= {
            (f"airflow.{metric.name}{stars}", metric.prometheus, labels, kind),
            (f"airflow.{metric.name}", metric.prometheus, (), kind),
        }
    assert found == wanted


def test_the_shorter_shape_stands_first_in_the_mapping() -> None:
    """statsd_exporter 0.28 does not find it behind a longer one (tried)."""
    matches = [row["match"] for row in read("statsd-mapping.yaml")["mappings"]]
    assert len(matches) == len(set(matches))
    longer = [place for place, match in enumerate(matches) if "*" in match]
    assert [matches[place - 1] for place in longer] == [
        matches[place].partition(".*")[0] for place in longer
    ]


def test_the_dashboard_shows_every_metric() -> None:
    """And nothing that is not told."""
    named = {name for panel in panels() for name in NAME.findall(json.dumps(panel))}
    known = {name: metric for metric in METRICS for name in series_of(metric)}
    assert named - set(known) == set()
    assert {known[name].name for name in named} == {metric.name for metric in METRICS}


def test_the_alerts_name_only_metrics_that_are_told() -> None:
    """An alert on a name with a slip of the pen never comes."""
    named = {name for rule in rules() for name in NAME.findall(rule["expr"])}
    assert named <= {name for metric in METRICS for name in series_of(metric)}
    assert len(named) >= len(rules()) - 1


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_an_expression_can_be_read(expression: str) -> None:
    """By PromQL's own grammar, and with no labels but those that its metrics have."""
    asked = GRAFANAS_OWN.sub(r"\1", expression)
    promql_parser.parse(asked.replace("$__rate_interval", "5m"))
    names = set(NAME.findall(expression))
    known = [metric for metric in METRICS if names & series_of(metric)]
    assert known
    assert labels_in(expression) <= {"le", *(label for metric in known for label in metric.labels)}


def test_panels_have_titles_units_and_places_of_their_own() -> None:
    """No two lie upon each other."""
    seen: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert cells & seen == set()
        seen |= cells


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """Its runbook is a section of the page."""
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/monitoring.md"
    assert anchor == rule["alert"].lower()
    assert f"\n### {rule['alert']}\n" in PAGE.read_text(encoding="utf-8")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["for"]
