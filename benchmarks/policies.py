"""The policies of ``make bench-policy``: one, and fifty such as a platform with many teams has.

All fifty read all projects, each takes some of their repositories. The catalogue has 100
repositories ``bench-P/group-G/app-NN`` with versions ``1.X.Y``; one artifact of ten is labelled.
"""

from __future__ import annotations

__all__ = ["CLUSTERS", "MANY", "ONE"]

CLUSTERS = """\
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: eu-1
    connection: dragonfly_default
    schedulerClusterId: 1
    labels: {region: eu}
    platforms: [linux/amd64]
    pullEndpoints: {harbor_default: https://harbor.example.com}
  - name: us-1
    connection: dragonfly_default
    schedulerClusterId: 2
    labels: {region: us}
    platforms: [linux/amd64, linux/arm64]
    pullEndpoints: {harbor_default: https://harbor.example.com}
"""

_FILE = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {{name: {name}, description: Part of the bench}}
spec:
  sources:
    - {{registry: harbor_default, projects: ["bench-*"]}}
  rules:
{rules}
  targets:
    - {{cluster: eu-1, scope: all_seed_peers}}
    - {{cluster: us-1, scope: single_seed_peer}}
  triggers: {{events: [pushed, labelAdded]}}
"""

_ONE = r"""
    - name: approved
      repositories:
        include: [{glob: "group-*/**"}]
        exclude: [{glob: "group-9/*"}]
      tags: {allow: [{regex: '\d+\.\d+\.\d+'}], deny: [{glob: "*-rc*"}]}
      labels: {all: [approved], none: [hold]}
      take: {newest: 3}
    - name: releases
      repositories: {include: [{glob: "{group-1,group-2,group-3}/app-*"}]}
      tags: {allow: [{regex: 'v?(?P<ver>\d+\.\d+\.\d+)'}]}
      order: {by: semver, key: "$ver", ranges: [">=1.2 <2"], prerelease: exclude}
      take: {newest: 2, plusPrevious: 1}
    - name: fresh
      repositories: {include: [{glob: "group-4/**"}]}
      age: {clock: pushed, max: 30d}
      take: {newest: 1}
"""

_TEAM = r"""
    - name: releases
      repositories: {include: [{glob: "group-%(group)d/**"}]}
      tags: {allow: [{regex: 'v?(?P<ver>\d+\.\d+\.\d+)'}], deny: [{glob: "*-debug"}]}
      order: {by: semver, key: "$ver", ranges: [">=1.%(low)d <2"]}
      take: {newest: 2, plusPrevious: 1}
"""
_LINES = r"""
    - name: lines
      repositories:
        include: [{glob: "group-%(group)d/app-*"}]
        exclude: [{glob: "*/app-%(group)d%(group)d"}]
      tags: {allow: [{regex: '(?P<line>\d+\.\d+)\.(?P<patch>\d+)'}]}
      order: {by: numeric, key: "$patch"}
      groupBy: [repository, "$line"]
      age: {clock: pushed, min: 1h, max: 7d}
      take: {newest: 1}
"""
_APPROVED = r"""
    - name: approved
      repositories: {include: [{glob: "{group-%(group)d,group-%(next)d}/**"}]}
      tags: {allow: [{glob: "1.*"}], deny: [{glob: "*-rc*"}, {regex: '.*-(alpha|beta)\d*'}]}
      labels: {all: [approved], none: [hold]}
      take: {newest: 3}
"""
_FRESH = r"""
    - name: fresh
      repositories: {include: [{regex: 'group-%(group)d/app-[0-4]\d'}]}
      age: {clock: pushed, min: 2h, max: 14d}
      order: {by: pushed}
      take: {newest: 5}
    - name: hot
      repositories: {include: [{glob: "group-%(next)d/*"}]}
      age: {clock: pulled, max: 7d}
      order: {by: pulled}
      take: {newest: 1}
"""
_NAMED = r"""
    - name: named
      repositories:
        include:
          - {exact: group-%(group)d/app-%(group)d%(group)d}
          - {exact: group-%(next)d/app-0%(next)d}
      tags: {allow: [{regex: '\d+\.\d+\.\d+'}]}
      order: {by: alphabetical}
      take: {newest: 1, plusPrevious: 2}
"""

ONE = {"one": _FILE.format(name="one", rules=_ONE)}
MANY = {
    f"{kind}-{group}": _FILE.format(
        name=f"{kind}-{group}",
        rules=rules % {"group": group, "next": (group + 1) % 10, "low": group * 5},
    )
    for group in range(10)
    for kind, rules in (
        ("team", _TEAM),
        ("lines", _LINES),
        ("approved", _APPROVED),
        ("fresh", _FRESH),
        ("named", _NAMED),
    )
}
