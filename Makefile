# gridpilot: every target sets itself up; a fresh machine needs Python 3.11 or newer and make, nothing else.
#
#   make demo               the whole chain on real data, with a dashboard (ARGS=--once: print the first plan and stop)
#   make test               every test (ARGS='tests/ingest -x': some of them)
#   make check              what CI runs: ruff, mypy, the tests
#   make bench              decode rate, load rate, plan time, forecast skill, published power flows: measured in one run,
#                           and exactly once under faults: kills, crashes, cuts (4 minutes)
#   make bench-rivals       our forecasts beside LightGBM, NHITS, PatchTST, AutoARIMA and MSTL, which go into .venv-rivals
#                           (hours; ARGS='vic_elec:02 --methods gridpilot,LightGBM': some of it)
#   make bench-peers        our dispatch of a network beside PyPSA and pandapower, each in an environment of its own
#   make bench-closed-loop  what forecasts and reserves cost when plans are carried out: a published week (half an hour of
#                           CPU; ARGS=seasons: 28 days of RTS-GMLC, hours); what is done is kept, so it can be broken off
#   make clean              remove all environments and every cache; downloads and the demo's state stay (see the README)
#
# PYTHON=/path/to/python3 chooses the interpreter of .venv.

PYTHON ?=
ARGS ?=
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint check bench bench-rivals bench-peers bench-closed-loop clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

# Set up again only when what is to be installed has changed.
.venv/.installed: pyproject.toml constraints.txt deploy/make-venv.sh
	@sh deploy/make-venv.sh "$(PYTHON)"

demo: .venv/.installed
	@$(BIN)/gridpilot demo $(ARGS)

test: .venv/.installed
	@$(BIN)/pytest --numprocesses 2 --dist loadfile $(ARGS)

lint: .venv/.installed
	@$(BIN)/ruff check; style=$$?; $(BIN)/mypy && exit $$style

check: lint test

bench: .venv/.installed
	@for script in $(filter-out %/bench_rivals.py %/bench_peers.py %/bench_closed_loop.py,$(wildcard tests/bench/bench_*.py)); do echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || exit 1; done

bench-rivals: .venv/.installed .venv-rivals/.installed
	@$(BIN)/python tests/bench/bench_rivals.py $(ARGS)

.venv-rivals/.installed: tests/bench/rivals.txt
	@$(BIN)/python -m venv .venv-rivals && .venv-rivals/bin/pip install --quiet --prefer-binary -r $< && touch $@

bench-peers: .venv/.installed .venv-peers/.installed .venv-pandapower/.installed
	@$(BIN)/python tests/bench/bench_peers.py $(ARGS) && $(BIN)/python tests/bench/bench_pandapower.py

.venv-peers/.installed: tests/bench/peers.txt
	@$(BIN)/python -m venv .venv-peers && .venv-peers/bin/pip install --quiet --prefer-binary -r $< && touch $@

.venv-pandapower/.installed: tests/bench/peers_pandapower.txt
	@$(BIN)/python -m venv .venv-pandapower && .venv-pandapower/bin/pip install --quiet --prefer-binary -r $< && touch $@

bench-closed-loop: .venv/.installed
	@$(BIN)/python tests/bench/bench_closed_loop.py $(ARGS)

clean:
	rm -rf .venv .venv-rivals .venv-peers .venv-pandapower .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find grid ingest forecasting api tests -name __pycache__ -type d -prune -exec rm -rf {} +
