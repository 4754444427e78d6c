"""Images that a person typed, found in Harbor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from msgspec import structs

from preheat.errors import Problem, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.artifact import Artifact
    from preheat.harbor.client import HarborClient
    from preheat.harbor.reference import ImageReference

__all__ = ["find", "find_all"]

_LOOKUPS_AT_ONCE = 4  # more gain nothing on Harbor's side (harbor: enumeration-timings)


def find(client: HarborClient, reference: ImageReference) -> Artifact:
    """Ask Harbor for a typed image, and for its platforms.

    :raises NotFoundError: if Harbor has no such image.
    :raises RemoteError: if Harbor does not answer as it should.
    """
    found = client.artifact(reference.project, reference.repository, reference.reference)
    if found.children or found.type != "IMAGE":
        return found
    # Harbor's listing tells no platform of it: the image itself does.
    return structs.replace(found, children=client.children(found.full_name, found.digest))


def find_all(
    client: HarborClient, references: Sequence[ImageReference]
) -> tuple[list[tuple[ImageReference, Artifact]], list[Problem]]:
    """Ask Harbor for each typed image; one that Harbor does not have is the person's problem."""

    def one(reference: ImageReference) -> Artifact | Problem:
        try:
            return find(client, reference)
        except RefusedError as error:
            return Problem(f"{reference} cannot be taken: {error}", "images", reference.line)

    with ThreadPoolExecutor(_LOOKUPS_AT_ONCE) as pool:
        found = list(zip(references, pool.map(one, references), strict=True))
    problems = [answer for _, answer in found if isinstance(answer, Problem)]
    return [(ref, answer) for ref, answer in found if not isinstance(answer, Problem)], problems
