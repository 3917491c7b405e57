# Every command of the project; each works on a machine with only Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options
NAME ?=
WORKERS ?= 4

.PHONY: setup run test check soak lint format bench demo requirements clean

setup: $(INSTALLED)  ## make .venv with the pinned dependencies

$(INSTALLED): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("SOVI Events needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

run: setup  ## serve on HOST:PORT (127.0.0.1:8000), with everything it needs
	@$(BIN)/python manage.py serve

demo: setup  ## a simulated fleet emits events until Ctrl-C
	@$(BIN)/python -m demo

test: setup  ## all tests, WORKERS (4) of them at once: they wait most of the time
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

check: lint  ## lint, types, and the tests that need no PostgreSQL, browser or killing
	DATABASE_URL=postgresql://127.0.0.1:1/none $(BIN)/python -m pytest -m unit

soak: setup  ## minutes of load, kills and overlapping writers, of which `make test` has a short cut
	$(BIN)/python -m pytest --soak -m soak

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## list the benches; make bench NAME=emit runs one
	$(BIN)/python -m bench $(NAME)

requirements: setup  ## compile the .in files anew
	CUSTOM_COMPILE_COMMAND="make requirements" $(COMPILE) requirements.in
	CUSTOM_COMPILE_COMMAND="make requirements" $(COMPILE) requirements-dev.in

clean:  ## remove the venv and caches; the data in .data stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
