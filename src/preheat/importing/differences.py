"""What differs in meaning between a policy of Harbor's and the file made of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALWAYS", "Difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing to know before the imported policy runs.

    :param topic: what it is about: ``selection``, ``gates``, ``schedule`` …
    :param stops: whether the policy is therefore imported suspended.
    """

    topic: str
    text: str
    stops: bool = False


ALWAYS = (
    Difference(
        "digests",
        "Harbor submits tags; Preheat finds the digest behind a tag and asks for that: two tags of"
        " one image are one job, and a tag that moves meanwhile does no harm.",
    ),
    Difference(
        "repeats",
        "Harbor submits every match again on each run; Preheat leaves alone what was proved warm"
        " within submit.freshFor, 6 hours by default.",
    ),
    Difference(
        "platforms",
        "Of a multi-platform image Harbor's Dragonfly warms the platform of the manager's own host;"
        " Preheat warms those of each cluster in clusters.yaml, or all.",
    ),
    Difference(
        "success",
        "Harbor believes a job that says SUCCESS; Preheat compares its report with the layers of"
        " the image, and retries.",
    ),
)
"""What differs for every policy."""
