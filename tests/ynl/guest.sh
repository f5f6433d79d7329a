#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Inside the machine: asks the module through the kernel's netlink tool.
set -eu

python=$1
modprobe kipc

ynl() {
	PYTHONDONTWRITEBYTECODE=1 "$python" /pyynl/cli.py --spec /kipc.yaml --no-schema \
		--output-json "$@"
}

# expect WHAT PATTERN COMMAND...
expect() {
	what=$1 pattern=$2
	shift 2
	answer=$("$@")
	# The pattern is one.
	# shellcheck disable=SC2254
	case $answer in
	$pattern) echo "ok      $what" ;;
	*)
		echo "not ok  $what: $answer does not match $pattern"
		exit 1
		;;
	esac
}

kipc sub 'sensors/**' >/received &
mkfifo /lines
# Who comes after the third line would get the last two of them only.
kipc pub --wait-for-subscriber 60 --mode 640 --history 2 sensors/a </lines &
exec 3>/lines
for number in 1 2 3; do
	echo "reading $number" >&3
done
while [ "$(wc -l </received)" -lt 3 ]; do
	sleep 0.1
done

expect 'info' '*"version": "'"$(cat /sys/module/kipc/version)"'*"topics": 1, *' \
	ynl --do info
expect 'topics' '*"topic": "sensors/a"*"retained": 2*' ynl --dump topics
expect 'subscriptions' '*"pattern": "sensors/\*\*"*' ynl --dump subscriptions
expect 'clients' '*"comm": "kipc"*"comm": "kipc"*' ynl --dump clients
expect 'statistics' '*"seq": 3*' ynl --dump statistics
exec 3>&-
kill %1
