"""Every decision of a plan, made only when somebody reads it.

Of 100,000 candidates most are out for a reason they share with their whole repository; a decision
each, kept, would cost more than all the rest of the evaluation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, overload

from preheat.plan import Decision, Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from preheat.artifact import Artifact

__all__ = ["Decisions", "Judged", "Rejected"]

_STEP = {code: step for step, code in enumerate(ReasonCode)}


@dataclass(frozen=True, slots=True)
class Rejected:
    """Artifacts that are out for the same reasons."""

    artifacts: tuple[Artifact, ...]
    reasons: tuple[Reason, ...]

    def __len__(self) -> int:
        return len(self.artifacts)

    def __iter__(self) -> Iterator[Decision]:
        return (_rejection(artifact, self.reasons) for artifact in self.artifacts)

    def first_codes(self) -> Counter[ReasonCode]:
        """Count the deciding reasons."""
        return Counter({furthest_first(self.reasons)[0].code: len(self)})


@dataclass(slots=True)
class Judged:
    """Artifacts that were judged one by one: each out for reasons of its own, or with decisions."""

    entries: list[tuple[Artifact, Sequence[Reason]] | list[Decision]] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(e) if isinstance(e, list) else 1 for e in self.entries)

    def __iter__(self) -> Iterator[Decision]:
        for entry in self.entries:
            if isinstance(entry, list):
                yield from entry
            else:
                yield _rejection(*entry)

    def first_codes(self) -> Counter[ReasonCode]:
        """Count the deciding reasons."""
        codes: list[ReasonCode] = []
        for entry in self.entries:
            if isinstance(entry, list):
                codes.extend([decision.reasons[0].code for decision in entry])
            else:
                reasons = entry[1]
                codes.append(reasons[0].code if len(reasons) == 1 else _furthest(reasons))
        return Counter(codes)


def _furthest(reasons: Sequence[Reason]) -> ReasonCode:
    """Tell the code that :func:`furthest_first` puts first."""
    return max([reason.code for reason in reasons], key=_STEP.__getitem__)


def _rejection(artifact: Artifact, reasons: Sequence[Reason]) -> Decision:
    """Put the reason of the rule that came furthest first."""
    return Decision(
        registry=artifact.registry,
        repository=artifact.full_name,
        digest=artifact.digest,
        tags=tuple([tag.name for tag in artifact.tags]),
        platform="",
        selected=False,
        reasons=furthest_first(reasons),
    )


def furthest_first(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Order reasons by the step that gave them, the last step first."""
    if len(reasons) < 2:  # noqa: PLR2004 - one reason is in order
        return tuple(reasons)
    return tuple(sorted(reasons, key=lambda reason: _STEP[reason.code], reverse=True))


class Decisions(Sequence[Decision]):
    """A sequence of decisions in parts."""

    __slots__ = ("_length", "_parts")

    def __init__(self, parts: Iterable[Rejected | Judged]) -> None:
        self._parts = tuple(parts)
        self._length = sum(map(len, self._parts))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Decision]:
        for part in self._parts:
            yield from part

    @overload
    def __getitem__(self, index: int) -> Decision: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Decision]: ...
    def __getitem__(self, index: int | slice) -> Decision | Sequence[Decision]:
        if isinstance(index, slice):
            return tuple(self)[index]
        wanted = range(self._length)[index]
        for part in self._parts:
            if wanted < len(part):
                return next(islice(iter(part), wanted, None))
            wanted -= len(part)
        raise IndexError(index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment] # like other sequences that are compared by value

    def __repr__(self) -> str:
        return f"Decisions({list(self)!r})"

    def counts(self) -> dict[str, int]:
        """How many decisions each reason code has, by its first reason."""
        counter: Counter[ReasonCode] = Counter()
        for part in self._parts:
            counter.update(part.first_codes())
        return {code.value: count for code, count in counter.items()}
