"""Warm the images you name, on the clusters you name.

*What and when.* Runs when somebody starts it, from the form or by the API. It finds each image in
Harbor, pins it to its digest, asks the chosen Dragonfly clusters for it and proves that every layer
is there.

*Inputs.* `images`: one a line, as you would type them after `docker pull`, by tag or digest.
`clusters`: where. `platforms`: which of a multi-arch image; none means those of each cluster.
`scope`: which peers. `dry_run`: plan and stop.

```json
{"images": "library/hello:1.0", "clusters": ["eu-1"], "reason": "release 1.0"}
```

*Safe to re-run?* Yes: a repeat fetches nothing that a peer already holds.

*What a failure means.* If `plan` is red, something typed is wrong; its log lists all of it, and
nothing was asked of any cluster. If `track` is red, its log says which layers are missing and what
to do; clear it with its downstream after mending.

*Owner.* Whoever started the run in Airflow; the platform team for the clusters.
"""

from __future__ import annotations

from pathlib import Path

from preheat.provider.dags import images_dag

dag = images_dag(Path(__file__).parent, __doc__)
