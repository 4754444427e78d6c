"""Images that are always in, whatever the rules and gates say: a person's word, with an end.

A pin names one image of a project that the sources cover, by tag or by digest. The digest may be
that of one platform too: it means the images that hold it, with all platforms that are wanted. A
pin needs a reason and a last day (``until``, that day included, UTC): from then on it counts for
nothing, and every plan says so. Rules and gates do not hold for it; platforms, budget and windows
do. No image is pinned twice.

::

    pins:
      - {image: "ml/train/base:lts", until: 2027-06-30, reason: base layer of everything}
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, Field

from preheat.plan import ReasonCode
from preheat.policy.fields import Date, Strict, Text
from preheat.policy.part import Part

if TYPE_CHECKING:
    from datetime import date, datetime

    from preheat.artifact import Artifact, Tag
    from preheat.policy.part import At

__all__ = ["PART", "Pin", "PinSpec", "split_image"]

_IMAGE = re.compile(
    r"(?P<project>[a-z0-9]+(?:[._-]+[a-z0-9]+)*)"
    r"/(?P<repository>[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})|@(?P<digest>sha256:[0-9a-f]{64}))"
)


def split_image(image: str) -> tuple[str, str, str]:
    """Split ``project/repository:tag`` or ``…@sha256:…`` into project, repository and the rest.

    :raises ValueError: for anything else.
    """
    found = _IMAGE.fullmatch(image)
    if found is None:
        raise ValueError(
            f"{image!r} is not an image; write project/repository:tag or"
            " project/repository@sha256:…, without a host"
        )
    return found["project"], found["repository"], found["tag"] or found["digest"]


def _image(value: str) -> str:
    split_image(value)
    return value


class PinSpec(Strict):
    """One entry of ``pins``."""

    shape: ClassVar[str] = 'a map such as {image: "ml/base:lts", until: 2027-06-30, reason: why}'
    image: Annotated[Text, AfterValidator(_image)] = Field(
        description="`project/repository:tag`, or `@sha256:…` in place of the tag."
    )
    until: Date = Field(description="The last day on which the pin counts (UTC).")
    reason: Text = Field(description="Why; shown with every decision it makes.")
    registry: Text | None = Field(
        None,
        description="Airflow connection id of the Harbor; needed with several sources' Harbors.",
    )

    def build(self, at: At, registry: str) -> Pin:
        """Make the pin of a registry."""
        project, repository, reference = split_image(self.image)
        return Pin(registry, project, repository, reference, self.until, self.reason, at.line)


@dataclass(frozen=True, slots=True)
class Pin:
    """One image that is always in.

    :param reference: tag or digest.
    :param until: last day on which it counts.
    """

    registry: str
    project: str
    repository: str
    reference: str
    until: date
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        mark = "@" if ":" in self.reference else ":"
        return f"{self.project}/{self.repository}{mark}{self.reference}"

    def has_expired(self, now: datetime) -> bool:
        """Whether its last day is over."""
        return now.astimezone(UTC).date() > self.until

    def means(self, artifact: Artifact) -> bool:
        """Whether an artifact of the pinned repository is the pinned one, or holds it."""
        if artifact.digest == self.reference:
            return True
        if any(child.digest == self.reference for child in artifact.children):
            return True
        return any(tag.name == self.reference for tag in artifact.tags)

    def tags_of(self, artifact: Artifact) -> tuple[Tag, ...]:
        """Give the tag that speaks for it: the pinned one, else the newest, of equals by name."""
        pinned = tuple(tag for tag in artifact.tags if tag.name == self.reference)
        return pinned or tuple(sorted(artifact.tags, key=_newest_first)[:1])


def _newest_first(tag: Tag) -> tuple[float, str]:
    return -tag.push_time.timestamp() if tag.push_time else math.inf, tag.name


PART = Part("spec.pins[]", __name__, PinSpec, (ReasonCode.PINNED,))
