# make demo    build, install the embedded RDS bundle into a fresh root under build/, inspect it
# make test    all tests that need neither network nor root
# make help    the other targets

GO       ?= go
# At least the Go of go.mod, fetched if it is not installed: older versions do not
# refuse the keys that became public in October 2026.
LEASTGO  := $(shell sed -n 's/^go //p' go.mod)
export GOTOOLCHAIN := go$(LEASTGO)+auto
TAGS     := urfave_cli_no_docs,nethttpomithttp2
FUZZTIME ?= 30s
FLAGS    ?=
BINARY   ?= build/certgraft
RELEASE  ?= --snapshot
# Inlining is on for the packages in which install and patch spend their time.
# Without it the other packages are a megabyte smaller and no slower.
HOT      := runtime/... internal/runtime/... internal/bytealg bytes strings crypto/internal/fips140/sha256 crypto/internal/fips140/aes/... crypto/sha1 crypto/sha256 encoding/base64 \
            golang.org/x/crypto/cryptobyte/... github.com/klauspost/compress/... github.com/certgraft/certgraft/certs github.com/certgraft/certgraft/rootfs
INLINE   := -gcflags=all=-l $(foreach p,$(HOT),-gcflags=$(p)=)
# Tests write many small files: in memory, if it has 2 GiB of room.
SCRATCH  := $(shell df -k --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 2097152 {print "TMPDIR=/dev/shm"}')
# Tests are short. Less frequent garbage collection saves a tenth of their time.
SELDOM   := GOGC=400
COVERED  := certs bundles rootfs installer image keystore probe internal/pemfile
LEAST    := 85
LARGEST  := 14

FRONTEND ?= build/certgraft-frontend

.PHONY: help build frontend test e2e bench compare fuzz lint bounds vuln house demo cover docs notice release clean

help: ## list the targets
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

build: ## build/certgraft, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) $(INLINE) -ldflags '-s -w -funcalign=16' -o $(BINARY) .

frontend: ## build/certgraft-frontend, the Dockerfile frontend that BuildKit runs; a module of its own
	cd frontend && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $(abspath $(FRONTEND)) .

test: ## unit tests, script tests, the direction of imports; FLAGS=-short for the fast ones
	$(SCRATCH) $(SELDOM) $(GO) test -tags $(TAGS) $(FLAGS) ./...
	cd frontend && $(SCRATCH) $(SELDOM) $(GO) test $(FLAGS) ./...

e2e: build frontend ## real distributions, engines, servers and clients; as root on Debian; SLOW=1 adds tests that take minutes
	$(if $(SLOW),CERTGRAFT_SLOW=1) $(GO) test -tags e2e -count=1 -p 1 -timeout 60m $(FLAGS) ./e2e/...

bench: build frontend ## measure beside the real tools, as root on Debian; PART=growth-size for one part
	CERTGRAFT_BENCH=$(or $(PART),1) $(GO) test -tags e2e -count=1 -timeout 35m -v -run TestBench ./e2e/bench

compare: build ## the same commands with OTHER=BINARY must give equal output, exit status, files, layers; as root on Debian
	CERTGRAFT_OTHER=$(abspath $(or $(OTHER),$(error OTHER=BINARY is missing))) $(GO) test -tags e2e -count=1 -timeout 60m -v $(FLAGS) ./e2e/compare

fuzz: ## each fuzz target for FUZZTIME
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 2s $$pkg; \
	  done; done

lint: bounds ## gofmt, vet, go fix, golangci-lint, workflows and manifests, shellcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'run gofmt -w .'; exit 1; }
	$(GO) vet ./... && $(GO) vet -tags e2e ./e2e/...
	GOOS=darwin $(GO) build -o /dev/null .
	$(GO) fix -diff ./...
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...
	cd frontend && $(GO) vet ./... && $(GO) fix -diff ./... && $(GO) tool -modfile=../tools/go.mod golangci-lint run --config ../.golangci.yml ./...
	cd tools/manifests && $(GO) test -count=1 ./...
	cd tools/schemas && $(GO) vet . && $(GO) test -count=1 .
	cd tools/house && $(GO) vet . && $(GO) test -count=1 .
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run .github/action.sh; else echo 'no shellcheck: scripts are not checked'; fi

bounds: build ## the binary has at most 14 MiB, and comes from the Go of go.mod or a newer one
	@made=$$($(GO) version $(BINARY) | sed 's/.* go//'); \
	  printf '%s\n' $(LEASTGO) "$$made" | sort -C -V || { echo "$(BINARY) is from Go $$made: build it with Go $(LEASTGO) or newer"; exit 1; }
	@bytes=$$(wc -c <$(BINARY)); \
	  test "$$bytes" -le $$(($(LARGEST) << 20)) || { echo "$(BINARY) has $$bytes bytes: $(LARGEST) MiB is the most"; exit 1; }

vuln: ## known vulnerabilities in the code that the programs call; asks vuln.go.dev
	$(GO) tool -modfile=tools/vuln/go.mod govulncheck -tags $(TAGS) ./...
	cd frontend && $(GO) tool -modfile=../tools/vuln/go.mod govulncheck ./...

house: ## count lines, packages and the arrows between files; DIR=CHECKOUT for another one, PACKAGE=installer for the order of its files
	@$(GO) run -C tools/house . $(if $(PACKAGE),-package $(PACKAGE)) $(abspath $(or $(DIR),.))

demo: build ## needs no network
	rm -rf build/demo-root && mkdir -p build/demo-root
	build/certgraft install --offline --root build/demo-root aws-rds
	build/certgraft inspect build/demo-root

cover: ## coverage of the packages that edit trust stores
	@for p in $(COVERED); do \
	  got=$$($(GO) test -cover ./$$p | sed -n 's/.*coverage: \([0-9]*\).*/\1/p'); \
	  echo "$$p $$got%"; test "$${got:-0}" -ge $(LEAST) || { echo "$$p: below $(LEAST)%"; exit 1; }; done

release: ## dist: binaries, archives, packages, SBOMs, checksums and the two images of this commit; publishes nothing
	$(GO) tool -modfile=tools/release/go.mod goreleaser release --clean $(RELEASE)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(GO) run ./internal/release dist

docs: ## generate the files that come from the command tree and the catalogue
	$(GO) generate .

notice: ## generate NOTICE: the licences of the modules that the programs link
	$(GO) run ./internal/release notice . && $(GO) run ./internal/release notice frontend

clean: ## remove build and dist
	rm -rf build dist
