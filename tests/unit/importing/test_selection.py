"""An imported policy selects what Harbor's own rules would: against a little model of them.

The model is written from Harbor's code alone (src/controller/p2p/preheat/enforcer.go,
src/lib/selector/selectors, bmatcuk/doublestar v1.3.4) and shares nothing with ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest

from preheat.artifact import Artifact, Child, ScanSummary, Tag
from preheat.catalogue import Catalogue
from preheat.facts import Allowlist, Kind, Question, Report, Vulnerability
from preheat.planning import complete
from preheat.policy.engine import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from preheat.facts import Answer, Facts
    from preheat.importing.clusters import Inventory

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CODES = {"None": 0, "Low": 2, "Medium": 3, "High": 4, "Critical": 5}
UNSCANNED = 99


@dataclass(frozen=True)
class Row:
    """One artifact of project ``web``.

    :param scan: a severity, ``-`` for never scanned, or the status of a scan that did not succeed.
    """

    repository: str
    tags: str
    labels: str = ""
    scan: str = "None"
    type: str = "IMAGE"
    cves: tuple[str, ...] = ()

    @property
    def code(self) -> int:
        """Harbor's number of the severity, 99 without a successful scan."""
        return CODES.get(self.scan, UNSCANNED)


ROWS = (
    Row("frontend", "v1.0.0"),
    Row("frontend", "v1.1.0 latest", "gold preheat", "Low"),
    Row("frontend", "v2.0.0-rc1", "gold", "High", cves=("CVE-1",)),
    Row("frontend", "", "gold preheat"),
    Row("cdn/edge", "2026.11.01 stable", "preheat", "Medium"),
    Row("cdn/edge/cache", "v1.0.0", "gold preheat hold", "Critical", cves=("CVE-1", "CVE-2")),
    Row("cdn", "v1.0.0", scan="-"),
    Row("api", "v1.0.0 v1", "gold", "Error"),
    Row("api-v2", "V1.0.0", "Gold", "Running"),
    Row("models/llm", "v1.0.0", "gold preheat", type="CNAI"),
    Row("models/new", "v1.0.0", "gold preheat", type="MODEL"),
    Row("charts/web", "v1.0.0", "gold preheat", scan="-", type="CHART"),
)


# --- Harbor, as its code says -----------------------------------------------------------------


def doublestar(pattern: str, name: str) -> bool:
    """Match as doublestar.Match does; an empty pattern matches all (selector.go)."""
    return not pattern or any(
        components(one.split("/"), name.split("/")) for one in alternatives(pattern)
    )


def alternatives(pattern: str) -> Iterator[str]:
    """Write a pattern without its first braces, once for each of their parts."""
    head, brace, rest = pattern.partition("{")
    if not brace:
        yield pattern
        return
    inner, _, tail = rest.partition("}")
    for part in inner.split(","):
        yield from alternatives(f"{head}{part}{tail}")


def components(pattern: Sequence[str], name: Sequence[str]) -> bool:
    """Match path components: ** any number of them, but at the end at least one."""
    if not pattern or not name:
        return not pattern and not name
    if pattern[0] == "**":
        rest = pattern[1:]
        return not rest or any(components(rest, name[n:]) for n in range(len(name)))
    return fnmatchcase(name[0], pattern[0]) and components(pattern[1:], name[1:])


def harbor_selects(
    filters: Sequence[tuple[str, object]],
    metadata: dict[str, str],
    allowed: frozenset[str],
    kind: str,
) -> set[int]:
    """Give the rows of which Harbor would preheat a tag."""
    types = {"IMAGE"} if kind == "event_based" else {"IMAGE", "CNAI"}
    return {
        number
        for number, row in enumerate(ROWS)
        for tag in row.tags.split()
        if row.type in types
        and all(passes(row, tag, kind, value) for kind, value in filters)
        and is_safe(row, metadata, allowed)
    }


def passes(row: Row, tag: str, kind: str, value: object) -> bool:
    """Evaluate one filter on one candidate; signature and vulnerability are thrown away."""
    match kind, value:
        case "repository", str(pattern):
            return doublestar(pattern, row.repository)
        case "tag", str(pattern):
            return doublestar(pattern, tag)
        case "label", str(names):
            return not names or set(names.split(",")) <= set(row.labels.split())
    return True


def is_safe(row: Row, metadata: dict[str, str], allowed: frozenset[str]) -> bool:
    """Evaluate the project's own bar: strictly lower, and without what the allowlist excuses."""
    if metadata.get("prevent_vul") != "true" or not metadata.get("severity"):
        return True
    excused = row.code != UNSCANNED and row.cves and set(row.cves) <= allowed
    code = 0 if excused else row.code
    return code < CODES[metadata["severity"].capitalize()]


# --- ours -------------------------------------------------------------------------------------


def digest(number: int) -> str:
    """Give a row's digest."""
    return f"sha256:{number:064x}"


def artifact(number: int, row: Row) -> Artifact:
    """Give a row as Harbor lists it."""
    platform = "linux/amd64" if row.type == "IMAGE" else ""
    return Artifact(
        "harbor_default",
        "web",
        row.repository,
        digest(number),
        id=number,
        type=row.type,
        push_time=NOW,
        tags=tuple(Tag(name, NOW) for name in row.tags.split()),
        labels=tuple(row.labels.split()),
        children=(Child(digest(number), platform),) if platform else (),
    )


def answerer(allowed: frozenset[str]) -> Callable[[Sequence[Question]], Facts]:
    """Answer as Harbor would."""

    def one(question: Question) -> Answer:
        if question.kind is Kind.ALLOWLIST:
            return Allowlist(allowed)
        row = ROWS[int(question.digest.partition(":")[2], 16)]
        if question.kind is Kind.VULNERABILITIES:
            return tuple(Vulnerability(cve, row.scan) for cve in row.cves)
        if row.scan == "-":
            return Report()
        succeeded = row.scan in CODES
        summary = ScanSummary("Success" if succeeded else row.scan, row.scan if succeeded else "")
        return Report(summary)

    return lambda questions: {question: one(question) for question in questions}


HIGH = {"prevent_vul": "true", "severity": "high"}
CASES: dict[str, tuple[Sequence[tuple[str, object]], dict[str, str], set[str]]] = {
    "everything": ((("repository", "**"),), {}, set()),
    "an empty pattern is everything": ((("repository", ""), ("tag", "")), {}, set()),
    "one star stays in a path element": ((("repository", "*"),), {}, set()),
    "two stars at the end are one element or more": ((("repository", "cdn/**"),), {}, set()),
    "two stars in front may be none": ((("repository", "**/edge"),), {}, set()),
    "two stars between": ((("repository", "cdn/**/cache"),), {}, set()),
    "braces": ((("repository", "{frontend,cdn/*}"),), {}, set()),
    "a whole name, not a part": ((("repository", "api"),), {}, set()),
    "a question mark": ((("tag", "v1.?.0"),), {}, set()),
    "case counts": ((("tag", "v*"),), {}, set()),
    "all tags by one star": ((("tag", "*"),), {}, set()),
    "any of an image's tags": ((("tag", "latest"),), {}, set()),
    "repository and tag": ((("repository", "cdn/**"), ("tag", "v*")), {}, set()),
    "one label": ((("label", "gold"),), {}, set()),
    "labels must all be there": ((("label", "gold,preheat"),), {}, set()),
    "an empty label filter": ((("label", ""), ("tag", "v*")), {}, set()),
    "signature and vulnerability are ignored": (
        (("tag", "v*"), ("signature", True), ("vulnerability", 3)),
        {},
        set(),
    ),
    "vulnerable images forbidden": ((("tag", "**"),), HIGH, set()),
    "the bar is strictly lower": ((("tag", "**"),), HIGH | {"severity": "low"}, set()),
    "critical only": ((("tag", "**"),), HIGH | {"severity": "Critical"}, set()),
    "a bar without severity": ((("tag", "**"),), {"prevent_vul": "true"}, set()),
    "an allowlist that excuses one image": ((("tag", "**"),), HIGH, {"CVE-1"}),
    "an allowlist that excuses two": ((("tag", "**"),), HIGH, {"CVE-1", "CVE-2"}),
    "the same filter twice": ((("tag", "v*"), ("tag", "v*")), {}, set()),
    "a filter beside one that takes all": ((("tag", "**"), ("tag", "v*")), {}, set()),
}


@pytest.mark.parametrize("kind", ["scheduled", "event_based"])
@pytest.mark.parametrize("case", CASES)
def test_the_imported_policy_selects_what_harbor_would(
    case: str, kind: str, told: Any, made: Any, inventory: Inventory
) -> None:
    """The same artifacts, whatever the filters, the project's settings and the trigger."""
    filters, metadata, ids = CASES[case]
    allowed = frozenset(ids)
    _, policy = made(told(*filters, trigger=kind), metadata=metadata)
    rows = [artifact(number, row) for number, row in enumerate(ROWS)]
    evaluation = Evaluation(policy, Catalogue.of(rows), inventory.clusters, NOW)
    plan = complete(evaluation, answerer(allowed))
    chosen = {d.digest for d in plan.decisions if d.selected}
    wanted = harbor_selects(filters, metadata, allowed, kind)
    assert chosen == {digest(number) for number in wanted}
    assert 0 < len(wanted) <= len(ROWS) - 3
