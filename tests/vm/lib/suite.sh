# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Debian suites: which exist, and what their kernel is made of today.

# Suites whose kernel is known to have Rust; the first two are proven.
readonly SUITES_PROVEN=(sid trixie-backports)
readonly SUITES_KNOWN=(sid trixie-backports forky experimental)
# A kernel of our own beside those of the suites: the source of sid's, built to find faults.
readonly DEBUG_KERNEL=debug

suite_check() {
	local known
	for known in "${SUITES_KNOWN[@]}" "$DEBUG_KERNEL"; do
		[ "$known" = "$1" ] && return 0
	done
	die "unknown kernel '$1'; known are: ${SUITES_KNOWN[*]} $DEBUG_KERNEL"
}

# The suite that a root of this kernel suite is made of.
suite_base() {
	case $1 in
	*-backports) echo "${1%-backports}" ;;
	experimental | "$DEBUG_KERNEL") echo sid ;;
	*) echo "$1" ;;
	esac
}

# The host's own apt knows a mirror that can be reached from here.
mirror() {
	local site=${KIPC_MIRROR:-}
	[ -n "$site" ] || site=$(mirror_of_apt)
	if [ -z "$site" ]; then
		# Without lists apt cannot tell whose mirror it is.
		apt-get -qq update >&2 || true
		site=$(mirror_of_apt)
	fi
	[ -n "$site" ] ||
		die "apt knows no Debian mirror; set KIPC_MIRROR to the URL of one"
	echo "$site"
}

mirror_of_apt() {
	# shellcheck disable=SC2016 # for apt to expand
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' \
		'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" && $2 == "Debian" && !n++ { print $3 }'
}

# One apt source line for each suite that a kernel suite needs.
suite_sources() {
	local base keyring=/usr/share/keyrings/debian-archive-keyring.gpg url
	[ -r "$keyring" ] ||
		die "$keyring is missing: apt-get install debian-archive-keyring"
	url=$(mirror) || exit
	base=$(suite_base "$1")
	echo "deb [signed-by=$keyring] $url $base main"
	[ "$base" = "$1" ] || [ "$1" = "$DEBUG_KERNEL" ] || echo "deb [signed-by=$keyring] $url $1 main"
}

# An apt of our own beside the host's, which looks at one kernel suite only.
# The host's configuration (a proxy, say) still applies.
suite_apt_init() {
	local dir=$CACHE/apt/$1
	mkdir -p "$dir"/{state/lists/partial,cache/archives/partial}
	: >"$dir/status"
	suite_sources "$1" >"$dir/sources.list" || exit
	cat >"$dir/apt.conf" <<-EOF
		Dir::State "$dir/state";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Architecture "amd64";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Check-Valid-Until "false";
	EOF
}

suite_apt() {
	local suite=$1 tool=$2
	shift 2
	APT_CONFIG=$CACHE/apt/$suite/apt.conf "$tool" "$@"
}

# suite_version SUITE PACKAGE: the version that SUITE itself carries.
suite_version() {
	suite_apt "$1" apt-cache madison "$2" |
		awk -F' *[|] *' -v suite="$1/main" \
			'index(" " $3 " ", " " suite " ") { print $2; exit }'
}

# kernel_resolve KERNEL: prints what it is today, as KEY=VALUE.
kernel_resolve() {
	local facts abi
	if [ "$1" != "$DEBUG_KERNEL" ]; then
		suite_resolve "$1"
		return
	fi
	facts=$(suite_resolve "$(suite_base "$1")") || exit
	abi=$(sed -n 's/^abi=//p' <<<"$facts")
	# Of the stock kernel it has the source and the compiler of Rust, and nothing else.
	grep -E '^(version|rustc|rustc_package|source)=' <<<"$facts"
	printf '%s=%s\n' suite "$1" abi "${abi%%[+~-]*}-kipc-debug" \
		cc clang image_packages ''
}

# suite_resolve SUITE: prints what the suite's kernel is today, as KEY=VALUE.
# Its callers look at its status, where `set -e` has no effect: hence each
# `|| exit`.
suite_resolve() {
	local suite=$1 version abi config rustc cc part
	suite_apt_init "$suite"
	suite_apt "$suite" apt-get -qq --error-on=any update >&2 ||
		die "apt cannot read $suite from $(mirror); see KIPC_MIRROR in README.md"
	version=$(suite_version "$suite" linux-headers-amd64)
	[ -n "$version" ] || die "$suite has no linux-headers-amd64 at $(mirror)"
	abi=$(suite_apt "$suite" apt-cache show "linux-headers-amd64=$version" |
		sed -n 's/^Depends:.*linux-headers-\([^ ]*-amd64\).*/\1/p' | head -n 1)
	[ -n "$abi" ] || die "linux-headers-amd64 $version names no kernel"
	suite_check_versions "$suite" "$version" "$abi"
	config=$(suite_config "$suite" "$version" "$abi") ||
		die "the headers package of $abi cannot be downloaded or read"
	grep -q '^CONFIG_RUST=y' <<<"$config" ||
		die "the kernel $abi of $suite is built without Rust (CONFIG_RUST)"
	cc=$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\([^ ]*\) .*/\1/p' <<<"$config")
	rustc=$(sed -n 's/^CONFIG_RUSTC_VERSION=//p' <<<"$config")
	rustc=$((rustc / 100000)).$((rustc / 100 % 1000)).$((rustc % 100))
	printf '%s=%s\n' suite "$suite" version "$version" abi "$abi" cc "$cc" \
		rustc "$rustc" source "$(suite_source_package "$abi")"
	part=$(suite_rustc_package "$suite" "$rustc") || exit
	printf '%s=%s\n' rustc_package "$part"
	part=$(suite_image_packages "$suite" "$version" "$abi")
	printf '%s=%s\n' image_packages "$part"
}

# linux-source-X.Y for the kernel X.Y.Z+…
suite_source_package() {
	echo "linux-source-$(cut -d. -f1,2 <<<"${1%%[+~-]*}")"
}

suite_check_versions() {
	local suite=$1 version=$2 abi=$3 package found
	for package in "linux-image-$abi" "$(suite_source_package "$abi")"; do
		found=$(suite_version "$suite" "$package")
		[ "$found" = "$version" ] ||
			die "$suite is being updated: linux-headers is $version but" \
				"$package is ${found:-absent}; try again later"
	done
}

# The configuration the kernel was built with, read from its headers package.
suite_config() {
	local suite=$1 version=$2 abi=$3 dir
	dir=$CACHE/apt/$suite/headers
	rm -rf -- "$dir"
	mkdir -p "$dir"
	(cd "$dir" &&
		suite_apt "$suite" apt-get -qq download "linux-headers-$abi=$version" >&2) ||
		return
	dpkg-deb --fsys-tarfile "$dir"/*.deb |
		tar -xO "./usr/src/linux-headers-$abi/.config"
}

# Rust metadata fits only the very rustc that made it.
suite_rustc_package() {
	local suite=$1 rustc=$2 found
	found=$(suite_apt "$suite" apt-cache madison rustc |
		awk -F' *[|] *' -v want="$rustc" \
			'substr($2, 1, length(want) + 1) ~ "^" want "[+~-]" { print $2; exit }')
	[ -n "$found" ] ||
		die "the kernel of $suite was built by rustc $rustc, which" \
			"$(suite_base "$suite") and $suite do not have"
	echo "$found"
}

# The packages that hold the kernel image and its modules: newer releases
# split them, and linux-image only depends on the parts.
suite_image_packages() {
	local suite=$1 version=$2 abi=$3 part
	local names=linux-image-$abi
	for part in linux-binary linux-modules; do
		[ -z "$(suite_version "$suite" "$part-$abi")" ] || names+=" $part-$abi"
	done
	echo "$names"
}

# fact FILE KEY: reads what suite_resolve wrote.
fact() {
	sed -n "s/^$2=//p" "$1"
}
