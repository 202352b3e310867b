# What people type. `make help` lists it; each target installs what it needs into .venv, pinned with hashes.

SHELL := /bin/bash
PYTHON ?= python3
PYTAG := $(shell $(PYTHON) -c 'import sys; print("cp%d%d" % sys.version_info[:2])' 2>/dev/null)
UV := $(or $(shell command -v uv),.uv/bin/uv)
# A CPU build of torch saves some 4 GB; it is taken where UV_FIND_LINKS names a folder that has one for this Python.
CPU_TORCH := $(if $(UV_FIND_LINKS),$(wildcard $(UV_FIND_LINKS)/torch-*+cpu-$(PYTAG)-*.whl))
LOCK := $(if $(CPU_TORCH),requirements/dev-cpu.txt,requirements/dev.txt)
ARGS ?=
WORKFLOW ?= workflows/demo.toml
WORKFLOWS := $(filter-out workflows/cluster.toml,$(wildcard workflows/*.toml))
# The tag of the images that `make images` made last; without any, cluster.toml's.
TAG ?= $(shell sed -nE 's/.*"tag": *"([^"]+)".*/\1/p' build/images/images.json 2>/dev/null | head -1)

export UV_PYTHON_DOWNLOADS := never

# Images go to REGISTRY where it is given, else to the registry of the cluster that `make cluster` brought up, else nowhere.
REGISTRY ?=
IMAGES_TO = $(if $(REGISTRY),--registry $(REGISTRY),$(shell tests/cluster/cluster status >/dev/null 2>&1 && echo --registry 127.0.0.1:5000 --names registry.local))

# Where nobody names a cluster, that of `make cluster`, as `make install` takes it.
OWN_CLUSTER := [ -n "$$KUBECONFIG" ] || ! tests/cluster/cluster status >/dev/null 2>&1 || eval "$$(tests/cluster/cluster env)"

.PHONY: help setup demo test test-gpu coverage check benchmarks render submit-workflow install uninstall lock versions clean cluster cluster-down images test-cluster test-cluster-long

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 19

setup: .venv/installed  ## Install everything into .venv

.uv/bin/uv:
	@echo "== uv: not on this machine; installing it into .uv"
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -q && apt-get install -q -y python3-venv; \
	  else echo "python3 has no venv module: run 'sudo apt-get install python3-venv' and try again"; exit 2; fi; }
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --require-hashes -r requirements/uv.txt

.venv/installed: $(LOCK) pyproject.toml | $(filter .uv/bin/uv,$(UV))
	@echo "== installing $(LOCK) into .venv$(if $(CPU_TORCH), (CPU build of torch), (torch of the index; some 3 GB))"
	$(UV) venv --quiet --clear --python $(PYTHON) .venv
	$(UV) pip sync --quiet --python .venv/bin/python --require-hashes $(LOCK)
	$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## The main job: problems to a checked submission.zip, in some minutes on two cores
	.venv/bin/nemoflow run workflows/demo.toml $(ARGS)

test: setup  ## All tests that need no GPU and no cluster
	.venv/bin/python -m pytest -n auto -m "not gpu and not cluster" $(ARGS)

test-gpu: setup  ## The tests that need a GPU; those of several GPUs skip where there is one
	.venv/bin/python -m pytest -m gpu -rs $(ARGS)

cluster:  ## A real single-node Kubernetes with Argo, Kueue, MinIO and a registry (root, Linux, Go; the first time compiles for half an hour)
	$(PYTHON) tests/cluster/cluster up
	$(PYTHON) tests/cluster/cluster build

cluster-down:  ## Stop it and remove its state; what was compiled stays
	$(PYTHON) tests/cluster/cluster down

images: setup $(filter .uv/bin/uv,$(UV))  ## Build the container images and push them (REGISTRY=HOST/PATH, else the cluster's own)
	.venv/bin/python images/build $(IMAGES_TO) $(ARGS)

test-cluster: setup  ## The tests that need a cluster: that of KUBECONFIG, else the one of `make cluster`
	.venv/bin/python -m pytest -m "cluster and not slow and not disruptive" -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-cluster-long: setup  ## Those that take minutes each; then, alone, those that disturb the whole cluster of `make cluster`
	.venv/bin/python -m pytest -m "cluster and slow and not disruptive" -n 2 --dist loadfile -rP $(ARGS)
	.venv/bin/python -m pytest -m "cluster and disruptive" -rP $(ARGS)

coverage: setup  ## The quick tests, with the lines that none of them reaches
	.venv/bin/python -m pytest -q -n auto -m "not gpu and not cluster and not slow" --cov=nemoflow --cov-report=term-missing:skip-covered $(ARGS)

check: setup  ## Style, types, layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/mypy --strict --explicit-package-bases tests/cluster/tool images/tool images/sbom.py
	.venv/bin/lint-imports

benchmarks: setup $(filter .uv/bin/uv,$(UV))  ## Every claim of docs/benchmarks.md that takes minutes; ends with 1 where a bar is missed
	.venv/bin/python benchmarks/help_time.py
	.venv/bin/python benchmarks/install_size.py
	.venv/bin/python benchmarks/store_rows.py
	.venv/bin/python benchmarks/verify_pairs.py
	.venv/bin/python benchmarks/puzzles.py
	.venv/bin/python benchmarks/puzzles_otherwise.py
	.venv/bin/python benchmarks/curate_minhash.py
	.venv/bin/python benchmarks/curate_decontaminate.py
	.venv/bin/python benchmarks/client_speed.py
	.venv/bin/python benchmarks/early_stop.py
	.venv/bin/python -m benchmarks.harvest_faults --made 500 --kills 3
	.venv/bin/python benchmarks/packing.py
	.venv/bin/python benchmarks/training_layout.py
	.venv/bin/python benchmarks/quantised_memory.py
	.venv/bin/python -m benchmarks.reinforce
	.venv/bin/python benchmarks/noop_rerun.py
	.venv/bin/python benchmarks/demo_result.py
	.venv/bin/python benchmarks/demo_accuracy.py --seeds 14 15 16 --shuffled

render: setup  ## Write workflows/*.toml as WorkflowTemplates of Argo, also into the chart
	.venv/bin/nemoflow render $(WORKFLOWS)
	helm/dashboard
	@if [ -d helm/nemoflow ]; then mkdir -p helm/nemoflow/files/workflows && cp $(WORKFLOWS:.toml=.yaml) helm/nemoflow/files/workflows/; fi

submit-workflow: setup  ## Run a workflow on a cluster, KUBECONFIG's or that of `make cluster`, and follow it: WORKFLOW=..., ARGS="--run mine"
	@$(OWN_CLUSTER); set -x; .venv/bin/nemoflow submit $(WORKFLOW) $(if $(TAG),--tag $(TAG)) $(ARGS)

lock: $(filter .uv/bin/uv,$(UV))  ## Compile requirements/*.txt anew (dev-cpu.txt where UV_FIND_LINKS has a CPU build of torch)
	requirements/compile.sh $(UV)

versions: setup  ## Accept the present code of the steps under their versions (raise a version first where results change)
	.venv/bin/python tests/steps/test_versions.py --write

install:  ## Install the chart into the cluster of kubectl, or of `make cluster`; ARGS="--values ours.yaml"
	helm/install $(ARGS)

uninstall:  ## Remove what `make install` made; buckets, claims and keys stay
	helm/install --uninstall $(ARGS)

clean:  ## Remove the environment, the images' contexts and the demo's results
	rm -rf .venv .uv build nemoflow-data
