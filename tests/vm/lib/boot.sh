# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Boots a stock kernel in QEMU, runs one command on it and tells how it went.
#
# The guest has three serial ports: the kernel's console, the command's output,
# and a report that only the guest's init writes (the kernel log, then the
# command's status). No verdict is read from the first two.

readonly EXIT_TIMEOUT=124
readonly EXIT_SPLAT=126
# Guest statuses above this are told in words, to leave the lab's own free.
readonly EXIT_COMMAND_MAX=99
# loglevel=5 shows warnings and worse; the whole log is in the report. A warning, an oops
# or a hung task ends the run at once, instead of at the time limit.
readonly GUEST_ARGUMENTS=(console=ttyS0 loglevel=5 log_buf_len=4M panic=-1
	oops=panic panic_on_warn=1 sysctl.kernel.hung_task_timeout_secs=20
	sysctl.kernel.hung_task_panic=1)
# Runs that failed leave their logs; the oldest ones go.
readonly RUNS_KEPT=20

run_main() {
	local suite=$KERNEL_SUITE cpus=2 memory=1024 limit=120 icount='' bare='' log='' plugin='' plugin_log=''
	local modules=() overlays=() files=()
	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) option_needs_value "$@"; suite=$2; shift 2 ;;
		--cpus) option_needs_value "$@"; cpus=$2; shift 2 ;;
		--memory) option_needs_value "$@"; memory=$2; shift 2 ;;
		--timeout) option_needs_value "$@"; limit=$2; shift 2 ;;
		--module) option_needs_value "$@"; modules+=("$2"); shift 2 ;;
		--overlay) option_needs_value "$@"; overlays+=("$2"); shift 2 ;;
		--file) option_needs_value "$@"; files+=("$2"); shift 2 ;;
		--log) option_needs_value "$@"; log=$2; shift 2 ;;
		--plugin) option_needs_value "$@"; plugin=$2; shift 2 ;;
		--plugin-log) option_needs_value "$@"; plugin_log=$2; shift 2 ;;
		--icount) icount=yes; shift ;;
		--bare) bare=yes; shift ;;
		--) shift; break ;;
		-*) die "run: unknown option '$1'; see lab help" ;;
		*) break ;;
		esac
	done
	[ $# -gt 0 ] || die "run needs a command"
	suite_ready "$suite"
	root_ensure "$TOOL_SUITE"

	local run status=0
	run=$(run_directory)
	guest_stage "$run" "$bare" "$suite" "${overlays[@]}"
	guest_files "$run" "${files[@]}"
	guest_command "$run" "$@"
	in_root "$TOOL_SUITE" /kipc/tests/vm/inside/make-initrd "/cache/runs/${run##*/}" \
		"$(kernel_dir_inside "$suite")" "$(kernel_abi "$suite")" "${modules[@]}" ||
		die "the initramfs could not be made"
	machine "$icount" "$cpus" "$memory"
	[ -z "$plugin" ] || machine_plugin "$run" "$plugin"
	guest_boot "$run" "$suite" "$limit" || status=$?
	rm -rf -- "$run/stage" "$run/initrd"
	touch "$run"/{console,report}
	[ -z "$log" ] || cat -- "$run/console" "$run/report" >"$log" ||
		die "the log cannot be written to $log"
	[ -z "$plugin_log" ] || cp -- "$run/plugin" "$plugin_log" ||
		die "the plugin's log cannot be written to $plugin_log"
	verdict "$run" "$suite" "$status" "$limit"
}

# A directory of its own for each run, so that runs do not meet.
run_directory() {
	local runs=("$CACHE"/runs/*)
	# The names begin with the time, so the first are the oldest.
	[ "${#runs[@]}" -le "$RUNS_KEPT" ] ||
		rm -rf -- "${runs[@]:0:${#runs[@]}-RUNS_KEPT}"
	mktemp -d "$CACHE/runs/$(date +%Y%m%d-%H%M%S)-XXXXXX"
}

# guest_stage RUN BARE SUITE OVERLAY...: what the guest has besides busybox.
guest_stage() {
	local run=$1 bare=$2 suite=$3 overlay updates built
	shift 3
	updates=$run/stage/lib/modules/$(kernel_abi "$suite")/updates
	mkdir -p "$updates" "$run/stage/kipc"
	if [ -z "$bare" ]; then
		built=$(build_dir "$suite")/modules
		[ -f "$built/kipc.ko" ] ||
			die "kipc.ko is not built: lab module --kernel $suite"
		build_report_stale "$built/kipc.ko"
		cp -- "$built"/*.ko "$updates/"
	fi
	for overlay; do
		[ -d "$overlay" ] || die "there is no overlay directory $overlay"
		cp -a -- "$overlay/." "$run/stage/"
	done
}

build_report_stale() {
	local newer part parts=()
	for part in src include Kbuild; do
		[ ! -e "$CHECKOUT/$part" ] || parts+=("$CHECKOUT/$part")
	done
	[ "${#parts[@]}" -gt 0 ] || return 0
	newer=$(find "${parts[@]}" -type f -newer "$1" -print -quit)
	[ -z "$newer" ] ||
		say "note: ${newer#"$CHECKOUT"/} is newer than kipc.ko; lab module builds it again"
}

# guest_files RUN SRC:DST...
guest_files() {
	local run=$1 pair from to
	shift
	for pair; do
		from=${pair%:*} to=${pair##*:}
		[ "$from" != "$pair" ] || die "--file wants SRC:DST, not $pair"
		[ -f "$from" ] || die "there is no file $from"
		mkdir -p "$run/stage/$(dirname -- "$to")"
		cp -- "$from" "$run/stage/$to"
	done
}

# The command becomes a script, so that any argument survives the way.
guest_command() {
	local run=$1 argument
	shift
	{
		printf '#!/bin/sh\nexec'
		for argument; do
			printf " '%s'" "${argument//\'/\'\\\'\'}"
		done
		echo
	} >"$run/stage/kipc/command"
	chmod +x "$run/stage/kipc/command"
}

# machine ICOUNT CPUS MEMORY: sets MACHINE.
machine() {
	MACHINE=(-m "$3")
	if [ -n "$1" ]; then
		# One nanosecond of guest time for each instruction, on one CPU. Without
		# fast string operations the kernel copies and clears by words: a
		# `rep movsb` or `rep stosb` would count every byte.
		MACHINE+=(-accel 'tcg,thread=single' -icount 'shift=0,sleep=off' -smp 1
			-cpu 'max,-erms,-fsrm,-fsrs,-fsrc,-fzrm')
	else
		# While a kernel with KASAN looks for what its CPU can do, it forgets for a moment that it
		# has page tables of five levels, and takes any interrupt then for a wild access.
		MACHINE+=(-accel 'tcg,thread=multi' -smp "$2" -cpu 'max,-la57')
	fi
}

# machine_plugin RUN FILE[,ARGUMENT]...: a plugin of QEMU, which tells what it has to say in a file.
machine_plugin() {
	local run=$1 file=${2%%,*} inside=/cache/runs/${1##*/}
	cp -- "$file" "$run/plugin.so" || die "there is no plugin $file"
	: >"$run/plugin"
	MACHINE+=(-plugin "$inside/plugin.so${2#"$file"}" -d plugin -D "$inside/plugin")
}

# Returns the status of QEMU, or of timeout.
guest_boot() {
	local run=$1 suite=$2 limit=$3 inside pid output tee_pid status=0
	inside=/cache/runs/${run##*/}
	# QEMU would make the caller's own stdout non-blocking, hence a pipe.
	exec {output}> >(tee -- "$run/output")
	tee_pid=$!
	# A process group of its own, so that an interrupt ends the machine too.
	set -m
	in_root "$TOOL_SUITE" timeout --foreground --kill-after=5 "$limit" \
		qemu-system-x86_64 "${MACHINE[@]}" \
		-kernel "$(kernel_dir_inside "$suite")/vmlinuz" -initrd "$inside/initrd" \
		-append "${GUEST_ARGUMENTS[*]}" \
		-nodefaults -no-user-config -no-reboot -display none -nic none \
		-serial "file:$inside/console" \
		-chardev stdio,id=output,signal=off -serial chardev:output \
		-serial "file:$inside/report" \
		</dev/null 2>"$run/qemu" >&"$output" {output}>&- &
	pid=$!
	set +m
	exec {output}>&-
	# shellcheck disable=SC2064 # this machine's pid, not a later one's
	trap "step_abort $pid" INT TERM HUP
	wait "$pid" || status=$?
	wait "$tee_pid" || true
	trap - INT TERM HUP
	return "$status"
}

# The lines of a kernel log that no run may have.
splats() {
	grep -a -h -E -f <(sed '/^#/d;/^$/d' "$LAB/splats") -- "$@" || true
}

# verdict RUN SUITE STATUS LIMIT: says it, and exits with it.
verdict() {
	local run=$1 suite=$2 status=$3 limit=$4 bad code
	bad=$(splats "$run/console" "$run/report" | tr -d '\r' | awk '!seen[$0]++')
	code=$(tail -n 1 -- "$run/report" | sed -n 's/^kipc-guest-status=\([0-9]*\)$/\1/p')
	if [ -n "$bad" ]; then
		printf '%s\n' "$bad" | head -n 20 >&2
		verdict_fail "$run" "$EXIT_SPLAT" "the kernel complained (above)"
	elif [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		verdict_fail "$run" "$EXIT_TIMEOUT" "no end after $limit seconds"
	elif [ "$status" -ne 0 ]; then
		cat -- "$run/qemu" >&2
		verdict_fail "$run" "$EXIT_HARNESS" "QEMU ended with status $status"
	elif [ -z "$code" ]; then
		tail -n 20 -- "$run/console" >&2
		verdict_fail "$run" "$EXIT_HARNESS" "the guest ended without a verdict"
	elif [ "$code" -gt "$EXIT_COMMAND_MAX" ]; then
		verdict_fail "$run" "$EXIT_COMMAND_MAX" "the command ended with status $code"
	elif [ "$code" -ne 0 ]; then
		verdict_fail "$run" "$code" "the command ended with status $code"
	fi
	say "PASS on $(kernel_abi "$suite")"
	rm -rf -- "$run"
	exit 0
}

verdict_fail() {
	say "FAIL: $3; console, report and output are in $1"
	exit "$2"
}
