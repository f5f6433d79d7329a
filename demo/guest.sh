#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Several publishers and subscribers, in the virtual machine. Fails if somebody did not hear what
# he should have.
set -eu

say() {
	printf '\n--- %s\n' "$*"
}

# subscribe NAME OPTIONS...: prints what it hears behind its name, and keeps it.
subscribe() {
	name=$1
	shift
	kipc sub --verbose "$@" 2>"/tmp/$name.ready" | while IFS= read -r line; do
		printf '%-6s hears: %s\n' "$name" "$line"
		printf '%s\n' "$line" >>"/tmp/$name"
	done &
	until [ -s "/tmp/$name.ready" ]; do sleep 0.1; done
}

# publish TOPIC TEXT SECONDS: TEXT and a number, every so many seconds. The publisher's process id
# is kept in a file.
publish() {
	number=0
	while :; do
		number=$((number + 1))
		echo "$2 $number" || exit 0
		sleep "$3"
	done | (
		sh -c 'echo "$PPID"' >"/tmp/pid-${1##*/}"
		exec kipc pub "$1"
	)
}

heard() {
	grep -q "$2" "/tmp/$1" || {
		echo "demo: $1 did not hear '$2'" >&2
		exit 1
	}
}

say "the kernel is $(uname -r), unmodified; the module is loaded by the first socket"
kipc info
lsmod

say "three subscribers: all of it with events, one room, all rooms with the sender's identity"
subscribe all --events '**'
subscribe room1 sensors/room1
subscribe rooms --credentials 'sensors/*'

say "three publishers"
publish sensors/room1 '21 degrees,' 1 &
publish sensors/room2 '18 degrees,' 0.7 &
publish doors/front 'somebody rang,' 1.5 &
sleep 4

say "topics, what happened on them, who is there, who hears what"
kipc ls
kipc stat
kipc clients
kipc subscriptions

say "a latched value with a last will: the late subscriber gets both"
echo on | kipc pub --history 2 --mode 644 --last-will off state/lamp
kipc sub --history --count 2 state/lamp | tee /tmp/late
kipc ls --json
kipc clear state/lamp

say "a rule of access: below doors, user 1000 owns everything, and others may listen"
echo '644 1000 1000 doors' | kipc policy --set
kipc policy
kipc policy --set </dev/null

say "SIGKILL for the publisher of room2: nobody cleans up after him but the kernel"
kill -9 "$(cat /tmp/pid-room2)"
sleep 2

say "what is left on the bus"
kipc info

heard room1 '21 degrees, 2'
heard rooms '18 degrees, 2'
heard all 'somebody rang, 2'
heard all 'gone'
heard late 'on'
heard late 'off'
if grep -q '18 degrees' /tmp/room1; then
	echo "demo: room1 heard what it did not subscribe to" >&2
	exit 1
fi
say "all of it arrived where it should"
