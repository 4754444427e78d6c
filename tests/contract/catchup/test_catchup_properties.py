"""Whatever happens in a Harbor, sweeps and audit log each tell every change exactly once."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from preheat.catchup import Caught, catch_up, sweep
from preheat.harbor.client import HarborClient
from preheat.sandbox import HarborServer
from preheat.sandbox.harbor import HarborState, ImageSpec, Permission, push_image
from preheat.sandbox.harbor.store import children_of
from preheat.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from preheat.ledger import Ledger
    from preheat.sandbox.harbor import Artifact

SECRET = "made-up-secret"
BOTH = ("linux/amd64", "linux/arm64")
IMAGES = range(3)
TAGS = ("1", "2", "latest")
LABELS = ("gold", "silver")
NUMBERS = itertools.count()

What = tuple[str, str, str]
"""Kind, digest and tag."""


@pytest.fixture(scope="module")
def server() -> Iterator[HarborServer]:
    """Serve one Harbor: each example has a project of its own."""
    state = HarborState()
    rights = [Permission.project("*"), Permission.system({"audit-log:list"})]
    state.accounts.add_robot("robot$sees", SECRET, rights)
    for name in LABELS:
        state.add_label(name)
    served = HarborServer(state)
    served.start()
    yield served
    served.stop()
    state.close()


@pytest.fixture
def site(server: HarborServer, session: requests.Session, ledger: Ledger) -> Callable[[], Site]:
    """Give the way to begin an example."""
    return lambda: Site(server.state, Transport(session, server.url, system="Harbor"), ledger)


@dataclass
class Site:
    """A project that things happen in, and what each way should tell of them.

    :ivar logged: what the audit log tells.
    :ivar seen: what the last sweep saw, by digest: tags and labels.
    """

    state: HarborState
    transport: Transport
    ledger: Ledger
    name: str = field(default_factory=lambda: f"p{next(NUMBERS)}")
    logged: Counter[What] = field(default_factory=Counter)
    seen: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state.add_project(self.name)
        self.look("audit", Counter())
        self.look("sweep", Counter())

    @property
    def repository(self) -> str:
        """The one repository in which all happens."""
        return f"{self.name}/app"

    def artifacts(self) -> dict[str, Artifact]:
        """Tell what is there now, by digest."""
        found = self.state.projects[self.name].repositories.get(self.repository)
        return dict(found.by_digest) if found else {}

    def visible(self) -> dict[str, tuple[set[str], set[str]]]:
        """Tell tags and labels of what listings show."""
        artifacts = self.artifacts()
        children = {c.digest for one in artifacts.values() for c in children_of(one)}
        return {
            digest: ({tag.name for tag in one.tags}, {label.name for label in one.labels})
            for digest, one in artifacts.items()
            if one.tags or digest not in children
        }

    def changes(self) -> Counter[What]:
        """Tell what differs from what the last sweep saw."""
        now, found = self.visible(), Counter[What]()
        for digest, (tags, labels) in now.items():
            old_tags, old_labels = self.seen.get(digest, (set[str](), set[str]()))
            kind = "tagAdded" if digest in self.seen else "pushed"
            found.update((kind, digest, tag) for tag in tags - old_tags)
            found.update(("labelAdded", digest, "") for _ in labels - old_labels)
        gone = self.seen.keys() - self.artifacts().keys()
        found.update(("deleted", digest, "") for digest in gone)
        self.seen = now
        return found

    def look(self, way: str, wanted: Counter[What]) -> None:
        """Look in one way, and again; the first tells exactly this, the second nothing."""
        registry = f"{way}_{self.name}"
        client = HarborClient(
            self.transport, registry=registry, username="robot$sees", secret=SecretStr(SECRET)
        )
        before = self.told(registry)
        assert self._look(way, client).warnings == ()
        assert self.told(registry) - before == wanted
        assert self._look(way, client).new == 0

    def _look(self, way: str, client: HarborClient) -> Caught:
        if way == "audit":
            return catch_up(client, self.ledger, client.registry)
        own = [lambda name: bool(name == self.name)]
        return sweep(client, self.ledger, client.registry, own)

    def told(self, registry: str) -> Counter[What]:
        """Count what the inbox has of this project."""
        found = [one.event for one in self.ledger.inbox.recent(registry=registry, limit=100_000)]
        return Counter(
            (event.kind.value, event.digest, event.tag)
            for event in found
            if event.repository == self.repository
        )

    def push(self, image: int, tag: str) -> None:
        """Push one of three images, of which the last is an index of two platforms."""
        platforms = BOTH if image == IMAGES[-1] else BOTH[:1]
        tags = [tag] if tag else []
        pushed = push_image(
            self.state, self.repository, ImageSpec(f"{image}", platforms=platforms), tags=tags
        )
        for child in children_of(pushed):
            self.logged["pushed", child.digest, ""] += 1
        self.logged["pushed", pushed.digest, tag] += 1

    def tag(self, image: int, tag: str) -> None:
        """Set a tag as the portal does, on any artifact; it moves none there."""
        found = list(self.artifacts().values())
        taken = {one.name for artifact in found for one in artifact.tags}
        if found and tag not in taken:
            self.state.tag(found[image % len(found)], tag)
            self.logged["tagAdded", "", tag] += 1

    def untag(self, image: int, tag: str) -> None:
        """Delete a tag, wherever it is."""
        for one in self.artifacts().values():
            if tag in {each.name for each in one.tags}:
                self.state.untag(one, tag)

    def label(self, image: int, tag: str) -> None:
        """Put a label on, or take it off."""
        found = list(self.artifacts().values())
        label = self.state.labels[1 + TAGS.index(tag) % len(LABELS)] if tag else None
        if not found or label is None:
            return
        artifact = found[image % len(found)]
        if label in artifact.labels:
            self.state.unlabel(artifact, label.id)
        else:
            self.state.label(artifact, label)

    def delete(self, image: int, tag: str) -> None:
        """Delete an artifact that no index names, with what only it needed."""
        found = self.artifacts()
        children = {c.digest for one in found.values() for c in children_of(one)}
        free = [one for digest, one in found.items() if digest not in children]
        if free:
            gone = free[image % len(free)]
            self.state.delete(gone)
            # Children go with it, and nobody tells of them.
            self.logged["deleted", gone.digest, ""] += 1


acts = st.tuples(
    st.sampled_from(["push", "push", "push", "tag", "untag", "label", "delete"]),
    st.integers(0, 5),
    st.sampled_from(("", *TAGS)),
)


@given(turns=st.lists(st.lists(acts, max_size=5), min_size=1, max_size=4))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_each_way_tells_every_change_once(
    site: Callable[[], Site], turns: list[list[tuple[str, int, str]]]
) -> None:
    """Any acts, in any order, with a look in each way now and then; a second look tells nothing.

    The log tells each act, pushes that change nothing included; a sweep tells what is other than
    it was. Nobody tells of tags that go, and the log of no label (recorded: auditlog-ext-label).
    """
    here = site()
    for turn in turns:
        here.logged.clear()
        for act, image, tag in turn:
            number = image % len(IMAGES) if act == "push" else image
            if act in {"push", "label", "delete"} or tag:
                getattr(here, act)(number, tag)
        here.look("audit", here.logged)
        here.look("sweep", here.changes())
