/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The processor's own word first: it is what the hypervisor says of itself, and TCG says it there
 * alone. Then the kernel's (Xen, device tree), then the firmware's, which names the maker of a
 * machine and not what drives it. Leaves: Linux, Documentation/virt/kvm/x86/cpuid.rst;
 * QEMU, target/i386/cpu.c; Microsoft, Hypervisor Top Level Functional Specification, 2.3.
 */
#include <user/base/machine.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <strazh/base/own.h>

#define ENVIRON_MAX 8192U

/* ---- judging ---- */

struct row {
	const char *seen, *name;
};

#define TCG "QEMU (emulated, TCG)"

/* Whole texts. */
static const struct row cpuids[] = {
	{"KVMKVMKVM", "KVM"},		{"Linux KVM Hv", "KVM"},     {"TCGTCGTCGTCG", TCG},
	{"VMwareVMware", "VMware"},	{"Microsoft Hv", "Hyper-V"}, {"XenVMMXenVMM", "Xen"},
	{"VBoxVBoxVBox", "VirtualBox"}, {"bhyve bhyve ", "bhyve"},   {" lrpepyh  vr", "Parallels"},
	{" prl hyperv ", "Parallels"},	{"ACRNACRNACRN", "ACRN"},
};

/* Beginnings of the first of the texts. */
static const struct row devicetrees[] = {
	{"linux,kvm", "KVM"},
	{"xen,", "Xen"},
	{"vmware", "VMware"},
};

/* Found anywhere in it. Of a maker who sells other machines too, only the product says it. */
static const struct row products[] = {
	{"KVM", "KVM"},
	{"VirtualBox", "VirtualBox"},
	{"VMware", "VMware"},
	{"Virtual Machine", "Hyper-V"}, /* of Microsoft Corporation */
	{"HVM domU", "Xen"},
	{"BHYVE", "bhyve"},
	{"Standard PC (", "QEMU"},
};
static const struct row vendors[] = {
	{"QEMU", "QEMU"},   {"VMware", "VMware"},	{"innotek GmbH", "VirtualBox"},
	{"Xen", "Xen"},	    {"Parallels", "Parallels"}, {"Bochs", "Bochs (emulated)"},
	{"BHYVE", "bhyve"},
};

static const char *find(const struct row *rows, size_t len, const char *text,
			bool (*fits)(const char *text, const char *seen))
{
	for (size_t i = 0; text[0] && i < len; i++)
		if (fits(text, rows[i].seen))
			return rows[i].name;
	return NULL;
}

static bool is(const char *text, const char *seen)
{
	return !strcmp(text, seen);
}

static bool begins(const char *text, const char *seen)
{
	return !strncmp(text, seen, strlen(seen));
}

static bool has(const char *text, const char *seen)
{
	return strstr(text, seen) != NULL;
}

static void name_it(struct machine *machine, const char *name, const char *seen_by)
{
	(void)snprintf(machine->hypervisor, sizeof(machine->hypervisor), "%s", name);
	machine->seen_by = seen_by;
	machine->virtual = true;
	machine->emulated = strstr(name, "emulated") != NULL;
}

static bool by_cpuid(const struct machine_hints *hints, struct machine *machine)
{
	const char *first = find(cpuids, ARRAY_LEN(cpuids), hints->cpuid[0], is);
	const char *second = find(cpuids, ARRAY_LEN(cpuids), hints->cpuid[1], is);

	if (!hints->cpuid_bit)
		return false;
	/* KVM and others show the face of Hyper-V first, for the sake of Windows. */
	if (second && first && !strcmp(first, "Hyper-V"))
		first = second;
	if (first)
		name_it(machine, first, "CPUID");
	return first != NULL;
}

static bool by_kernel(const struct machine_hints *hints, struct machine *machine)
{
	const char *name = find(devicetrees, ARRAY_LEN(devicetrees), hints->devicetree, begins);

	if (!strcmp(hints->sys, "xen")) {
		name_it(machine, "Xen", "/sys/hypervisor/type");
		return true;
	}
	if (name)
		name_it(machine, name, "the device tree");
	return name != NULL;
}

static bool by_firmware(const struct machine_hints *hints, struct machine *machine)
{
	const char *name = find(products, ARRAY_LEN(products), hints->product, has);

	if (name && !strcmp(name, "Hyper-V") && !has(hints->vendor, "Microsoft"))
		name = NULL;
	if (!name)
		name = find(vendors, ARRAY_LEN(vendors), hints->vendor, begins);
	if (name)
		name_it(machine, name, "DMI");
	return name != NULL;
}

/* Somebody says that there is one, and nobody whom we know. */
static void by_stranger(const struct machine_hints *hints, struct machine *machine)
{
	if (hints->cpuid_bit)
		name_it(machine, "one that is not known", "CPUID");
	if (hints->cpuid_bit && hints->cpuid[0][0])
		(void)snprintf(machine->hypervisor, sizeof(machine->hypervisor), "'%s'",
			       hints->cpuid[0]);
	else if (!hints->cpuid_bit && hints->sys[0])
		name_it(machine, hints->sys, "/sys/hypervisor/type");
	else if (!hints->cpuid_bit && hints->devicetree[0])
		name_it(machine, hints->devicetree, "the device tree");
}

static void judge_container(const struct machine_hints *hints, struct machine *machine)
{
	const char *name = "";

	machine->container_by = "";
	if (hints->systemd_container[0]) {
		name = hints->systemd_container;
		machine->container_by = "/run/systemd/container";
	} else if (hints->environ_container[0]) {
		name = hints->environ_container;
		machine->container_by = "/proc/1/environ";
	} else if (hints->containerenv) {
		name = "podman";
		machine->container_by = "/run/.containerenv";
	} else if (hints->dockerenv) {
		name = "docker";
		machine->container_by = "/.dockerenv";
	}
	(void)snprintf(machine->container, sizeof(machine->container), "%s", name);
}

struct machine machine_judge(const struct machine_hints *hints)
{
	struct machine machine = {.hypervisor = "none seen", .seen_by = ""};

	if (!by_cpuid(hints, &machine) && !by_kernel(hints, &machine) &&
	    !by_firmware(hints, &machine))
		by_stranger(hints, &machine);
	judge_container(hints, &machine);
	return machine;
}

const char *machine_text(const struct machine *machine, char text[MACHINE_TEXT_LEN])
{
	(void)snprintf(text, MACHINE_TEXT_LEN, "%s%s%s%s%s%s%s", machine->hypervisor,
		       machine->seen_by[0] ? ", seen by " : "", machine->seen_by,
		       machine->container[0] ? "; in a container: " : "", machine->container,
		       machine->container[0] ? ", seen by " : "", machine->container_by);
	return text;
}

/* ---- looking ---- */

/* So much of it as fits, or nothing. */
static size_t read_bytes(const char *root, const char *path, char *bytes, size_t size)
{
	own_fd int fd = -1;
	char at[4096];
	ssize_t len;

	if ((size_t)snprintf(at, sizeof(at), "%s%s", root, path) >= sizeof(at))
		return 0;
	/* A pipe under that name must not hold us. */
	fd = open(at, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return 0;
	len = read(fd, bytes, size);
	return len < 0 ? 0 : (size_t)len;
}

/* A line of plain ASCII: it goes to terminals and into logs. */
static void clean(char *text, const char *bytes, size_t len)
{
	size_t n = 0;

	for (; n < len && n < MACHINE_HINT_LEN - 1 && bytes[n] && bytes[n] != '\n'; n++)
		text[n] = bytes[n] >= ' ' && bytes[n] <= '~' ? bytes[n] : '?';
	while (n && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
}

static void read_line(const char *root, const char *path, char text[MACHINE_HINT_LEN])
{
	char bytes[MACHINE_HINT_LEN];

	clean(text, bytes, read_bytes(root, path, bytes, sizeof(bytes)));
}

static void read_environ(const char *root, char text[MACHINE_HINT_LEN])
{
	static const char key[] = "container=";
	char bytes[ENVIRON_MAX];
	size_t len = read_bytes(root, "/proc/1/environ", bytes, sizeof(bytes));

	for (size_t at = 0; at < len; at += strnlen(bytes + at, len - at) + 1) {
		if (len - at < sizeof(key) || memcmp(bytes + at, key, sizeof(key) - 1) != 0)
			continue;
		at += sizeof(key) - 1;
		clean(text, bytes + at, len - at);
		return;
	}
}

static bool is_there(const char *root, const char *path)
{
	char at[4096];

	return (size_t)snprintf(at, sizeof(at), "%s%s", root, path) < sizeof(at) &&
	       !access(at, F_OK);
}

#if defined(__x86_64__) || defined(__i386__)
static void read_leaf(unsigned leaf, char text[13])
{
	unsigned words[4];
	char bytes[12];

	__cpuid(leaf, words[0], words[1], words[2], words[3]);
	memcpy(bytes, &words[1], sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		text[i] = bytes[i] && (bytes[i] < ' ' || bytes[i] > '~') ? '?' : bytes[i];
	text[12] = '\0';
}

static void read_cpuid(struct machine_hints *hints)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1U << 31))
		return;
	hints->cpuid_bit = true;
	read_leaf(0x40000000, hints->cpuid[0]);
	read_leaf(0x40000100, hints->cpuid[1]);
}
#else
static void read_cpuid(struct machine_hints *hints)
{
	(void)hints;
}
#endif

struct machine_hints machine_look(const char *root)
{
	struct machine_hints hints = {0};

	if (!root[0])
		read_cpuid(&hints);
	read_line(root, "/sys/class/dmi/id/sys_vendor", hints.vendor);
	read_line(root, "/sys/class/dmi/id/product_name", hints.product);
	read_line(root, "/proc/device-tree/hypervisor/compatible", hints.devicetree);
	read_line(root, "/sys/hypervisor/type", hints.sys);
	read_line(root, "/run/systemd/container", hints.systemd_container);
	read_environ(root, hints.environ_container);
	hints.dockerenv = is_there(root, "/.dockerenv");
	hints.containerenv = is_there(root, "/run/.containerenv");
	return hints;
}
