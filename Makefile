# Thin names over real commands; what is longer than a line lives in scripts/.

.DEFAULT_GOAL := help
.PHONY: help run test fuzz check accept schema bench web release binary

help:     ## this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /make \1\t/' | expand -t 16

run: web  ## builds the web pages where they changed, then serves the sandbox (ARGS="serve --config FILE" for another)
	cargo run -- $(ARGS)

test:     ## everything: installs the servers that tests need, then check, web, Rust tests, browser tests
	scripts/test

fuzz:     ## what reads anything from outside, with many more cases (CASES=100000)
	scripts/fuzz $(CASES)

check:    ## format and lints, warnings are errors
	scripts/check

accept:   ## takes changed snapshots and the changed schema; read the diff before you commit it
	INSTA_UPDATE=always scripts/nextest --no-fail-fast; $(MAKE) schema

schema:   ## writes schema/ticketgraph.graphql from the code
	scripts/schema

bench:    ## runs the benchmarks and writes benches/RESULTS.md; each figure is a ratio measured in one run
	scripts/bench

web:      ## builds web/ into web/dist, where its files changed
	scripts/web

release: web binary ## the binary as it is shipped, with the web pages inside

binary:   ## the release binary with the web pages that are built already
	cargo build --release --locked
