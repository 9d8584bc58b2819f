#!/usr/bin/env bash
# Build sdist and wheel, install the wheel into a clean environment, and use it from a minimal Django project.
# Usage: .ci/package.sh PYTHON   (a Python that has `build`)
set -euo pipefail
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Built from a copy, so that leftovers of earlier builds in the tree can neither help nor harm.
mkdir "$work/source"
tar -C "$top" --exclude=.git --exclude=.venv --exclude=.tox --exclude=.demo --exclude=node_modules \
    --exclude=build --exclude=dist --exclude='*.egg-info' -cf - . | tar -C "$work/source" -xf -
"$python" -m build --outdir "$work/dist" "$work/source" >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
ls "$work/dist"

"$python" -m venv "$work/clean"
"$work/clean/bin/python" -m pip install -qq --disable-pip-version-check "$work"/dist/*.whl
mkdir "$work/project"
cp "$top/.ci/minimal_settings.py" "$top/.ci/minimal_urls.py" "$top/.ci/installed.py" "$work/project"
cd "$work/project"
"$work/clean/bin/python" installed.py
export DJANGO_SETTINGS_MODULE=minimal_settings PYTHONPATH="$work/project"
"$work/clean/bin/django-admin" check --fail-level WARNING
"$work/clean/bin/django-admin" migrate --verbosity 0
"$work/clean/bin/django-admin" makemigrations --check --dry-run
"$work/clean/bin/django-admin" collectstatic --help >/dev/null
echo "The package works in a clean environment."
