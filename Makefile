# The default target explains the others. A target that shows something ends with one line of
# figures, and exits 0 only if what it shows held.

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
SUITES := $(wildcard tests/unit tests/conformance tests/house tests/integration tests/docs tests/e2e)

.DEFAULT_GOAL := help
.PHONY: help setup check fix test demo demo-cluster serve kafka bench bench-quick bench-fsck faults \
  attacks pairs fuzz docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  T=tests/unit/signing or T='revoked and not expired': what test runs"
	@echo "  ENGINE=kafka N=100 SEED=7: on what, how many faults (or pairs) are made, and from which seed"
	@echo "  PYTHON=python3.12: which Python setup takes, when not the first that will do"

setup: $(READY) ## the environment in .venv, from requirements.lock (the others do it by themselves)
	@echo "setup: $$(grep -c '^[a-z].*==' requirements.lock) packages pinned, $$($(PY) --version)"

$(READY): requirements.lock pyproject.toml
	@python=; for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$p -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then python=$$p; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo "setup: needs Python 3.11 or later with venv (Debian: apt-get install python3-venv)" >&2; \
	  exit 1; fi; \
	[ -x $(PY) ] || $$python -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
	  -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
	  --no-build-isolation -e .
	@touch $@

check: $(READY) ## format, lint, types, import contracts, house rules
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) -m pytest -q tests/house
	@echo "check: 5 checks, 5 held"

fix: $(READY) ## put format and imports right
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

test: $(READY) ## all tests, the quick ones first; T= selects, WORKERS= (2) run them, SEED= seeks
	$(PY) -m pytest -n $(or $(WORKERS),2) --dist loadgroup --no-loadscope-reorder \
	  $(if $(SEED),--hypothesis-profile seeking --hypothesis-seed $(SEED)) \
	  $(if $(findstring /,$(T)),$(T),$(SUITES) $(if $(T),-k '$(T)'))

demo: $(READY) ## agencies exchange data through a bus; then an audit of what it recorded
	@$(PY) examples/demo.py

demo-cluster: $(READY) ## the same on Kafka and PostgreSQL, in many processes; some are killed (needs make kafka)
	@$(PY) examples/demo_cluster.py

serve: $(READY) ## the demo's agencies and bus, left running, with commands to paste
	@$(PY) examples/demo.py --serve

kafka: $(READY) ## Apache Kafka by its Maven coordinates, for the tests (needs Java 17 and Maven)
	@$(PY) tests/support/kafka_broker.py

bench: $(READY) ## every figure next to its peer, in one run of ten minutes (ARGS='--rounds 3')
	@$(PY) benchmarks/bench.py $(ARGS)

bench-quick: $(READY) ## six goals against their peers in under two minutes (P3 needs make kafka)
	@$(PY) benchmarks/quick.py

bench-fsck: $(READY) ## an audit of a log of N=100000 entries: its rate, and the memory it holds
	@$(PY) benchmarks/long_audit.py --entries $(or $(N),100000)

faults: $(READY) ## N faults under load from SEED, ENGINE=kafka: a cluster; count what was lost
	@$(PY) tests/faults/run.py $(if $(ENGINE),--engine $(ENGINE)) $(if $(N),--n $(N)) \
	  $(if $(SEED),--seed $(SEED))

attacks: $(READY) ## attack databases, logs and bundles from outside; each must be found by the CLI
	@$(PY) -m tests.attacks.run

pairs: $(READY) ## judge N random pairs of schemas from SEED; another validator counts what is unsafe
	@$(PY) -m tests.pairs.run $(if $(N),--n $(N)) $(if $(SEED),--seed $(SEED))

fuzz: $(READY) ## N calls of each operation by everybody, from SEED: all documented, no 5xx
	@$(PY) -m tests.fuzz.run $(if $(N),--n $(N)) $(if $(SEED),--seed $(SEED))

docs: $(READY) ## run the commands that README and docs show
	@$(PY) -m tests.docs.run

clean: ## remove .venv and what the tools left behind
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
