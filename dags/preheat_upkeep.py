"""Look after everything: doctor, what must stay warm, what was left open, the ledger's size.

*What and when.* Once an hour. `doctor` looks at connections, clusters, pull endpoints and ledger.
`plan` finds what policies want kept warm (`keepWarm`) and whose proof gets too old. Then, for each
cluster: `settle` brings attempts to their end that a crash or a person left open, `recheck` asks
the peers what they hold of what is due, and `track` asks Dragonfly again for what decayed. `prune`
forgets what is older than `[preheat] retention`. `report` says what was found.

*Inputs.* The ledger, `include/` and the connections it names. `check_all`: look at all that is to
be kept warm, due or not, after peers were replaced or lost their disks.

*Safe to re-run?* Yes: the peers are asked what they hold, and fetch only what they lack.

*What a failure means.* If `doctor` is red, its log says what is wrong and what to do; the rest runs
all the same. If `settle` or `recheck` is red, Harbor or the manager did not answer: the next hour
tries again. If `track` is red, an image that must stay warm is not: its log says which layers are
missing. If only `report` is red, its log names what it counts on.

*Owner.* The platform team, who answer for this Airflow and the clusters.
"""

from __future__ import annotations

from pathlib import Path

from preheat.provider.upkeep import upkeep_dag

dag = upkeep_dag(Path(__file__).parent, __doc__)
