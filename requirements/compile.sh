#!/usr/bin/env bash
# Compiles the locks with hashes: base (what `pip install nemoflow` brings), dev (everything), dev-cpu (the same with a CPU build of
# torch, where UV_FIND_LINKS has one), uv (the installer itself).
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${1:-uv}
torch=2.13.0
compile() { "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" "$@"; }
links=${UV_FIND_LINKS:-}
unset UV_FIND_LINKS
echo uv | compile - -o requirements/uv.txt
compile pyproject.toml -o requirements/base.txt
echo "torch==$torch" | compile pyproject.toml --all-extras --group dev --constraint - -o requirements/dev.txt
if compgen -G "$links/torch-$torch+cpu-*.whl" >/dev/null; then
  echo "torch==$torch+cpu" | compile --find-links "$links" pyproject.toml --all-extras --group dev --constraint - -o requirements/dev-cpu.txt
fi
