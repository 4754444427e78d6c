"""Catalogues as files: plan, explain and test policies without a Harbor.

JSON lines, one artifact a line, as Harbor's own API lists it. Such a file can be made by
``preheat catalog save``, with ``curl`` and ``jq -c '.[]'``, or by hand::

    {"repository_name": "web/app", "digest": "sha256:…", "tags": [{"name": "v1"}]}

``repository_name`` and ``digest`` are needed; everything else is read where it is there:

``type``, ``size``, ``push_time``, ``pull_time``, ``tags``, ``labels``, ``references``,
``extra_attrs``
    as Harbor lists them; a type that is missing is ``IMAGE``.
``scan_overview``, ``accessories``
    what gates ask. Once any line of the file has them, lines without are "never scanned" and
    "nothing attached", as in an answer of Harbor's; in a file without them nobody knows.
``vulnerabilities``
    ``[{"id": "CVE-…", "severity": "High"}]``: what the last scan found.
``blobs``
    ``[{"digest": "sha256:…", "size": 1}]``: config and layers of a single image. Without it,
    Harbor's own ``size`` counts as one blob: right for one image, too much where layers are shared.

Children of an index, which Harbor hides, may have lines of their own: for their sizes and blobs.
One more kind of line tells the CVE allowlist that holds in a project::

    {"project": "web", "cve_allowlist": {"items": [{"cve_id": "CVE-…"}], "expires_at": null}}

A line may also be a JSON array of such objects: a page as Harbor answers it.
"""

from __future__ import annotations

from preheat.catalogfile.reading import CatalogueFile, load, load_lines
from preheat.catalogfile.writing import artifact_line, child_line, project_line

__all__ = ["CatalogueFile", "artifact_line", "child_line", "load", "load_lines", "project_line"]
