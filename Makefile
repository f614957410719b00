# From a clean clone: `make demo`, `make test`. Needs Python 3.11 or newer, make and git.
# The functions run on Python 3.13, so the environments are made of it where it is.
ifndef PYTHON
PYTHON := $(shell python3.13 -c 'import ensurepip' 2>/dev/null && echo python3.13 || echo python3)
endif
export UV_PYTHON_DOWNLOADS = never
export SAM_CLI_TELEMETRY = 0
export PYTHONPATH = $(CURDIR)/layers/auditor:$(CURDIR)/cli

UV = .tools/bootstrap/bin/uv
STAMP = .made

.PHONY: help
help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s'|'

# ----- Environments: each from its pinned requirements with hashes, made again when they change

.PHONY: setup setup-demo
setup: setup-demo .tools/lint/$(STAMP) .tools/checkov/$(STAMP) .tools/faults/$(STAMP) ## Make every environment that the tests need
setup-demo: .venv/$(STAMP) .tools/localaws/$(STAMP) .tools/sam/$(STAMP)

.tools/bootstrap/$(STAMP): requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -m venv .tools/bootstrap || { echo "Python's venv is needed (Debian: apt-get install python3-venv)" >&2; exit 2; }
	.tools/bootstrap/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

# aws-sam-cli, checkov and the local AWS pin versions that exclude each other: one environment each.
MAKE_ENVIRONMENT = $(UV) venv --quiet --allow-existing --python .tools/bootstrap/bin/python $(@D) \
	&& $(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python $< && touch $@

.venv/$(STAMP): requirements/dev.txt pyproject.toml .tools/bootstrap/$(STAMP)
	$(UV) venv --quiet --allow-existing --python .tools/bootstrap/bin/python .venv
	$(UV) pip sync --quiet --require-hashes --python .venv/bin/python requirements/dev.txt
	$(UV) pip install --quiet --no-deps --no-build-isolation --offline --python .venv/bin/python --editable .
	@touch $@

.tools/%/$(STAMP): requirements/%.txt .tools/bootstrap/$(STAMP)
	$(MAKE_ENVIRONMENT)

# ----- The demo

.PHONY: demo demo-down
demo: setup-demo ## Deploy on a local AWS, audit sample jobs, show the records and alerts
	.venv/bin/python -m flops_auditor_cli.demo

demo-down: setup-demo ## End the local AWS that the demo leaves up
	.venv/bin/python -m flops_auditor_cli.demo --down

# ----- The tests

# As many tests as run at once, where nothing else runs beside them.
TOGETHER ?= 2
.PHONY: test test-beside-faults check test-unit test-attacks-short test-contract test-browser test-template test-integration
test: ## Everything that CI runs
	$(MAKE) --no-print-directory -j 2 setup
	$(MAKE) --no-print-directory -j 2 --output-sync=line check .tools/meter/$(STAMP)
	$(MAKE) --no-print-directory test-unit
	$(MAKE) --no-print-directory -j 2 --output-sync=line test-faults-short test-beside-faults
	$(MAKE) --no-print-directory -j 3 --output-sync=line test-integration test-attacks-short audit-dependencies

# Where one of these waits, the kill points go on.
test-beside-faults:
	$(MAKE) --no-print-directory test-contract TOGETHER=1
	$(MAKE) --no-print-directory test-template
	$(MAKE) --no-print-directory test-browser
	$(MAKE) --no-print-directory test-meter

check: setup ## Style, types, and the direction of imports
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy layers/auditor/flops_auditor cli/flops_auditor_cli functions/*/app.py
	.venv/bin/lint-imports --no-cache

test-unit: setup ## Pure and in-memory tests, without sockets, with the coverage of the domain
	.venv/bin/pytest tests/unit tests/accuracy -n 2 --disable-socket --allow-unix-socket --cov --cov-report=term

# Beside the integration tests, which wait for the local AWS a fifth of their time.
test-attacks-short: setup ## Attacks on the ledger, without sockets, a short set
	.venv/bin/pytest tests/attacks tests/oracles tests/verifier -n 1 --disable-socket --allow-unix-socket

test-contract: setup ## In-memory twins and real adapters behave alike
	.venv/bin/pytest tests/contract -n $(TOGETHER)

# The oldest Python that pyproject.toml names, beside the functions' own, which `make test` takes.
OLDEST ?= python3.11
.tools/oldest/$(STAMP): requirements/dev.txt pyproject.toml .tools/bootstrap/$(STAMP)
	@$(OLDEST) --version >/dev/null || { echo "$(OLDEST) is needed: make OLDEST=/path/to/python3.11 ..." >&2; exit 2; }
	$(UV) venv --quiet --allow-existing --python "$$($(OLDEST) -c 'import sys; print(sys.executable)')" $(@D)
	$(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python requirements/dev.txt
	$(UV) pip install --quiet --no-deps --no-build-isolation --offline --python $(@D)/bin/python --editable .
	@touch $@

.PHONY: test-oldest
test-oldest: setup .tools/oldest/$(STAMP) ## Unit and contract tests on the oldest Python, 3.11
	.tools/oldest/bin/pytest tests/unit -n 2 --disable-socket --allow-unix-socket
	.tools/oldest/bin/pytest tests/contract -n 2

.PHONY: verify-page
verify-page: setup ## Put verifier/ into the one file verifier/verify.html, which is shipped with a release
	.venv/bin/python -m verifier.build
	sha256sum verifier/verify.html

test-browser: setup ## The pages in Debian's Chromium, without a network; pictures in build/screenshots
	.venv/bin/pytest tests/browser

.PHONY: test-verify-page
test-verify-page: setup ## The page's core beside the Python verifier on every attack, and in Chromium; writes the table of docs/verify-page.md
	@mkdir -p build && rm -f build/compared.jsonl
	FLOPS_AUDITOR_COMPARED=build/compared.jsonl .venv/bin/pytest tests/attacks -n 2 --deselect tests/attacks/test_byte_flips.py
	FLOPS_AUDITOR_COMPARED=build/compared.jsonl FLOPS_AUDITOR_ATTACKS=full .venv/bin/pytest tests/attacks/test_byte_flips.py
	FLOPS_AUDITOR_ATTACKS=full .venv/bin/pytest tests/verifier
	FLOPS_AUDITOR_BROWSER=full .venv/bin/pytest tests/browser/test_verify_page.py
	.venv/bin/python -m bench.verify_page_table build/compared.jsonl docs/verify-page.md

test-template: setup ## The template as CloudFormation, SAM and its linters read it
	.venv/bin/pytest tests/template

test-integration: setup ## The deployed template on the local AWS
	.venv/bin/pytest tests/integration -n 2 --dist loadfile

.PHONY: test-new-account
test-new-account: setup ## The first deployment in a new account, with its limits, on the local AWS: some minutes
	.venv/bin/pytest tests/new_account --timeout 600

.PHONY: test-faults-short test-faults fuzz
test-faults-short: setup ## Kills and hostile input, a short set
	.venv/bin/pytest tests/faults -m "not wire"

test-faults: setup ## Every kill point, faults at the wire, hostile input, rights; figures for docs/reliability.md
	rm -f build/fault-figures.txt
	FLOPS_AUDITOR_FAULTS=full .venv/bin/pytest $(FAULT_TESTS) -v --durations=12 --timeout 5400
	$(MAKE) fuzz
	cat build/fault-figures.txt

.PHONY: test-attacks
test-attacks: setup ## Every attack on the ledger: the random forger, generated containers, random honest worlds
	FLOPS_AUDITOR_ATTACKS=full .venv/bin/pytest tests/attacks tests/oracles --timeout 7200

# pinned.json has versions and hashes and names no registry; npm wants it under the name of a lock file.
.tools/sigstore/$(STAMP): tests/oracles/sigstore/pinned.json tests/oracles/sigstore/package.json
	@mkdir -p $(@D) && cp tests/oracles/sigstore/package.json $(@D) && cp $< $(@D)/package-lock.json
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund
	@touch $@

# Debian's packages of Go and of golang.org/x/mod, as GOPATH: nothing is fetched.
.tools/c2sp/$(STAMP): tests/oracles/c2sp/verify.go
	@command -v go >/dev/null || { echo "Go is needed (Debian: apt-get install golang-go golang-golang-x-mod-dev)" >&2; exit 2; }
	@mkdir -p $(@D)
	GO111MODULE=off GOPATH=/usr/share/gocode go build -o $(@D)/verify $<
	@touch $@

.PHONY: test-oracles
test-oracles: setup .tools/sigstore/$(STAMP) .tools/c2sp/$(STAMP) ## Tools that others wrote check the ledger: cosign, openssl, npm's @sigstore/verify, Go's x/mod
	.venv/bin/pytest tests/oracles

.PHONY: test-jobs
test-jobs: setup ## 10,000 jobs with spoiled evidence: no wrong "below" that is not marked, no wrong "above"; no plan milder than its audit
	FLOPS_AUDITOR_JOBS=full .venv/bin/pytest tests/accuracy/test_made_up_jobs.py tests/accuracy/test_plans_beside_audits.py -s --timeout 7200

.PHONY: test-owners
test-owners: setup ## What owners of jobs may try at its full size: 2,000 campaigns, 1,000 jobs at one place or running, 10,000 replays
	FLOPS_AUDITOR_OWNERS=full .venv/bin/pytest tests/unit/test_hostile_owner.py tests/unit/test_storms.py \
		tests/unit/test_watch.py tests/integration/test_owner_path.py tests/integration/test_statements_path.py -s --timeout 7200

FAULT_TESTS = tests/faults tests/integration/test_least_privilege.py tests/integration/test_other_side.py
FUZZ_SECONDS ?= 60
fuzz: .tools/fuzz/$(STAMP) ## Fuzz every parser of foreign bytes, guided by coverage
	@mkdir -p build
	.tools/fuzz/bin/python -m tests.faults.fuzz_parsers --seconds $(FUZZ_SECONDS) > build/fuzz.log 2>&1 || { tail -40 build/fuzz.log; exit 1; }
	@sed -n 's/^stat::number_of_executed_units: */inputs of the fuzzer: /p' build/fuzz.log | tee -a build/fault-figures.txt

# ----- flops-meter: PyTorch in an environment of its own, made with pip, from ranges

# The oldest Python that flops-meter names, where it is: users' containers are older than the functions' Python.
ifndef METER_PYTHON
METER_PYTHON := $(shell python3.11 -c 'import ensurepip' 2>/dev/null && echo python3.11 || echo $(PYTHON))
endif
METER = .tools/meter/bin/python
METER_TESTS = PYTHONPATH=$(CURDIR):$(CURDIR)/layers/auditor:$(CURDIR)/cli OMP_NUM_THREADS=1 $(METER) -m pytest -c meter/pyproject.toml --rootdir $(CURDIR) --confcutdir tests/meter

.tools/meter/$(STAMP): requirements/meter.in meter/pyproject.toml
	@$(METER_PYTHON) -m venv .tools/meter || { echo "Python's venv is needed (Debian: apt-get install python3-venv)" >&2; exit 2; }
	$(METER) -m pip install --quiet --disable-pip-version-check -r requirements/meter.in
	$(METER) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable meter
	@touch $@

.PHONY: test-meter test-meter-full test-attention bench-meter check-meter record-meter
test-meter: .tools/meter/$(STAMP) check-meter ## flops-meter against torch's own counter, and its lines in an audit, a short set
	$(METER_TESTS) tests/meter -m "not full"

test-meter-full: .tools/meter/$(STAMP) check-meter ## flops-meter: every configuration, every trainer
	$(METER_TESTS) tests/meter

test-attention: .tools/meter/$(STAMP) ## Parameters x tokens with attention against torch's counter, in the shapes of real models
	$(METER_TESTS) tests/meter/test_architecture_tier.py -s

check-meter: .tools/meter/$(STAMP) ## Types of flops-meter
	cd meter && ../$(METER) -m mypy flops_meter

record-meter: .tools/meter/$(STAMP) ## Run the demo's counted job anew, a tiny fine-tune of some minutes, and keep its log
	PYTHONPATH=$(CURDIR) $(METER) -m tests.meter.sample_job

bench-meter: .tools/meter/$(STAMP) ## Write the tables and plots of docs/meter.md: accuracy, overhead
	PYTHONPATH=$(CURDIR) $(METER) -m bench.meter_accuracy --output docs/figures
	PYTHONPATH=$(CURDIR) $(METER) -m bench.meter_overhead --output docs/figures/meter-overhead.json

# ----- The figures of docs/performance.md

.PHONY: bench bench-growth bench-page
bench: setup ## Measure every figure of docs/performance.md beside its floor, into build/bench: under 30 minutes on two quiet cores
	.venv/bin/python -m bench.everything

bench-growth: setup ## Growth to a million records for verify and seal, to 100,000 for query and export: an hour and more
	.venv/bin/python -m bench.everything --growth

bench-page: setup ## Write docs/performance.md and its plots from build/bench, growth included where it was measured
	.venv/bin/python -m bench.performance_page build/bench/all.json $(wildcard build/bench/growth.json)

# ----- The supply chain

.PHONY: audit-dependencies sbom
audit-dependencies: setup ## Compare every pinned package with the known advisories
	.venv/bin/python -m bench.audit_dependencies --allow-unreachable requirements/*.txt

sbom: setup ## Bills of materials in CycloneDX: what the Lambda layer ships, and what the command line needs
	.venv/bin/python -m bench.sbom build/sbom

.PHONY: look-alikes
look-alikes: setup ## Write the table of characters that are taken for others, from the pinned data of Unicode
	.venv/bin/python -m bench.look_alikes

.PHONY: rooms
rooms: setup ## Draw the rooms and their imports in docs/architecture.md anew
	.venv/bin/python -m bench.rooms

.PHONY: mutation
mutation: setup ## Change the estimate and the policies one thing at a time: the tests must notice 95 %
	.venv/bin/python -m bench.mutation

# ----- The template

.PHONY: check-template
check-template: setup ## Compare template.yaml with every point of the bar, as a table
	.venv/bin/python -m tests.template

.PHONY: cost record-calls
cost: setup ## Compute the tables of costs in docs/operations.md from the template, the recorded calls and the list prices
	.venv/bin/python -m bench.cost

record-calls: setup ## Record the functions' AWS calls on the local AWS for `make cost`, some minutes
	.venv/bin/python -m bench.record_calls

.PHONY: docs
docs: .tools/docs/$(STAMP) ## Build the documents as a site in build/site; a link that leads nowhere fails
	NO_MKDOCS_2_WARNING=1 .tools/docs/bin/mkdocs build --strict --quiet
	@echo "build/site/index.html"

.PHONY: dist
dist: setup ## Build the wheel and the source archive into dist/, and try them where nothing else is installed
	rm -rf dist
	.venv/bin/hatchling build
	.tools/lint/bin/twine check --strict dist/*
	.venv/bin/pytest tests/dist
	cp verifier/verify.html dist/ && cd dist && sha256sum verify.html > verify.html.sha256

# For StackSets and others that take no transform: docs/organisation.md. It uploads to the bucket with your credentials.
VERSION = $(shell .venv/bin/python -c 'import flops_auditor; print(flops_auditor.__version__)')
.PHONY: package-template
package-template: setup-demo build ## Upload functions and layer to ARTIFACTS_BUCKET, and write the expanded template, without transform
	@mkdir -p build
	.tools/sam/bin/sam package --template-file .aws-sam/build/template.yaml --output-template-file build/packaged.yaml \
		--s3-bucket $(or $(ARTIFACTS_BUCKET),$(error ARTIFACTS_BUCKET=<bucket> is needed)) --s3-prefix flops-auditor/$(VERSION)
	.venv/bin/python -m bench.package_template build/packaged.yaml build/flops-auditor.json

.PHONY: build
build: .tools/sam/$(STAMP) ## Build for AWS: what `sam build` does, with the pinned sam
	.tools/sam/bin/sam build

# After a release: what the upgrade tests deploy first. The revision stands in the archive's head.
DEPLOYABLE = template.yaml samconfig.toml LICENSE README.md functions layers/auditor
.PHONY: keep-release
keep-release: setup ## Keep REVISION (a release's tag) as the previous release of the upgrade tests, and list its tables
	mkdir -p build
	git archive --output build/release.tar $(or $(REVISION),$(error REVISION=<tag> is needed)) $(DEPLOYABLE)
	xz -9e < build/release.tar > tests/releases/previous.tar.xz
	.venv/bin/python -m bench.released_tables $(REVISION) < build/release.tar

.PHONY: list-tables
list-tables: setup ## Before a release: list its tables, so that records that rest on them can be recomputed by later ones
	.venv/bin/python -m bench.released_tables $(or $(RELEASE),$(error RELEASE=<tag> is needed)) --here

.PHONY: clean
clean: ## Remove what was built; `make distclean` also removes the environments
	rm -rf .aws-sam build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -not -path './.tools/*' -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean
	rm -rf .venv .tools .local
