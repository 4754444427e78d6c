#!/usr/bin/env bash
# Waits until every service of the compose stack is healthy: wait.sh docker compose
set -euo pipefail

limit=${WAIT_SECONDS:-300}
state='{{.Name}} {{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}} {{.State.ExitCode}}'
while true; do
  waiting=()
  for container in $("$@" ps --quiet); do
    read -r name health code < <(docker inspect --format "$state" "$container")
    case "$health $code" in
      "healthy "* | "exited 0") ;;
      "exited "*) echo "${name#/} ended with $code: see \`$* logs\`" >&2; exit 1 ;;
      *) waiting+=("${name#/} ($health)") ;;
    esac
  done
  [[ ${#waiting[@]} -gt 0 ]] || break
  if ((SECONDS > limit)); then
    echo "not healthy after $limit s: ${waiting[*]}: see \`$* logs\`" >&2
    exit 1
  fi
  echo "waiting for ${waiting[*]}"
  sleep 5
done
echo "Airflow: http://localhost:$(grep -oP '^AIRFLOW_PORT=\K\d+' .env || echo 8080), user admin, password: AIRFLOW_ADMIN_PASSWORD in .env"
