# The usual tasks. `make help` lists them.

GO ?= go
BIN ?= bin
PREFIX ?= /usr/local
DOCKER_PLUGINS ?= $(HOME)/.docker/cli-plugins
PLUGINDIR ?= $(PREFIX)/lib/docker/cli-plugins
# Where docker looks for plugins of all users.
DOCKER_LOOKS = $(foreach d,/usr/local/lib /usr/local/libexec /usr/lib /usr/libexec,$d/docker/cli-plugins)
FUZZTIME ?= 5s
export CGO_ENABLED ?= 0

.PHONY: help build release man reference test test-long check fuzz arm64 bench torture install install-plugin uninstall clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## compile docker-delta into bin/
	$(GO) build -trimpath -o $(BIN)/docker-delta ./cmd/docker-delta

release: ## everything that a release consists of, into dist/; VERSION=v1.2.3 names it; DIRTY=1 with what is not committed
	$(GO) run ./internal/release -out dist $(if $(VERSION),-version $(VERSION)) $(if $(DIRTY),-dirty)

man: ## write the man pages into bin/man
	$(GO) run ./internal/gendocs man $(BIN)/man

reference: ## write docs/reference/commands.md anew, after a change of commands or flags
	$(GO) run ./internal/gendocs reference docs/reference/commands.md

test: export CGO_ENABLED = 1
test: ## run all tests, the long ones shortened, with the race detector (needs a C compiler) but for coders and whole programs
	$(GO) test -race -short -timeout 20m $$($(GO) list ./... | grep -vE '/recipe(/|$$)|/diff/internal/|/internal/cli$$')
	$(GO) test -short -timeout 20m ./internal/cli ./recipe/... ./diff/internal/...

test-long: ## run the long tests of the engine at full length, without the race detector
	$(GO) test -timeout 20m ./delta ./diff/... ./format ./layer ./recipe/internal/goflate ./recipe/internal/zstdenc

check: ## formatting, vet, staticcheck, tidy modules
	.ci/check

fuzz: ## run every fuzz test for FUZZTIME (5s)
	.ci/fuzz $(FUZZTIME)

arm64: ## golden tests of the encoders, compiled for arm64 (needs qemu-user-static)
	.ci/arm64

bench: ## measure against other tools; PAIR=base for one pair, which prints only
	$(GO) run ./bench $(if $(PAIR),-pair $(PAIR),-docs docs) $(BENCHFLAGS)

torture: ## damage, starve and kill it at every point; ONLY=bits,calls for some kinds, which prints only; SAMPLE=100 for a hundredth
	$(GO) run ./torture $(if $(ONLY),-only $(ONLY),-docs docs) $(if $(SAMPLE),-sample $(SAMPLE)) $(TORTUREFLAGS)

# It builds nothing, so that root, who often has no Go, can run it.
install: ## install what `make build man` made into PREFIX (/usr/local), and as the plugin `docker delta` of all users (PLUGINDIR)
	@test -x $(BIN)/docker-delta && test -d $(BIN)/man || { echo "first run: make build man" >&2; exit 1; }
	install -D -m 0755 $(BIN)/docker-delta $(DESTDIR)$(PREFIX)/bin/docker-delta
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(BIN)/man/*.1
	install -d $(DESTDIR)$(PLUGINDIR)
	ln -sf $(PREFIX)/bin/docker-delta $(DESTDIR)$(PLUGINDIR)/docker-delta
	@echo "installed: $(PREFIX)/bin/docker-delta, its man pages, and the plugin $(PLUGINDIR)/docker-delta"
	@$(if $(filter $(PLUGINDIR),$(DOCKER_LOOKS)),:,echo "docker does not look for plugins in $(PLUGINDIR). For \`docker delta\`, install with" && \
		echo "PLUGINDIR=/usr/local/lib/docker/cli-plugins, or, as each user who wants it, run: make install-plugin")

install-plugin: build ## install only as the plugin `docker delta` of this user
	install -D -m 0755 $(BIN)/docker-delta $(DOCKER_PLUGINS)/docker-delta
	@echo "installed: $(DOCKER_PLUGINS)/docker-delta"

uninstall: ## remove what install has installed
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/docker-delta share/man/man1/docker-delta.1) $(DESTDIR)$(PLUGINDIR)/docker-delta
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/docker-delta-*.1

clean: ## remove what build made
	rm -rf $(BIN) dist
