"""One DAG for each policy file in ``include/policies/``.

*What and when.* Each DAG ``preheat__<file name>`` lists Harbor, decides by its policy what should
be warm, asks the Dragonfly clusters for it and proves the result, on the policy's own schedule.

*Inputs.* The policy file, ``include/clusters.yaml`` and the connections that they name.

*Safe to re-run?* Yes: what is warm is not asked for again, and peers fetch only what they lack.

*What a failure means.* Green means warm. A file with mistakes becomes a DAG tagged ``invalid``
whose page shows all of them; the other policies are unharmed. Each DAG's own page says what to do.

*Owner.* The owner that the policy names.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import get_parsing_context

from preheat.provider.dags import policy_dags

# A task process builds only its own DAG: a file with hundreds of policies is parsed often.
for dag in policy_dags(Path(__file__).parent, only=get_parsing_context().dag_id):
    globals()[dag.dag_id] = dag
