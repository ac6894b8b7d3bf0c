PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all reproduce-quick docs dist-check

demo: .venv/installed
	$(BIN)/python -m analysis.demo

test: .venv/installed
	$(BIN)/python -m pytest -n 2

test-all: .venv/installed
	$(BIN)/python -m pytest -n 2 -m ""

reproduce-quick: .venv/installed
	$(BIN)/python -m analysis.reproduce --quick

docs: .venv/installed
	$(BIN)/python -m sphinx -W --keep-going -n -q docs docs/_build/html
	$(BIN)/python docs/links.py docs/_build/html
	@echo "Open docs/_build/html/index.html"

dist-check: .venv/installed
	$(BIN)/python tests/dist_check.py

.venv/installed: setup.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e ".[test,docs]"
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt --no-deps spikingjelly  # whose dependencies bring CUDA and a torchvision that does not load
	touch $@
