# From a clean clone: `make demo`, `make test`. Needs Python 3.11 or newer, make and git.
PYTHON ?= python3
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

.venv/$(STAMP): requirements/dev.txt .tools/bootstrap/$(STAMP)
	$(MAKE_ENVIRONMENT)

.tools/%/$(STAMP): requirements/%.txt .tools/bootstrap/$(STAMP)
	$(MAKE_ENVIRONMENT)

# ----- The template

.PHONY: check-template
check-template: setup ## Hold template.yaml against every point of the bar, as a table
	.venv/bin/python -m tests.template.bar

.PHONY: build
build: .tools/sam/$(STAMP) ## Build for AWS: what `sam build` does, with the pinned sam
	.tools/sam/bin/sam build

.PHONY: clean
clean: ## Remove what was built; `make distclean` also removes the environments
	rm -rf .aws-sam build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -not -path './.tools/*' -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean
	rm -rf .venv .tools .local
