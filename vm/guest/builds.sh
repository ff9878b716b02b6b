# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# Every BPF object of the tree, by each compiler, passes this kernel's verifier.
# shellcheck source=vm/guest/lib.sh
. /guest/lib.sh

for object in /objects/*/*.o; do
	name=${object#/objects/}
	holds "$name loads" bpftool prog loadall "$object" "/sys/fs/bpf/${name//[\/.]/_}"
	rm -rf "/sys/fs/bpf/${name//[\/.]/_}"
done
finish
