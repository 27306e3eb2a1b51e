# ktrap: `make help` lists the targets.
SHELL    := /bin/bash
.SHELLFLAGS := -o pipefail -c
GO       ?= go
BIN      := bin/ktrap
# Packages whose golden files `make golden` rewrites. What is recorded from a live guest is
# rewritten with `go test -tags qemu PACKAGE -update`: ./cmd/ktrap/terminal ./rsp/rsptest ./session/unwind
GOLDEN   := ./symbols/oops ./symbols/cause ./session/report ./scripts ./cmd/ktrap/terminal
FUZZTIME ?= 10s
# The live tests that make test runs, on one kernel; make integration runs all.
SHORT    := TestTheStackIsTheKernelsOwnTrace|TestStockGDBDebugsAndSees|TestAStubThatIsNotThere|TestAWrongVmlinux|TestTrapsAreArmedAgainAfterAReboot|TestSIGTERMLeaves|TestALoggedWarning|TestAPersonWorksAtAGuest|TestShippedScripts

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@if [ -t 1 ] && [ -z "$$NO_COLOR" ]; then on='\033[1m' off='\033[0m'; fi; \
	awk -F ':.*## ' -v on="$$on" -v off="$$off" '/^[a-z-]+:.*## /{printf "  " on "%-13s" off " %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: packages
packages: build ## install what is missing (QEMU, gdb, busybox, dropbear, compiler), saying why
	@$(BIN) lab install

.PHONY: demo
demo: packages ## set everything up, crash a real kernel, show what ktrap sees
	@$(BIN) lab demo

.PHONY: test
test: packages check unit short ## everything that must pass: check, unit tests, one live kernel

.PHONY: build
build: ## build bin/ktrap
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/ktrap

.PHONY: check
check: ## format, vet, staticcheck, dead code, module file, layers
	@out=$$(gofmt -l cmd rsp symbols session scripts testdata); test -z "$$out" || { echo "gofmt would change: $$out"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags qemu ./...
	$(GO) tool staticcheck -checks all -tags qemu ./...
	@out=$$($(GO) tool deadcode -tags qemu -test ./...); test -z "$$out" || { echo "dead code:"; echo "$$out"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) test ./cmd/ktrap -run 'TestLayers|TestFileSizes|TestThePCRule|TestNoMachinePaths'

.PHONY: lint
lint: check ## the same as check, and known vulnerabilities (needs network)
	$(GO) tool govulncheck ./...

.PHONY: unit
unit: ## unit tests with the race detector
	@$(GO) test -v -race -shuffle=on ./... 2>&1 | .ci/summary

.PHONY: short
short: build ## a short integration run on one live kernel (part of `make test`)
	@$(GO) test -v -tags qemu -short -count=1 -timeout 12m -p 1 -run '$(SHORT)' ./session ./cmd/ktrap/terminal ./scripts 2>&1 | .ci/summary

.PHONY: integration
integration: lab ## the full matrix on live kernels, and everything that needs a real vmlinux; rewrites docs/tables/
	@cache=$${KTRAP_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/ktrap}; \
	export KTRAP_TABLES=$(CURDIR)/docs/tables \
	  KTRAP_TEST_VMLINUX=$$({ $(BIN) lab path vmlinux; $(BIN) lab path vmlinux --series 6.12; \
	    ls $$cache/lab/kasan/vmlinux $$cache/clang/*/*/vmlinux 2>/dev/null || true; } | paste -sd:) \
	  KTRAP_TEST_BZIMAGE_VMLINUX=$$($(BIN) lab path vmlinux) KTRAP_TEST_MODULE=$$($(BIN) lab path modules)/crashme.ko \
	  KTRAP_TEST_BZIMAGE=$$($(BIN) lab path bzImage) KTRAP_TEST_KERNEL=$$($(BIN) lab path bzImage) \
	  KTRAP_TEST_INITRD=$$($(BIN) lab path initramfs) KTRAP_TEST_RELEASE=$$(basename $$($(BIN) lab path headers) | cut -d- -f3-); \
	if [ -d ../shared/lab/linux-6.12-kasan ]; then export KTRAP_LAB_KASAN=$${KTRAP_LAB_KASAN:-$(CURDIR)/../shared/lab/linux-6.12-kasan}; fi; \
	$(GO) test -v -tags qemu -count=1 -timeout 100m -p 1 ./... 2>&1 | .ci/summary

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (default 10s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; done; done

.PHONY: corpus
corpus: ## score titles, types and reports on real logs ($KTRAP_CORPUS or ../shared/corpus)
	@$(GO) test -v -count=1 -run TestCorpus ./symbols/oops | grep -v '^=== '

.PHONY: bench
bench: ## Go benchmarks (compare with `go tool benchstat`)
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-attach
bench-attach: packages ## time from start to "traps armed", beside gdb (docs/performance.md)
	$(GO) test -tags qemu -run '^$$' -bench BenchmarkAttach -benchtime 15x ./cmd/ktrap

.PHONY: bench-gdb
bench-gdb: packages ## gdb behind ktrap beside gdb on QEMU's stub: steps, stops, memory (docs/performance.md)
	$(GO) test -tags qemu -run '^$$' -bench BenchmarkBehindGDB -benchtime 1x -timeout 30m ./cmd/ktrap

.PHONY: bench-peers
bench-peers: build ## symbols beside addr2line, llvm-symbolizer, pahole, ... (docs/performance.md); installs them
	@$(BIN) lab prepare 6.1 >&2
	@testdata/bench/peers $(BIN) $$($(BIN) lab path vmlinux) $(ROUNDS)

.PHONY: bench-decode
bench-decode: build ## ktrap decode beside the kernel's decode_stacktrace.sh (docs/performance.md); fetches the script
	@$(BIN) lab prepare 6.1 >&2
	@testdata/bench/decode $(BIN) $$($(BIN) lab path vmlinux) $$($(BIN) lab path modules)/crashme.ko testdata/bench/null-6.1.log $(ROUNDS)

.PHONY: bench-tasks
bench-tasks: packages ## stock gdb with 100 and 5,000 tasks: info threads, backtraces, stops; rewrites docs/tables/gdb-tasks.md
	KTRAP_TABLES=$(CURDIR)/docs/tables $(GO) test -tags qemu -count=1 -v -run TestManyTasksStayUsable ./session

.PHONY: golden
golden: ## rewrite golden files and generated docs after a wanted change (without what needs QEMU)
	@for p in $(GOLDEN); do $(GO) test $$p -update || exit 1; done

.PHONY: lab
lab: packages ## fetch and build the two lab kernels
	$(BIN) lab prepare 6.1
	$(BIN) lab prepare 6.12

.PHONY: clang-kernels
clang-kernels: ## build small kernels with clang, which the tests of package symbols use when they are there
	@testdata/clangkernel/build 6.1

.PHONY: clean
clean: ## remove build products (the lab cache stays: `ktrap lab remove`)
	rm -rf bin build reports
