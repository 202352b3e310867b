#!/usr/bin/env bash
# Compiles the locks with hashes. For machines of any kind: base (what `pip install nemoflow` brings), dev (everything), uv (the
# installer itself). For the images, so for one platform: data, data-embed, train, teacher-gpu. The `-cpu` ones have a CPU build of
# torch and are compiled where UV_FIND_LINKS has one.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${1:-uv}
torch=2.13.0
links=${UV_FIND_LINKS:-}
unset UV_FIND_LINKS
lock() { "$uv" pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" "$@"; }
compile() { lock --universal "$@"; }
image() { lock --python-platform x86_64-manylinux_2_28 --only-binary :all: "$@"; }

echo uv | compile - -o requirements/uv.txt
compile pyproject.toml -o requirements/base.txt
echo "torch==$torch" | compile pyproject.toml --all-extras --group dev --constraint - -o requirements/dev.txt
echo 'kubernetes>=34' | image pyproject.toml --extra curate --extra kaggle --extra publish --extra server - -o requirements/data.txt  # waking a Deployment is a light step
printf 'torch==%s\n' "$torch" | image pyproject.toml --extra curate --extra embed - -o requirements/data-embed.txt
printf 'torch==%s\n' "$torch" | image pyproject.toml --extra train - -o requirements/train.txt
printf 'vllm\nbitsandbytes\n' | image pyproject.toml - -o requirements/teacher-gpu.txt  # the second for evaluations in 4 bits
if compgen -G "$links/torch-$torch+cpu-*.whl" >/dev/null; then
  cpu="torch==$torch+cpu"
  echo "$cpu" | compile --find-links "$links" pyproject.toml --all-extras --group dev --constraint - -o requirements/dev-cpu.txt
  printf '%s\n' "$cpu" | image --find-links "$links" pyproject.toml --extra curate --extra embed - -o requirements/data-embed-cpu.txt
  echo "$cpu" | image --find-links "$links" pyproject.toml --extra train - -o requirements/train-cpu.txt
fi
