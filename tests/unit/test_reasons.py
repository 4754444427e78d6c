"""Why a layer is missing stands beside the layer, in the words of whoever said it."""

from __future__ import annotations

from typing import Any

import pytest

from preheat.artifact import BlobAnswer
from preheat.finding import Finding, MissingLayer, Verdict
from preheat.proving import with_reasons

ONE, TWO = f"sha256:{1:064d}", f"sha256:{2:064d}"
NOT_DONE = "It is not finished"
FAILED = "500 Internal Server Error"


class Registry:
    """Answers for every blob."""

    def pull_authorization(self, repositories: Any) -> Any:
        """Is not asked for here."""
        raise NotImplementedError

    def blob_answer(self, full_name: str, digest: str) -> BlobAnswer:
        """Say that it can be had."""
        del full_name, digest
        return BlobAnswer("the registry can serve it")


def missing(*digests: str, told: str) -> list[str]:
    """Give what is said of each layer when the job as a whole said this."""
    layers = tuple(MissingLayer(digest, 600, ("a",), NOT_DONE) for digest in digests)
    finding = Finding(Verdict.PARTIAL, 3, 3 - len(layers), 1800, 600, layers)
    found = with_reasons(finding, Registry(), "library/app", told=told)
    return [layer.words for layer in found.missing]


@pytest.mark.parametrize(
    ("digests", "told", "whose"),
    [
        ((ONE,), FAILED, [True]),
        ((ONE, TWO), FAILED, [False, False]),
        ((ONE, TWO), f"GET …/blobs/{TWO}: {FAILED}", [False, True]),
        ((ONE,), "", [False]),
    ],
)
def test_the_jobs_words_stand_at_the_layer_they_belong_to(
    digests: tuple[str, ...], told: str, whose: list[bool]
) -> None:
    """The one that they name, or the only one; what else is known of it stays."""
    words = missing(*digests, told=told)
    assert [FAILED in each for each in words] == whose
    assert all(NOT_DONE in each for each in words)
