# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Clean Debian systems with a stock kernel, for the tests of packages. Unlike the lab's roots they
# boot by themselves.

# Raise it when a system made by an older recipe will not do.
readonly SYSTEM_RECIPE=1

# system SUITE: makes sure that it is there, and prints its directory.
system_main() {
	local suite=${1:?system needs a suite}
	local key
	key=$({ echo "$SYSTEM_RECIPE"; package_list system; } | sha256sum | cut -c1-12)
	artefact systems "$suite" "$key" system_make "$suite" >&2
	echo "$CACHE/systems/$suite-$key/root"
}

system_make() {
	local suite=$1 temporary=$2
	host_package mmdebstrap mmdebstrap
	must_step "system $suite: installing" "$CACHE/log/system-$suite.log" \
		system_bootstrap "$suite" "$temporary/root"
}

system_bootstrap() {
	local sources
	mapfile -t sources < <(suite_sources "$1")
	mmdebstrap --mode=root --variant=minbase \
		--include="$(package_list system | paste -sd,)" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Languages "none"' \
		--dpkgopt=force-unsafe-io \
		"$(suite_base "$1")" "$2" "${sources[@]}"
}
