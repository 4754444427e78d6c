"""Look again at what the peers hold of what you name, and heat nothing.

*What and when.* Runs when somebody starts it, from a page of Preheat, from the form or by the API.
`plan` finds in the ledger what is named; then, for each cluster, `recheck` asks every peer what it
holds now and writes down what was counted. `report` shows it.

*Inputs.* `placements`: by their numbers in the ledger, which pages of Preheat fill in. Or `images`:
one a line, as you would type them after `docker pull`, and `clusters`: where; none means wherever
they were planned. `registry`: the Harbor that holds them.

```json
{"images": "library/hello:1.0", "clusters": ["eu-1"], "reason": "a node was replaced"}
```

*Safe to re-run?* Yes: it changes nothing but what the ledger knows. Several may run at once.

*What a failure means.* If `plan` is red, something named is wrong; its log lists all of it. If
`recheck` is red, Harbor or the manager did not answer. If only `report` is red, something is not
warm, or not shown to be, such as an image that is being asked for just now: its log names it.
Nothing is asked for again here: start the policy for that, or `preheat_images`.

*Owner.* Whoever started the run in Airflow; the platform team for the clusters.
"""

from __future__ import annotations

from pathlib import Path

from preheat.provider.verification import verify_dag

dag = verify_dag(Path(__file__).parent, __doc__)
