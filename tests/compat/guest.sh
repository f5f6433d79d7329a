#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Inside the machine: programs of two ages, in /compat/old and /compat/new, on one module.
#
#   guest.sh AGE NAME...                                     AGE: old or new
#
# First the command line of this age and both together, then values of one type, the C library, all
# ways onto the bus, then the scenarios NAME of this age. Whether these went as they should is judged
# outside.
set -euf

age=$1
shift
modprobe kipc

fail() {
	echo "not ok  $*"
	exit 1
}

# tells WHAT WORDS COMMAND...: each of the words is in what the command prints.
tells() {
	what=$1 words=$2
	shift 2
	answer=$("$@") || fail "$what: $* ends with status $?"
	for word in $words; do
		case $answer in
		*"$word"*) ;;
		*) fail "$what: $word is not in $answer" ;;
		esac
	done
	echo "ok      $what"
}

# lines NUMBER FILE: waits until the file has so many.
lines() {
	patience=600
	while [ "$(wc -l <"$2")" -lt "$1" ]; do
		patience=$((patience - 1))
		[ "$patience" -gt 0 ] || fail "no $1 lines: $(cat "$2")"
		sleep 0.1
	done
}

# command_line PUBLISHER'S-AGE OTHER'S-AGE: the one publishes, the other looks.
command_line() {
	pub=/compat/$1/kipc see=/compat/$2/kipc between="$1 publishes, $2"
	rm -f /received /lines
	"$see" sub --json --events --credentials 'sensors/**' >/received &
	subscriber=$!
	mkfifo /lines
	"$pub" pub --wait-for-subscriber 60 --mode 640 --history 2 --tag 7 --last-will 'farewell' \
		sensors/a </lines &
	publisher=$!
	exec 3>/lines
	for number in 1 2 3; do
		echo "reading-$number" >&3
	done
	# The first line says who joined.
	lines 4 /received
	tells "$between lists topics" '"topic":"sensors/a" "fingerprint":0 "mode":"640" "publishers":1
		"subscribers":1 "history":2 "retained":2' "$see" ls --json
	tells "$between counts" '"topic":"sensors/a" "published":3 "delivered":3 "dropped":0' \
		"$see" stat --json
	tells "$between lists clients" "\"pid\":$publisher, \"pid\":$subscriber, \"comm\":\"kipc\"" \
		"$see" clients --json
	tells "$between lists subscriptions" '"pattern":"sensors/**"' "$see" subscriptions --json
	tells "$between knows the module" "\"version\":\"$(cat /sys/module/kipc/version)\" \"topics\":1,
		\"clients\":2, \"subscriptions\":1," "$see" info --json
	echo '600 0 0 sensors/a' | "$pub" policy --set
	tells "$between reads rules" '"prefix":"sensors/a" "uid":0 "gid":0 "mode":"600"' \
		"$see" policy --json
	tells "$between sees their effect" '"mode":"600"' "$see" ls --json
	"$see" policy --set </dev/null
	kill -9 "$publisher"
	lines 6 /received
	exec 3>&-
	tells "$between is told all, and the last will" "\"type\":\"joined\" \"reading-1\" \"reading-2\"
		\"reading-3\" \"seq\":3 \"tag\":7 \"pid\":$publisher, \"farewell\" \"seq\":4 \"type\":\"gone\"" \
		cat /received
	tells "$between is told what is retained" 'reading-3 farewell' \
		"$see" sub --history --count 2 'sensors/*'
	"$see" clear sensors/a
	lines 7 /received
	tells "$between is told the topic's end" '"type":"removed"' tail -n 1 /received
	kill "$subscriber"
	wait "$subscriber" || true

	"$see" sub --json --count 1 json >/received &
	subscriber=$!
	"$pub" pub --wait-for-subscriber 60 --json json '{"celsius": 21.5}'
	wait "$subscriber"
	tells "$between reads JSON" '"value":{"celsius":21.5}' cat /received
}

# typed RECORDER'S-AGE: both ages publish the same values of one type. Their fingerprints and their
# bytes are the same, or the recording would have two topics, or two kinds of lines.
typed() {
	"/compat/$1/kipc" record /recording 'typed/*' 2>/told &
	recorder=$!
	for publisher in old new; do
		until "/compat/$1/kipc" subscriptions | grep -q typed; do
			sleep 0.1
		done
		"/compat/$publisher/kipc-scenarios" --role typed-publisher
	done
	kill "$recorder"
	wait "$recorder" || fail "typed: the recorder ends with status $?"
	tells "$1 records the types of both" "20 messages of 1 topics" cat /told
	for reader in old new; do
		"/compat/$reader/kipc" replay --dry-run /recording >/replayed 2>/dev/null
		[ "$(head -n 10 /replayed)" = "$(tail -n 10 /replayed)" ] ||
			fail "old and new write the same values as different bytes: $(cat -v /replayed)"
		[ "$(wc -l </replayed)" -eq 20 ] || fail "$reader replays $(wc -l </replayed) lines"
	done
	echo "ok      what $1 records, both replay"
}

if [ -f /compat/info ]; then
	"/compat/$age/kipc" info >/info
	diff /compat/info /info || fail "$age says of the module what tests/compat/info does not"
	echo "ok      $age says of the module what tests/compat/info says"
fi
for pair in "$age $age" 'old new' 'new old'; do
	# Two words.
	# shellcheck disable=SC2086
	command_line $pair
done
typed old
typed new
# Both load the newer C library.
for program in old new; do
	"/compat/$program/every-function" || fail "every-function of $program"
done
# libkipc and tokio of one age, C and the command line of the other.
PATH=/compat/new:$PATH /compat/old/kipc-scenarios interfaces_all_meet
PATH=/compat/old:$PATH /compat/new/kipc-scenarios interfaces_all_meet
echo "scenarios of $age"
PATH=/compat/$age:$PATH "/compat/$age/kipc-scenarios" "$@" || true
