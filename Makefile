# Two commands do everything on a machine with Python 3.11 or newer: `make review CODE=path` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE ?= fixtures/demo
# The repository that the budgets are measured on: a checkout of a large ML code base.
TREE ?= .

.PHONY: review test lint bench corpus clean

review: $(VENV)/.installed  ## lint CODE with flake8; findings are no failure
	@test -e "$(CODE)" || { echo "make review: $(CODE): no such file or folder" >&2; exit 2; }
	$(BIN)/flake8 --isolated --select LRF --exit-zero "$(CODE)"

test: $(VENV)/.installed-test  ## run every test
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.installed-test  ## hold the style of the project's own code
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/lint-imports

bench: $(VENV)/.installed-test  ## measure the budgets on TREE
	$(BIN)/python -m benchmarks.bench $(TREE)

corpus: $(VENV)/.installed-test  ## lint the standard library and all of site-packages: no internal error, every edit parses
	$(BIN)/python -m benchmarks.corpus

clean:
	rm -rf $(VENV) dist build

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@ $(VENV)/.installed
