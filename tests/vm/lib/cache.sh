# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Where artefacts live, and how two labs share them.
#
# A heavy artefact is a directory named by what it was made from. It is made
# under tmp/ and renamed into place, so one that exists is complete. Whoever
# uses it holds a shared lock on its name without the key; whoever makes or
# removes it holds that lock alone.

cache_init() {
	CACHE=${KIPC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kipc}
	mkdir -p "$CACHE"/{lock,tmp,log,roots,kernels,systems,builds,runs,cargo,targets}
	CACHE=$(cd "$CACHE" && pwd -P)
	# Two checkouts share roots and kernels, but never build results.
	CHECKOUT_ID=$(printf '%s' "$CHECKOUT" | sha256sum | cut -c1-12)
	readonly CACHE CHECKOUT_ID
}

# lock_open NAME: puts a descriptor for the lock in LOCK_FD. It is left open,
# so that children keep the lock for as long as they run.
lock_open() {
	exec {LOCK_FD}>"$CACHE/lock/$1"
}

# lock_take MODE NAME, MODE being --shared or --exclusive.
lock_take() {
	flock --nonblock "$1" "$LOCK_FD" && return 0
	say "waiting for another lab that uses $2"
	while ! flock --timeout 8 "$1" "$LOCK_FD"; do
		say "still waiting for another lab that uses $2"
	done
}

# artefact KIND NAME KEY MAKER...
# Makes sure that CACHE/KIND/NAME-KEY exists, and holds a shared lock on it.
# MAKER gets a temporary directory and the final one as its last arguments,
# and runs with the lock held alone.
artefact() {
	local kind=$1 name=$2 key=$3
	local place=$CACHE/$kind/$name-$key
	shift 3
	lock_open "$kind-$name"
	lock_take --shared "$name"
	[ -d "$place" ] && return 0
	lock_take --exclusive "$name"
	[ -d "$place" ] || artefact_make "$kind" "$name" "$place" "$@"
	lock_take --shared "$name"
}

artefact_make() {
	local kind=$1 name=$2 place=$3
	local temporary=$CACHE/tmp/$kind-$name
	shift 3
	# Alone under the lock: what lies here was left by an interrupted run.
	rm -rf -- "$temporary"
	mkdir -p "$temporary"
	"$@" "$temporary" "$place"
	artefact_drop "$kind" "$name"
	mv -T -- "$temporary" "$place"
}

# Removes every version of an artefact. The caller holds its lock alone.
artefact_drop() {
	local old
	for old in "$CACHE/$1/$2"-*; do
		[ -d "$old" ] || continue
		artefact_is "$old" "$2" && rm -rf -- "$old"
	done
}

# artefact_is DIRECTORY NAME: NAME-KEY, and not a longer NAME's (keys hold
# no hyphen).
artefact_is() {
	local base=${1##*/}
	[ "${base%-*}" = "$2" ]
}
