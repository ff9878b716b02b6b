/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is said of a machine, from samples of what real ones show, and from files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/base/machine.h>

static void judged(const struct machine_hints *hints, const char *want)
{
	struct machine machine = machine_judge(hints);
	char text[MACHINE_TEXT_LEN];

	assert_string_equal(machine_text(&machine, text), want);
}

static void samples(void **state)
{
	static const struct {
		struct machine_hints hints;
		const char *want;
	} rows[] = {
		{{.vendor = "Dell Inc.", .product = "PowerEdge R640"}, "none seen"},
		{{.cpuid = {"", ""}, .cpuid_bit = false}, "none seen"},
		{{.cpuid = {"KVMKVMKVM", ""},
		  .cpuid_bit = true,
		  .vendor = "QEMU",
		  .product = "Standard PC (Q35 + ICH9, 2009)"},
		 "KVM, seen by CPUID"},
		{{.cpuid = {"TCGTCGTCGTCG", ""},
		  .cpuid_bit = true,
		  .vendor = "QEMU",
		  .product = "Standard PC (i440FX + PIIX, 1996)"},
		 "QEMU (emulated, TCG), seen by CPUID"},
		{{.cpuid = {"VMwareVMware", ""},
		  .cpuid_bit = true,
		  .vendor = "VMware, Inc.",
		  .product = "VMware7,1"},
		 "VMware, seen by CPUID"},
		{{.cpuid = {"Microsoft Hv", "\x01"},
		  .cpuid_bit = true,
		  .vendor = "Microsoft Corporation",
		  .product = "Virtual Machine"},
		 "Hyper-V, seen by CPUID"},
		{{.cpuid = {"Microsoft Hv", "KVMKVMKVM"},
		  .cpuid_bit = true,
		  .vendor = "QEMU",
		  .product = ""},
		 "KVM, seen by CPUID"},
		{{.cpuid = {"XenVMMXenVMM", ""},
		  .cpuid_bit = true,
		  .vendor = "Xen",
		  .product = "HVM domU"},
		 "Xen, seen by CPUID"},
		{{.cpuid = {"ABCDEFGHIJKL", ""}, .cpuid_bit = true},
		 "'ABCDEFGHIJKL', seen by CPUID"},
		{{.cpuid = {"ABCDEFGHIJKL", ""}, .cpuid_bit = true, .vendor = "Xen", .product = ""},
		 "Xen, seen by DMI"},
		{{.cpuid = {"", ""}, .cpuid_bit = true}, "one that is not known, seen by CPUID"},
		/* A leaf without its bit is what the processor leaves there. */
		{{.cpuid = {"KVMKVMKVM", ""}, .cpuid_bit = false}, "none seen"},
		{{.sys = "xen"}, "Xen, seen by /sys/hypervisor/type"},
		{{.sys = "other"}, "other, seen by /sys/hypervisor/type"},
		{{.devicetree = "linux,kvm"}, "KVM, seen by the device tree"},
		{{.devicetree = "xen,xen-4.14"}, "Xen, seen by the device tree"},
		{{.devicetree = "acme,hv"}, "acme,hv, seen by the device tree"},
		{{.vendor = "QEMU", .product = "KVM Virtual Machine"}, "KVM, seen by DMI"},
		{{.vendor = "QEMU", .product = "QEMU Virtual Machine"}, "QEMU, seen by DMI"},
		{{.vendor = "innotek GmbH", .product = "VirtualBox"}, "VirtualBox, seen by DMI"},
		{{.vendor = "Microsoft Corporation", .product = "Virtual Machine"},
		 "Hyper-V, seen by DMI"},
		{{.vendor = "Microsoft Corporation", .product = "Surface Pro 7"}, "none seen"},
		{{.vendor = "Amazon EC2", .product = "m5.metal"}, "none seen"},
		{{.dockerenv = true}, "none seen; in a container: docker, seen by /.dockerenv"},
		{{.containerenv = true, .dockerenv = true},
		 "none seen; in a container: podman, seen by /run/.containerenv"},
		{{.environ_container = "lxc", .dockerenv = true},
		 "none seen; in a container: lxc, seen by /proc/1/environ"},
		{{.cpuid = {"KVMKVMKVM", ""},
		  .cpuid_bit = true,
		  .systemd_container = "systemd-nspawn"},
		 "KVM, seen by CPUID; in a container: systemd-nspawn, seen by "
		 "/run/systemd/container"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		judged(&rows[i].hints, rows[i].want);
}

static void facts(void **state)
{
	struct machine_hints tcg = {.cpuid = {"TCGTCGTCGTCG", ""}, .cpuid_bit = true},
			     kvm = {.cpuid = {"KVMKVMKVM", ""}, .cpuid_bit = true};
	struct machine_hints none = {0};

	(void)state;
	assert_true(machine_judge(&tcg).emulated && machine_judge(&tcg).virtual);
	assert_true(!machine_judge(&kvm).emulated && machine_judge(&kvm).virtual);
	assert_true(!machine_judge(&none).emulated && !machine_judge(&none).virtual);
}

/* ---- files ---- */

static char root[] = "/tmp/test_machine.XXXXXX";

static void put(const char *path, const char *bytes, size_t len)
{
	char at[256];
	FILE *file;

	(void)snprintf(at, sizeof(at), "%s%s", root, path);
	for (char *slash = strchr(at + sizeof(root), '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(at, 0700);
		*slash = '/';
	}
	file = fopen(at, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void gone(const char *path)
{
	char at[256];

	(void)snprintf(at, sizeof(at), "%s%s", root, path);
	assert_int_equal(remove(at), 0);
}

static void from_files(void **state)
{
	static const char environment[] = "PATH=/bin\0container=nspawn\0TERM=x";
	static const char *const paths[] = {"/sys/class/dmi/id/sys_vendor",
					    "/sys/class/dmi/id/product_name",
					    "/proc/device-tree/hypervisor/compatible",
					    "/sys/hypervisor/type",
					    "/run/systemd/container",
					    "/proc/1/environ",
					    "/.dockerenv",
					    "/run/.containerenv"};
	static const char *const dirs[] = {
		"/sys/class/dmi/id", "/sys/class/dmi", "/sys/class",
		"/sys/hypervisor",   "/sys",	       "/proc/device-tree/hypervisor",
		"/proc/device-tree", "/proc/1",	       "/proc",
		"/run/systemd",	     "/run",	       ""};
	struct machine_hints hints;
	char wide[300];

	(void)state;
	assert_non_null(mkdtemp(root));
	hints = machine_look(root);
	judged(&hints, "none seen");
	put(paths[0], "QEMU  \n", 7);
	memset(wide, 'x', sizeof(wide));
	put(paths[1], wide, sizeof(wide));
	put(paths[2], "linux,kvm\0linux,dummy", 21);
	put(paths[3], "\x1b[31m\xff", 6);
	put(paths[4], "", 0);
	put(paths[5], environment, sizeof(environment) - 1);
	put(paths[6], "", 0);
	put(paths[7], "", 0);
	hints = machine_look(root);
	assert_string_equal(hints.vendor, "QEMU");
	assert_int_equal(strlen(hints.product), MACHINE_HINT_LEN - 1);
	assert_string_equal(hints.devicetree, "linux,kvm");
	assert_string_equal(hints.sys, "?[31m?");
	assert_string_equal(hints.systemd_container, "");
	assert_string_equal(hints.environ_container, "nspawn");
	assert_true(hints.dockerenv && hints.containerenv && !hints.cpuid_bit);
	/* Cut in the middle of its key, and of its value. */
	put(paths[5], "A=1\0containe", 12);
	hints = machine_look(root);
	assert_string_equal(hints.environ_container, "");
	put(paths[5], "container=lx", 12);
	hints = machine_look(root);
	assert_string_equal(hints.environ_container, "lx");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		gone(paths[i]);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		gone(dirs[i]);
}

/* Whatever this machine is, it can be said in a line. */
static void this_one(void **state)
{
	struct machine_hints hints = machine_look("");
	struct machine machine = machine_judge(&hints);
	char text[MACHINE_TEXT_LEN];

	(void)state;
	print_message("%s\n", machine_text(&machine, text));
	assert_true(machine.hypervisor[0] != '\0');
	assert_true(machine.virtual || !strcmp(machine.hypervisor, "none seen"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples),
		cmocka_unit_test(facts),
		cmocka_unit_test(from_files),
		cmocka_unit_test(this_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
