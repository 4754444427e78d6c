#!/usr/bin/env bash
# Writes a .env for the compose stack: fresh secrets, and the sandbox switched on.
set -euo pipefail

random() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

cat <<ENV
# Written by \`make up\`; yours to edit, never to commit.
POSTGRES_PASSWORD=$(random 24)
LEDGER_PASSWORD=$(random 24)
AIRFLOW_ADMIN_PASSWORD=$(random 8)
AIRFLOW_API_SECRET_KEY=$(random 32)
AIRFLOW_JWT_SECRET=$(random 32)
AIRFLOW_FERNET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')
AIRFLOW_PORT=8080

# The sandbox. For your own systems clear the first two and fill in the rest.
COMPOSE_PROFILES=sandbox
PREHEAT_CLUSTERS=./docker/clusters.yaml
HARBOR_URL=http://sandbox:8085
HARBOR_ROBOT='robot\$preheat'
HARBOR_SECRET=$(random 16)
DRAGONFLY_URL=http://sandbox:8086
DRAGONFLY_TOKEN=preheat-sandbox-token
DRAGONFLY_CLOCK_FACTOR=0.1
ENV
