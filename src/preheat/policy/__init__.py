"""The policy language: files in, policies out, and the engine that turns them into a plan.

Pure: no network, no Airflow, no clock.
"""

from __future__ import annotations
