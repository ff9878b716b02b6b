#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Builds: bit-identical wherever they are made, free of warnings with gcc and clang, and a gate
# that this kernel loads from clang 14 and clang 19.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
build() { # FOLDER VARIABLE...
	local at=$1
	shift
	env -u MAKEFLAGS -u O make -s -C "$TOP" -j2 O="$at" "$@" all >"$E2E_TMP/make.log" 2>&1 ||
		{ sed 's/^/# /' "$E2E_TMP/make.log"; false; }
}

build "$E2E_TMP/one" CC=gcc DEV=1
ok $? "gcc, warnings are errors"
build "$E2E_TMP/two/deeper" CC=gcc DEV=1
for file in strazhd strazhctl strazh-db gate.bpf.o; do
	cmp "$E2E_TMP/one/$file" "$E2E_TMP/two/deeper/$file"
	ok $? "$file is the same, bit for bit, built in another folder"
done
build "$E2E_TMP/three" CC=clang CLANG_BPF=clang-19 DEV=1
ok $? "clang, and clang 19 for the gate, warnings are errors"

net_up
for from in one three; do
	bpftool prog loadall "$E2E_TMP/$from/gate.bpf.o" "/sys/fs/bpf/$from" type xdp 2>"$E2E_TMP/bpftool"
	ok $? "the kernel loads both entries of build $from"
	rm -rf "/sys/fs/bpf/$from" /sys/fs/bpf/sz_*
	ip link set dev sv0 xdpdrv obj "$E2E_TMP/$from/gate.bpf.o" sec xdp
	ok $? "ip attaches it"
	rm -rf /sys/fs/bpf/tc/globals
	ok "$(ping4 10.66.0.2; echo $?)" "and a packet gets through"
	strazhd_up
	ctl ban 10.66.0.66 >/dev/null
	ok "$(blocked4 10.66.0.66; echo $?)" "adopted, with a ban in force"
	ctl unban 10.66.0.66 >/dev/null
	ctl detach sv0 >/dev/null
	strazhd_kill TERM
done
finish
