# Makefile - builds, checks and tests dbstep. `make help` lists the targets; docs/dependencies.md lists what is linked.
# GNU make 4.3 or newer, Debian 12 or 13. Everything that is made lies in build/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := build/dbstep

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG        ?= clang
CLANG_FORMAT ?= clang-format
CLANG_TIDY   ?= clang-tidy
PREFIX       ?= /usr/local
FUZZ_SECONDS ?= 60
VERSION      := $(shell cat VERSION)
COMMIT       ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

# ---------------------------------------------------------------------------------------------------- sources

ABSENT  := src/static/absent.c
SRCS    := $(filter-out $(ABSENT),$(sort $(shell find src -name '*.c')))
HEADERS := $(sort $(shell find src include tests -name '*.h' 2>/dev/null))
SQLS    := $(sort $(wildcard src/*/sql/*.sql))
TESTS   := $(sort $(wildcard tests/unit/test_*.c))
FUZZERS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
TESTS_C := $(sort $(shell find tests -name '*.c' 2>/dev/null))
SCRIPTS := .ci/run $(sort $(wildcard ci/*.sh) $(shell find tests manifests -name '*.sh' 2>/dev/null))
CJSON   := build/dep/cjson/include/cjson/cJSON.c
# libpg_query with its inner names made local; the same object in every flavour
PG_QUERY := build/dep/pg_query/pg_query.o

# objects of one flavour (release, debug, fuzz); $(call objects,FLAVOUR,SOURCES)
objects = $(2:%.c=build/$(1)/%.o) build/$(1)/gen/sql.o build/$(1)/cJSON.o

# ---------------------------------------------------------------------------------------------------- libraries

# One line per library in each list. The static list is linked as one group, so its order is free; a library whose
# archive refers to something without an archive gets the missing symbols answered in src/static/absent.c.
STATIC_LIBS := -lpq -lpgcommon_shlib -lpgport_shlib
STATIC_LIBS += -lssl -lcrypto
STATIC_LIBS += -lexpat
STATIC_LIBS += -lyaml
STATIC_LIBS += -lpcre2-8
STATIC_LIBS += -lzstd
STATIC_LIBS += -lz
STATIC_LIBS += -lm

SHARED_LIBS := -lpq
SHARED_LIBS += -lcrypto
SHARED_LIBS += -lexpat
SHARED_LIBS += -lyaml
SHARED_LIBS += -lpcre2-8
SHARED_LIBS += -lm
# not exported by the shared libpq: Unicode normal forms
SHARED_LIBS += build/dep/pgcommon/libpgcommon_shlib.a

# ---------------------------------------------------------------------------------------------------- flags

INCLUDES := -Iinclude -Ibuild/gen -isystem build/dep/cjson/include -isystem /usr/include/postgresql
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
# an undeclared function is never a warning only: the call would be compiled on a guess
WARNINGS += -Werror=implicit-function-declaration
LANGUAGE := -std=gnu17 -D_GNU_SOURCE -pthread $(INCLUDES)
# banned.h is forced into the program's own files; tests may call what they like
BANNED    = $(if $(filter src/%,$<),$(if $(wildcard include/dbstep/banned.h),-include dbstep/banned.h))
# CI=1 is what the CI hosts set; a person at work is told about a warning and may go on
WERROR   := $(if $(filter-out 0 false,$(CI)),-Werror)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

HARDEN   := -fPIE -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2
CFLAGS_release := -O2 -g $(HARDEN) -ffunction-sections -fdata-sections -ffile-prefix-map=$(CURDIR)/=
CFLAGS_debug   := -O0 -g $(SANITIZE)
CFLAGS_fuzz    := -O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link
LDFLAGS_release := -static-pie -pthread -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack

CC_release = $(CC)
CC_debug   = $(CC)
CC_fuzz    = $(CLANG)

# a recipe that writes its file only when the content differs, so that what depends on it stays as it is
define replace_if_changed
@mkdir -p $(@D); cmp -s $@.new $@ && rm $@.new || mv $@.new $@
endef

# ---------------------------------------------------------------------------------------------------- the program

build/dbstep: build/dbstep.debug ## build build/dbstep: static, stripped, hardened (the default)
	@echo "  STRIP  $@"; strip -o $@ $<

RELEASE := $(call objects,release,$(SRCS) $(ABSENT))

# Only these functions may reach for the shared libraries of the C library at run time; each is known to work in an
# empty root or never called there. Any other is a new dependency that somebody must look at first.
NSS_KNOWN := dlopen|gethostbyname|getaddrinfo|getpwuid_r|getpwuid

build/dbstep.debug: $(RELEASE) build/release/sources build/release/link build/dep/pgcommon/libpgcommon_shlib.a $(PG_QUERY)
	@echo "  LINK   $@"
	@$(CC) $(CFLAGS_release) $(LDFLAGS_release) $(RELEASE) $(PG_QUERY) -Lbuild/dep/pgcommon \
	  -Wl,--start-group $(STATIC_LIBS) -Wl,--end-group -o $@ >$@.log 2>&1 || { cat $@.log >&2; exit 1; }
	@! grep -oE "Using '[^']+' in statically linked" $@.log | sort -u | grep -vE "'($(NSS_KNOWN))'" || \
	  { echo "$@: the functions above need shared libraries at run time; see NSS_KNOWN in the Makefile" >&2; exit 1; }
	@! grep -E 'multiple definition|warning: ' $@.log | grep -v 'in statically linked applications' || \
	  { echo "$@: the linker warned" >&2; exit 1; }

debug: build/debug/dbstep ## build build/debug/dbstep: shared libraries, ASan and UBSan
DEBUG := $(call objects,debug,$(SRCS))
build/debug/dbstep: $(DEBUG) build/debug/sources build/debug/link $(PG_QUERY) build/dep/pgcommon/libpgcommon_shlib.a
	@echo "  LINK   $@"; $(CC) $(CFLAGS_debug) -pthread $(DEBUG) $(PG_QUERY) $(SHARED_LIBS) -o $@

# One set of rules per flavour. `flags`, `link` and `sources` hold what was used last time: a changed flag recompiles,
# a removed file links again.
define flavour
build/$(1)/%.o: %.c build/$(1)/flags | ready
	@mkdir -p $$(@D); echo "  CC     $$@"
	@$$(CC_$(1)) $$(LANGUAGE) $$(BANNED) $$(WARNINGS) $$(WERROR) $$(CFLAGS_$(1)) -MMD -MP -c $$< -o $$@
build/$(1)/gen/%.o: build/gen/%.c build/gen/sql.h build/$(1)/flags | ready
	@mkdir -p $$(@D); $$(CC_$(1)) $$(LANGUAGE) $$(WARNINGS) $$(WERROR) $$(CFLAGS_$(1)) -MMD -MP -c $$< -o $$@
# somebody else's code: their warnings are not ours to act on
build/$(1)/cJSON.o: $(CJSON) build/$(1)/flags
	@mkdir -p $$(@D); echo "  CC     $$@"; $$(CC_$(1)) -std=gnu17 -w $$(CFLAGS_$(1)) -c $$< -o $$@
build/$(1)/flags: FORCE
	@mkdir -p $$(@D); echo '$$(CC_$(1)) $$(LANGUAGE) $$(WARNINGS) $$(WERROR) $$(CFLAGS_$(1))' >$$@.new
	$$(replace_if_changed)
build/$(1)/link: FORCE
	@mkdir -p $$(@D); echo '$$(LDFLAGS_$(1)) $$(STATIC_LIBS) $$(SHARED_LIBS) $$(NSS_KNOWN)' >$$@.new
	$$(replace_if_changed)
build/$(1)/sources: FORCE
	@mkdir -p $$(@D); echo '$$(SRCS)' >$$@.new
	$$(replace_if_changed)
endef
$(foreach f,release debug fuzz,$(eval $(call flavour,$(f))))

# ---------------------------------------------------------------------------------------------------- generated sources

# everything that must exist before the first file compiles; the .d files know the rest
ready: deps-build build/gen/sql.h build/gen/version.h $(CJSON)
.PHONY: ready

build/gen/sql.list: FORCE
	@mkdir -p $(@D); printf '%s\n' $(SQLS) >$@.new
	$(replace_if_changed)
# the header changes with the set of statements only, so that editing one recompiles one file
build/gen/sql.h: build/gen/sql.list ci/sql2c.awk
	@LC_ALL=C awk -v header=1 -f ci/sql2c.awk $(SQLS) </dev/null >$@
build/gen/sql.c: $(SQLS) build/gen/sql.list ci/sql2c.awk
	@LC_ALL=C awk -f ci/sql2c.awk $(SQLS) </dev/null >$@
build/gen/version.h: FORCE
	@mkdir -p $(@D)
	@printf '#define DBSTEP_VERSION "%s"\n#define DBSTEP_COMMIT "%s"\n' '$(VERSION)' '$(COMMIT)' >$@.new
	$(replace_if_changed)

# ---------------------------------------------------------------------------------------------------- dependencies

# DEPS=no installs nothing, for machines that are provisioned in another way
DEPS_SETS := $(addprefix deps-,build check test fuzz demo image)
$(DEPS_SETS): deps-%:
	@$(if $(filter no,$(DEPS)),:,ci/install-deps.sh $*)
deps: deps-build deps-check deps-test deps-fuzz ## install the Debian packages for building, checking, testing, fuzzing
.PHONY: deps $(DEPS_SETS)

build/dep/pgcommon/libpgcommon_shlib.a: FORCE | deps-build
	@ci/fetch-pgcommon.sh $(@D)
$(PG_QUERY): FORCE | deps-build
	@CC='$(CC)' ci/localise-pg-query.sh $(@D)
$(CJSON): ci/fetch-cjson.sh | deps-build
	@ci/fetch-cjson.sh build/dep/cjson

# ---------------------------------------------------------------------------------------------------- checks

check: check-format check-warnings check-cppcheck check-tidy check-layers check-scripts check-generated ## every static check
	@echo "check: ok"

format: | deps-check ## lay out all C files by .clang-format
	@$(CLANG_FORMAT) -i $(SRCS) $(ABSENT) $(HEADERS) $(TESTS_C)

check-format: | deps-check ## layout of the C files
	@$(CLANG_FORMAT) --dry-run -Werror $(SRCS) $(ABSENT) $(HEADERS) $(TESTS_C)

CHECKED := $(SRCS) $(ABSENT) $(TESTS_C)
WARNED  := $(CHECKED:%=build/check/warn/%.ok)
TIDIED  := $(filter-out build/check/tidy/$(ABSENT).ok,$(CHECKED:%=build/check/tidy/%.ok))

check-warnings: $(WARNED) ## compiler warnings, as errors
# -O2, because several warnings come from the optimiser; the dependency file serves the clang-tidy stamp as well
build/check/warn/%.c.ok: %.c build/check/warn/flags | ready deps-test
	@mkdir -p $(@D)
	@$(CC) $(LANGUAGE) $(BANNED) $(WARNINGS) -Werror -O2 -D_FORTIFY_SOURCE=2 -MMD -MP -MF $(@:.ok=.d) \
	  -MT '$@ build/check/tidy/$*.c.ok' -c $< -o $(@:.ok=.o)
	@rm -f $(@:.ok=.o); touch $@
build/check/warn/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(LANGUAGE) $(WARNINGS)' >$@.new
	$(replace_if_changed)

check-tidy: $(TIDIED) ## clang-tidy; a file is looked at again when it, its headers or .clang-tidy changed
build/check/tidy/%.c.ok: %.c .clang-tidy build/check/warn/flags | ready deps-check deps-test
	@mkdir -p $(@D); echo "  TIDY   $<"
	@$(CLANG_TIDY) --quiet --warnings-as-errors='*' $< -- $(LANGUAGE) $(BANNED) >$(@:.ok=.log) 2>&1 || \
	  { cat $(@:.ok=.log) >&2; exit 1; }
	@touch $@

check-cppcheck: build/check/cppcheck.ok ## cppcheck
build/check/cppcheck.ok: $(SRCS) $(ABSENT) $(HEADERS) Makefile | ready deps-check
	@mkdir -p build/check/cppcheck
	@cppcheck --quiet --error-exitcode=1 --std=c11 -D__linux__ --inline-suppr --enable=warning,performance,portability \
	  --suppress=missingIncludeSystem --cppcheck-build-dir=build/check/cppcheck -Iinclude -Ibuild/gen $(SRCS) $(ABSENT)
	@touch $@

analyze: | ready ## gcc's static analyser (slow, not part of check)
	@for f in $(SRCS); do $(CC) $(LANGUAGE) -O1 -fanalyzer -Werror -c $$f -o /dev/null || r=1; done; exit $${r:-0}

check-layers: ## dependency rules and forbidden calls
	@ci/layers.sh

check-scripts: | deps-check ## shell scripts
	@for f in $(SCRIPTS); do bash -n $$f; done
	@shellcheck --severity=warning $(SCRIPTS)

check-generated: build/dbstep ## plugin/ equals what the program generates
	@ci/generated-clean.sh build/dbstep plugin

generate: build/dbstep ## write plugin/ anew
	@build/dbstep generate plugin

# ---------------------------------------------------------------------------------------------------- tests

UNITS := $(TESTS:tests/unit/%.c=build/test/unit/%)

test: $(UNITS) build/dbstep | deps-test ## all tests: unit, then integration; the last line says how many
	@ci/test.sh unit integration
test-unit: $(UNITS) | deps-test ## unit tests, with ASan and UBSan
	@ci/test.sh unit
test-integration: build/dbstep | deps-test ## integration tests, on real servers; ARGS goes to pytest
	@ci/test.sh integration -- $(ARGS)

build/debug/libdbstep.a: $(filter-out build/debug/src/main.o,$(DEBUG)) $(PG_QUERY) build/debug/sources \
  build/dep/pgcommon/libpgcommon_shlib.a
	@rm -f $@; ar rcsT $@ $(filter %.o,$^)
$(TESTS_C:%.c=build/debug/%.o): | deps-test
# a test may ask for linker options, say to wrap a foreign function, in a line `// link: -Wl,--wrap=PQexec`
build/test/unit/%: build/debug/tests/unit/%.o build/debug/libdbstep.a build/debug/link
	@mkdir -p $(@D); echo "  LINK   $@"
	@$(CC) $(CFLAGS_debug) -pthread $(filter %.o,$^) $$(sed -n 's|^// link: ||p' tests/unit/$*.c) \
	  build/debug/libdbstep.a -lcmocka $(SHARED_LIBS) -o $@

FUZZ := $(call objects,fuzz,$(filter-out src/main.c,$(SRCS)))
fuzz: $(FUZZERS:tests/fuzz/%.c=build/fuzz/%) ## every fuzz target for FUZZ_SECONDS (60), two at a time
	@ci/fuzz.sh $(FUZZ_SECONDS) $^
$(FUZZ) $(FUZZERS:%.c=build/fuzz/%.o): | deps-fuzz
build/fuzz/libdbstep.a: $(FUZZ) $(PG_QUERY) build/fuzz/sources build/dep/pgcommon/libpgcommon_shlib.a
	@rm -f $@; ar rcsT $@ $(filter %.o,$^)
build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/libdbstep.a build/fuzz/link
	@echo "  LINK   $@"
	@$(CLANG) $(CFLAGS_fuzz) -fsanitize=fuzzer -pthread $(filter %.o,$^) build/fuzz/libdbstep.a $(SHARED_LIBS) -o $@

smoke: build/dbstep | deps-test ## the shipped binary in an empty root, as uid 65532
	@ci/verify-hardening.sh build/dbstep.debug build/dbstep
	@ci/smoke-empty-root.sh build/dbstep

bench: build/dbstep | deps-test ## measurements: tests/bench/run.sh
	@tests/bench/run.sh
bench-integrity: build/dbstep | deps-test ## integrity stages against bare queries and peers: tests/bench/integrity.py
	@/usr/bin/python3 tests/bench/integrity.py $(ARGS)
	@[ -n '$(ARGS)' ] || /usr/bin/python3 tests/bench/sketch.py $${ROWS:-10000000} 1MB 2500KB
demo: build/dbstep | deps-demo ## the whole pipeline on a throw-away server; BREAK=what lets it fail
	@BREAK='$(BREAK)' manifests/demo/run.sh

# ---------------------------------------------------------------------------------------------------- delivery

install: build/dbstep ## install into $(DESTDIR)$(PREFIX)/bin
	install -D -m 755 build/dbstep $(DESTDIR)$(PREFIX)/bin/dbstep
image: | deps-image ## the container image, built with buildah (root), and the check of what is in it
	@COMMIT='$(COMMIT)' VERSION='$(VERSION)' ci/image.sh

clean: ## remove what was built; what was downloaded stays
	@rm -rf $(filter-out build/dep,$(wildcard build/*))
distclean: ## remove build/ altogether
	@rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z_\/-]*:.*## / { printf "  %-18s %s\n", $$1, $$2 }' Makefile

FORCE:
.PHONY: FORCE debug check format check-format check-warnings check-tidy check-cppcheck check-layers check-scripts \
  check-generated generate analyze test test-unit test-integration fuzz smoke bench bench-integrity demo install image clean distclean help
# intermediate objects are worth keeping: the next build starts from them
.SECONDARY:

-include $(wildcard build/*/src/*.d build/*/src/*/*.d build/*/src/*/*/*.d build/*/tests/*/*.d)
-include $(wildcard build/check/warn/src/*.d build/check/warn/src/*/*.d build/check/warn/tests/*/*.d)
