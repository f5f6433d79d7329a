# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A stock kernel and a build tree for it that has the Rust metadata which
# Debian's headers leave out; and the debug kernel, which is built.

# Raise it when a kernel made by an older recipe will not do.
readonly KERNEL_RECIPE=3

kernel_facts() {
	echo "$(root_dir "$1")/facts"
}

kernel_key() {
	local facts
	facts=$(kernel_facts "$1")
	{
		printf '%s ' "$KERNEL_RECIPE" "$(fact "$facts" version)" \
			"$(fact "$facts" rustc)" "$(fact "$facts" cc)"
		[ "$1" != "$DEBUG_KERNEL" ] || cat -- "$LAB"/{debug.config,inside/kernel-build}
	} | sha256sum | cut -c1-12
}

kernel_abi() {
	fact "$(kernel_facts "$1")" abi
}

# Holds vmlinuz, modules/ (the stock ones), kdir/ and tools/ (checkpatch, ynl).
kernel_dir() {
	echo "$CACHE/kernels/$1-$(kernel_key "$1")"
}

# The same directory as a command in a root sees it.
kernel_dir_inside() {
	echo "/cache/kernels/$1-$(kernel_key "$1")"
}

kernel_ensure() {
	local suite=$1
	artefact kernels "$suite" "$(kernel_key "$suite")" kernel_make "$suite"
}

kernel_make() {
	local suite=$1 temporary=/cache/tmp/${2##*/}
	local log=$CACHE/log/kernel-$suite.log abi
	abi=$(kernel_abi "$suite")
	if [ "$suite" = "$DEBUG_KERNEL" ]; then
		must_step "kernel $suite: building (half an hour)" "$log" \
			in_root "$suite" /kipc/tests/vm/inside/kernel-build "$temporary" "$abi" \
			"/cache/kernels/${3##*/}"
		return
	fi
	must_step "kernel $suite: unpacking" "$log" \
		in_root "$suite" /kipc/tests/vm/inside/kernel-unpack "$temporary" "$abi"
	# As a user's machine makes it.
	must_step "kernel $suite: Rust metadata" "$log" \
		in_root "$suite" env TMPDIR="$temporary" /kipc/packaging/rust-metadata \
		"/usr/src/linux-headers-$abi" "$temporary/kdir"
}
