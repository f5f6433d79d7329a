# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Debian roots: one for each kernel suite, made of packages only. The sid root
# also holds the tools, and everything but a kernel build runs in it.

# Raise it when a root made by an older recipe will not do.
readonly ROOT_RECIPE=2
readonly TOOL_SUITE=sid

package_list() {
	sed '/^#/d;/^$/d' "$LAB/packages/$1"
}

root_packages() {
	package_list kernel
	case $1 in
	"$TOOL_SUITE") package_list tools ;;
	"$DEBUG_KERNEL") package_list debug ;;
	*) package_list other ;;
	esac
}

root_key() {
	{ echo "$ROOT_RECIPE"; root_packages "$1"; } | sha256sum | cut -c1-12
}

root_dir() {
	echo "$CACHE/roots/$1-$(root_key "$1")"
}

root_ensure() {
	local suite=$1
	artefact roots "$suite" "$(root_key "$suite")" root_make "$suite"
}

root_make() {
	local suite=$1 temporary=$2 facts
	local log=$CACHE/log/root-$suite.log
	host_package mmdebstrap mmdebstrap
	facts=$CACHE/tmp/facts-$suite
	must_step "root $suite: asking the mirror" "$log" suite_resolve_to "$suite" "$facts"
	must_step "root $suite: installing" "$log" \
		root_bootstrap "$suite" "$facts" "$temporary/root"
	mv -- "$facts" "$temporary/facts"
}

suite_resolve_to() {
	kernel_resolve "$1" >"$2"
}

# Installs a host package that has the command, if it is missing.
host_package() {
	local command=$1 package=$2
	! command -v "$command" >/dev/null || return 0
	must_step "host: installing $package" "$CACHE/log/host.log" \
		host_install "$package"
}

host_install() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get -y --no-install-recommends install "$1" ||
		{ apt-get update && apt-get -y --no-install-recommends install "$1"; }
}

root_bootstrap() {
	local suite=$1 facts=$2 root=$3
	local abi version rustc images include sources
	abi=$(fact "$facts" abi)
	version=$(fact "$facts" version)
	rustc=$(fact "$facts" rustc_package)
	images=$(fact "$facts" image_packages)
	include=$(fact "$facts" source)=$version,rustc=$rustc
	[ "$suite" = "$DEBUG_KERNEL" ] || include+=,linux-headers-$abi=$version
	include+=,rust-src=$rustc,rustfmt=$rustc,rust-clippy=$rustc
	include+=,$(root_packages "$suite" | paste -sd,)
	mapfile -t sources < <(suite_sources "$suite")
	# The image is kept as a package: installing it would make an initramfs of no use.
	mmdebstrap --mode=root --variant=minbase --include="$include" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Languages "none"' \
		--dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		--customize-hook="$LAB/inside/download-packages \"\$1\" $version $images" \
		--customize-hook="mkdir -p \"\$1/kipc\" \"\$1/cache\" \"\$1/etc/ssl/certs\"" \
		--customize-hook="touch \"\$1/etc/ssl/certs/ca-certificates.crt\"" \
		"$(suite_base "$suite")" "$root" "${sources[@]}"
}

# in_root SUITE COMMAND...: runs it in the suite's root, in /kipc.
in_root() {
	local suite=$1
	shift
	env -i "$(root_environment_path)" unshare --mount --propagation private -- \
		"$LAB/inside/enter" "$(root_dir "$suite")/root" "$CHECKOUT" "$CACHE" \
		"${HOST_CARGO_CONFIG:-none}" \
		env -i "${ROOT_ENVIRONMENT[@]}" "$@"
}

root_environment_path() {
	echo "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

# What a command sees of the caller's environment: enough to reach a registry
# and to ask cargo for things, and nothing of the caller's toolchain.
root_environment_init() {
	local name file
	local certificates=/etc/ssl/certs/ca-certificates.crt
	ROOT_ENVIRONMENT=(
		"$(root_environment_path)" HOME=/root LANG=C.UTF-8
		"TERM=${TERM:-dumb}" CARGO_HOME=/cache/cargo
		"CARGO_TARGET_DIR=/cache/targets/$CHECKOUT_ID"
		"SSL_CERT_FILE=$certificates" "CARGO_HTTP_CAINFO=$certificates"
		# The checkout may belong to someone else than root.
		GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=/kipc
	)
	while read -r name; do
		case $name in
		CARGO_HOME | CARGO_TARGET_DIR | CARGO_HTTP_CAINFO | *TOKEN*) ;;
		KIPC_CACHE | KIPC_MIRROR | KIPC_KERNEL) ;;
		CARGO_* | KIPC_* | RUSTFLAGS | RUSTDOCFLAGS | RUST_BACKTRACE | RUST_LOG | \
			RUST_TEST_THREADS | CI | *_proxy | *_PROXY | SOURCE_DATE_EPOCH)
			ROOT_ENVIRONMENT+=("$name=${!name}") ;;
		esac
	done < <(compgen -e)
	HOST_CARGO_CONFIG=
	for file in "${CARGO_HOME:-$HOME/.cargo}"/config{.toml,}; do
		[ ! -f "$file" ] || HOST_CARGO_CONFIG=$file
	done
	readonly ROOT_ENVIRONMENT HOST_CARGO_CONFIG
}
