# Needs make and Python 3.11 or newer; everything else goes into .venv.
#
#   make demo     simulate a benchmark, fine-tune on it, reload and score (DATA=... CONFIG=... for real data)
#   make test     the whole test suite
#   make fuzz     thousands of made-up cases for every reader (CASES=... of each property, SEED=...)
#   make soak     ten thousand training steps at ten times the learning rates (STEPS=...)
#   make reliability   these, the tests that kill, the bad inputs; and docs/reliability.md from them
#   make bench    every benchmark under benches/, and a table of their results
#   make report   the tables of docs/results, from the measured numbers beside them
#   make docs     the documentation as a site in site/; a warning fails it
#   make lint     what the continuous integration checks besides docs and tests
#   make format   put the code into the format that lint asks for

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt
TORCH := $(shell grep '^torch==' constraints.txt)

# Worker processes of the test suite; 0 runs it in one.
WORKERS ?= 2
PYTEST_ARGS ?=
# Of the runs that `make reliability` reports.
CASES ?= 10000
SEED ?= 1
STEPS ?= 10000
RECORDED = $(BIN)/python -m pytest -p tests.reliability.recording --numprocesses $(WORKERS) --dist load

.PHONY: help install install-dev demo test fuzz soak reliability bench report docs lint format clean

help:
	@sed -n 's/^#   //p' Makefile

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1); Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# torch goes first and alone, so that nothing that depends on it can choose another build.
$(VENV)/.installed: $(VENV)/.created pyproject.toml constraints.txt
	$(PIP_INSTALL) $(TORCH)
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/python examples/demo.py $(if $(DATA),--data "$(DATA)") $(if $(CONFIG),--config "$(CONFIG)")

# The models of the tests are tiny: two threads per product of matrices make them 20 times slower.
test: export OMP_NUM_THREADS = 1
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(PYTEST_ARGS)

fuzz soak reliability: export OMP_NUM_THREADS = 1
fuzz: export HF_GENOMICS_FUZZ_CASES = $(CASES)
fuzz: $(VENV)/.installed-dev
	$(RECORDED) --junitxml=runs/reliability/fuzz.xml --hypothesis-seed=$(SEED) tests/fuzz

soak: export HF_GENOMICS_SOAK_STEPS = $(STEPS)
soak: $(VENV)/.installed-dev
	$(RECORDED) --junitxml=runs/reliability/soak.xml tests/reliability/test_stability.py

reliability: fuzz soak
	$(RECORDED) --junitxml=runs/reliability/models.xml tests/reliability/test_matrix.py
	$(RECORDED) --junitxml=runs/reliability/kills.xml tests -k "killed_ or is_killed"
	$(RECORDED) --junitxml=runs/reliability/bad_inputs.xml --bad-inputs -m "not slow" tests
	$(BIN)/python docs/tools/report_reliability.py runs/reliability/*.xml

# Each bench sets its own number of threads and writes benches/results/<name>.json.
bench: $(VENV)/.installed-dev
	@mkdir -p benches/results
	@set -e; for bench in benches/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench; done
	@$(BIN)/python benches/table.py

report: $(VENV)/.installed
	$(BIN)/python docs/tools/report.py

# The variable silences an advertisement of the theme.
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.installed-dev
	$(BIN)/mkdocs build --strict

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist site *.egg-info
