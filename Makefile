# SPDX-License-Identifier: AGPL-3.0-or-later
# One explicit, non-recursive Makefile. `make help` says what there is.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

O ?= build
V ?= 0
DEV ?= 0
SAN ?=
PREFIX ?= /usr
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
CLANG_BPF ?= clang
LLVM_STRIP ?= llvm-strip
OBJCOPY ?= objcopy
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0

comma := ,
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' '$(1)' '$(patsubst $(O)/%,%,$@)')

# ---- flags ---------------------------------------------------------------------------------
LIBS_PKG := libbpf libxdp jansson libmnl libsystemd libcap-ng libseccomp libpcap libcrypto inih
# orm/ is a library of its own: these and no others. libpg_query has no pkg-config file.
ORM_PKG := libpq sqlite3 jansson libcrypto
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wswitch-enum \
	-Wimplicit-fallthrough
ifeq ($(DEV),1)
WARN += -Werror -Wnull-dereference -Wunused -Wredundant-decls -Wnested-externs
endif
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
HARDEN := -fstack-protector-strong -fno-strict-aliasing -fno-common \
	$(if $(SAN),,$(if $(findstring -O0,$(CFLAGS)),,-D_FORTIFY_SOURCE=2))
CPP_ALL := -Iinclude -I. -D_GNU_SOURCE -DSTRAZH_VERSION='"$(VERSION)"'
ALL_CFLAGS = -std=gnu11 $(WARN) $(HARDEN) $(SAN_FLAGS) -ffile-prefix-map=$(CURDIR)=. \
	-fdebug-prefix-map=$(CURDIR)=. $(CPP_ALL) $(shell $(PKG_CONFIG) --cflags $(LIBS_PKG) 2>/dev/null) \
	$(ORM_CFLAGS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--build-id=sha1 $(SAN_FLAGS) $(LDFLAGS)
LIBS = $(shell $(PKG_CONFIG) --libs $(LIBS_PKG)) -lIPSec_MB -lm -lpthread
ORM_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(ORM_PKG) 2>/dev/null)
ORM_LIBS = $(shell $(PKG_CONFIG) --libs $(ORM_PKG)) -lpg_query -lm -lpthread
CLIENT_LIBS = $(shell $(PKG_CONFIG) --libs $(CLIENT_PKG)) -lIPSec_MB -lpthread
MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null)
LIB_FLAGS := -fPIC -fvisibility=hidden # of what is installed
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Wshadow -Wundef -Werror \
	-Wno-unused-parameter -ffile-prefix-map=$(CURDIR)=. -Iinclude -I. \
	$(if $(MULTIARCH),-isystem /usr/include/$(MULTIARCH))

# ---- what there is -------------------------------------------------------------------------
MAINS := user/daemon/main.c user/ctl/main.c user/db/main.c
LIB_SRCS := $(sort $(filter-out $(MAINS),$(wildcard user/*/*.c user/daemon/*/*.c)))
LIB_OBJS := $(LIB_SRCS:%.c=$(O)/obj/%.o) $(O)/obj/user/gate/object.o
BPF_SRCS := $(sort $(wildcard bpf/*.bpf.c))
BPF_OBJS := $(BPF_SRCS:bpf/%.bpf.c=$(O)/%.bpf.o)
PROGRAMS := $(O)/strazhd $(O)/strazhctl $(O)/strazh $(O)/strazh-db
# What strazhd starts to download block lists: libcurl is linked there alone.
FETCH := $(O)/strazh-fetch
FETCH_SRCS := $(sort $(wildcard user/feed/fetch/*.c))
FETCH_PKG := libcurl libseccomp libcap-ng jansson
CLI_SRCS := $(sort $(wildcard user/client/cli/*.c))
# libstrazh-orm; orm/tools/X.c is the program X, orm/tools/kit what they share.
ORM_VERSION := 0.1.0
ORM_TOP := base table query render run pool cache watch guard schema copy
ORM_SRCS := $(sort $(wildcard $(ORM_TOP:%=orm/%/*.c) orm/drivers/*/*.c))
ORM_OBJS := $(ORM_SRCS:%.c=$(O)/obj/%.o)
ORM_TOOL_SRCS := $(sort $(wildcard orm/tools/*.c))
ORM_TOOLS := $(ORM_TOOL_SRCS:orm/tools/%.c=$(O)/%)
ORM_TOOL_KIT := $(sort $(wildcard orm/tools/kit/*.c))
ORM_EXAMPLE_SRCS := $(sort $(wildcard orm/example/*.c))
ORM_EXAMPLES := $(ORM_EXAMPLE_SRCS:orm/example/%.c=$(O)/example/%)
ORM_MAN := $(sort $(wildcard orm/man/*.3.in))
ORM_PAGES := $(ORM_MAN:orm/man/%.in=$(O)/man/%)
ORM_LIB := $(O)/libstrazh-orm.a
# What is installed of it: one object, in which only the public names are global.
ORM_ALONE := $(O)/alone/libstrazh-orm.a
ORM_SO := $(O)/libstrazh-orm.so.$(ORM_VERSION)
# libstrazh, the client library: the same objects as in libuser.a. Installed as libstrazh-orm is.
CLIENT_VERSION := 0.1.0
CLIENT_PKG := libcrypto
CLIENT_SRCS := $(sort $(wildcard user/client/*.c user/session/*.c user/wire/*.c user/crypto/*.c))
CLIENT_OBJS := $(CLIENT_SRCS:%.c=$(O)/obj/%.o)
CLIENT_ALONE := $(O)/alone/libstrazh.a
CLIENT_SO := $(O)/libstrazh.so.$(CLIENT_VERSION)
CLIENT_EXAMPLE := $(O)/example/echo
# A file tests/unit/**/test_X.c or tests/gate/test_X.c is one cmocka program; the other files of
# tests/gate are helpers linked into each of them. tests/tools/X.c is one plain program,
# tests/tools/kit what they share.
UNIT_SRCS := $(sort $(filter-out tests/unit/orm/%,$(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c)))
UNIT_BINS := $(UNIT_SRCS:%.c=$(O)/%)
# tests/unit/orm/test_X.c needs no database; tests/orm/test_X.c runs on both, with tests/orm/kit;
# tests/orm/tools/X.c is one plain program, tests/orm/tools/kit what they share.
ORM_UNIT_SRCS := $(sort $(wildcard tests/unit/orm/test_*.c))
ORM_UNIT_BINS := $(ORM_UNIT_SRCS:%.c=$(O)/%)
ORM_TEST_SRCS := $(sort $(wildcard tests/orm/test_*.c))
ORM_TEST_BINS := $(ORM_TEST_SRCS:%.c=$(O)/%)
ORM_TEST_KIT := $(sort $(wildcard tests/orm/kit/*.c))
# Allocations of the library that fail on purpose: tests/orm/kit/failalloc.h.
ORM_FAILALLOC := $(O)/obj/tests/orm/kit/failalloc.o
ORM_WRAP := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc reallocarray aligned_alloc strdup strndup)
# tests/store/test_X.c: what user/ keeps in a database, on both of them; the other files of that folder are
# helpers of each of them.
STORE_TEST_SRCS := $(sort $(wildcard tests/store/test_*.c))
STORE_TEST_BINS := $(STORE_TEST_SRCS:%.c=$(O)/%)
STORE_TEST_HELP := $(filter-out $(STORE_TEST_SRCS),$(sort $(wildcard tests/store/*.c)))
ORM_TEST_TOOL_SRCS := $(sort $(wildcard tests/orm/tools/*.c))
ORM_TEST_TOOL_KIT := $(sort $(wildcard tests/orm/tools/kit/*.c))
ORM_TEST_TOOLS := $(ORM_TEST_TOOL_SRCS:tests/orm/tools/%.c=$(O)/tests/%)
GATE_SRCS := $(sort $(wildcard tests/gate/test_*.c))
GATE_BINS := $(GATE_SRCS:%.c=$(O)/%)
GATE_HELP := $(filter-out $(GATE_SRCS),$(sort $(wildcard tests/gate/*.c)))
# Whole servers and clients over loopback; the others in tests/server are helpers of each of them.
SERVER_SRCS := $(sort $(wildcard tests/server/test_*.c))
SERVER_BINS := $(SERVER_SRCS:%.c=$(O)/%)
SERVER_HELP := $(filter-out $(SERVER_SRCS),$(sort $(wildcard tests/server/*.c)))
TOOL_BPF := $(patsubst %.bpf.c,$(O)/%.bpf.o,$(sort $(wildcard tests/tools/*.bpf.c)))
TOOL_SRCS := $(filter-out %.bpf.c,$(sort $(wildcard tests/tools/*.c)))
TOOL_BINS := $(TOOL_SRCS:%.c=$(O)/%)
TOOL_KIT := $(sort $(wildcard tests/tools/kit/*.c))
# tests/tools/run-vectors/*.c is one program: published vectors through the product's own code.
VECTORS_SRCS := $(sort $(wildcard tests/tools/run-vectors/*.c))
VECTORS_BIN := $(O)/tests/run-vectors
# tests/diff/*.c is one program.
DIFF_SRCS := $(sort $(wildcard tests/diff/*.c))
DIFF_BINS := $(O)/tests/diff/diff
BENCH_SRCS := $(filter-out %.bpf.c,$(sort $(wildcard tests/bench/*.c)))
BENCH_BPF := $(patsubst %.bpf.c,$(O)/%.bpf.o,$(sort $(wildcard tests/bench/*.bpf.c)))
ORM_BENCH_SRCS := tests/bench/figures.c $(sort $(wildcard tests/bench/orm/*.c))
WIRE_BENCH_SRCS := tests/bench/figures.c $(sort $(wildcard tests/bench/wire/*.c))
GUARD_BENCH_SRCS := tests/bench/figures.c $(sort $(wildcard tests/bench/guard/*.c))
STORE_BENCH_SRCS := tests/bench/figures.c $(sort $(wildcard tests/bench/store/*.c))
BENCH_BINS := $(O)/tests/bench/bench-gate $(O)/tests/bench/bench-orm $(O)/tests/bench/bench-wire \
	$(O)/tests/bench/bench-guard $(O)/tests/bench/bench-store
FUZZ_SRCS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
# Targets of the ORM's parsers link libstrazh-orm, those of what stands on it both, all others libuser.
ORM_FUZZ := deflist guard ormjson ormsql ormtext ormurl pgvalue
STORE_FUZZ := split state storefile
fuzz_lib = $(if $(filter $(1),$(ORM_FUZZ)),libstrazh-orm.a,libuser.a \
	$(if $(filter $(1),$(STORE_FUZZ)),alone/libstrazh-orm.a))
fuzz_libs = $(if $(filter $(1),$(ORM_FUZZ)),$(ORM_LIBS),$(LIBS) $(if $(filter $(1),$(STORE_FUZZ)),$(ORM_LIBS)))
# What a target tries that is in no library.
FUZZ_KIT_ormsql := obj/orm/tools/kit/script.o
FUZZ_BINS := $(FUZZ_SRCS:%.c=$(O)/%)
REPLAY_BINS := $(FUZZ_SRCS:tests/fuzz/fuzz_%.c=$(O)/tests/fuzz/replay_%)
OBJS := $(LIB_OBJS) $(MAINS:%.c=$(O)/obj/%.o)

##@ Build
.PHONY: help all
help: ## Say what make can do here
	@awk 'BEGIN{FS=":.*## "} /^##@/{printf "\n%s\n",substr($$0,5)} /^[a-z-]+:.*## /{printf "  make %-12s %s\n",$$1,$$2}' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables: O=DIR (build there)  V=1 (show commands)  DEV=1 (warnings are errors)\n'
	@printf '  SAN=address,undefined | thread   CC=gcc|clang   CLANG_BPF=clang|clang-19   CFLAGS   DESTDIR PREFIX\n'

all: $(PROGRAMS) $(FETCH) $(BPF_OBJS) client orm ## Build strazhd, strazhctl, strazh, gate.bpf.o, libstrazh and libstrazh-orm

# user/store stands on the ORM.
$(O)/strazhd: LIBS += $(ORM_LIBS)
$(O)/strazhd: $(O)/obj/user/daemon/main.o $(O)/libuser.a $(ORM_ALONE)
$(O)/strazhctl: $(O)/obj/user/ctl/main.o $(O)/libuser.a
# What `strazhctl db` runs.
$(O)/strazh-db: LIBS += $(ORM_LIBS)
$(O)/strazh-db: $(O)/obj/user/db/main.o $(O)/libuser.a $(ORM_ALONE)
$(O)/strazh: $(CLI_SRCS:%.c=$(O)/obj/%.o) $(O)/libuser.a
$(PROGRAMS):
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(FETCH): $(FETCH_SRCS:%.c=$(O)/obj/%.o) $(O)/libuser.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs $(FETCH_PKG)) -lpthread

$(O)/libuser.a: $(LIB_OBJS)
	$(call say,AR)
	$(Q)rm -f $@ && ar rcD $@ $^

.PHONY: client
client: $(O)/strazh $(CLIENT_ALONE) $(CLIENT_SO) $(CLIENT_EXAMPLE) ## Build strazh and libstrazh, static and shared

$(CLIENT_ALONE): $(CLIENT_OBJS)
	$(call say,AR)
	$(Q)mkdir -p $(@D) && $(CC) -r -nostdlib -o $(@D)/strazh.o $^ && \
		$(OBJCOPY) --localize-hidden $(@D)/strazh.o && \
		rm -f $@ && ar rcD $@ $(@D)/strazh.o

$(CLIENT_SO): $(CLIENT_OBJS)
	$(call say,LD)
	$(Q)$(CC) -shared -Wl,-soname,libstrazh.so.0 -Wl,-z,relro,-z,now,--build-id=sha1 \
		$(if $(SAN),,-Wl,-z,defs) $(SAN_FLAGS) $(LDFLAGS) -o $@ $^ $(CLIENT_LIBS)
	$(Q)ln -sf $(@F) $(O)/libstrazh.so.0 && ln -sf $(@F) $(O)/libstrazh.so

# As a user builds it, with the public names alone.
$(CLIENT_EXAMPLE): $(O)/obj/user/client/example/echo.o $(CLIENT_ALONE)
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(CLIENT_LIBS)

.PHONY: orm
orm: $(ORM_LIB) $(ORM_ALONE) $(ORM_SO) $(ORM_TOOLS) $(ORM_EXAMPLES) $(ORM_PAGES) ## Build libstrazh-orm, static and shared, and its tools

$(ORM_LIB): $(ORM_OBJS)
	$(call say,AR)
	$(Q)rm -f $@ && ar rcD $@ $^

$(ORM_ALONE): $(ORM_OBJS)
	$(call say,AR)
	$(Q)mkdir -p $(@D) && $(CC) -r -nostdlib -o $(@D)/strazh-orm.o $^ && \
		$(OBJCOPY) --localize-hidden $(@D)/strazh-orm.o && \
		rm -f $@ && ar rcD $@ $(@D)/strazh-orm.o

$(ORM_SO): $(ORM_OBJS)
	$(call say,LD)
	$(Q)$(CC) -shared -Wl,-soname,libstrazh-orm.so.0 -Wl,-z,relro,-z,now,--build-id=sha1 \
		$(if $(SAN),,-Wl,-z,defs) $(SAN_FLAGS) $(LDFLAGS) -o $@ $^ $(ORM_LIBS)
	$(Q)ln -sf $(@F) $(O)/libstrazh-orm.so.0 && ln -sf $(@F) $(O)/libstrazh-orm.so

$(ORM_TOOLS): $(O)/%: $(O)/obj/orm/tools/%.o $(ORM_TOOL_KIT:%.c=$(O)/obj/%.o) $(ORM_LIB)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ORM_LIBS)

# With the tables of the headers in them.
$(ORM_PAGES): $(O)/man/%: orm/man/%.in orm/man/fill include/strazh/orm/db.h include/strazh/orm/error.h
	$(call say,MAN)
	$(Q)mkdir -p $(@D) && CC='$(CC)' orm/man/fill $< >$@

# As a user builds it, with the public names alone.
$(ORM_EXAMPLES): $(O)/example/%: $(O)/obj/orm/example/%.o $(ORM_ALONE)
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(ORM_LIBS)

# What the shared library exports is what the public headers declare.
$(ORM_OBJS) $(CLIENT_OBJS): private ALL_CFLAGS += $(LIB_FLAGS)
$(O)/obj/%.o: %.c $(O)/flags
	$(call say,CC)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The gate travels inside the programs; ip and xdp-loader take the same file from disk.
$(O)/obj/user/gate/object.o: user/gate/object.S $(O)/gate.bpf.o
	$(call say,AS)
	$(Q)mkdir -p $(@D) && $(CC) -I$(O) -c -o $@ $<

$(O)/%.bpf.o: bpf/%.bpf.c $(O)/flags
	$(call say,BPF)
	$(Q)mkdir -p $(@D) && $(CLANG_BPF) $(BPF_CFLAGS) -MMD -MP -MF $@.d -MT $@ -c -o $@ $<
	$(Q)$(LLVM_STRIP) -g $@

$(O)/tests/%.bpf.o: tests/%.bpf.c $(O)/flags
	$(call say,BPF)
	$(Q)mkdir -p $(@D) && $(CLANG_BPF) $(BPF_CFLAGS) -MMD -MP -MF $@.d -MT $@ -c -o $@ $<
	$(Q)$(LLVM_STRIP) -g $@

# Objects are rebuilt when compiler or flags change.
$(O)/flags: FORCE
	@mkdir -p $(O) && echo '$(CC) $(ALL_CFLAGS) $(LIB_FLAGS) $(CLANG_BPF)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(LIB_FLAGS) $(CLANG_BPF)' > $@
.PHONY: FORCE
FORCE:

##@ Prove
.PHONY: tests check check-unit check-server soak check-orm check-gate check-e2e check-san check-tsan check-vm vm-build bench lint fuzz
tests: all $(UNIT_BINS) $(ORM_UNIT_BINS) $(ORM_TEST_BINS) $(STORE_TEST_BINS) $(ORM_TEST_TOOLS) $(GATE_BINS) $(SERVER_BINS) $(TOOL_BINS) $(TOOL_BPF) $(REPLAY_BINS) $(DIFF_BINS) $(VECTORS_BIN) $(O)/tests/bench/bench-guard ## Build every test program

.PHONY: orm-tests
orm-tests: orm $(ORM_UNIT_BINS) $(ORM_TEST_BINS) $(STORE_TEST_BINS)
.PHONY: server-tests
server-tests: $(SERVER_BINS)
# The group unit-threads of tests/run.
THREAD_UNITS := crypto/test_workpool daemon/test_feed_reads daemon/test_recall daemon/test_remember daemon/test_remember_back net/test_mailbox \
	net/test_reactors service/test_relay_threads
.PHONY: thread-tests
thread-tests: $(THREAD_UNITS:%=$(O)/tests/unit/%)

# Of a program, not of libuser.a.
$(foreach t,$(filter $(O)/tests/unit/client/cli/%,$(UNIT_BINS)),\
	$(eval $(t): $(t:$(O)/tests/unit/client/cli/test_%=$(O)/obj/user/client/cli/%.o)))
$(O)/tests/unit/feed/test_confine: $(O)/obj/user/feed/fetch/confine.o
# They make allocations fail.
$(O)/tests/unit/guard/test_guard_nomem: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,malloc calloc)
$(O)/tests/unit/service/test_faults: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc)
# user/store stands on the ORM, and strazhd's configuration and memory on both.
STORE_UNITS := $(filter $(O)/tests/unit/store/% $(O)/tests/unit/daemon/%,$(UNIT_BINS)) $(SERVER_BINS)
$(STORE_UNITS): LIBS += $(ORM_ALONE) $(ORM_LIBS)
$(STORE_UNITS): $(ORM_ALONE)
$(UNIT_BINS): $(O)/%: $(O)/obj/%.o $(O)/libuser.a
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(LIBS)

# Allocations that fail on purpose.
$(O)/tests/unit/session/test_channel_nomem: ALL_LDFLAGS += -Wl,--wrap=malloc
# Where what is made of a secret becomes public.
$(O)/tests/unit/session/test_consttime: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,\
	crypto_random crypto_same dh_generate dh_shared aead_open engine_open)
$(O)/tests/server/test_client_nomem: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,malloc calloc strdup)

$(ORM_UNIT_BINS): $(O)/%: $(O)/obj/%.o $(ORM_FAILALLOC) $(ORM_LIB)
$(ORM_TEST_BINS): $(O)/%: $(O)/obj/%.o $(ORM_TEST_KIT:%.c=$(O)/obj/%.o) $(ORM_LIB)
$(ORM_UNIT_BINS) $(ORM_TEST_BINS):
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) $(ORM_WRAP) -o $@ $^ -lcmocka $(ORM_LIBS)

# The store's objects are those of libuser.a, and nothing else of it is drawn in.
$(STORE_TEST_BINS): $(O)/%: $(O)/obj/%.o $(STORE_TEST_HELP:%.c=$(O)/obj/%.o) $(ORM_TEST_KIT:%.c=$(O)/obj/%.o) \
		$(O)/libuser.a $(ORM_LIB)
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) $(ORM_WRAP) -o $@ $^ -lcmocka $(ORM_LIBS)

$(ORM_TEST_TOOLS): $(O)/tests/%: $(O)/obj/tests/orm/tools/%.o $(ORM_TEST_TOOL_KIT:%.c=$(O)/obj/%.o) $(ORM_LIB)
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(ORM_LIBS)

$(SERVER_BINS): $(O)/%: $(O)/obj/%.o $(SERVER_HELP:%.c=$(O)/obj/%.o) $(O)/libuser.a
$(GATE_BINS): $(O)/%: $(O)/obj/%.o $(GATE_HELP:%.c=$(O)/obj/%.o) $(O)/libuser.a
$(GATE_BINS) $(SERVER_BINS):
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(TOOL_BINS): $(O)/%: $(O)/obj/%.o $(TOOL_KIT:%.c=$(O)/obj/%.o) $(O)/libuser.a
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(VECTORS_BIN): $(VECTORS_SRCS:%.c=$(O)/obj/%.o) $(O)/libuser.a
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(DIFF_BINS): $(DIFF_SRCS:%.c=$(O)/obj/%.o)
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

check: vm-build ## Run every test (root: all of them; else what needs no root)
	@O='$(O)' VM_KERNELS='$(K)' tests/run unit server orm gate fuzz diff e2e vm
check-unit: tests ## Run the unit tests and replay the fuzz corpora (no root)
	@O='$(O)' tests/run unit fuzz
check-server: tests ## Run whole servers against clients and attackers over loopback, and the library's installation (no root)
	@O='$(O)' tests/run server
S ?= 600
soak: $(O)/tests/server/test_soak ## Mixed load on a secured server for S seconds (default 600; no root)
	@STRAZH_SOAK_S='$(S)' $(O)/tests/server/test_soak
check-orm: tests ## Run the ORM's tests on SQLite and on a private PostgreSQL that they start (no root)
	@O='$(O)' tests/run orm
check-gate: tests ## Run the packet tests (BPF_PROG_TEST_RUN; root)
	@O='$(O)' tests/run gate
check-e2e: tests ## Run the end-to-end tests in network namespaces (root)
	@O='$(O)' tests/run e2e
# What the machines load besides: the gate as the other compiler builds it, and what the bench drives.
K ?= 6.1
vm-build: tests $(BENCH_BPF)
	@$(MAKE) --no-print-directory O=$(O)/clang19 CLANG_BPF=clang-19 $(BPF_OBJS:$(O)/%=$(O)/clang19/%)
check-vm: vm-build ## Run the gate tests on Debian's kernels in QEMU; K=6.1,6.12 (default 6.1; no root)
	@O='$(O)' VM_KERNELS='$(K)' tests/run vm
# A program takes several times as long under a sanitizer.
check-san: ## Unit, server, database and packet tests under ASan and UBSan
	@$(MAKE) --no-print-directory O=$(O)/san CC=clang SAN=address,undefined tests
	@O='$(O)/san' TEST_SECONDS=900 tests/run unit server orm-programs gate fuzz
check-tsan: ## The server's, the ORM's and other threads' tests under the thread sanitizer (no root)
	@$(MAKE) --no-print-directory O=$(O)/tsan CC=clang SAN=thread orm-tests server-tests thread-tests
	@O='$(O)/tsan' TEST_SECONDS=900 tests/run unit-threads server orm-unit orm-programs

# The bench loads its own BPF programs and drives the shipped one.
B ?= all
$(O)/tests/bench/bench-gate: $(BENCH_SRCS:%.c=$(O)/obj/%.o) $(O)/libuser.a
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(O)/tests/bench/bench-orm: $(ORM_BENCH_SRCS:%.c=$(O)/obj/%.o) $(ORM_LIB)
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(ORM_LIBS)
$(O)/tests/bench/bench-wire: $(WIRE_BENCH_SRCS:%.c=$(O)/obj/%.o) $(O)/libuser.a
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ -lssl $(LIBS)
$(O)/tests/bench/bench-guard: $(GUARD_BENCH_SRCS:%.c=$(O)/obj/%.o) $(O)/libuser.a
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(O)/tests/bench/bench-store: $(STORE_BENCH_SRCS:%.c=$(O)/obj/%.o) $(O)/libuser.a $(ORM_ALONE)
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $^ $(ORM_LIBS)
bench: all $(BENCH_BINS) $(BENCH_BPF) $(TOOL_BINS) $(TOOL_BPF) ## Measure; B=gate for one group; writes build/bench.json (root)
	@O='$(O)' tests/bench/run '$(B)'

lint: ## Layers, headers alone, sizes, banned functions, shellcheck, clang-tidy, cppcheck, clang-format
	@O='$(O)' tests/lint/run

# clang only: libFuzzer. Corpora under tests/fuzz/corpus/NAME replay in `check`.
FUZZ_S ?= 60
FUZZ_O := $(O)/fuzzlib
.PHONY: fuzz-lib
fuzz-lib: # all of user/ and orm/, instrumented
	@$(MAKE) --no-print-directory O=$(FUZZ_O) CC=clang SAN=fuzzer-no-link,address,undefined \
		$(addprefix $(FUZZ_O)/,libuser.a libstrazh-orm.a alone/libstrazh-orm.a $(FUZZ_KIT_ormsql))
$(FUZZ_BINS): $(O)/tests/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(O)/flags fuzz-lib
	$(call say,FUZZ)
	$(Q)mkdir -p $(@D) && clang -std=gnu11 $(CPP_ALL) $(shell $(PKG_CONFIG) --cflags $(LIBS_PKG)) -O1 -g \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o $@ $< $(addprefix $(FUZZ_O)/,$(FUZZ_KIT_$*) $(call fuzz_lib,$*)) $(call fuzz_libs,$*)
$(O)/tests/fuzz/replay_ormsql: $(O)/$(FUZZ_KIT_ormsql)
$(REPLAY_BINS): $(O)/tests/fuzz/replay_%: $(O)/obj/tests/fuzz/fuzz_%.o $(O)/obj/tests/fuzz/replay.o $(O)/libuser.a $(ORM_LIB) $(ORM_ALONE)
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(addprefix $(O)/,$(call fuzz_lib,$*)) \
		$(call fuzz_libs,$*)
fuzz: $(FUZZ_BINS) ## Fuzz each parser for FUZZ_S seconds (default 60)
	@O='$(O)' FUZZ_S='$(FUZZ_S)' tests/fuzz/run

##@ Use
.PHONY: up install install-client install-orm compdb clean
IFACE ?=
SECONDS_UP ?=
.PHONY: up-build
up-build: all $(TOOL_BINS) $(TOOL_BPF)
up: up-build ## Show it working: a demo in namespaces, or IFACE=eth0 for the real thing (root)
	@O='$(O)' scripts/demo $(if $(SECONDS_UP),--seconds $(SECONDS_UP)) $(UP_ARGS) $(IFACE)

install: all install-client install-orm ## Install under DESTDIR and PREFIX
	install -D -m 755 $(O)/strazhd $(DESTDIR)$(PREFIX)/sbin/strazhd
	install -D -m 755 $(O)/strazhctl $(DESTDIR)$(PREFIX)/sbin/strazhctl
	install -D -m 755 $(FETCH) $(DESTDIR)$(PREFIX)/lib/strazh/strazh-fetch
	install -D -m 755 $(O)/strazh-db $(DESTDIR)$(PREFIX)/lib/strazh/strazh-db
	install -D -m 644 $(O)/gate.bpf.o $(DESTDIR)$(PREFIX)/lib/strazh/gate.bpf.o
	install -D -m 644 scripts/strazhd.service $(DESTDIR)$(PREFIX)/lib/systemd/system/strazhd.service
	install -D -m 644 scripts/strazh.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/strazh.conf
	install -D -m 644 scripts/strazhctl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/strazhctl
	install -D -m 644 scripts/fail2ban/strazh.conf $(DESTDIR)$(PREFIX)/share/strazh/fail2ban/strazh.conf
	install -D -m 644 user/man/strazhctl.8 $(DESTDIR)$(PREFIX)/share/man/man8/strazhctl.8
	install -D -m 644 user/man/strazhd.8 $(DESTDIR)$(PREFIX)/share/man/man8/strazhd.8
	install -D -m 644 user/man/strazh.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/strazh.conf.5
install-client: client ## Install strazh and libstrazh alone
	install -D -m 755 $(O)/strazh $(DESTDIR)$(PREFIX)/bin/strazh
	install -D -m 644 scripts/strazh.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/strazh
	install -D -m 644 user/man/strazh.1 $(DESTDIR)$(PREFIX)/share/man/man1/strazh.1
	install -D -m 644 user/man/libstrazh.3 $(DESTDIR)$(PREFIX)/share/man/man3/libstrazh.3
	install -D -m 644 $(CLIENT_ALONE) $(DESTDIR)$(LIBDIR)/libstrazh.a
	install -D -m 644 $(CLIENT_SO) $(DESTDIR)$(LIBDIR)/$(notdir $(CLIENT_SO))
	ln -sf $(notdir $(CLIENT_SO)) $(DESTDIR)$(LIBDIR)/libstrazh.so.0
	ln -sf libstrazh.so.0 $(DESTDIR)$(LIBDIR)/libstrazh.so
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/strazh include/strazh/client.h
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/strazh/wire include/strazh/wire/phantom.h
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(CLIENT_VERSION)|; s|@REQUIRES@|$(CLIENT_PKG)|' \
		user/client/strazh.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/strazh.pc
install-orm: orm ## Install libstrazh-orm alone: it needs nothing of the rest
	install -D -m 644 $(ORM_ALONE) $(DESTDIR)$(LIBDIR)/libstrazh-orm.a
	install -D -m 644 $(ORM_SO) $(DESTDIR)$(LIBDIR)/$(notdir $(ORM_SO))
	ln -sf $(notdir $(ORM_SO)) $(DESTDIR)$(LIBDIR)/libstrazh-orm.so.0
	ln -sf libstrazh-orm.so.0 $(DESTDIR)$(LIBDIR)/libstrazh-orm.so
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/strazh include/strazh/orm.h
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/strazh/orm include/strazh/orm/*.h
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(ORM_VERSION)|; s|@REQUIRES@|$(ORM_PKG)|' \
		orm/strazh-orm.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/strazh-orm.pc
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(ORM_TOOLS)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man3 $(ORM_PAGES)
	$(if $(wildcard orm/man/*.1),install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(wildcard orm/man/*.1))

compdb: ## Write compile_commands.json for clangd
	@rm -rf $(O)/compdb && bear --output compile_commands.json -- $(MAKE) --no-print-directory O=$(O)/compdb tests

clean: ## Remove the build folder
	rm -rf $(O)

-include $(shell test -d $(O) && find $(O) -type f -name '*.d')
