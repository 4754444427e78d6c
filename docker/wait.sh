#!/usr/bin/env bash
# Waits until every service of the compose stack is healthy: wait.sh docker compose
set -euo pipefail

limit=${WAIT_SECONDS:-600}
state='{{.Name}} {{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}} {{.State.ExitCode}}'
told=""
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
  [[ "${waiting[*]}" == "$told" ]] || echo "waiting for ${waiting[*]}"
  told="${waiting[*]}"
  sleep 5
done
port=$(sed -n 's/^AIRFLOW_PORT=//p' .env)
echo "Airflow: http://localhost:${port:-8080}, user admin, password: AIRFLOW_ADMIN_PASSWORD in .env"
