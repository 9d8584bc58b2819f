#!/usr/bin/env bash
# Make sure that the browser tests find a Chromium: $CHROMIUM, the system's, Playwright's own, or apt's.
# Usage: tools/browser.sh VENV_BIN
set -euo pipefail
bin=$1

playwright_has_one() {
    "$bin/python" - <<'PYTHON' >/dev/null 2>&1
import pathlib, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not pathlib.Path(playwright.chromium.executable_path).exists())
PYTHON
}

[ -n "${CHROMIUM:-}" ] && exit 0
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
playwright_has_one && exit 0

echo "No Chromium found; installing one for the browser tests ..."
timeout 240 "$bin/playwright" install chromium >/dev/null 2>&1 && playwright_has_one && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null && apt-get install -y -qq chromium >/dev/null 2>&1 && exit 0
fi
echo "Could not install Chromium. Install it, or name one: CHROMIUM=/path/to/chromium make test" >&2
exit 1
