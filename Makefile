# primer: how it is built, tested, checked and installed. `make help` lists the targets.
#
#   build/<flavour>-<compiler>/   one folder per FLAVOUR and CC, so that they coexist:
#       obj/ objects · rooms/ an archive per folder of src/ · libprimer.{a,so} · primer · tests/ fuzz/ bench/
#   build/primer                  a link to the last program that was built
#
# A folder's sources are found by wildcard; a new file needs no line here. What a room of tests links
# against is what the room it mirrors may use (LINK_*), so that one room that doesn't compile doesn't
# stop another's tests. ROOMS="base quant" restricts the build to those folders of src/.

FLAVOUR ?= release
ifeq ($(origin CC),default)
# Where there is no compiler yet, gcc is what will be installed.
CC := $(if $(shell command -v gcc 2>/dev/null),gcc,$(if $(shell command -v cc 2>/dev/null),cc,gcc))
endif
PREFIX ?= /usr/local
DESTDIR ?=
EMBED ?= $(wildcard models/builtin.gguf)
PKG_CONFIG ?= pkg-config
PRIMER_SHARED ?= ../shared

TARGET := $(shell $(CC) -dumpmachine 2>/dev/null)
ARCH := $(firstword $(subst -, ,$(TARGET)))
VERSION := $(shell sed -n 's/^.define PRIMER_VERSION "\(.*\)"/\1/p' include/primer.h)
BUILD := build/$(FLAVOUR)-$(notdir $(firstword $(CC)))
OUTPUT ?= $(BUILD)/primer
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# Below a make that was given -j its jobs are shared; otherwise there is one job per core.
SUBMAKE = +@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))

# ---- flags ------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes
ifneq ($(WERROR)$(CI),)
WARNINGS += -Werror
endif
FLAGS := -std=c11 -D_GNU_SOURCE -g -fPIC -fno-semantic-interposition -ffp-contract=off -fno-math-errno
INCLUDES := -Isrc -Iinclude

FLAGS_release := -O3
FLAGS_debug := -O0 -DPRIMER_DEBUG
FLAGS_stress := -O2 -DPRIMER_STRESS
FLAGS_asan := -O2 -fno-omit-frame-pointer -fsanitize=address
FLAGS_ubsan := -O2 -fno-omit-frame-pointer -fsanitize=undefined -fno-sanitize-recover=all
FLAGS_sanitize := -O2 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan := -O2 -fno-omit-frame-pointer -fsanitize=thread
FLAGS_fuzz := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
              -fno-sanitize-recover=all
ifndef FLAGS_$(FLAVOUR)
$(error FLAVOUR=$(FLAVOUR) is none of release debug stress asan ubsan sanitize tsan fuzz)
endif
SANITIZE := $(filter -fsanitize=%,$(FLAGS_$(FLAVOUR)))
# What sanitizers put between the lines misleads the compiler's warnings; other flavours have them all.
ifneq ($(SANITIZE),)
WARNINGS := -w
endif

# Instructions that only the files of one folder may use; the processor is asked at run time.
ISA_avx2 := -mavx2 -mfma -mf16c
ISA_avx2_vnni := $(ISA_avx2) -mavxvnni
ISA_avx512 := $(ISA_avx2) -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni
ISA_neon_dot := -march=armv8.2-a+dotprod
ifneq ($(SANITIZE),)
# Straight code of thousands of instructions: what sanitizers add to it is slow to optimize.
$(foreach level,avx2 avx2_vnni avx512 neon neon_dot,$(eval ISA_$(level) += -O1 -fno-var-tracking))
endif
LEVELS_x86_64 := avx2 avx2_vnni avx512
LEVELS_aarch64 := neon neon_dot

# ---- libraries --------------------------------------------------------------------------------------

ifeq ($(NO_LIBRARIES),)
LIBRARY_PACKAGES := jansson libpcre2-8 libutf8proc
PROGRAM_PACKAGES := libedit
# Loaded when they are needed (base/late.h): what they bring with them would be half of every start.
LATE_PACKAGES := libmicrohttpd libcurl
# Without the folder where compilers look anyway, which some packages name.
PACKAGE_FLAGS := $(filter-out -I/usr/include/$(TARGET),\
    $(shell $(PKG_CONFIG) --cflags $(LIBRARY_PACKAGES) $(PROGRAM_PACKAGES) \
    $(LATE_PACKAGES) 2>/dev/null))
LIBRARY_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBRARY_PACKAGES) 2>/dev/null)
PROGRAM_LIBS := $(shell $(PKG_CONFIG) --libs $(PROGRAM_PACKAGES) 2>/dev/null)
TEST_LIBS := $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null || echo -lcmocka)
else
# A processor for which the libraries aren't installed: their headers alone, from where they are told to be.
PACKAGE_FLAGS := $(if $(LIBRARY_HEADERS),-isystem $(LIBRARY_HEADERS)) -isystem tests/cross
endif
# Training over several processes: in the program and the tests, where MPI is installed (NO_MPI=1: not).
# libprimer does without it always. Sanitizers would report what MPI itself does.
MPI_PACKAGE := $(if $(NO_MPI)$(NO_LIBRARIES)$(SANITIZE),,$(shell \
    for p in ompi-c mpich; do $(PKG_CONFIG) --exists $$p 2>/dev/null && echo $$p && break; done))
ifneq ($(MPI_PACKAGE),)
MPI_FLAGS := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(MPI_PACKAGE)))
MPI_LIBS := $(shell $(PKG_CONFIG) --libs $(MPI_PACKAGE))
endif
# (package, name): the name under which the loader finds the library that is installed, or else that name.
loaded_as = $(or $(shell objdump -p "$$($(PKG_CONFIG) --variable=libdir $(1))/$(1).so" 2>/dev/null | \
    sed -n 's/^ *SONAME *//p'),$(2))
SYSTEM_LIBS := -pthread -lm
PROGRAM_LIBS += -ldl # its own only before glibc 2.34
CFLAGS_ALL = $(FLAGS) $(FLAGS_$(FLAVOUR)) $(WARNINGS) $(INCLUDES) $(PACKAGE_FLAGS) $(CFLAGS)
LDFLAGS_ALL = $(SANITIZE) -pthread -Wl,--as-needed $(LDFLAGS)

# ---- sources ----------------------------------------------------------------------------------------

LIBRARY_ROOMS := base ranks quant kernel kv tensor format tokenizer constraint chat model engine train convert
PROGRAM_ROOMS := net sandbox store report terminal server hub data eval trace command
ifneq ($(ROOMS),)
LIBRARY_ROOMS := $(filter $(ROOMS),$(LIBRARY_ROOMS))
PROGRAM_ROOMS := $(filter $(ROOMS),$(PROGRAM_ROOMS))
endif
ALL_ROOMS := $(LIBRARY_ROOMS) $(PROGRAM_ROOMS)

MPI_SOURCE := src/ranks/ranks_mpi.c
NO_MPI_SOURCE := src/ranks/ranks_single.c
OTHER_LEVELS := $(filter-out $(LEVELS_$(ARCH)),$(LEVELS_x86_64) $(LEVELS_aarch64))
sources = $(filter-out $(foreach l,$(OTHER_LEVELS),src/kernel/$(l)/%) $(if $(MPI_PACKAGE),,$(MPI_SOURCE)),\
    $(sort $(wildcard src/$(1)/*.c src/$(1)/*/*.c)))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
room_archives = $(foreach r,$(filter $(1),$(ALL_ROOMS)),$(BUILD)/rooms/$(r).a)

ROOM_SOURCES := $(foreach r,$(ALL_ROOMS),$(call sources,$(r)))
LIBRARY_OBJECTS := $(call objects,$(foreach r,$(LIBRARY_ROOMS),$(call sources,$(r))))
PROGRAM_OBJECTS := $(call objects,$(foreach r,$(PROGRAM_ROOMS),$(call sources,$(r))))
MAIN_OBJECT := $(call objects,src/command/main.c)
# Of two files that do the same, with MPI and without: what the program and the tests leave out.
LEFT_OUT := $(if $(MPI_PACKAGE),$(call objects,$(NO_MPI_SOURCE)))
HAS_PROGRAM := $(filter src/command/main.c,$(ROOM_SOURCES))

TOOL_SOURCES := $(wildcard tools/model_*.c)
REFERENCE_SOURCES := $(filter-out reference/reference_main.c,$(wildcard reference/*.c))
FUZZ_SOURCES := $(filter-out fuzz/fuzz_driver.c,$(wildcard fuzz/fuzz_*.c))
# What several targets share.
FUZZ_HELPERS := $(filter-out fuzz/fuzz_%,$(wildcard fuzz/*.c))
BENCH_SOURCES := $(wildcard bench/bench_*.c)
ALL_TEST_SOURCES := $(wildcard tests/*/test_*.c)
ifneq ($(ROOMS),)
ALL_TEST_SOURCES := $(foreach r,$(ROOMS),$(filter tests/$(r)/%,$(ALL_TEST_SOURCES)))
endif
# T=gguf: those whose name contains it.
named = $(strip $(if $(T),$(foreach n,$(1),$(if $(findstring $(T),$(n)),$(n))),$(1)))
TEST_SOURCES := $(call named,$(ALL_TEST_SOURCES))
TEST_PROGRAMS := $(TEST_SOURCES:%.c=$(BUILD)/%)
FUZZ_PROGRAMS := $(if $(ROOMS),,$(FUZZ_SOURCES:%.c=$(BUILD)/%))
# Scripts need the programs.
TEST_SCRIPTS := $(if $(ROOMS),,$(call named,$(wildcard tests/*/*.sh)))
BENCH_PROGRAMS := $(BENCH_SOURCES:%.c=$(BUILD)/%)

# What the tests of a room link against; a room without a line: everything.
LINK_base := base
LINK_quant := base quant
LINK_kernel := base quant kernel
LINK_kv := base quant kv
LINK_tensor := base quant kernel kv tensor
LINK_format := base quant format convert
LINK_tools := base quant format convert
LINK_reference := base quant format convert
LINK_tokenizer := base quant format tokenizer convert
LINK_constraint := base quant format tokenizer constraint convert
LINK_convert := base quant format tokenizer convert
LINK_net := base net
LINK_report := base report
LINK_sandbox := base sandbox
LINK_ranks := base ranks
LINK_train := base ranks quant kernel kv tensor format tokenizer model train convert

# ---- what to make -----------------------------------------------------------------------------------

.PHONY: all help run test lint check asan ubsan tsan stress fuzz soak bench bench-report bench-kernels claim install \
    uninstall clean objects test-programs fuzz-programs soak-program programs dependencies
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

all: $(if $(HAS_PROGRAM),build/primer) $(BUILD)/libprimer.a \
    $(if $(SANITIZE)$(NO_LIBRARIES),,$(BUILD)/libprimer.so)

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

## primer's targets
##   make              the program (build/primer) and the library, static and shared
##   make run          install what is missing, build, open a chat      (MODEL=file.gguf)
##   make test         install what is missing, build, run the tests    (T=part of a name, ROOMS="base quant")
##   make test LIST=1  name the tests without running them
##   make lint         layers, names, lengths, the places that may print or exit
##   make check        the slow tier: sanitizers, clang, ARM, long fuzzing, peers
##   make asan|ubsan|tsan|stress   the tests under a sanitizer, or with absurdly small limits
##   make fuzz         clang's fuzzer over every parser                 (TARGET=gguf SECONDS=60)
##   make soak         random clients on shared models, under tsan and asan    (SECONDS=600 SEED=1)
##   make bench        measure beside llama.cpp, write bench/RESULTS.md (BENCH=list names the rows)
##   make bench-report     only write it anew     make bench-kernels    kernels and tokenizers alone
##   make claim        textbooks or raw code: a model trained on each, three seeds, 15 minutes   (FOLDER=runs/claim)
##   make install      program, library, headers, manual, completions   (PREFIX=/usr/local DESTDIR=)
##   make clean        remove build/
## Variables: CC, CFLAGS, FLAVOUR=release|debug|stress|asan|ubsan|sanitize|tsan, WERROR=1,
##   EMBED=file.gguf builds that model into the program, V=1 shows commands.

# ---- compile ----------------------------------------------------------------------------------------

Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)  $(2)")

# A file that changes only when its content does: objects follow the flags, archives the lists of files.
define remember # (file, content)
$(shell mkdir -p $(dir $(1)))
ifneq ($$(strip $$(file <$(1))),$(strip = $(2)))
$$(file >$(1),$(strip = $(2)))
endif
endef
FLAGS_FILE := $(BUILD)/flags
$(eval $(call remember,$(FLAGS_FILE),$(CC) $(TARGET) $(CFLAGS_ALL) | $(LDFLAGS_ALL)))

$(BUILD)/obj/%.o: %.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,CC ,$<)
	$(Q)$(CC) $(CFLAGS_ALL) $(ISA_$(notdir $(<D))) -MMD -MP -c $< -o $@

$(call objects,$(MPI_SOURCE)): PACKAGE_FLAGS += $(MPI_FLAGS)
$(call objects,src/net/curl_late.c): PACKAGE_FLAGS += -DLIBCURL='"$(call loaded_as,libcurl,libcurl.so.4)"'
$(call objects,src/server/microhttpd_late.c): \
    PACKAGE_FLAGS += -DLIBMICROHTTPD='"$(call loaded_as,libmicrohttpd,libmicrohttpd.so.12)"'

# The script that runs in the sandbox lies in this object as it is.
$(call objects,src/sandbox/sandbox_script.c): src/sandbox/sandbox_worker.py
$(call objects,src/eval/eval_script.c): src/eval/eval_judge.py
# The script that makes syntax trees lies in this object as it is.
$(call objects,src/data/data_decontaminate_script.c): src/data/data_decontaminate_trees.py
# The script that judges a teacher's answers lies in this object as it is.
$(call objects,src/data/teacher_script.c): src/data/teacher_check.py

# Tests may include the reference's and the tools' headers.
$(BUILD)/obj/tests/%.o $(BUILD)/obj/bench/%.o $(BUILD)/obj/fuzz/%.o $(BUILD)/obj/tools/%.o: \
    INCLUDES += -I.

objects: $(LIBRARY_OBJECTS) $(PROGRAM_OBJECTS)
	@:

# ---- archives and libraries -------------------------------------------------------------------------

define room_rule # (room)
$(eval $(call remember,$(BUILD)/rooms/$(1).list,$(call sources,$(1))))
$(BUILD)/rooms/$(1).a: $(filter-out $(MAIN_OBJECT) $(LEFT_OUT),$(call objects,$(call sources,$(1)))) \
    $(BUILD)/rooms/$(1).list
	$$(Q)rm -f $$@
	$$(Q)ar rcs $$@ $$(filter %.o,$$^)
endef
$(foreach r,$(ALL_ROOMS),$(eval $(call room_rule,$(r))))

# One object in which only primer_* is visible: a stranger's program can't collide with our names.
SHIPPED_OBJECTS := $(filter-out $(call objects,$(MPI_SOURCE) src/base/late.c),$(LIBRARY_OBJECTS))
$(BUILD)/libprimer.a: $(SHIPPED_OBJECTS) $(foreach r,$(LIBRARY_ROOMS),$(BUILD)/rooms/$(r).list)
	$(call say,AR ,$@)
	$(Q)$(CC) -nostdlib -r -o $(BUILD)/libprimer.o $(filter %.o,$^)
	$(Q)objcopy --wildcard --keep-global-symbol='primer_*' $(BUILD)/libprimer.o
	$(Q)rm -f $@ && ar rcs $@ $(BUILD)/libprimer.o && rm -f $(BUILD)/libprimer.o

SONAME := libprimer.so.$(firstword $(subst ., ,$(VERSION)))
$(BUILD)/libprimer.so: $(SHIPPED_OBJECTS) tools/libprimer.map \
    $(foreach r,$(LIBRARY_ROOMS),$(BUILD)/rooms/$(r).list)
	$(call say,LD ,$@)
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=tools/libprimer.map -Wl,-z,defs \
	    $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(LIBRARY_LIBS) $(SYSTEM_LIBS)

# ---- the program, with or without a model in it -----------------------------------------------------

$(eval $(call remember,$(OUTPUT).embed,$(EMBED)))
$(OUTPUT).builtin.o: tools/builtin.S $(OUTPUT).embed $(EMBED)
	$(Q)$(CC) $(if $(EMBED),-DBUILTIN_MODEL='"$(abspath $(EMBED))"') -c $< -o $@

$(OUTPUT): $(PROGRAM_OBJECTS) $(filter-out $(LEFT_OUT),$(LIBRARY_OBJECTS)) $(OUTPUT).builtin.o \
    $(foreach r,$(ALL_ROOMS),$(BUILD)/rooms/$(r).list)
	$(call say,LD ,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(LIBRARY_LIBS) $(PROGRAM_LIBS) $(MPI_LIBS) \
	    $(SYSTEM_LIBS)

build/primer: $(OUTPUT)
	$(Q)ln -sfn $(patsubst build/%,%,$(OUTPUT)) $@
.PHONY: build/primer

# ---- tests, fuzz targets, measurements, tools -------------------------------------------------------

TOOL_OBJECTS := $(call objects,$(TOOL_SOURCES))
REFERENCE_OBJECTS := $(call objects,$(REFERENCE_SOURCES))
$(BUILD)/rooms/reference.a: $(REFERENCE_OBJECTS)
$(BUILD)/rooms/tools.a: $(TOOL_OBJECTS) $(if $(HAS_PROGRAM),$(BUILD)/obj/builtin_none.o)
$(BUILD)/rooms/reference.a $(BUILD)/rooms/tools.a:
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^
$(BUILD)/obj/builtin_none.o: tools/builtin.S
	@mkdir -p $(@D)
	$(Q)$(CC) -c $< -o $@

HELPER_ARCHIVES := $(if $(REFERENCE_SOURCES),$(BUILD)/rooms/reference.a) $(BUILD)/rooms/tools.a
link = $(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
    $(LIBRARY_LIBS) $(PROGRAM_LIBS) $(MPI_LIBS)

# (test source): its room's archives, the helpers where what they need is there, other files of the folder
test_room = $(patsubst tests/%/,%,$(dir $(1)))
test_link = $(if $(LINK_$(test_room)),$(LINK_$(test_room)),$(ALL_ROOMS))
define test_rule
$(BUILD)/$(1:.c=): $(call objects,$(1)) \
    $(call objects,$(filter-out tests/%/test_,$(foreach f,$(wildcard $(dir $(1))*.c),\
        $(if $(filter test_%,$(notdir $(f))),,$(f))))) \
    $(call room_archives,$(test_link)) $(if $(filter format,$(test_link)),$(HELPER_ARCHIVES))
	@mkdir -p $$(@D)
	$$(Q)$$(link) $$(TEST_LIBS) $$(SYSTEM_LIBS)
endef
$(foreach t,$(ALL_TEST_SOURCES),$(eval $(call test_rule,$(t))))

$(FUZZ_PROGRAMS): $(BUILD)/fuzz/%: $(BUILD)/obj/fuzz/%.o $(call objects,$(FUZZ_HELPERS)) \
    $(if $(filter fuzz,$(FLAVOUR)),,$(BUILD)/obj/fuzz/fuzz_driver.o) \
    $(call room_archives,$(ALL_ROOMS))
	@mkdir -p $(@D)
	$(Q)$(link) $(if $(filter fuzz,$(FLAVOUR)),-fsanitize=fuzzer) $(SYSTEM_LIBS)

$(BENCH_PROGRAMS): $(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(call room_archives,$(LIBRARY_ROOMS)) \
    $(HELPER_ARCHIVES)
	@mkdir -p $(@D)
	$(Q)$(link) $(SYSTEM_LIBS)

$(BUILD)/make-model: $(BUILD)/obj/tools/make_model.o $(call room_archives,$(LINK_tools)) $(HELPER_ARCHIVES)
	$(Q)$(link) $(SYSTEM_LIBS)
$(BUILD)/reference: $(BUILD)/obj/reference/reference_main.o $(BUILD)/rooms/reference.a
	$(Q)$(link) $(SYSTEM_LIBS)

TOOL_PROGRAMS := $(if $(ROOMS),,$(if $(wildcard tools/make_model.c),$(BUILD)/make-model) \
    $(if $(wildcard reference/reference_main.c),$(BUILD)/reference))
programs: $(TOOL_PROGRAMS)
test-programs: $(TEST_PROGRAMS)

# Random clients, linked as a stranger's program is.
SOAK_PROGRAM := $(BUILD)/tests/soak/soak
$(SOAK_PROGRAM): $(call objects,$(wildcard tests/soak/*.c)) $(BUILD)/libprimer.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBRARY_LIBS) $(SYSTEM_LIBS)
soak-program: $(SOAK_PROGRAM) $(BUILD)/make-model
fuzz-programs: $(FUZZ_PROGRAMS)

-include $(patsubst %.c,$(BUILD)/obj/%.d,$(ROOM_SOURCES) $(TOOL_SOURCES) $(REFERENCE_SOURCES) \
    $(wildcard tests/*/*.c) $(FUZZ_SOURCES) $(BENCH_SOURCES) tools/make_model.c reference/reference_main.c \
    fuzz/fuzz_driver.c $(FUZZ_HELPERS))

# ---- run, test, lint, check -------------------------------------------------------------------------

# Without one that is named: the built-in model, else a small one that happens to lie beside.
MODEL ?= $(if $(EMBED),,$(wildcard $(PRIMER_SHARED)/models/stories260K.gguf))
run:
	@tools/install-dependencies run
	$(SUBMAKE) build/primer
	@exec build/primer run $(MODEL)

# Everything is built as far as it can be (-k); what could not be built counts as failed.
TEST_ARGUMENTS = --build $(BUILD) $(if $(T),--filter '$(T)') $(if $(ROOMS),--rooms '$(ROOMS)') \
    $(if $(LIST),--list) $(TEST_OPTIONS)
test:
ifeq ($(LIST),)
	@tools/install-dependencies test
	@rm -f $(BUILD)/incomplete
	$(SUBMAKE) -k test-build || touch $(BUILD)/incomplete
endif
	@PRIMER_SHARED='$(PRIMER_SHARED)' CC='$(CC)' CFLAGS='$(CFLAGS)' LDFLAGS='$(LDFLAGS)' \
	    WERROR='$(WERROR)' tests/run $(TEST_ARGUMENTS)
.PHONY: test-build
test-build: test-programs $(call named,$(FUZZ_PROGRAMS)) \
    $(if $(TEST_SCRIPTS),programs all)
	@:

# The names that objects export don't depend on the optimizer, which takes most of the time.
lint:
	@tools/install-dependencies test
	$(SUBMAKE) FLAVOUR=debug -k objects || true
	@tools/lint --objects build/debug-$(notdir $(firstword $(CC)))/obj

check:
	@tools/install-dependencies check
	@tools/check

asan ubsan tsan stress:
	$(SUBMAKE) test FLAVOUR=$@ T='$(T)' TEST_OPTIONS='--timeout 600'

fuzz:
	@tools/install-dependencies check
	$(SUBMAKE) FLAVOUR=fuzz CC=clang fuzz-programs
	@tools/fuzz build/fuzz-clang $(or $(SECONDS),60) $(TARGET)

soak:
	@tools/install-dependencies test
	$(SUBMAKE) FLAVOUR=tsan soak-program
	$(SUBMAKE) FLAVOUR=sanitize soak-program
	@tools/soak build/tsan-$(notdir $(firstword $(CC))) $(or $(SECONDS),600) $(SEED)
	@tools/soak build/sanitize-$(notdir $(firstword $(CC))) $(or $(SECONDS),600) $(SEED)

# BENCH=prompt,load: only those rows. BENCH_OPTIONS: see bench/bench.mjs.
bench:
	@command -v node >/dev/null || { echo "make bench needs Node.js 18 or later" >&2; exit 1; }
ifneq ($(BENCH),list)
	$(SUBMAKE) programs all
	@bench/install-peer || echo "going on without llama.cpp" >&2
endif
	@PRIMER_SHARED='$(PRIMER_SHARED)' node bench/bench.mjs --build $(BUILD) --rows '$(BENCH)' $(BENCH_OPTIONS)

bench-report:
	@node bench/bench.mjs --report $(BENCH_OPTIONS)

bench-kernels:
	$(SUBMAKE) $(BENCH_PROGRAMS)
	@for program in $(BENCH_PROGRAMS); do echo "== $$program"; $$program || exit 1; done

# Textbooks are all you need, in small: docs/experiments.md. What is finished isn't done again.
claim:
	@tools/install-dependencies test
	$(SUBMAKE) build/primer
	@PRIMER='$(CURDIR)/build/primer' PRIMER_SHARED='$(abspath $(PRIMER_SHARED))' recipes/experiments/claim/run \
	    $(or $(FOLDER),runs/claim)

dependencies:
	@tools/install-dependencies check

# ---- install ----------------------------------------------------------------------------------------

BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
INSTALLED = $(BINDIR)/primer $(LIBDIR)/libprimer.a $(LIBDIR)/libprimer.so $(LIBDIR)/$(SONAME) \
    $(LIBDIR)/libprimer.so.$(VERSION) $(LIBDIR)/pkgconfig/primer.pc \
    $(addprefix $(INCLUDEDIR)/,$(notdir $(wildcard include/*.h))) \
    $(addprefix $(DATADIR)/man/man1/,$(notdir $(wildcard docs/man/*.1))) \
    $(DATADIR)/bash-completion/completions/primer $(DATADIR)/zsh/site-functions/_primer \
    $(DATADIR)/fish/vendor_completions.d/primer.fish

install: all
	install -d $(addprefix $(DESTDIR),$(sort $(dir $(INSTALLED))))
	install -m 755 $(OUTPUT) $(DESTDIR)$(BINDIR)/primer
	install -m 644 $(BUILD)/libprimer.a $(DESTDIR)$(LIBDIR)/
	install -m 755 $(BUILD)/libprimer.so $(DESTDIR)$(LIBDIR)/libprimer.so.$(VERSION)
	ln -sf libprimer.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libprimer.so
	install -m 644 include/*.h $(DESTDIR)$(INCLUDEDIR)/
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	    -e 's|@VERSION@|$(VERSION)|' tools/primer.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/primer.pc
	install -m 644 $(wildcard docs/man/*.1) $(DESTDIR)$(DATADIR)/man/man1/
	install -m 644 completions/primer.bash $(DESTDIR)$(DATADIR)/bash-completion/completions/primer
	install -m 644 completions/_primer $(DESTDIR)$(DATADIR)/zsh/site-functions/_primer
	install -m 644 completions/primer.fish $(DESTDIR)$(DATADIR)/fish/vendor_completions.d/primer.fish

uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))

clean:
	rm -rf build
