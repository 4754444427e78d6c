#!/usr/bin/env bash
# Make sure that there is a Chromium for the tests that look at pages; says where it is.
set -eu -o pipefail

playwright=${1:?"usage: chromium.sh PATH-OF-PLAYWRIGHT"}

found() {
  local name
  if [[ -n "${PREHEAT_CHROMIUM:-}" ]]; then
    [[ -x "$PREHEAT_CHROMIUM" ]] || { echo "PREHEAT_CHROMIUM is $PREHEAT_CHROMIUM, which is no program" >&2; exit 1; }
    echo "$PREHEAT_CHROMIUM"
    return
  fi
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" && return
  done
  # What playwright installed for itself, if it did.
  "$(dirname "$playwright")/python" - <<'PYTHON'
from pathlib import Path
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    path = playwright.chromium.executable_path
print(path if Path(path).is_file() else "")
raise SystemExit(not Path(path).is_file())
PYTHON
}

if place=$(found); then
  echo "browser: $place"
  exit 0
fi
if [[ "$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then
  echo "browser: installing Debian's chromium"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; } >/dev/null 2>&1 || true
fi
if ! place=$(found); then
  echo "browser: installing playwright's Chromium"
  "$playwright" install chromium >/dev/null 2>&1 || true
fi
if ! place=$(found); then
  echo "No Chromium could be found or installed. Install one (chromium, chromium-browser or" >&2
  echo "google-chrome on PATH), or name one: PREHEAT_CHROMIUM=/path/to/chromium make test" >&2
  exit 1
fi
echo "browser: $place"
