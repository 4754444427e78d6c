"""Harbor and its registry: list artifacts, read manifests, mint pull tokens. Knows no Airflow."""
