"""The pages that links from Airflow, and from the demo, lead to."""

from __future__ import annotations

import requests

from preheat.sandbox import serve
from preheat.sandbox.harbor import ImageSpec, push_image

TOKEN = {"Authorization": "Bearer preheat-sandbox-token"}


def test_links_from_a_task_lead_to_pages() -> None:
    """The artifact's page names its tags, the job's page its copies and no credential."""
    with serve(catalogue="empty") as sandbox:
        sandbox.harbor.state.add_project("library", public=True)
        pushed = push_image(
            sandbox.harbor.state,
            "library/a/app",
            ImageSpec("app", layers=(("l", 10),)),
            tags=["1.0"],
        )
        digest = pushed.digest
        job = requests.post(
            f"{sandbox.dragonfly_url}/oapi/v1/jobs",
            json={
                "type": "preheat",
                "bio": "<b>me</b>",
                "args": {
                    "type": "image",
                    "url": f"{sandbox.harbor_url}/v2/library/a/app/manifests/{digest}",
                    "headers": {"Authorization": "Basic aHVudGVyMjpodW50ZXIy"},
                },
                "scheduler_cluster_ids": [1],
            },
            headers=TOKEN,
            timeout=10,
        )
        sandbox.dragonfly.state.advance(40)

        artifact = requests.get(
            f"{sandbox.harbor_url}/harbor/projects/library/repositories/a%2Fapp"
            f"/artifacts-tab/artifacts/{digest}",
            timeout=10,
        )
        page = requests.get(
            f"{sandbox.dragonfly_url}/jobs/preheats/{job.json().get('id', 1)}", timeout=10
        )
        missing = requests.get(f"{sandbox.dragonfly_url}/jobs/preheats/99", timeout=10)

    assert artifact.status_code == 200
    assert "Tags: 1.0" in artifact.text
    assert page.status_code == 200
    assert "&lt;b&gt;me" in page.text
    assert "aHVudGVyMjpodW50ZXIy" not in page.text
    assert missing.status_code == 404


def test_the_first_page_is_there_and_names_the_repositories() -> None:
    """The demo prints Harbor's address to be opened, so something must answer."""
    with serve(catalogue="empty") as sandbox:
        sandbox.harbor.state.add_project("library", public=True)
        push_image(
            sandbox.harbor.state,
            "library/a/app",
            ImageSpec("app", layers=(("l", 10),)),
            tags=["1.0"],
        )
        first = requests.get(f"{sandbox.harbor_url}/", timeout=10)

    assert first.status_code == 200
    assert "library/a/app" in first.text
