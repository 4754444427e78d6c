"""Images: coverage, which of them are warm on which clusters."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from preheat.ledger import ImageRow
from preheat.provider.config import open_ledger
from preheat.web.access import ReaderDep
from preheat.web.api.asking import CheckedRoute
from preheat.web.api.placements import Placement, ShownDep
from preheat.web.contract import PROBLEMS
from preheat.web.paging import Cursor, Limit, Next, read_cursor, write_cursor
from preheat.web.refusing import Refusal
from preheat.web.tables import table_of

__all__ = ["router"]

_REPOSITORY = r"^[a-z0-9._/-]+$"
_DIGEST = "^sha256:[0-9a-f]{64}$"

router = APIRouter(tags=["images"], responses=PROBLEMS, route_class=CheckedRoute)


class Image(BaseModel):
    """One image of one platform, and how it stands wherever it was planned for."""

    repository: str
    digest: str = Field(description="Of the platform's own manifest.")
    platform: str
    label: str = Field(examples=["library/hello:1.0 linux/amd64"])
    tags: list[str]
    size: int | None = Field(description="Bytes of its blobs; null if nobody read its manifest.")
    placements: list[Placement]

    @classmethod
    def of(cls, row: ImageRow) -> Image:
        """Take it from the ledger."""
        return cls(
            repository=row.repository,
            digest=row.digest,
            platform=row.platform,
            label=row.label,
            tags=list(row.tags),
            size=row.size,
            placements=[Placement.of(cell) for cell in row.cells],
        )


class ImagePage(BaseModel):
    """A page of images, by name."""

    images: list[Image]
    next: Next


class Blob(BaseModel):
    """A layer, or the configuration."""

    digest: str
    size: int


class ImageDetail(BaseModel):
    """One image: its blobs, and where it should be warm."""

    repository: str
    digest: str
    platform: str
    label: str
    tags: list[str]
    size: int | None
    blobs: list[Blob] = Field(description="Empty if nobody read its manifest.")
    placements: list[Placement]


@router.get("/images", operation_id="list_images", summary="List images")
def list_images(
    reader: ReaderDep, shown: ShownDep, cursor: Cursor = "", limit: Limit = 50
) -> ImagePage:
    """Read a page of the images that are wanted warm now, each with all its placements."""
    after = read_cursor(cursor, str, str, str)
    found = open_ledger().overview.images(shown, seen=reader.seen, after=after, limit=limit)
    rows = [Image.of(row) for row in found.rows]
    return ImagePage(images=rows, next=write_cursor(found.after))


@router.get(
    "/images.csv",
    operation_id="export_images",
    summary="Export images",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def export_images(reader: ReaderDep, shown: ShownDep) -> StreamingResponse:
    """Write all of them as a table, a row a placement, that no spreadsheet takes for formulas."""
    overview = open_ledger().overview
    overview.counts(shown, seen=reader.seen)  # what fails must fail before the answer begins
    return StreamingResponse(
        table_of(overview, shown, reader.seen),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="preheat-images.csv"'},
    )


@router.get("/images/detail", operation_id="read_image", summary="Read one image")
def read_image(
    reader: ReaderDep,
    repository: Annotated[
        str, Query(max_length=255, pattern=_REPOSITORY, examples=["library/hello"])
    ],
    digest: Annotated[str, Query(pattern=_DIGEST, description="Of the platform's own manifest.")],
) -> ImageDetail:
    """Tell of what an image consists, and how it stands wherever it was ever planned for."""
    overview = open_ledger().overview
    cells = overview.placements_of(repository, digest, reader.seen)
    if not cells:
        raise Refusal(HTTPStatus.NOT_FOUND, "No plan named such an image.")
    ids = [cell.placement.id for cell in cells]
    label, tags = max(overview.names(ids, reader.seen).items())[1]
    blobs = overview.image(digest)
    return ImageDetail(
        repository=repository,
        digest=digest,
        platform=cells[0].placement.key.platform,
        label=label,
        tags=list(tags),
        size=blobs.size if blobs else None,
        blobs=[Blob(digest=b.digest, size=b.size) for b in blobs.blobs] if blobs else [],
        placements=[Placement.of(cell) for cell in cells],
    )
