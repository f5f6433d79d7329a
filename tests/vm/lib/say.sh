# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Messages, and long steps that never stay silent.

# Every failure of the lab itself, as opposed to that of a command it ran.
readonly EXIT_HARNESS=125

say() {
	printf '[%4ds] %s\n' "$SECONDS" "$*" >&2
}

die() {
	printf 'lab: %s\n' "$*" >&2
	exit "$EXIT_HARNESS"
}

# Kills a step's whole process group when the lab itself is interrupted.
step_abort() {
	kill -TERM -- "-$1" 2>/dev/null || true
	exit 130
}

# step LABEL LOG COMMAND...
# Runs COMMAND with its output in LOG, saying every few seconds where it is.
# Returns the status of COMMAND.
step() {
	local label=$1 log=$2 pid status=0 ticks=0
	shift 2
	mkdir -p "${log%/*}"
	say "$label"
	# A process group of its own, so that an interrupt reaches every child.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064 # this step's pid, not a later one's
	trap "step_abort $pid" INT TERM HUP
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		ticks=$((ticks + 1))
		[ $((ticks % 40)) -ne 0 ] || say "$label: $(last_line "$log")"
	done
	wait "$pid" || status=$?
	trap - INT TERM HUP
	return "$status"
}

last_line() {
	local line
	line=$(tail -n 1 -- "$1" | tr -d '\r' | tr '\t' ' ' | sed 's/^ *//')
	printf '%.70s…' "${line:-still running}"
}

# must_step LABEL LOG COMMAND...: a step the lab cannot do without.
must_step() {
	local label=$1 log=$2 status=0
	step "$@" || status=$?
	[ "$status" -eq 0 ] && return 0
	tail -n 30 -- "$log" >&2
	die "$label failed with status $status; the whole log is $log"
}
