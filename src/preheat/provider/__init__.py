"""All that imports Airflow: hooks, operators, sensors, triggers, links, retries and DAG bodies."""
