# Two commands: `make demo` shows a district, `make test` proves it. All of it stands in
# bootstrap.py, for machines without make: python3 bootstrap.py demo|test|check|bench
# Arguments go through ARGS: make demo ARGS="--for 30s --json --no-open"

PYTHON ?= python3

.PHONY: demo test check bench bench-truth dashboards-check generate clean

demo test check bench generate:
	@$(PYTHON) bootstrap.py $@ $(ARGS)

# How right the numbers are: histories scored against their truth, faults off and on.
bench-truth:
	@$(PYTHON) bootstrap.py bench truth $(ARGS)

# Every query of every dashboard and alert, on a real InfluxDB: rows and milliseconds.
dashboards-check:
	@$(PYTHON) bootstrap.py bench dashboards $(ARGS)

# What was installed or built here; never data.
clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
