/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the machine is that we run on: which hypervisor, emulated or not, in which container. A fact
 * to report, for figures mean little without it; nothing is decided by it, and who wants to hide it
 * from us can.
 */
#ifndef STRAZH_USER_BASE_MACHINE_H
#define STRAZH_USER_BASE_MACHINE_H

#include <stdbool.h>

#include <strazh/base/compiler.h>

#define MACHINE_HINT_LEN 80
#define MACHINE_TEXT_LEN 240

/* What may be seen, each "" where it is not there. Of a longer text the beginning. */
struct machine_hints {
	/* x86: CPUID leaves 0x40000000 and 0x40000100, ebx ecx edx; some show a second face. */
	char cpuid[2][13];
	bool cpuid_bit;				  /* leaf 1, ecx 31: there is a hypervisor */
	char vendor[MACHINE_HINT_LEN];		  /* /sys/class/dmi/id/sys_vendor */
	char product[MACHINE_HINT_LEN];		  /* /sys/class/dmi/id/product_name */
	char devicetree[MACHINE_HINT_LEN];	  /* /proc/device-tree/hypervisor/compatible */
	char sys[MACHINE_HINT_LEN];		  /* /sys/hypervisor/type */
	char systemd_container[MACHINE_HINT_LEN]; /* /run/systemd/container */
	char environ_container[MACHINE_HINT_LEN]; /* container= of /proc/1/environ */
	bool dockerenv, containerenv;		  /* /.dockerenv, /run/.containerenv */
};

struct machine {
	char hypervisor[MACHINE_HINT_LEN + 16]; /* "KVM", "QEMU (emulated, TCG)", "none seen" */
	const char *seen_by;			/* "CPUID", ..., or "" */
	bool virtual, emulated;
	char container[MACHINE_HINT_LEN]; /* "docker", "" */
	const char *container_by;
};

/* Pure. */
struct machine machine_judge(const struct machine_hints *hints);
/* Reads files below `root`, "" for the machine's own; CPUID, which has no files, with "" only. */
struct machine_hints machine_look(const char *root);
/* "KVM, seen by CPUID; in a container: docker, seen by /.dockerenv" */
const char *machine_text(const struct machine *machine, char text[MACHINE_TEXT_LEN]);

#endif
