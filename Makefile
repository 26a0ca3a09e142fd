# Set-up and the everyday commands. Each target makes the environment it needs.
.DEFAULT_GOAL := help
.PHONY: help study test test-slow test-all doctest lint types check notebooks format \
  lock clean
.DELETE_ON_ERROR:

# Tried in this order; `make PYTHON=/a/python study` names another.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
VENV := .venv
RUN := $(VENV)/bin/python
# A file's tests share programs, so they stay on one core.
ON_ALL_CORES := -n auto --dist loadfile
EXTRAS := dev,tensorflow,cuda12,cuda13,tpu

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

study: $(VENV)/run.stamp ## train the main study on the embedded digits and report it
	$(RUN) -m launch.sweep --config=configs/study.py --workdir=results/study
	$(RUN) -m launch.report --workdir=results/study

test: $(VENV)/test.stamp ## the fast tests
	$(RUN) -m pytest $(ON_ALL_CORES)

test-slow: $(VENV)/dev.stamp ## the slow tests, with the notebooks
	$(RUN) -m pytest $(ON_ALL_CORES) -m slow

test-all: test test-slow ## every test

doctest: $(VENV)/test.stamp ## the examples in docstrings
	$(RUN) -m pytest --doctest-modules ws_jax benchmarks --ignore=benchmarks/peers

lint: $(VENV)/dev.stamp ## formatting and style
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .

types: $(VENV)/dev.stamp ## static types
	$(RUN) -m pyrefly check

check: lint types doctest test-all ## everything that must pass

notebooks: $(VENV)/dev.stamp ## execute the notebooks on the stored results
	@test -e results/study/results.parquet || $(MAKE) study
	$(RUN) tools/notebooks.py

format: $(VENV)/dev.stamp ## format and mend what can be mended
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

lock: $(VENV)/dev.stamp ## pin the newest allowed versions (on Python 3.11)
	@mkdir -p .cache
	$(RUN) -m pip install --quiet --dry-run --ignore-installed \
	  --report .cache/lock.json '.[$(EXTRAS)]' appnope hatchling setuptools wheel
	$(RUN) tools/lock.py .cache/lock.json constraints.txt

clean: ## remove the environment and the caches; results stay
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. A stamp says that its extra is installed as these files ask.
# Bytecode is written when a module is first imported, not for all at install time:
# that halves the time; so an environment that forbids writing it is overruled.
unexport PYTHONDONTWRITEBYTECODE
$(VENV)/test.stamp: EXTRA := [test]
$(VENV)/dev.stamp: EXTRA := [dev]

# Two variables, because pip's releases differ in which one also pins build tools.
$(VENV)/%.stamp: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "installing ws_jax$(EXTRA) into $(VENV)"
	@PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	  $(RUN) -m pip install -qq --no-compile --editable '.$(EXTRA)'
	@touch $@

$(VENV)/bin/pip:
	@for python in $(PYTHON); do \
	  "$$python" -c 'import ensurepip, sys, venv; \
	  sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null || continue; \
	  echo "making $(VENV) with $$python"; \
	  exec "$$python" -m venv --clear $(VENV); \
	done; \
	echo "error: no Python 3.11 to 3.14 with the module venv among: $(PYTHON)." \
	  "Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1
