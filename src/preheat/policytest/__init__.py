"""Unit tests of policies, as YAML beside them: given these images, expect those to be selected.

Files are ``include/policies/tests/*.yaml``; no DAG is made of them. Pure, as the engine is: text
in, results out.

::

    apiVersion: preheat/v1alpha1
    kind: PreheatPolicyTest
    policy: web-frontends
    at: 2026-11-24T12:00:00Z
    given:
      - {image: "web/frontend:2.4.0", tags: ["2.4"], labels: [approved], pushed: 2h}
      - {image: "web/frontend:2.3.9", pushed: 3d}
    expect:
      - {image: "web/frontend:2.4.0", selected: true, clusters: [eu-1, us-1]}
      - {image: "web/frontend:2.3.9", selected: false, reason: LABEL_MISSING}
"""

from preheat.policytest.case import Case, Expectation, load_case
from preheat.policytest.running import Result, run_case

__all__ = ["Case", "Expectation", "Result", "load_case", "run_case"]
