"""What each reason code and each disposition means, in a line that a newcomer understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.plan import Disposition, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DISPOSITIONS", "REASONS"]

REASONS: Mapping[ReasonCode, str] = {
    ReasonCode.SELECTED: "A rule takes it.",
    ReasonCode.TYPE_EXCLUDED: "It is not of the kind that the source takes, but a Helm chart, say.",
    ReasonCode.REPO_NOT_INCLUDED: "The rule does not look at its repository.",
    ReasonCode.REPO_EXCLUDED: "The rule leaves its repository out on purpose.",
    ReasonCode.UNTAGGED: "It has no tag; only tagged images are warmed.",
    ReasonCode.TAG_NOT_ALLOWED: "None of its tags is of a form that the rule wants.",
    ReasonCode.TAG_DENIED: "Its tags are of a form that the rule forbids.",
    ReasonCode.LABEL_MISSING: "It lacks a Harbor label that the rule wants. Set it, and it is in.",
    ReasonCode.LABEL_EXCLUDED: "It carries a Harbor label that keeps it out, such as `hold`.",
    ReasonCode.UNPARSABLE: "Its tag is no version, date or number of the kind that `order` names.",
    ReasonCode.OUT_OF_RANGE: "Its version is none of those that the rule wants.",
    ReasonCode.PRERELEASE: "Its version is a pre-release, such as `2.0.0-rc.1`.",
    ReasonCode.TOO_YOUNG: "It was pushed so recently that the rule still waits.",
    ReasonCode.TOO_OLD: "It was pushed longer ago than the rule wants.",
    ReasonCode.NOT_RECENTLY_PULLED: "Nobody has pulled it for longer than the rule wants.",
    ReasonCode.TOO_BIG: "It is bigger than the policy allows, or nobody can tell how big it is.",
    ReasonCode.NO_SCAN: "There is no finished vulnerability scan of it.",
    ReasonCode.SCAN_STALE: "Its vulnerability scan is older than the policy wants.",
    ReasonCode.SEVERITY: "Its scan found something as bad as the policy refuses.",
    ReasonCode.UNSIGNED: "Harbor shows no signature on it.",
    ReasonCode.SAME_DIGEST_AS: "It is the same image as another one, and is warmed once. Beside"
    " `SELECTED` it lists the other tags of the image.",
    ReasonCode.NOT_NEWEST: "Enough newer ones of its group come before it.",
    ReasonCode.PINNED: "A pin puts it in, whatever rules and gates say.",
    ReasonCode.PLATFORM_MISSING: "It has nothing for a platform that is wanted.",
    ReasonCode.PLATFORM_NOT_WANTED: "It is for a platform that is not wanted, or no image at all"
    " but an attestation.",
}
"""Of a candidate, in the order of the steps that give them."""

DISPOSITIONS: Mapping[Disposition, str] = {
    Disposition.ASK: "Dragonfly is asked for it in this run.",
    Disposition.LOOK: "The peers are asked what they hold of it; nothing is heated.",
    Disposition.ALREADY_WARM: "It was proved warm less than `submit.freshFor` ago.",
    Disposition.NEXT_RUN: "One run takes no more for that cluster. What never was warm goes first.",
    Disposition.DRY_RUN: "The run only shows what it would do.",
    Disposition.OVER_BUDGET: "The budget is full; other images need it more.",
    Disposition.WINDOW_CLOSED: "No window is open now.",
}
"""Of a selected image on one cluster."""
