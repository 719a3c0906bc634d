# Every target works on its own, even on a new machine: .ci/setup.py first makes the environment that it needs.
# Another interpreter: make PYTHON=python3.13 test
PYTHON ?= python3
PY = .venv/bin/python
SETUP = @"$(PYTHON)" -I .ci/setup.py

# The caller's Python settings must not affect the environment made here, nor that each process compiles all modules again.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONSAFEPATH PYTHONUSERBASE PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE VIRTUAL_ENV

# More pytest arguments: make test PYTEST="-k postfix -x". When they choose some of the tests, only the servers that these ask for are installed.
PYTEST =
# The number of processes that run the tests, each with servers of its own. For one process: make test WORKERS=0
WORKERS = 3

.NOTPARALLEL:
.PHONY: help demo test interop interop-opendj check lint types imports docs-check docs man screenshots recording coverage endurance format bench mutants fuzz audit clean

help:
	@echo 'make demo    show the main job on this machine: configure a mail server, send a mail through it'
	@echo 'make test    prepare the servers the tests need, run the tests'
	@echo 'make interop try it with heavy servers: Keycloak (180 MB) and OpenDJ, which Maven brings'
	@echo 'make interop-opendj try it with OpenDJ alone (84 MB)'
	@echo 'make check   style, types, architecture, documentation'
	@echo 'make docs    make the site of the documentation, with search, in build/site'
	@echo 'make man     write the manual pages to build/man/man1'
	@echo 'make screenshots take the pictures of README and guide anew, from the running console'
	@echo 'make recording record the menus anew, for README'
	@echo 'make coverage run the tests and measure which lines they reach'
	@echo 'make endurance run the tests that act at random for longer'
	@echo 'make bench   measure; the results go to benchmarks/results/'
	@echo 'make mutants change the pure rooms on purpose, and list in tests/mutants.md what no test notices'
	@echo 'make audit   ask advisory services about known defects of the installed packages'
	@echo 'make fuzz    try many hostile inputs on everything that reads foreign text; FUZZ_EXAMPLES=N for each reader'
	@echo 'make format  format the sources'
	@echo 'make clean   remove everything the other targets made'

demo:
	$(SETUP) demo
	@$(PY) -m confobjects.cli demo

test:
	$(SETUP) test
	@$(PY) -m tests.servers.packages --for $(PYTEST)
	@CONFOBJECTS_INSTALL_SERVERS=1 $(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile $(PYTEST)

interop:
	$(SETUP) test
	@$(PY) -m tests.servers.packages java maven slapd
	@CONFOBJECTS_INTEROP=all $(PY) -m pytest tests/interop $(PYTEST)

# Of the kinds of objects a part; those that an expression finds: make interop-opendj OPENDJ_KINDS='log-publisher|backend'
interop-opendj:
	$(SETUP) test
	@$(PY) -m tests.servers.packages java maven slapd
	@CONFOBJECTS_INTEROP=1 $(PY) -m pytest tests/interop/opendj $(PYTEST)

screenshots:
	$(SETUP) test
	@$(PY) -m tests.servers.packages chromium postfix
	@$(PY) -m tests.web.browser.screenshots

recording:
	$(SETUP) test
	@$(PY) -m tests.cli.recording

check: lint types imports docs-check

lint:
	$(SETUP) dev
	$(PY) -m ruff check
	$(PY) -m ruff format --check

types:
	$(SETUP) dev
	$(PY) -m mypy
	.venv/bin/basedpyright

imports:
	$(SETUP) dev
	.venv/bin/lint-imports --no-logo

docs-check:
	$(SETUP) dev
	@if test -f tests/docs_check.py; then $(PY) -m tests.docs_check; fi

docs:
	$(SETUP) docs
	@.venv-docs/bin/python -m tests.docs.site

man:
	$(SETUP) demo
	@$(PY) -m confobjects.cli.manual build/man/man1

coverage: PYTEST += --cov --cov-report=term:skip-covered
coverage: test

# Other rounds than those of the tests: make endurance ROUNDS=1000 FIRST=500; EFFORT multiplies what the other ones do.
ROUNDS = 100
FIRST = 0
EFFORT = 20
AT_RANDOM = tests/cli/test_apply_killed.py tests/cli/test_batch.py tests/definitions/test_fuzz.py tests/effect \
	tests/following/test_incremental.py tests/laws tests/mapping/test_reparsing.py \
	tests/management/test_concurrency.py tests/service tests/transport/test_chaos.py tests/web/test_openapi.py

endurance:
	$(SETUP) test
	@CHAOS_ROUNDS=$(ROUNDS) CHAOS_FIRST=$(FIRST) CONFOBJECTS_EFFORT=$(EFFORT) $(PY) -m pytest $(AT_RANDOM) $(PYTEST)

format:
	$(SETUP) dev
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

bench:
	$(SETUP) bench
	@.venv-bench/bin/python -m benchmarks.run

# Longer: make fuzz FUZZ_EXAMPLES=20000
FUZZ_EXAMPLES ?= 2000

fuzz:
	$(SETUP) test
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(PY) -m pytest tests/fuzz $(PYTEST)

# Some of the rooms: make mutants ROOMS="expressions objects"
ROOMS =

mutants:
	$(SETUP) mutants
	@.venv-mutants/bin/python -m tests.mutants $(ROOMS)

# Exit statuses of the program: 0 no known defect, 1 defects, 3 not checked.
audit:
	$(SETUP) dev
	$(SETUP) audit
	@.venv-audit/bin/python -m tests.audit

clean:
	rm -rf .venv .venv-bench .venv-mutants .venv-audit .venv-docs .mutants build dist confobjects.egg-info htmlcov .coverage .coverage.*
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf '{}' +
