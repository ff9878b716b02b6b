# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# What strazhctl says of the machine is what we know of it: the accelerator that vm/run chose.
# shellcheck source=vm/guest/lib.sh
. /guest/lib.sh

export STRAZH_PIN_DIR=/sys/fs/bpf/machine STRAZH_RUN_DIR=/run/machine
machine() { strazhctl status --json 2>/dev/null | jq -r "select(.kind == \"machine\") | .$1"; }

ip link add mc0 type veth peer name mc1
holds "a gate" strazhctl attach mc0
case $(sed -n 's/.*strazh\.accel=\([^ ]*\).*/\1/p' /proc/cmdline) in
tcg)
	is "$(machine hypervisor)" "QEMU (emulated, TCG)" "emulated by QEMU, and says so"
	is "$(machine emulated)" true "as a fact"
	;;
kvm)
	is "$(machine hypervisor)" KVM "under KVM, and says so"
	is "$(machine emulated)" false "which is no emulation"
	;;
*) ok 1 "vm/run names the accelerator" ;;
esac
is "$(machine seen_by) $(machine virtual)" "CPUID true" "by the processor's own word"
is "$(machine container)" "" "in no container"
strazhctl detach mc0 >/dev/null 2>&1
ip link del mc0
rm -rf "$STRAZH_PIN_DIR"
finish
