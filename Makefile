# The commands of the README. Everything is set up by `setup`; afterwards plain cargo works too.

.PHONY: setup build example test emulator check docs install

setup:
	@scripts/setup-duckdb

build: setup
	cargo build

# Builds kpi, then builds and tests the KPI pipeline on a local DuckDB file.
example: build
	cargo run --quiet -- build --project-dir examples/kpi_pipeline

test: setup emulator
	cargo test --workspace --no-fail-fast

# The Python environments of the Snowflake emulator and of Python models: for tests, where there is a Python to make
# them with.
emulator:
	@scripts/setup-emulator "$${CARGO_TARGET_DIR:-target}/snowflake-emulator" || [ $$? -eq 3 ]
	@scripts/setup-emulator "$${CARGO_TARGET_DIR:-target}/python-models" tests/support/python_models.txt || [ $$? -eq 3 ]

check: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# An optimized kpi with its library beside it, in PREFIX (default: ~/.local).
PREFIX ?= $(HOME)/.local
install: setup
	cargo build --release
	scripts/install "$(PREFIX)"
