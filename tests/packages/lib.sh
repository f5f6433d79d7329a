# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Clean Debian systems on which packages are installed for real, and which then boot.
#
# A system is an overlay over a clean one, so that making another takes no time; it lives in a mount
# namespace of the test's own, which takes every mount with it when it ends.

# Before the directory changes: the test may have been called by a relative name.
SELF=$(realpath -- "$0")
readonly SELF
cd "$(dirname -- "${BASH_SOURCE[0]}")/../.." || exit
readonly LAB=tests/vm/lab
CACHE=${KIPC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kipc}
readonly CACHE
[ "$(id -u)" -eq 0 ] || { echo "the tests of packages mount and change roots: run them as root" >&2; exit 1; }
if [ -z "${KIPC_TEST_NAMESPACE:-}" ]; then
	KIPC_TEST_NAMESPACE=1 exec unshare --mount --propagation private -- "$SELF" "$@"
fi

mkdir -p "$CACHE/tmp" "$CACHE/debs" "$CACHE/apt/archives/partial"
WORK=$(mktemp -d "$CACHE/tmp/packages-XXXXXX")
# The same directory in the lab's roots.
INSIDE=/cache/tmp/${WORK##*/}
readonly WORK INSIDE
# Mounts first: what is below them is not ours to remove.
trap work_end EXIT
work_end() {
	local mounts
	mapfile -t mounts < <(findmnt -rno TARGET | grep -F "$WORK/" | sort -r)
	[ "${#mounts[@]}" -eq 0 ] || umount -l "${mounts[@]}"
	rm -rf --one-file-system -- "$WORK"
}

failed=0

ok() {
	echo "ok      $1"
}

not_ok() {
	echo "not ok  $1"
	failed=$((failed + 1))
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | tail -n 60 | sed 's/^/        /'
}

# try NAME COMMAND...: the command succeeds; what it prints is in log afterwards.
try() {
	local name=$1
	shift
	if log=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$log"; fi
}

# expect NAME COMMAND...: the same, without touching log.
expect() {
	local log
	try "$@"
}

# expect_text NAME PATTERN TEXT
expect_text() {
	if grep -qE -- "$2" <<<"$3"; then ok "$1"; else not_ok "$1" "no line matches: $2" "$3"; fi
}

finish() {
	[ "$failed" -eq 0 ] || { echo "${0##*/}: $failed failed" >&2; exit 1; }
}

# The packages of this commit, built once.
debs() {
	local key dir
	key=$(git rev-parse HEAD | cut -c1-12)
	git diff --quiet HEAD || echo "note: what is not committed is not in the packages" >&2
	dir=$CACHE/debs/$key
	if [ ! -d "$dir" ]; then
		rm -rf -- "$CACHE"/debs/*
		"$LAB" exec packaging/build-debs "/cache/debs/$key.new" >"$CACHE/log/debs.log" 2>&1 || {
			tail -n 40 "$CACHE/log/debs.log" >&2
			return 1
		}
		mv -- "$dir.new" "$dir"
	fi
	echo "$dir"
}

# deb PACKAGE: its file, as a system sees it.
deb() {
	local file
	file=$(echo "$DEBS/$1"_*.deb)
	echo "/debs/${file##*/}"
}

# system_over NAME LOWER: a system NAME whose files begin as those of the directories LOWER.
system_over() {
	local dir=$WORK/$1
	mkdir -p "$dir"/{upper,work,root}
	mount -t overlay overlay -o "lowerdir=$2,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
	echo "$2" >"$dir/lower"
	mount -t proc proc "$dir/root/proc"
	mount --rbind /sys "$dir/root/sys"
	mount --rbind /dev "$dir/root/dev"
	# What apt has downloaded once is not downloaded again.
	mount --bind "$CACHE/apt/archives" "$dir/root/var/cache/apt/archives"
	echo 'Binary::apt::APT::Keep-Downloaded-Packages "true";' >"$dir/root/etc/apt/apt.conf.d/98keep"
	cat /etc/resolv.conf >"$dir/root/etc/resolv.conf"
	mkdir -p "$dir/root/debs"
	mount --bind "$DEBS" "$dir/root/debs"
}

# system_new NAME SUITE: a clean system.
system_new() {
	local lower
	lower=$("$LAB" system "$2") || exit
	system_over "$1" "$lower"
}

# The directories of which system NAME is made, for another one over it.
system_layers() {
	echo "$WORK/$1/upper:$(cat "$WORK/$1/lower")"
}

system_end() {
	umount -R -l "$WORK/$1/root"
}

# in_system NAME COMMAND...
in_system() {
	local root=$WORK/$1/root
	shift
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}

# apt NAME WORDS...: as a user would call it, but for the questions.
apt() {
	local name=$1
	shift
	# Another test may use the same downloads; apt does not wait for their lock.
	(
		flock 9
		in_system "$name" apt-get -y -q -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@" 2>&1
	) 9>"$CACHE/lock/downloads"
}

# system_kernels NAME: releases of the kernels that are installed.
system_kernels() {
	(cd "$WORK/$1/root/lib/modules" && printf '%s\n' *)
}

# module_of NAME KERNEL: the module's file, if there is one.
module_of() {
	find "$WORK/$1/root/lib/modules/$2/" -name 'kipc.ko*' -print -quit
}

# system_boot NAME KERNEL SCRIPT [APPEND]: boots the system as it is now, runs SCRIPT on it when it
# is up, and prints what that printed. What the guest writes is not kept.
system_boot() {
	local name=$1 kernel=$2 script=$3 append=${4:-} dir=$WORK/boot status
	rm -rf -- "$dir"
	mkdir -p "$dir"/{upper,work,root}
	mount -t overlay overlay \
		-o "lowerdir=$(system_layers "$name"),upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
	cat >"$dir/root/etc/systemd/system/test.service" <<-'UNIT'
		[Unit]
		After=sysinit.target basic.target systemd-modules-load.service
		[Service]
		Type=oneshot
		ExecStart=/bin/sh -c 'sh -eu /test >/dev/ttyS1 2>&1; echo "status=$?" >/dev/ttyS1; sync; systemctl poweroff -ff'
		[Install]
		WantedBy=multi-user.target
	UNIT
	mkdir -p "$dir/root/etc/systemd/system/multi-user.target.wants" "$dir/root/etc/kipc"
	ln -s ../test.service "$dir/root/etc/systemd/system/multi-user.target.wants/"
	printf '%s\n' "$script" >"$dir/root/test"
	echo '640 0 0 secret' >"$dir/root/etc/kipc/policy"
	echo 'LABEL=system / ext4 defaults 0 1' >"$dir/root/etc/fstab"
	rm -rf -- "$dir/root/usr/share/doc" "$dir/root"/usr/src/linux-source-*
	cp -- "$dir/root/boot/vmlinuz-$kernel" "$dir/vmlinuz"
	cp -- "$dir/root/boot/initrd.img-$kernel" "$dir/initrd"
	truncate -s 6G "$dir/disk"
	mke2fs -q -F -t ext4 -L system -O ^has_journal -E lazy_itable_init=1 -d "$dir/root" "$dir/disk"
	umount "$dir/root"
	machine_boot "$dir" "root=LABEL=system rw quiet console=ttyS0 panic=-1 $append"
	tr -d '\r' <"$dir/report"
	status=$(tr -d '\r' <"$dir/report" | sed -n 's/^status=//p')
	[ "$status" = 0 ] || {
		echo "the guest ended with status '$status'; the end of its console:"
		tail -n 30 "$dir/console" | tr -d '\r'
		return 1
	}
}

# machine_boot DIR APPEND: DIR holds disk, vmlinuz and initrd, and gets console and report. QEMU
# loads the kernel, unless FIRMWARE holds the options of a machine whose firmware does: from the
# directory DIR/esp, with what the function esp_fill puts there.
machine_boot() {
	local dir=$1 inside=$INSIDE/${1##*/} how
	how=(-kernel "$inside/vmlinuz" -initrd "$inside/initrd" -append "$2")
	if [ -n "${FIRMWARE:-}" ]; then
		mkdir "$dir/esp"
		esp_fill "$dir" "$2"
		read -ra how <<<"$FIRMWARE"
		how+=(-drive "file=fat:rw:$inside/esp,format=raw,if=none,id=esp"
			-device "virtio-blk-pci,drive=esp,bootindex=0")
	fi
	"$LAB" exec timeout --foreground 300 qemu-system-x86_64 -accel tcg,thread=multi -cpu max \
		-smp 2 -m 2048 "${how[@]}" \
		-drive "file=$inside/disk,format=raw,if=virtio,cache=unsafe" \
		-nodefaults -no-user-config -no-reboot -display none -nic none \
		-serial "file:$inside/console" -serial "file:$inside/report" </dev/null >&2
}
