"""The shape of a test file, as pydantic models."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from preheat.plan import Disposition, ReasonCode
from preheat.policy.fields import FileName, Flag, Platform, Strict, Text
from preheat.policy.gatefields import ByteSize
from preheat.policy.units import parse_duration

__all__ = ["ExpectSpec", "GivenSpec", "TestFile"]

_IMAGE = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)+(:[\w][\w.-]{0,127})?", re.ASCII)
_SELECTED = {ReasonCode.SELECTED, ReasonCode.PINNED, ReasonCode.SAME_DIGEST_AS}


def _image(value: str) -> str:
    if _IMAGE.fullmatch(value) is None:
        raise ValueError(f"{value!r} is not an image; write project/repository:tag, without a host")
    return value


def _time(value: object) -> object:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a time; write one like 2026-11-24T12:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _moment(value: object) -> object:
    """Take an age or a time."""
    try:
        return parse_duration(str(value))
    except ValueError:
        pass
    try:
        return _time(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is neither an age, such as 2h or 14d, nor a time, such as"
            " 2026-11-24T12:00:00Z"
        ) from None


_TEXT = WithJsonSchema({"type": "string"})
ImageName = Annotated[Text, AfterValidator(_image)]
Time = Annotated[datetime, BeforeValidator(_time), _TEXT]
Moment = Annotated[timedelta | datetime, BeforeValidator(_moment), _TEXT]
_A_DAY = timedelta(days=1)
_AN_HOUR = timedelta(hours=1)


class ScanSpec(Strict):
    """``scan`` of a given image."""

    shape: ClassVar[str] = "a map such as {severity: High, ended: 2h}"
    severity: Literal["None", "Unknown", "Negligible", "Low", "Medium", "High", "Critical"] = "None"
    ended: Moment = _AN_HOUR
    status: Literal["Success", "Pending", "Scheduled", "Running", "Error", "Stopped"] = "Success"


class FindingSpec(Strict):
    """One entry of ``vulnerabilities``."""

    shape: ClassVar[str] = "a map such as {id: CVE-2026-1, severity: High}"
    id: Text
    severity: Literal["None", "Unknown", "Negligible", "Low", "Medium", "High", "Critical"]


class GivenSpec(Strict):
    """One image of the catalogue."""

    shape: ClassVar[str] = 'a map such as {image: "web/app:1.2", pushed: 2h}'
    image: ImageName = Field(description="`project/repository:tag`; without `:tag` it is untagged.")
    tags: tuple[Text, ...] = Field((), description="Further tags of the same digest.")
    tagged: dict[Text, Moment] = Field(
        default_factory=dict, description="Further tags that were set at another time."
    )
    registry: Text | None = Field(None, description="By default the policy's first one.")
    pushed: Moment = Field(_A_DAY, description="How long ago, or when.")
    pulled: Moment | None = None
    labels: tuple[Text, ...] = ()
    platforms: Annotated[tuple[Platform, ...], Field(min_length=1)] = ("linux/amd64",)
    type: Literal["image", "cnai", "chart", "wasm"] = "image"
    size: ByteSize | None = Field(None, description="Of each platform; not known by default.")
    scan: ScanSpec | None = Field(None, description="The last scan; none by default.")
    vulnerabilities: tuple[FindingSpec, ...] = Field((), description="What that scan found.")
    signed: Literal["cosign", "notation"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if ":" not in self.image and (self.tags or self.tagged):
            raise ValueError("'tags' and 'tagged' are further tags; write the first one in 'image'")
        if self.vulnerabilities and self.scan is None:
            raise ValueError("'vulnerabilities' go with a 'scan'")
        return self


class ExpectSpec(Strict):
    """One expectation."""

    shape: ClassVar[str] = 'a map such as {image: "web/app:1.2", selected: true}'
    image: ImageName = Field(description="One of the given images, by any of its tags.")
    selected: Flag
    registry: Text | None = Field(None, description="By default the policy's first one.")
    platform: Platform | None = Field(None, description="By default any of them.")
    reason: ReasonCode | None = Field(None, description="The deciding one, or that of `rule`.")
    rule: Text | None = Field(None, description="The rule that says so.")
    clusters: tuple[Text, ...] | None = Field(None, description="Where it goes: all of them.")
    disposition: Disposition | None = Field(None, description="What the plan does with it.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.reason is not None and self.selected != (self.reason in _SELECTED):
            word = "" if self.selected else "not "
            raise ValueError(f"an image that is {word}selected cannot be {self.reason.value}")
        if not self.selected and (self.clusters or self.disposition):
            raise ValueError("'clusters' and 'disposition' go with images that are selected")
        return self


class TestFile(Strict):
    """A test file."""

    __test__: ClassVar[bool] = False  # pytest takes every Test… for a test
    api_version: Literal["preheat/v1alpha1"]
    kind: Literal["PreheatPolicyTest"]
    policy: FileName
    description: Text = ""
    at: Time = Field(description="When the policy is evaluated; without a zone it is UTC.")
    given: tuple[GivenSpec, ...] = ()
    catalog: Text | None = Field(
        None, description="A saved catalogue in place of `given`, relative to the test file."
    )
    allowlists: dict[Text, tuple[Text, ...]] = Field(
        default_factory=dict, description="CVE ids that Harbor lets pass, by project."
    )
    expect: Annotated[tuple[ExpectSpec, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_catalogue(self) -> Self:
        if bool(self.given) == (self.catalog is not None):
            raise ValueError("write exactly one of given and catalog")
        return self
