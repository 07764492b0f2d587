# Everything that a user or a developer calls. `make demo` and `make test` are the two commands of the README.
# The newest supported interpreter that runs (a name alone, such as one of pyenv's, may lead nowhere); uv may know one too.
SUPPORTED := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
ifndef PYTHON
PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3 "$$(uv python find '>=3.11,<3.14' 2>/dev/null)"; do \
	"$$p" -c '$(SUPPORTED)' 2>/dev/null && { command -v "$$p"; exit; }; done; echo python3)
endif
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
# Processes of the tests, each about 2 GB.
JOBS ?= auto
# In the order of tests/conftest.py: xdist's own is by number of tests, which leaves the longest files to the end.
PYTEST := $(BIN)/pytest -q -n $(JOBS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder
READY := $(VENV)/.ready
# TORCH=no leaves the networks out; TORCH_INDEX names an index of CPU builds.
TORCH ?= yes
TORCH_INDEX ?=

.PHONY: install demo test test-all test-slurm test-container lint format docs bench lock clean

install: $(READY)

$(READY): requirements-build.lock requirements.lock requirements-torch.txt requirements-deepbet.lock pyproject.toml
	@$(PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { echo "chiomics needs Python 3.11, 3.12 or 3.13 with its venv module, but $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -1). Install one (Debian, Ubuntu: apt install python3 python3-venv; Fedora: dnf install python3.13; anywhere: uv python install 3.13) or call: make $(MAKECMDGOALS) PYTHON=/path/to/python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] == (3, 11))' || command -v cc >/dev/null || command -v gcc >/dev/null || { echo "chiomics on Python 3.11 needs a C compiler (pyradiomics is built from source): install gcc, or take Python 3.12 or 3.13" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements-build.lock
	$(BIN)/pip install --quiet --require-hashes --no-build-isolation -r requirements.lock
	@if [ "$(TORCH)" = no ]; then \
		echo "Without torch: the networks of zhang2022, wang2020 and seok2023 and brain extraction by a network are left out."; \
	else \
		$(BIN)/pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) -r requirements-torch.txt && \
		$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements-deepbet.lock || \
		echo "torch could not be installed: the networks of zhang2022, wang2020 and seok2023 and brain extraction by a network are left out, everything else works. Try: make install TORCH_INDEX=<index of CPU builds>" >&2; \
	fi
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: install
	$(BIN)/chiomics demo . --cores $(CORES)
	@echo
	@echo "Done, on simulated subjects. Open in a browser, to look at everything: results/index.html"
	@echo "Susceptibility maps: results/sub-*/anat/*_Chimap.nii.gz    The papers' tables and figures: results/papers/"

test: install
	$(PYTEST) -m "not slow and not slurm and not container"

test-all: install
	$(PYTEST) -m "not slurm and not container" --cov --cov-report=term:skip-covered

# A Slurm of this one machine: root, and Debian's slurm-wlm and munge; skipped with the reason elsewhere.
test-slurm: install
	$(BIN)/pytest -q -n 0 -rs -m slurm tests/slurm

# The steps of the image in a bare Debian root: root, debootstrap, four minutes; CHIOMICS_ROOT=folder keeps it for the next time.
test-container: install
	$(BIN)/pytest -q -n 0 -rs -s -m container tests/containers

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/codespell
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

# The documentation as a site, in an environment of its own: build/docs/index.html. A warning is an error.
docs: build/docs-env/.ready
	NO_MKDOCS_2_WARNING=1 build/docs-env/bin/mkdocs build --strict
	@echo "Open in a browser: build/docs/index.html"

build/docs-env/.ready: requirements-docs.lock
	$(PYTHON) -m venv --clear build/docs-env
	build/docs-env/bin/pip install --quiet --require-hashes -r requirements-docs.lock
	@touch $@

bench: install
	$(BIN)/python -m benchmarks

# Needs uv; hashes only, so that any package index or mirror serves.
lock:
	uv pip compile pyproject.toml --extra reference --extra learning --extra dev --universal --generate-hashes --python-version 3.11 --no-header --no-annotate -o requirements.lock
	uv pip compile requirements-build.in -c requirements.lock --universal --generate-hashes --python-version 3.11 --no-header --no-annotate -o requirements-build.lock
	$(PYTHON) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['docs'], sep='\n')" | \
		uv pip compile - --universal --generate-hashes --python-version 3.11 --no-header --no-annotate -o requirements-docs.lock

# Snakemake's record of how results were made (.snakemake) stays: without it a change of settings plans nothing.
clean:
	rm -rf $(VENV) build
