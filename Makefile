# The commands of the README. Everything lives in .venv; nothing is installed outside the clone.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ONLY   ?=
ARGS   ?=
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

.PHONY: demo system-packages test drill bench lint types contracts check lock clean install console-assets client

demo: $(VENV)/.installed
	$(BIN)/marketbot demo $(ARGS)

test: system-packages
	$(BIN)/pytest -n 3 $(ARGS)

# Programs that some tests use and pip does not have, from the system's package manager, unpacked into .venv; no rights needed.
system-packages: $(VENV)/.installed
	$(BIN)/python -m tests.system_packages

# Kills an engine amid every fault; `make test` does it on one seed. MARKETBOT_FAULT_SEEDS=1,2,3 make drill
drill: $(VENV)/.installed
	$(BIN)/pytest -m drill $(ARGS)

bench: $(VENV)/.installed
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(ARGS)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

contracts: $(VENV)/.installed
	$(BIN)/lint-imports

check: lint types contracts test

install: $(VENV)/.installed

# uv comes from pip, pinned by hash, into the virtual environment itself: a machine needs no more than Python.
$(VENV)/.installed: requirements/dev.txt requirements/uv.txt pyproject.toml web/package-lock.json web/console_assets.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python web/console_assets.py
	touch $@

# The console's scripts, from npm by their pinned digests; `make install` does it too.
console-assets: $(VENV)/.installed
	$(BIN)/python web/console_assets.py

# The typed client's modules, from the API's document; a test holds them against it.
client: $(VENV)/.installed
	$(BIN)/python -m tools.write_client

lock: $(VENV)/.installed
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) pyproject.toml --extra dev -o requirements/dev.txt
	echo uv | $(LOCK) - -o requirements/uv.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache bench/latest.json web/node_modules src/marketbot/web/static/vendor
