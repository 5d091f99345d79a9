# `make` alone lists what there is.
PYTHON ?= python3
BIN := .venv/bin
# Half of what the tests take is waiting for servers: three workers for two cores.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2)
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false

.PHONY: help install demo browser test soak lint check check-data bench reference lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "winback needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	@echo "installing what requirements.lock names; the first time takes a minute or two" >&2
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q app db flows winback  # as pip does with what it installs
	@touch $@

install: .venv/installed  ## set up .venv with everything winback needs

demo: .venv/installed  ## a whole campaign on real orders, delivered to a folder, with its report
	@$(BIN)/winback demo .demo

# What the tests of the report ask for; they fail with the same words where it cannot be installed here.
browser: .venv/installed  ## Chromium and a Chinese font, by apt-get where that may be used
	@$(BIN)/python -c 'from app.printer import browser; from winback.report.pictures import require_fonts as fonts; browser(); fonts("流失")' 2>/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update --quiet --quiet \
			&& apt-get install --quiet --quiet --yes --no-install-recommends chromium fonts-dejavu-core fonts-noto-cjk >/dev/null; } \
		|| echo "the tests of the report need a browser and a Chinese font: apt-get install chromium fonts-noto-cjk" >&2

test: .venv/installed browser  ## every test, with a real PostgreSQL and a real Prefect server
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not data and not soak"

soak: .venv/installed  ## minutes of kills: 20,000 messages and 100 of them, on both databases
	$(BIN)/pytest -m soak

lint: .venv/installed  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint  ## the fast loop: lint, layers, unit tests
	$(BIN)/pytest -q -n auto --dist loadfile -m "not data and not server and not database and not slow"

check-data: .venv/installed  ## checks against the full data sets: make check-data DATA=DIR
	@test -n "$(DATA)" || { echo "name the folder: make check-data DATA=DIR" >&2; exit 2; }
	DATA="$(abspath $(DATA))" $(BIN)/pytest -n auto --dist loadfile -m data

bench: .venv/installed  ## speeds as ratios of one run
	@for bench in features fit selection preview outcomes importing render start check outbox dispatch peers; do $(BIN)/python -m bench.$$bench || exit 1; done

reference: .venv/installed  ## write the tables and the schema of the campaign file anew
	$(BIN)/python -m docs.make_reference

lock:  ## resolve requirements.lock anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --extra dev --extra ml pyproject.toml -o requirements.lock

clean:  ## remove what make made
	rm -rf .venv .demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
