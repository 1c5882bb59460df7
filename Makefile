# make demo and make test set up .venv by themselves, and again whenever pyproject.toml changes.
PYTHON ?= python3
BIN := .venv/bin
# of make soak, about
SECONDS ?= 600
# make bench COMPILED=--compiled times torch.compile, too
COMPILED ?=

.PHONY: demo test lint docs bench soak
demo: .venv/ready
	$(BIN)/pellucid demo --overwrite

test: .venv/ready
	$(BIN)/pytest -n 2 --dist worksteal

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "site/index.html  (open it in a browser)"

bench: .venv/ready
	$(BIN)/python benchmarks/descend.py $(COMPILED)
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/batch.py
	$(BIN)/python benchmarks/train.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/style_curve.py

soak: .venv/ready
	$(BIN)/python benchmarks/soak --seconds $(SECONDS) --out soak.md

.venv/ready: pyproject.toml
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 10), 'pellucid needs Python 3.10 or newer: make PYTHON=python3.11'"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@
