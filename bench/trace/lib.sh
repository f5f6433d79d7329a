# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# What bench/profile and bench/scaling have in common: the tracer, programs for the guest, and the
# names of what was traced. The caller has set CHECKOUT and LAB.

# Arguments for the lab; a directory.
kernel=()
work=

die() {
	echo "$(basename -- "$(dirname -- "$0")"): $*" >&2
	exit 2
}

# trace_build PROGRAM.c...: the tracer, these programs, the modules, and what makes tables.
trace_build() {
	local program
	"$CHECKOUT/tests/vm/guest-c" "$work/tracer.so" -shared -fPIC -fvisibility=hidden \
		bench/trace/plugin/tracer.c
	for program; do
		"$CHECKOUT/tests/vm/guest-c" "$work/$(basename -- "$program" .c)" \
			-pthread -Iinclude/uapi "$program"
	done
	"$CHECKOUT/tests/vm/guest-programs" --release "$work" kipc-trace
	"$LAB" module "${kernel[@]}" --extra bench/baseline
}

# trace_run MODE LAB_ARGUMENT... -- COMMAND: what the program says, and then the kernel's names, in
# $work/guest; what the tracer says in $work/trace; what addr2line says in $work/sources.
trace_run() {
	local mode=$1 arguments=() suite=sid
	shift
	while [ "$1" != -- ]; do
		arguments+=("$1")
		shift
	done
	shift
	[ "${#kernel[@]}" -eq 0 ] || suite=${kernel[1]}
	# shellcheck disable=SC2016 # for the guest's shell
	"$LAB" run "${kernel[@]}" "${arguments[@]}" --plugin "$work/tracer.so,mode=$mode" \
		--plugin-log "$work/trace" -- sh -euc '
			echo "# Linux $(uname -r)"
			modprobe kipc
			modprobe kipc_baseline
			echo 0 >/proc/sys/kernel/kptr_restrict
			"$@"
			for module in kipc kipc_baseline; do
				echo "text $module $(cat "/sys/module/$module/sections/.text")"
			done
			echo symbols
			cat /proc/kallsyms' sh "$@" >"$work/mangled" || {
		# All but the names.
		sed '/^symbols/,$d' "$work/mangled" >&2
		die "nothing was traced"
	}
	"$LAB" exec c++filt -s rust <"$work/mangled" >"$work/guest"
	"$work/kipc-trace" addresses "$work/guest" "$work/trace" >"$work/addresses"
	"$LAB" exec addr2line -a -f -i -j .text -e "$(trace_module "$suite")" \
		<"$work/addresses" >"$work/sources"
}

# The module that ran, as a command in the lab sees it.
trace_module() {
	local built
	built=$("$LAB" built "$1")
	echo "/cache/builds/${built##*/builds/}/kipc.ko"
}

# trace_csv FILE: $work/csv, with a first line that says of what it is.
trace_csv() {
	[ -z "$1" ] || {
		echo "# $(revision); $(sed -n 's/^# \(Linux .*\)/\1/p' "$work/guest")"
		cat -- "$work/csv"
	} >"$1"
}

# Which sources were measured: a commit, and whether they differ from it.
revision() {
	local changes
	changes=$(git -C "$CHECKOUT" status --porcelain -- Kbuild src bench)
	echo "commit $(git -C "$CHECKOUT" rev-parse --short=12 HEAD)${changes:+ with changes}"
}
