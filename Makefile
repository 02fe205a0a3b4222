# Short names for commands; longer ones are in scripts/.

.DEFAULT_GOAL := help
.PHONY: help run test fuzz soak check accept schema bench web release binary package reproducible

help:     ## this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /make \1\t/' | expand -t 16

run: web  ## builds changed web pages, then serves the sandbox (ARGS="serve --config FILE" for another)
	cargo run -- $(ARGS)

test:     ## everything: installs the servers for tests, then check, web, Rust tests, browser tests
	scripts/test

fuzz:     ## property tests of all parsers with more cases (CASES=100000)
	scripts/fuzz $(CASES)

soak:     ## random orders under random faults against real processes (SEED=1 ORDERS=200 STORE=postgres or sqlite); repeats a failed seed
	scripts/soak "$(SEED)" "$(ORDERS)" "$(STORE)"

check:    ## format, lints, rustdoc, spelling, vocabulary and licenses; warnings are errors
	scripts/check

accept:   ## accepts changed snapshots and the changed schema; review the diff before committing
	INSTA_UPDATE=always scripts/nextest --no-fail-fast; $(MAKE) schema

schema:   ## writes schema/ticketgraph.graphql from the code
	scripts/schema

bench:    ## runs the benchmarks and writes benches/RESULTS.md; all figures are ratios within one run
	scripts/bench

web:      ## builds web/ into web/dist if its files changed
	scripts/web

release: web binary ## the binary as it is shipped, with the web pages inside (BUILD_FLAGS=--no-default-features: without the sandbox)

binary:   ## the release binary with the web pages that are built already (BUILD_FLAGS as above)
	cargo build --release --locked $(BUILD_FLAGS)

package: web ## target/package: release archive with a static binary, Debian package, SBOM and checksums
	scripts/package

reproducible: web ## builds the static binary twice, in two folders, and compares the bytes
	scripts/reproducible
