"""How Harbor writes its rows as JSON: same keys, same nulls, same omissions as recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from preheat.sandbox.harbor.recipes import IndexRecipe
from preheat.sandbox.harbor.scans import overview

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.sandbox.harbor.accounts import Robot
    from preheat.sandbox.harbor.recipes import Child
    from preheat.sandbox.harbor.rows import (
        Accessory,
        Artifact,
        CveAllowlist,
        Label,
        Project,
        Repository,
        Tag,
    )
    from preheat.sandbox.harbor.settings import Settings

__all__ = [
    "Detail",
    "accessory_json",
    "allowlist_json",
    "artifact_json",
    "label_json",
    "project_json",
    "repository_json",
    "robot_json",
    "stamp",
    "tag_json",
]

NEVER: Final = "0001-01-01T00:00:00.000Z"
"""Go's zero time."""
_ICONS: Final = {
    "IMAGE": "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06",
    "CHART": "sha256:61cf3a178ff0f75bf08a25d96b75cf7355dc197749a9f128ed3ef34b0df05518",
    "signature.cosign": "sha256:20401d5b3a0f6dbc607c8d732eb08471af4ae6b19811a4efce8c6a724aed2882",
    "signature.notation": "sha256:3ac706e102bbe9362b400aa162df58135d35e66b9c3bee2165de92022d25fe34",
    "sbom.harbor": "sha256:c19f80c357cd7e90d2a01b9ae3e2eb62ce447a2662bb590a19177d72d550bdae",
}
_ADDITIONS: Final = {
    "IMAGE": ("build_history",),
    "CHART": ("dependencies", "readme.md", "values.yaml"),
    "CNAI": ("files", "license", "readme.md"),
}
_UNKNOWN_ICON: Final = "sha256:da834479c923584f4cbcdecc0dac61f32bef1d51e8aae598cf16bd154efab49f"


@dataclass(frozen=True, slots=True)
class Detail:
    """Which costly parts of an artifact the caller asked for (the ``with_*`` flags).

    :param accept: the value of ``X-Accept-Vulnerabilities``.
    """

    tag: bool = True
    label: bool = False
    scan: bool = False
    accessory: bool = False
    accept: str = ""


def stamp(time: datetime | None) -> str:
    """Write a time in milliseconds, or Go's zero time."""
    if time is None:
        return NEVER
    return f"{time.isoformat(timespec='milliseconds')[:23]}Z"


def project_json(project: Project, *, detail: bool = True) -> dict[str, Any]:
    """Write a project (recorded: project-by-name; without detail: projects-anonymous)."""
    allowlist = {"creation_time": NEVER, "items": None, "update_time": NEVER}
    body: dict[str, Any] = {
        "creation_time": stamp(project.created_at),
        "current_user_role_ids": None,
        "name": project.name,
        "owner_id": 1,
        "project_id": project.id,
        "repo_count": len(project.repositories),
        "update_time": stamp(project.created_at),
    }
    if detail:
        allowlist = allowlist_json(project.allowlist, project.id) | {"id": project.id}
        body |= {"metadata": project.metadata, "owner_name": "admin"}
    return body | {"cve_allowlist": allowlist}


def allowlist_json(allowlist: CveAllowlist, project_id: int) -> dict[str, Any]:
    """Write a CVE allowlist; one that never expires does not say so."""
    body = {
        "creation_time": NEVER,
        "items": [{"cve_id": cve} for cve in allowlist.ids],
        "project_id": project_id,
        "update_time": NEVER,
    }
    return body | ({} if allowlist.expires_at is None else {"expires_at": allowlist.expires_at})


def repository_json(repository: Repository) -> dict[str, Any]:
    """Write a repository (recorded: repository-single-double-encoded)."""
    return {
        "artifact_count": len(repository.artifacts.visible),
        "creation_time": stamp(repository.created_at),
        "id": repository.id,
        "name": repository.name,
        "project_id": repository.project.id,
        "pull_count": repository.pull_count,
        "update_time": stamp(repository.updated_at),
    }


def tag_json(tag: Tag) -> dict[str, Any]:
    """Write a tag (recorded: tags-list)."""
    return {
        "artifact_id": tag.artifact.id,
        "id": tag.id,
        "immutable": tag.immutable,
        "name": tag.name,
        "pull_time": stamp(tag.pull_time),
        "push_time": stamp(tag.push_time),
        "repository_id": tag.artifact.repository.id,
    }


def label_json(label: Label) -> dict[str, Any]:
    """Write a label (recorded: labels-global, labels-project)."""
    made = stamp(label.created_at)
    body = {
        "color": label.color,
        "creation_time": made,
        "id": label.id,
        "name": label.name,
        "scope": label.scope,
        "update_time": made,
    }
    return body | ({"project_id": label.project_id} if label.project_id else {})


def accessory_json(accessory: Accessory) -> dict[str, Any]:
    """Write an accessory (recorded: artifact-accessories-list)."""
    return {
        "artifact_id": accessory.artifact.id,
        "creation_time": stamp(accessory.artifact.push_time),
        "digest": accessory.artifact.digest,
        "icon": _ICONS.get(accessory.type, ""),
        "id": accessory.id,
        "size": accessory.artifact.size,
        "subject_artifact_digest": accessory.subject.digest,
        "subject_artifact_id": accessory.subject.id,
        "subject_artifact_repo": accessory.subject.repository.name,
        "type": accessory.type,
    }


def artifact_json(artifact: Artifact, detail: Detail, settings: Settings) -> dict[str, Any]:
    """Write an artifact (recorded: artifact-index-by-tag, -docker-schema2, -helm)."""
    recipe = artifact.recipe
    body: dict[str, Any] = {
        "accessories": _accessories(artifact, detail),
        "digest": artifact.digest,
        "icon": _ICONS.get(artifact.type, _UNKNOWN_ICON),
        "id": artifact.id,
        "labels": _labels(artifact, detail),
        "manifest_media_type": recipe.media_type,
        "media_type": artifact.media_type,
        "project_id": artifact.repository.project.id,
        "pull_time": stamp(artifact.pull_time),
        "push_time": stamp(artifact.push_time),
        "references": _references(artifact),
        "repository_id": artifact.repository.id,
        "size": artifact.size,
        "tags": _tags(artifact) if detail.tag and artifact.tags else None,
        "type": artifact.type,
    }
    if settings.at_least(2, 12):
        body["repository_name"] = artifact.repository.name
    optional = {
        "addition_links": _links(artifact, scanner=settings.scanner),
        "annotations": recipe.annotations,
        "artifact_type": artifact.artifact_type,
        "extra_attrs": None if isinstance(recipe, IndexRecipe) else recipe.config.attributes,
        "scan_overview": overview(artifact, detail.accept) if detail.scan else None,
    }
    return body | {key: value for key, value in optional.items() if value}


def robot_json(robot: Robot) -> dict[str, Any]:
    """Write a robot, without its secret (recorded: robot-get)."""
    body = {
        "creation_time": stamp(robot.created_at),
        "creator_ref": 1,
        "creator_type": "local",
        "disable": robot.disabled,
        "duration": robot.duration,
        "editable": True,
        "expires_at": int(robot.expires_at.timestamp()) if robot.expires_at else -1,
        "id": robot.id,
        "level": robot.level,
        "name": robot.name,
        "permissions": [
            {
                "access": [
                    dict(zip(("resource", "action"), right.split(":"), strict=True))
                    | {"effect": "allow"}
                    for right in sorted(permission.access)
                ],
                "kind": permission.kind,
                "namespace": permission.namespace,
            }
            for permission in robot.permissions
        ],
        "update_time": stamp(robot.created_at),
    }
    return body | ({"description": robot.description} if robot.description else {})


def _tags(artifact: Artifact) -> list[dict[str, Any]]:
    return [tag_json(tag) for tag in artifact.newest_tags]


def _labels(artifact: Artifact, detail: Detail) -> list[dict[str, Any]] | None:
    return [label_json(x) for x in artifact.labels] if detail.label and artifact.labels else None


def _accessories(artifact: Artifact, detail: Detail) -> list[dict[str, Any]] | None:
    if not (detail.accessory and artifact.accessories):
        return None
    return [accessory_json(accessory) for accessory in artifact.accessories]


def _references(artifact: Artifact) -> list[dict[str, Any]] | None:
    if not isinstance(artifact.recipe, IndexRecipe):
        return None
    known = artifact.repository.by_digest
    return [
        _reference(artifact.id, known[child.digest].id, child)
        for child in artifact.recipe.children
        if child.digest in known
    ]


def _reference(parent_id: int, child_id: int, child: Child) -> dict[str, Any]:
    """Write a child; the platform's keys are odd (recorded: …-windows-os-version)."""
    platform: dict[str, Any] = {
        "OsFeatures": list(child.platform.os_features) or None,
        "architecture": child.platform.architecture,
        "os": child.platform.os,
    }
    if child.platform.os_version:
        platform["OsVersion"] = child.platform.os_version
    if child.platform.variant:
        platform["variant"] = child.platform.variant
    body = {"child_digest": child.digest, "child_id": child_id, "parent_id": parent_id}
    told = {"annotations": dict(child.annotations)} if child.annotations else {}
    return body | {"platform": platform, "urls": None} | told


def _links(artifact: Artifact, *, scanner: bool) -> dict[str, Any]:
    """Write links to more; the one to a missing SBOM has a double slash, as in Harbor."""
    path = quote(quote(artifact.repository.path, safe=""), safe="")
    base = f"/api/v2.0/projects/{artifact.repository.project.name}/repositories/{path}/artifacts"
    shown: tuple[str, ...] = () if artifact.is_index else _ADDITIONS.get(artifact.type, ())
    links = {name: f"{base}/{artifact.digest}/additions/{name}" for name in shown}
    if scanner and artifact.type == "IMAGE":
        links["vulnerabilities"] = f"{base}/{artifact.digest}/additions/vulnerabilities"
        links["sboms"] = f"{base}//additions/sbom"
    return {name: {"absolute": False, "href": href} for name, href in links.items()}
