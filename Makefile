# `make demo` and `make test` do all their own set-up on a machine that has Python 3.11 to 3.13 and nothing else of ours.

# The newest Python that starts: a name on PATH may be a version manager's, with no such version chosen behind it.
ifndef PYTHON
PYTHON := $(firstword $(foreach v,3.13 3.12 3.11,$(shell { python$(v) -c 'import ensurepip, venv' && echo python$(v); } 2>/dev/null)) python3)
endif
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check bench nightly screenshots clean

demo: $(VENV)/.installed
	$(BIN)/sounimicro demo $(ARGS)

# Three workers on two cores: a quarter of the time they wait, for browsers and for processes that are killed.
test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-bench
	$(BIN)/python -m sounimicro_pipelines_tests.benchmarks $(ARGS)

nightly: $(VENV)/.installed-lake
	SOUNIMICRO_TEST_NIGHTLY=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

# Pictures for the README, of a demo that runs elsewhere: make screenshots PRINTED=file-with-what-it-printed
screenshots: $(VENV)/.installed
	$(BIN)/python -m sounimicro_pipelines_tests.screenshots $(PRINTED)

clean:
	rm -rf $(VENV) .sounimicro .pytest_cache .mypy_cache .ruff_cache dbt_reports/target dbt_reports/logs

$(BIN)/python:
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info[:2] < (3, 14), f"Python 3.11, 3.12 or 3.13 is needed, this is {sys.version}. Say which with: make PYTHON=/path/to/python3.12"'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION) \
	  && $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[test]' \
	  || $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[test,bench]' \
	  || $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test,bench]'
	touch $@

$(VENV)/.installed-lake: $(VENV)/.installed
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[test,lake]' \
	  || $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test,lake]'
	touch $@
