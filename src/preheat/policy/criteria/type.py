"""Kinds of artifact that a source takes: ``image`` (multi-arch too), ``cnai``, ``chart``, ``wasm``.

Harbor itself preheats images and CNAI models; without the key a source takes images.

::

    artifactTypes: [image, cnai]
"""

from __future__ import annotations

from dataclasses import dataclass

from preheat.plan import Reason, ReasonCode
from preheat.policy.part import Part

__all__ = ["PART", "TypeCriterion"]


@dataclass(frozen=True, slots=True)
class TypeCriterion:
    """Keeps artifacts of the given kinds.

    :param types: Harbor's words, upper case.
    """

    types: tuple[str, ...] = ("IMAGE",)
    line: int | None = None

    def judge(self, kind: str) -> Reason | None:
        """Name the type that was met, if it is none of these."""
        if kind in self.types:
            return None
        wanted = " or ".join(name.lower() for name in self.types)
        detail = f"it is of type {kind.lower()}; the source takes {wanted}"
        return Reason(ReasonCode.TYPE_EXCLUDED, detail, "", self.line)


PART = Part("spec.sources[].artifactTypes", __name__, None, (ReasonCode.TYPE_EXCLUDED,))
