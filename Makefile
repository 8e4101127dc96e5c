# Two commands are enough: `make demo` and `make test`. Each makes its own virtual environment.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready
CORES   ?= $(shell nproc 2>/dev/null || echo 2)
WORKERS ?= $(shell echo $$(($(CORES) + 3)))

# Where files are synced in no time, if there is room: half of the tests' time is waiting for disks.
QUICK ?= $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 8000000 {print $$6}')

# Tests start many processes: each would compile what it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-full servers test-servers check bench bench-full plots lock clean

demo: $(READY)  ## play the whole story on a million generated trips
	@$(BIN)/isotherm demo

test: $(READY)  ## run the tests; they wait for servers half of the time, so there are more of them than cores
	@$(if $(QUICK),TMPDIR=$(QUICK)) $(BIN)/pytest -n $(WORKERS) --dist loadgroup -rs

test-full: export ISOTHERM_TURN = all
test-full: test  ## run every test, what else is tried in turn, too

servers:  ## install the servers that tests use where they are: Debian packages, needs root
	@echo "Installing Ceph's gateway, PostgreSQL and curl by apt-get; this needs root"
	@apt-get -qq update
	@DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
	    ceph-mon ceph-osd radosgw postgresql curl > /dev/null

test-servers: servers test  ## install the servers, then run every test

check: $(READY)  ## format, lint, types, import direction, docs
	@$(BIN)/ruff format --check src tests bench
	@$(BIN)/ruff check src tests bench
	@$(BIN)/mypy
	@$(BIN)/pytest tests/test_house.py tests/test_docs.py

bench: $(READY)  ## measure against hand-written SQL; a few minutes
	@$(BIN)/python -m bench

bench-full: $(READY)  ## with the long measurements, too: months of 100M rows
	@$(BIN)/python -m bench --full

plots: $(READY)  ## draw what bench has measured, and write docs/measurements.md anew
	@$(BIN)/python -m bench.plots

lock: $(READY)  ## resolve requirements.lock anew
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

clean:  ## remove the environment and what the demo made
	rm -rf $(VENV) demo

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Isotherm needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Making the environment in $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -qq --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@$(BIN)/python -m compileall -qq -j $(CORES) $(VENV)/lib || true  # pip takes one core; some are templates
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
