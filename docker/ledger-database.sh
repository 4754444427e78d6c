#!/bin/bash
# Runs once, when PostgreSQL makes its cluster: the ledger's own role and database beside Airflow's.
set -euo pipefail

psql --set=ON_ERROR_STOP=1 --set=secret="$LEDGER_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE preheat LOGIN PASSWORD :'secret';
CREATE DATABASE preheat OWNER preheat;
REVOKE ALL ON DATABASE preheat FROM PUBLIC;
REVOKE ALL ON DATABASE airflow FROM PUBLIC;
SQL
