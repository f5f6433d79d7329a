# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Builds kipc.ko, and other modules of the checkout, for a stock kernel.

# Holds tree/ (sources and objects), clippy/ (the same for lint runs) and
# modules/ (results). A new kernel begins from nothing.
build_dir() {
	echo "$CACHE/builds/$CHECKOUT_ID-$1-$(kernel_key "$1")"
}

module_main() {
	local suite=$KERNEL_SUITE mode=tree extras=() extra
	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) option_needs_value "$@"; suite=$2; shift 2 ;;
		--extra) option_needs_value "$@"; extras+=("$2"); shift 2 ;;
		--clippy) mode=clippy; shift ;;
		*) die "module: unknown option '$1'; see lab help" ;;
		esac
	done
	suite_ready "$suite"
	build_lock "$suite"
	if [ -f "$CHECKOUT/Kbuild" ]; then
		build_one "$suite" "$mode" .
	elif [ "${#extras[@]}" -eq 0 ]; then
		die "there is no Kbuild in $CHECKOUT"
	fi
	for extra in "${extras[@]}"; do
		extra=$(build_extra_path "$extra") || exit
		build_one "$suite" "$mode" "$extra"
	done
	[ "$mode" = clippy ] || say "$suite: modules are in $(build_dir "$suite")/modules"
}

# built SUITE: prints the directory of the modules that were built for it.
built_main() {
	suite_check "${1:?built needs a suite}"
	echo "$(build_dir "$1")/modules"
}

# One build of a checkout for a kernel at a time; those for kernels that are
# gone are removed.
build_lock() {
	local suite=$1 dir
	dir=$(build_dir "$suite")
	lock_open "build-$CHECKOUT_ID-$suite"
	lock_take --exclusive "the build directory of $suite"
	[ -d "$dir" ] || artefact_drop builds "$CHECKOUT_ID-$suite"
	mkdir -p "$dir"/{tree,clippy,modules}
}

# build_extra_path DIR: DIR relative to the checkout, where it must lie.
build_extra_path() {
	local path
	path=$(cd "$CHECKOUT" && realpath -e -- "$1" 2>/dev/null) ||
		path=$(realpath -e -- "$1" 2>/dev/null) ||
		die "there is no directory $1 to build"
	[ -f "$path/Kbuild" ] || die "there is no Kbuild in $path"
	case $path in
	"$CHECKOUT"/*) echo "${path#"$CHECKOUT"/}" ;;
	*) die "$path lies outside of the checkout, which a build cannot see" ;;
	esac
}

# build_one SUITE tree|clippy DIR
build_one() {
	local suite=$1 mode=$2 dir=$3 what=kipc inside log status=0
	[ "$dir" = . ] || what=$dir
	[ "$mode" = tree ] || what+=" ($mode)"
	inside=/cache/builds/$(basename "$(build_dir "$suite")")
	log=$CACHE/log/module-$suite-$CHECKOUT_ID.log
	step "$suite: building $what" "$log" in_root "$suite" \
		/kipc/tests/vm/inside/build-module \
		"$(kernel_dir_inside "$suite")/kdir" "$inside" "$mode" "$dir" || status=$?
	# Quiet when all is well: whatever make printed is a complaint.
	cat -- "$log"
	[ "$status" -eq 0 ] || die "$what does not build for $suite"
}
