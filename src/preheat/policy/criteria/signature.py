"""Is it signed: whether Harbor shows a signature on the artifact.

Presence only. Nobody checks here who signed, nor that the signature is good: Harbor itself looks no
further when a project asks for signed images, it refuses the pull of one without (412). Harbor's
own preheat rules know Notation's setting alone, and then select nothing at all (harbor#18668).

``cosign`` and ``notation`` take a signature of that kind, ``harbor-accessory`` of either. It must
hang on what the tag names: on the index of a multi-platform image, not on one of its platforms.

::

    signature: {verifier: cosign}
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from preheat.facts import Kind, Question, Report
from preheat.plan import Reason, ReasonCode
from preheat.policy.fields import Strict
from preheat.policy.part import Part

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.facts import Inquiry
    from preheat.policy.part import At

__all__ = ["PART", "SignatureGate", "SignatureSpec", "Verifier"]

_PREFIX = "signature."


class Verifier(StrEnum):
    """Which signatures count."""

    HARBOR_ACCESSORY = "harbor-accessory"
    COSIGN = "cosign"
    NOTATION = "notation"


class SignatureSpec(Strict):
    """``gates.signature``."""

    later: ClassVar[frozenset[str]] = frozenset({"anyOf"})
    shape: ClassVar[str] = "a map such as {verifier: cosign}"
    verifier: Verifier = Field(
        description="Whose signature must be there: `cosign`, `notation`, or `harbor-accessory` for"
        " either. Its presence counts; it is not verified."
    )

    def build(self, at: At) -> SignatureGate:
        """Make the gate."""
        return SignatureGate(self.verifier, at.line)


@dataclass(frozen=True, slots=True)
class SignatureGate:
    """Keeps artifacts that carry a signature (harbor: src/pkg/accessory/model/accessory.go)."""

    verifier: Verifier = Verifier.HARBOR_ACCESSORY
    line: int | None = None
    name: ClassVar[str] = "signature"

    def warnings(self, now: datetime) -> tuple[str, ...]:
        """Tell nothing: this gate has no exceptions."""
        del now
        return ()

    def judge(
        self, artifact: Artifact, inquiry: Inquiry, now: datetime, platforms: tuple[str, ...]
    ) -> Reason | None:
        """Give the reason why the artifact is out; None if it passes or the answer is open."""
        del now, platforms  # a signature has no age that counts, and holds for the whole artifact
        question = Question.of_artifact(Kind.REPORT, artifact)
        if not inquiry.knows(question):
            return None
        report = inquiry.facts[question]
        if not isinstance(report, Report):
            met = "Harbor does not tell its signatures: it is gone, or the account may not read it"
            return self._reason(met)
        found = [kind for kind in report.accessories if kind.startswith(_PREFIX)]
        if any(kind in self._wanted for kind in found):
            return None
        met = f"it carries {', '.join(sorted(set(found)))} only" if found else "it has no signature"
        return self._reason(met)

    @property
    def _wanted(self) -> tuple[str, ...]:
        kinds: tuple[str, ...] = (self.verifier.value,)
        if self.verifier is Verifier.HARBOR_ACCESSORY:
            kinds = (Verifier.COSIGN.value, Verifier.NOTATION.value)
        return tuple(_PREFIX + kind for kind in kinds)

    def _reason(self, met: str) -> Reason:
        wanted = f"the policy wants {' or '.join(self._wanted)}"
        return Reason(ReasonCode.UNSIGNED, f"{met}; {wanted}", "", self.line)


PART = Part("spec.gates.signature", __name__, SignatureSpec, (ReasonCode.UNSIGNED,))
