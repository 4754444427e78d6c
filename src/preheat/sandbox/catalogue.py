"""Seeded catalogues for the Harbor stand-in: the demo's, an empty one, and any number of artifacts.

The same ``now`` gives the same rows, and digests do not depend on ``now`` at all. Ages are relative
to it, so rules about age mean the same on every day.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from preheat.sandbox.harbor.accounts import PULL_AND_LIST, Permission
from preheat.sandbox.harbor.images import ImageSpec, push_chart, push_image, sign
from preheat.sandbox.harbor.scans import make_scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from preheat.sandbox.harbor.rows import Artifact, Label
    from preheat.sandbox.harbor.state import HarborState

__all__ = ["ROBOT", "ROBOT_SECRET", "fill"]

ROBOT: Final = "robot$preheat"
ROBOT_SECRET: Final = "preheat-sandbox-robot"  # noqa: S105 - printed for everyone, opens toys only
BOTH: Final = ("linux/amd64", "linux/arm64")
ONE: Final = ("linux/amd64",)

MIB: Final = 1024 * 1024
BASES: Final = {
    "alpine": (("base alpine", 3_400_000),),
    "debian": (("base debian", 5 * MIB + 300_000), ("base debian certs", 210_000)),
    "jvm": (("base debian", 5 * MIB + 300_000), ("base jvm", 4 * MIB + 700_000)),
    "python": (("base debian", 5 * MIB + 300_000), ("base python", 4 * MIB + 150_000)),
    "node": (("base alpine", 3_400_000), ("base node", 4 * MIB + 400_000)),
    "cuda": (
        ("base debian", 5 * MIB + 300_000),
        ("base cuda", 6 * MIB),
        ("base cudnn", 4 * MIB + 900_000),
    ),
    "scratch": (),
}
"""Base layers, shared by all images built on them; some are larger than Dragonfly's 4 MiB piece."""


@dataclass(frozen=True, slots=True)
class Row:
    """One repository of the demo.

    :param name: full name.
    :param scheme: how it is tagged: semver, calver, nightly, commit or untagged.
    :param versions: how many artifacts, newest first.
    :param every_hours: time between two pushes.
    :param labels: labels of the newest artifacts, one set for all of the newest three.
    :param vulnerable: worst severity of its scan; empty for no scan.
    """

    name: str
    scheme: str = "semver"
    versions: int = 5
    base: str = "debian"
    platforms: tuple[str, ...] = ONE
    every_hours: float = 72.0
    labels: tuple[str, ...] = ()
    vulnerable: str = ""
    signed: bool = False
    docker: bool = False


ROWS: Final = (
    Row("library/nginx", versions=6, base="alpine", platforms=BOTH, vulnerable="Medium", signed=True),
    Row("library/redis", versions=4, base="alpine", platforms=BOTH, vulnerable="Low", signed=True),
    Row("library/postgres", versions=4, platforms=BOTH, vulnerable="High", signed=True),
    Row("library/python", versions=5, base="python", platforms=BOTH, vulnerable="Medium"),
    Row("library/node", versions=4, base="node", platforms=BOTH, vulnerable="None"),
    Row("library/busybox", versions=2, base="scratch", platforms=BOTH, docker=True),
    Row("web/frontend", versions=8, base="node", platforms=BOTH, every_hours=20, labels=("approved", "qa-passed"), vulnerable="Low", signed=True),
    Row("web/api", versions=8, base="python", platforms=BOTH, every_hours=30, labels=("approved",), vulnerable="Medium", signed=True),
    Row("web/gateway", versions=6, base="alpine", labels=("approved",), vulnerable="None", signed=True),
    Row("web/auth/login", versions=5, base="jvm", labels=("approved", "qa-passed"), vulnerable="High"),
    Row("web/auth/sessions", versions=5, base="jvm", labels=("qa-passed",), vulnerable="Low"),
    Row("web/cdn/edge", "calver", 6, base="alpine", platforms=BOTH, every_hours=48),
    Row("web/preview", "commit", 10, base="node", every_hours=5),
    Row("ml/serving/llm", versions=4, base="cuda", every_hours=120, labels=("approved",), vulnerable="Medium", signed=True),
    Row("ml/serving/embeddings", versions=4, base="cuda", every_hours=96, labels=("approved",), signed=True),
    Row("ml/serving/ranker", versions=5, base="python", platforms=BOTH, every_hours=60, labels=("qa-passed",)),
    Row("ml/training/base", "calver", 4, base="cuda", every_hours=168),
    Row("ml/training/eval", "nightly", 7, base="python", every_hours=24),
    Row("ml/notebooks/jupyter", "calver", 3, base="python", platforms=BOTH, every_hours=240),
    Row("payments/ledger", versions=6, base="jvm", labels=("approved", "qa-passed"), vulnerable="None", signed=True),
    Row("payments/checkout", versions=7, base="jvm", platforms=BOTH, every_hours=40, labels=("approved", "qa-passed"), vulnerable="Low", signed=True),
    Row("payments/settlement", versions=4, base="jvm", labels=("approved", "hold"), vulnerable="Critical", signed=True),
    Row("payments/fraud/scorer", versions=5, base="python", labels=("approved",), vulnerable="Medium", signed=True),
    Row("payments/fraud/rules", versions=5, base="alpine", labels=("hold",)),
    Row("research-a/notebook", "nightly", 6, base="python", every_hours=24),
    Row("research-a/sim/climate", "calver", 4, base="cuda", every_hours=200),
    Row("research-a/sim/ocean", "calver", 3, base="cuda", every_hours=300),
    Row("research-a/tools/mesh", versions=3),
    Row("research-b/notebook", "nightly", 6, base="python", every_hours=24),
    Row("research-b/genome/align", versions=4, platforms=BOTH, every_hours=150),
    Row("research-b/genome/call", versions=4, every_hours=150),
    Row("research-b/tools/plot", "commit", 5, base="python"),
    Row("team-a/api", versions=6, base="node", platforms=BOTH, labels=("approved",), vulnerable="Low"),
    Row("team-a/worker", versions=6, base="python", labels=("qa-passed",)),
    Row("team-a/jobs/nightly", "nightly", 10, base="python", every_hours=24),
    Row("team-a/jobs/import", "commit", 8, base="jvm", every_hours=12),
    Row("team-a/legacy", versions=2, base="debian", docker=True, every_hours=4000, vulnerable="Critical"),
    Row("team-a/scratchpad", "untagged", 3, base="alpine"),
)  # fmt: skip


def fill(
    state: HarborState, kind: str = "demo", *, now: datetime | None = None, robot_secret: str = ""
) -> None:
    """Fill a stand-in with ``demo``, ``empty`` or ``scale:N``.

    :raises ValueError: for another kind.
    """
    now = (now or state.now()).astimezone(UTC)
    secret = robot_secret or os.environ.get("SANDBOX_ROBOT_SECRET") or ROBOT_SECRET
    everywhere = Permission.project("*", PULL_AND_LIST)
    state.accounts.add_robot(ROBOT, secret, [everywhere, Permission.system({"project:list"})])
    state.add_project("library", public=True, at=now - timedelta(days=900))
    name, _, count = kind.partition(":")
    if name == "demo" and not count:
        _hello(state, now)
        _demo(state, now)
    elif name == "scale" and count.isdecimal():
        _hello(state, now)
        _scale(state, int(count), now)
    elif kind != "empty":
        raise ValueError(f"catalogue {kind!r} is not demo, empty or scale:N with a number N")


def _hello(state: HarborState, now: datetime) -> None:
    spec = ImageSpec("library/hello 1.0", (("hello rootfs", 80_000), ("hello", 12_000)), BOTH)
    hello = push_image(state, "library/hello", spec, tags=["1.0"], at=now - timedelta(days=30))
    state.tag(hello, "latest", at=now - timedelta(days=30))


def _demo(state: HarborState, now: datetime) -> None:
    labels = {name: state.add_label(name) for name in ("approved", "qa-passed", "hold")}
    for project in ("web", "ml", "payments", "research-a", "research-b", "team-a"):
        state.add_project(project, at=now - timedelta(days=700))
    pushes = [(age, row, number) for row in ROWS for number, age in enumerate(_ages(row))]
    for age, row, number in sorted(pushes, key=lambda push: (-push[0], push[1].name, push[2])):
        _push(state, row, number, now - timedelta(hours=age), labels)
    for days, version in ((40, "0.9.0"), (6, "1.0.0")):
        push_chart(state, "payments/charts/payments", version, at=now - timedelta(days=days))


def _ages(row: Row) -> Iterator[float]:
    """Give the hours since each push, newest first; every repository starts at its own hour."""
    offset = 2 + sum(map(ord, row.name)) % 17
    return (offset + number * row.every_hours for number in range(row.versions))


def _push(
    state: HarborState, row: Row, number: int, at: datetime, labels: dict[str, Label]
) -> None:
    """Push the artifact that is ``number`` versions behind the newest."""
    serial = row.versions - number
    size = 10_000 + (sum(map(ord, row.name)) * 7919 * serial) % 240_000
    layers = (
        *BASES[row.base],
        (f"{row.name} deps {serial // 3}", size * 2),
        (f"{row.name} {serial}", size),
    )
    spec = ImageSpec(
        f"{row.name} {serial}",
        layers,
        row.platforms,
        row.docker,
        attested=row.name == "web/frontend",
    )
    tags = _tags(row, serial, number, at)
    artifact = push_image(state, row.name, spec, tags=tags, at=at)
    if number < 3:  # noqa: PLR2004 - the newest three are looked after
        for label in row.labels:
            state.label(artifact, labels[label])
        _inspect(state, row, artifact, at)


def _inspect(state: HarborState, row: Row, artifact: Artifact, at: datetime) -> None:
    """Scan and sign it as its row says; scanners look at the children of an index."""
    if row.signed:
        sign(state, artifact, at=at + timedelta(seconds=20))
    if not row.vulnerable:
        return
    counts = {row.vulnerable: 2, "Low": 3} if row.vulnerable != "None" else {}
    scan = make_scan(counts, at + timedelta(minutes=1), fixable=len(counts))
    known = artifact.repository.by_digest
    children = getattr(artifact.recipe, "children", ())
    for scanned in [known[child.digest] for child in children] or [artifact]:
        state.set_scan(scanned, scan)


def _tags(row: Row, serial: int, number: int, at: datetime) -> Sequence[str]:
    """Name a version as its repository's scheme does; the newest also carries the aliases."""
    newest = number == 0
    match row.scheme:
        case "semver":
            minor = f"2.{serial // 2}"
            return (f"{minor}.{serial % 2}", *((minor, "latest") if newest else ()))
        case "calver":
            return (f"{at:%Y.%m.%d}", *(("stable",) if newest else ()))
        case "nightly":
            return (f"nightly-{at:%Y%m%d}", *(("nightly",) if newest else ()))
        case "commit":
            return (f"main-{(sum(map(ord, row.name)) * 2654435761 * serial) % 2**28:07x}",)
    return ()


def _scale(state: HarborState, count: int, now: datetime) -> None:
    """Push ``count`` single images over 100 repositories, oldest first, a minute apart at most."""
    approved = state.add_label("approved")
    names = [f"bench-{n % 4}/group-{n % 10}/app-{n:02d}" for n in range(100)]
    for project in ("bench-0", "bench-1", "bench-2", "bench-3"):
        state.add_project(project, at=now - timedelta(days=700))
    step = min(timedelta(minutes=1), timedelta(days=365) / max(count, 1))
    for number in range(count):
        name, version = names[number % 100], number // 100
        layers = ((f"scale base {number % 20}", 60_000), (f"scale app {number % 400}", 12_000))
        spec = ImageSpec(f"{name} {version}", layers)
        at = now - step * (count - number)
        artifact = push_image(state, name, spec, tags=[f"1.{version // 10}.{version % 10}"], at=at)
        if number % 10 == 0:
            state.label(artifact, approved)
