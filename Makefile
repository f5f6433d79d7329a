# SPDX-License-Identifier: GPL-2.0
#
# For people; what the kernel's build reads is Kbuild.

KDIR ?= /lib/modules/$(shell uname -r)/build
# The stock kernels on which the scenarios run.
KERNELS ?= sid trixie-backports
LAB := tests/vm/lab
# What `make test` installs; the rest takes a quarter of an hour more: make packages-long.
PACKAGES ?= release skip debian arch

.PHONY: module
module: ## build kipc.ko for the running kernel, or KDIR=...
	@answer=$$(packaging/rust-available "$(KDIR)"); case $$answer in \
		y) ;; \
		regenerate) echo "kipc cannot be built: the headers leave out the Rust metadata: run" \
			"packaging/rust-metadata $(KDIR) DIR, then make KDIR=DIR" >&2; exit 1 ;; \
		*) echo "kipc cannot be built: $$answer" >&2; exit 1 ;; \
	esac
	$(MAKE) -C "$(KDIR)" M="$(CURDIR)" modules

.PHONY: install
install: ## install the module through DKMS, for all kernels; packages do this better
	@command -v dkms >/dev/null || { echo "install: dkms is not installed: install the package dkms" >&2; exit 1; }
	packaging/uninstall-module
	packaging/install-module
	dkms add -m kipc -v "$$(cat VERSION)"
	packaging/dkms-kernels build

.PHONY: uninstall
uninstall: ## remove what make install has installed
	packaging/uninstall-module

.PHONY: dist
dist: ## make what is published: the tarball, Debian's packages, Arch's PKGBUILD: in dist/
	$(LAB) exec sh -euc 'packaging/dist dist && packaging/build-debs dist/debian && packaging/build-arch dist/arch'

.PHONY: demo
demo: ## set up a virtual machine and watch messages go through the module
	demo/run

.PHONY: test
test: lint unit vm-test interfaces compat packages ## everything that must pass before a change lands

.PHONY: lint
lint: ## formatting, lints, and whether what must agree does
	tests/lint

.PHONY: unit
unit: ## tests that need no kernel
	$(LAB) exec cargo test --workspace --all-features --locked --quiet

.PHONY: vm-test
vm-test: ## the scenarios on stock kernels: KERNELS="sid trixie-backports" SCENARIOS="name..."
	tests/scenarios/run $(foreach kernel,$(KERNELS),--kernel $(kernel)) $(SCENARIOS)

.PHONY: packages
packages: ## install the packages on clean systems, and boot them: PACKAGES="debian arch..."
	tests/packages/run $(PACKAGES)

.PHONY: packages-long
packages-long: ## the same where something is missing, with Secure Boot, and from the checkout
	tests/packages/run refusals signing checkout

.PHONY: interfaces
interfaces: ## the examples; the C library from C and C++, under valgrind too; the kernel's netlink tool
	tests/examples/run
	tests/terminal/run
	tests/c-abi/run
	tests/ynl/run

.PHONY: compat
compat: ## programs of an earlier revision on this module, and programs of this one on its module
	tests/compat/run

.PHONY: fuzz
fuzz: ## throw messages at the module: FUZZ="--messages 10000000 --seed 1"
	tests/fuzz/run --timeout 7200 -- $(FUZZ)

.PHONY: fuzz-debug
fuzz-debug: ## the same on the debug kernel, guided by what the module's code has reached
	tests/fuzz/run --kernel debug --timeout 7200 -- --messages 400000 $(FUZZ)

.PHONY: fuzz-host
fuzz-host: ## fuzz what needs no kernel, guided by coverage: SECONDS=60
	tests/fuzz-host/run --seconds "$(or $(SECONDS),60)"

.PHONY: careful
careful: ## what needs no kernel once more, with the checks of a debug standard library, and under valgrind
	tests/fuzz-host/careful

# What finds faults that a stock kernel does not notice: KASAN, lockdep, kmemleak, failing
# allocations. The kernel is built first, in half an hour, and kept.
.PHONY: debug-test
debug-test: ## the scenarios on the debug kernel, with a search for leaks behind each: SCENARIOS="name..."
	tests/scenarios/run --kernel debug --timeout 7200 $(SCENARIOS)

.PHONY: storms
storms: ## very much at random moments: STORMS="--scale 100 --seed 1 name..." KERNEL=debug
	tests/scenarios/run --kernel "$(or $(KERNEL),debug)" --timeout 14400 --storms $(STORMS)

.PHONY: soak
soak: ## an hour of mixed traffic on the debug kernel
	tests/scenarios/run --kernel debug --timeout 7200 --storms --scale 100 soak_leaves_memory

.PHONY: semver
semver: ## compare what libkipc offers with an earlier revision: BASE=v0.1.0
	@command -v cargo-semver-checks >/dev/null || \
		{ echo "semver: run cargo install cargo-semver-checks --locked" >&2; exit 1; }
	cargo semver-checks -p libkipc --all-features --baseline-rev "$(BASE)"

.PHONY: bench
bench: ## measure everything, into docs/performance: about an hour
	bench/run --update --csv docs/performance/mechanism.csv
	bench/run --short --update --csv docs/performance/short.csv
	bench/profile/run --csv docs/performance/profile.csv
	bench/scaling/run --csv docs/performance/scaling.csv
	bench/systems/run --csv docs/performance/systems.csv
	$(MAKE) bench-figures

.PHONY: bench-figures
bench-figures: ## draw the figures of docs/performance again
	$(LAB) exec cargo run --quiet --locked -p kipc-bench-plot -- docs/performance

.PHONY: ffi
ffi: ## make src/nl/ffi.rs from src/nl/glue.h
	$(LAB) exec tests/ffi > src/nl/ffi.rs.new
	mv src/nl/ffi.rs.new src/nl/ffi.rs

.PHONY: format
format: ## format all Rust code
	$(LAB) exec cargo fmt --all
	$(LAB) exec rustfmt --edition 2021 src/kipc_main.rs

.PHONY: clean
clean: ## remove what building left in the checkout
	rm -rf target kipc.ko kipc.o kipc.mod kipc.mod.c kipc.mod.o Module.symvers modules.order
	find . \( -name '.*.cmd' -o -name '*.o' -o -name '.module-common.o' \) -type f -delete

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12
