# Everything that a user or a developer calls. `make demo` and `make test` are the two commands of the README.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
READY := $(VENV)/.ready

.PHONY: install demo test test-all lint format bench lock clean

install: $(READY)

$(READY): requirements-build.lock requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "chiomics needs Python 3.11, and no python3 was found. Install it or call: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "chiomics needs Python 3.11 (pyradiomics 3.0.1 does not build on 3.12), but $(PYTHON) is $$($(PYTHON) --version 2>&1). Install it or call: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || { echo "chiomics needs a C compiler (pyradiomics is built from source): install gcc" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements-build.lock
	$(BIN)/pip install --quiet --require-hashes --no-build-isolation -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: install
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo.yaml
	@echo
	@echo "Done, on simulated subjects. Susceptibility maps: results/sub-*/anat/*_Chimap.nii.gz"
	@echo "The papers' tables and figures:  results/papers/"
	@echo "Pictures to look at first:  results/qc/    Sessions and what was left out: results/manifest.tsv"
	@echo "One page with all of it:    $(BIN)/snakemake --configfile config/demo.yaml --report report.html"

test: install
	$(BIN)/pytest -q -m "not slow"

test-all: install
	$(BIN)/pytest -q

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

bench: install
	$(BIN)/python -m benchmarks

# Needs uv; hashes only, so that any package index or mirror serves.
lock:
	uv pip compile pyproject.toml --all-extras --generate-hashes --python-version 3.11 --no-header --no-annotate -o requirements.lock
	uv pip compile requirements-build.in -c requirements.lock --generate-hashes --python-version 3.11 --no-header --no-annotate -o requirements-build.lock

clean:
	rm -rf $(VENV) build .snakemake
