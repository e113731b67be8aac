# Everything that is done with this project by hand. Each target says in its
# `##` line what it is for; `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Where the demo listens and keeps its files.
DEMO_LISTEN ?= 127.0.0.1:8080
DEMO_DIR ?= target/demo

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the programs as released, into target/release
	# One at a time: together they would share features, and the handler would
	# carry what only the compactor or the load test needs.
	cargo build --locked --release -p espy-handler
	cargo build --locked --release -p espy-compactor
	cargo build --locked --release -p espy-loadtest

.PHONY: demo
demo: demo-programs ## make sample events, count, publish, pull and serve them until Ctrl-C; CHECK=1 checks itself and exits
	DEMO_BIN=target/quick DEMO_LISTEN=$(DEMO_LISTEN) DEMO_DIR=$(DEMO_DIR) CHECK=$(CHECK) demo/run

.PHONY: demo-programs
demo-programs: ## build the programs for the demo, faster than as released
	cargo build --locked --profile quick -p espy-handler -p espy-compactor -p espy-loadtest

# Tests sync files by the thousand; in memory, where there is room for them,
# they do not wait for a busy disk.
TEST_TMPDIR := $(shell room=$$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1); \
	if [ "$${room:-0}" -gt 4000000 ] && [ -w /dev/shm ]; then echo /dev/shm; else echo "$${TMPDIR:-/tmp}"; fi)
test soak: export TMPDIR = $(TEST_TMPDIR)

.PHONY: test
test: check test-programs ## install what the tests need where it is missing, and run all checks and tests; long loops at a tenth
	cargo test --locked --workspace

.PHONY: soak
soak: check test-programs ## all tests with every loop at full count
	ESPY_SOAK=1 cargo test --locked --workspace

.PHONY: test-programs
test-programs: test-tools ## build the programs that tests start, beside the test executables
	cargo build --locked --workspace --bins

.PHONY: test-tools
test-tools: ## install the tests' peers (DuckDB, the pypistats client, statsd) into project-local folders
	tests/install

.PHONY: check
check: ## formatting, lints and documentation, warnings denied
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

.PHONY: bench
bench: bench-format bench-respond bench-start bench-serving ## all benchmarks

.PHONY: bench-format
bench-format: ## packing of counts and span policies, the tables of docs/format-measurements.md (4 minutes, 7 GB)
	cargo bench --locked -p espy-tests --bench packing

.PHONY: bench-respond
bench-respond: ## CPU time of answers that no cache gives, 20,000 projects x 180 days (in memory: 1 GB in TMPDIR=/dev/shm)
	TMPDIR=$(TEST_TMPDIR) cargo bench --locked -p espy-handler --bench respond

.PHONY: bench-start
bench-start: ## exec to first answer beside sha256sum of the same 560 MB, on one core and on two
	TMPDIR=$(TEST_TMPDIR) cargo bench --locked -p espy-handler --bench start

.PHONY: bench-serving
bench-serving: build ## the handler beside the floor server, nginx and Datasette, the tables of docs/benchmarks.md (15 minutes, 2 cores, 2 GB)
	tests/benches/install
	cargo bench --locked -p espy-tests --bench serving

.PHONY: fuzz
fuzz: ## each fuzz target for SECONDS_EACH (60) seconds, with the stable compiler (needs a C++ compiler)
	fuzz/run

.PHONY: clean
clean: ## remove what was built and what the tests installed
	cargo clean
	rm -rf .venv .venv-bench .npm
