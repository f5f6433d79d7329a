# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# From an empty cache to a root and a kernel, and back.

# suite_ready SUITE: its root and kernel, and the root with the tools.
suite_ready() {
	suite_check "$1"
	root_ensure "$1"
	kernel_ensure "$1"
}

setup_main() {
	local suite=$KERNEL_SUITE refresh=
	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) option_needs_value "$@"; suite=$2; shift 2 ;;
		--refresh) refresh=yes; shift ;;
		*) die "setup: unknown option '$1'; see lab help" ;;
		esac
	done
	suite_check "$suite"
	[ -z "$refresh" ] || setup_forget "$suite"
	setup_report_age "$TOOL_SUITE"
	root_ensure "$TOOL_SUITE"
	[ "$suite" = "$TOOL_SUITE" ] || setup_report_age "$suite"
	suite_ready "$suite"
	say "$suite: ready, kernel $(kernel_abi "$suite") in $(kernel_dir "$suite")"
}

setup_report_age() {
	local root days
	root=$(root_dir "$1")
	[ -d "$root" ] || return 0
	days=$((($(date +%s) - $(stat -c %Y "$root/facts")) / 86400))
	say "root $1: made $days days ago; lab setup --kernel $1 --refresh renews it"
}

setup_forget() {
	local kind
	for kind in kernels roots; do
		lock_open "$kind-$1"
		lock_take --exclusive "$1"
		artefact_drop "$kind" "$1"
		flock --unlock "$LOCK_FD"
	done
}

kernels_main() {
	local suite facts
	[ $# -eq 0 ] || die "kernels takes no arguments"
	printf '%-18s %-8s %-26s %-12s %-8s %s\n' SUITE STATE KERNEL GCC RUSTC HERE
	for suite in "${SUITES_KNOWN[@]}"; do
		facts=$CACHE/tmp/kernels-$suite.$$
		if (suite_resolve "$suite" >"$facts" 2>"$facts.why"); then
			kernels_line "$suite" "$facts"
		else
			printf '%-18s %s\n' "$suite" "$(tail -n 1 "$facts.why")"
		fi
		rm -f -- "$facts" "$facts.why"
	done
}

kernels_line() {
	local suite=$1 facts=$2 state=unproven here=- cc known
	for known in "${SUITES_PROVEN[@]}"; do
		[ "$known" != "$suite" ] || state=proven
	done
	[ ! -f "$(kernel_facts "$suite")" ] || here=$(kernel_abi "$suite")
	cc=$(fact "$facts" cc)
	printf '%-18s %-8s %-26s %-12s %-8s %s\n' "$suite" "$state" \
		"$(fact "$facts" abi)" "${cc##*-linux-gnu-}" "$(fact "$facts" rustc)" "$here"
}

# Without --all: what is quick to make again.
clean_main() {
	case ${1:-} in
	'') rm -rf -- "$CACHE"/{builds,runs,log}/* "$CACHE/targets/$CHECKOUT_ID" ;;
	--all) clean_all ;;
	*) die "clean: unknown option '$1'; see lab help" ;;
	esac
}

clean_all() {
	local suite
	for suite in "${SUITES_KNOWN[@]}" "$DEBUG_KERNEL"; do
		setup_forget "$suite"
	done
	rm -rf -- "$CACHE"/{builds,runs,systems,log,tmp,apt,cargo,targets,debs,fuzz-host,compat}
}
