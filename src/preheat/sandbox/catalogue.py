"""Seeded catalogues for the Harbor stand-in: the demo's, an empty one, and any number of artifacts.

The same ``now`` gives the same rows, and digests do not depend on ``now`` at all. Ages are relative
to it, so rules about age mean the same on every day.
"""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from preheat.sandbox.configuration import configure
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
SYSTEM: Final = {
    *("project:list", "preheat-instance:list", "preheat-instance:read", "audit-log:list"),
}
WEBHOOKS: Final = {
    f"notification-policy:{action}" for action in ("list", "read", "create", "update", "delete")
}
"""What the robot may besides reading: have told what happens."""
BOTH: Final = ("linux/amd64", "linux/arm64")

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
    :param versions: how many artifacts.
    :param every_hours: time between two pushes.
    :param worst: worst severity that its scans find; ``-`` for no scan.
    :param marks: ``signed``, or ``docker`` for Docker media types.
    :param labels: labels of the newest three artifacts.
    """

    name: str
    scheme: str
    versions: int
    base: str
    platforms: tuple[str, ...]
    every_hours: float
    worst: str
    marks: str
    labels: tuple[str, ...]

    @classmethod
    def parse(cls, line: str) -> Row:
        """Read one line of the table below."""
        name, scheme, versions, base, arch, hours, worst, marks, labels = line.split()
        platforms = BOTH if arch == "both" else (f"linux/{arch}",)
        names = () if labels == "-" else tuple(labels.split(","))
        return cls(name, scheme, int(versions), base, platforms, float(hours), worst, marks, names)


DEMO: Final = """
repository               scheme    n   base     arch   hours  worst     marks   labels
library/nginx            semver    6   alpine   both   72     Medium    signed  -
library/redis            semver    4   alpine   both   72     Low       signed  -
library/postgres         semver    4   debian   both   72     High      signed  -
library/python           semver    5   python   both   72     Medium    -       -
library/node             semver    4   node     both   72     None      -       -
library/busybox          semver    2   scratch  both   72     -         docker  -
web/frontend             semver    9   node     both   20     Low       signed  approved,qa-passed
web/api                  semver    8   python   both   30     Medium    signed  approved
web/gateway              semver    6   alpine   amd64  72     None      signed  approved
web/auth/login           semver    5   jvm      amd64  72     High      -       approved,qa-passed
web/auth/sessions        semver    5   jvm      amd64  72     Low       -       qa-passed
web/cdn/edge             calver    6   alpine   both   48     -         -       -
web/preview              commit    10  node     amd64  5      -         -       -
ml/serving/llm           semver    4   cuda     amd64  120    Medium    signed  approved
ml/serving/embeddings    semver    4   cuda     amd64  96     -         signed  approved
ml/serving/ranker        semver    5   python   both   60     -         -       qa-passed
ml/training/base         calver    4   cuda     amd64  168    -         -       -
ml/training/eval         nightly   7   python   amd64  24     -         -       -
ml/notebooks/jupyter     calver    3   python   both   240    -         -       -
payments/ledger          semver    6   jvm      amd64  72     None      signed  approved,qa-passed
payments/checkout        semver    7   jvm      both   40     Low       signed  approved,qa-passed
payments/settlement      semver    4   jvm      amd64  72     Critical  signed  approved,hold
payments/fraud/scorer    semver    5   python   amd64  72     Medium    signed  approved
payments/fraud/rules     semver    5   alpine   amd64  72     -         -       hold
research-a/notebook      nightly   6   python   amd64  24     -         -       -
research-a/sim/climate   calver    4   cuda     amd64  200    -         -       -
research-a/sim/ocean     calver    3   cuda     amd64  300    -         -       -
research-a/tools/mesh    semver    3   debian   amd64  72     -         -       -
research-b/notebook      nightly   6   python   amd64  24     -         -       -
research-b/genome/align  semver    4   debian   both   150    -         -       -
research-b/genome/call   semver    4   debian   amd64  150    -         -       -
research-b/tools/plot    commit    5   python   amd64  72     -         -       -
team-a/api               semver    6   node     both   72     Low       -       approved
team-a/worker            semver    6   python   amd64  72     -         -       qa-passed
team-a/jobs/nightly      nightly   10  python   amd64  24     -         -       -
team-a/jobs/import       commit    8   jvm      amd64  12     -         -       -
team-a/legacy            semver    2   debian   amd64  4000   Critical  docker  -
team-a/scratchpad        untagged  3   alpine   amd64  72     -         -       -
"""
"""The demo's repositories; besides them ``library/hello`` and a Helm chart."""


def fill(
    state: HarborState, kind: str = "demo", *, now: datetime | None = None, robot_secret: str = ""
) -> None:
    """Fill a stand-in with ``demo``, ``empty`` or ``scale:N``.

    :raises ValueError: for another kind.
    """
    now = (now or state.now()).astimezone(UTC)
    secret = robot_secret or os.environ.get("SANDBOX_ROBOT_SECRET") or ROBOT_SECRET
    everywhere = Permission.project("*", PULL_AND_LIST | WEBHOOKS)
    system = Permission.system(SYSTEM)
    state.accounts.add_robot(ROBOT, secret, [everywhere, system])
    with state.events.muted():
        _fill(state, kind, now)


def _fill(state: HarborState, kind: str, now: datetime) -> None:
    state.add_project("library", public=True, at=now - timedelta(days=900))
    name, _, count = kind.partition(":")
    if name == "demo" and not count:
        _hello(state, now)
        _demo(state, now)
        configure(state, now)
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
    pushes = [(age, row, number) for row in _rows() for number, age in enumerate(_ages(row))]
    for age, row, number in sorted(pushes, key=lambda push: (-push[0], push[1].name, push[2])):
        _push(state, row, number, now - timedelta(hours=age), labels)
    for days, version in ((40, "0.9.0"), (6, "1.0.0")):
        push_chart(state, "payments/charts/payments", version, at=now - timedelta(days=days))


def _rows() -> list[Row]:
    return [Row.parse(line) for line in DEMO.strip().splitlines()[1:]]


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
        row.marks == "docker",
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
    if row.marks == "signed":
        sign(state, artifact, at=at + timedelta(seconds=20))
    if row.worst == "-":
        return
    counts = {"Low": 3, row.worst: 2} if row.worst != "None" else {}
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
    with _uncollected():
        for number in range(count):
            name, version = names[number % 100], number // 100
            layers = ((f"scale base {number % 20}", 60_000), (f"scale app {number % 400}", 12_000))
            artifact = push_image(
                state,
                name,
                ImageSpec(f"{name} {version}", layers),
                tags=[f"1.{version // 10}.{version % 10}"],
                at=now - step * (count - number),
            )
            if number % 10 == 0:
                state.label(artifact, approved)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking a catalogue that only grows."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
