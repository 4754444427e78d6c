"""Warm what is pushed, tagged, labelled, scanned or signed, within seconds, as policies say.

*What and when.* Runs when something happens in a Harbor that a policy with `events` looks at.
Webhooks tell of it at once; what they lose, Preheat finds out by itself: from the audit log within
a minute, and by sweeps. `plan` empties the inbox of events and evaluates only the policies that
they touch, over only the repositories where they happened; then all goes as in any other run.

*Inputs.* The inbox in the ledger (`preheat events` shows it), the policy files and
`include/clusters.yaml`.

*Safe to re-run?* Yes. An event only says where to look, so late, doubled or lost ones do no harm.
Starting a run by hand takes up what waits.

*What a failure means.* If only `report` is red, a Harbor did not answer or a connection is wrong:
its log says which; what happened there is looked at again, by another run. If `plan` is red, the
ledger failed, and all events wait on. If `track` is red, its log says which layers are missing and
what to do.

*Owner.* The platform team, who answer for this Airflow and the clusters.
"""

from __future__ import annotations

from pathlib import Path

from preheat.provider.events import events_dag

dag = events_dag(Path(__file__).parent, __doc__)
