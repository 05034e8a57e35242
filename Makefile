# make demo    try it out; needs only what tiered itself needs
# make test    everything that a change must pass
# make lint    the static half of it
# make rules   run the contract on all stores, and write docs/reference/stores.md
# make bench   compare with other programs; contrib/bench/README.md
# make lock    pin the newest allowed version of every package
# make clean   remove what these targets made

PYTHON ?= python3

venv := build/venv
stamps := build/stamps
lock := $(venv)/bin/uv pip compile --quiet --upgrade --universal \
	--python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links
install := -m pip install -qq --disable-pip-version-check --require-hashes

.PHONY: setup demo test rules lint lock clean system openssh rsync bench
.DELETE_ON_ERROR:

setup: $(stamps)/tiered

demo: setup
	$(venv)/bin/python contrib/demo/demo.py

lint: setup
	$(venv)/bin/ruff check .
	$(venv)/bin/ruff format --check .
	$(venv)/bin/mypy
	$(venv)/bin/lint-imports

test: lint $(stamps)/openstack $(stamps)/duplicity $(stamps)/azurite openssh rsync
	$(venv)/bin/pytest -n 2

rules: setup $(stamps)/openstack $(stamps)/azurite openssh rsync
	$(venv)/bin/pytest -n 2 tests/test_store_contract.py --write-rules

# Compiled first, as what pip installs is: some machines keep no bytecode.
bench: setup $(stamps)/duplicity
	$(venv)/bin/python -m compileall -q tiered
	$(venv)/bin/python -m contrib.bench.run $(BENCH)

lock: setup
	$(lock) --all-extras pyproject.toml requirements.in \
		--output-file requirements.lock
	$(lock) contrib/servers/openstack.in --output-file contrib/servers/openstack.lock
	$(lock) --no-deps tests/duplicity.in --output-file tests/duplicity.lock

clean:
	rm -rf build .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(stamps):
	mkdir -p $@

# Asked each time: a build folder may outlive the machine that made it.
system: | $(stamps)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "tiered needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	}
	@PYTHON="$(PYTHON)" contrib/setup/system_packages.sh

$(stamps)/azurite: contrib/servers/azurite/package-lock.json | system
	contrib/setup/azurite.sh build/azurite
	touch $@

openssh: | system
	@contrib/setup/openssh_server.sh build/openssh

rsync: | system
	@contrib/setup/rsync.sh

# Each environment is made anew when its lock changes, so that nothing which the
# lock does not name can be relied on.
$(stamps)/venv: requirements.lock | system
	$(PYTHON) -m venv --clear $(venv)
	$(venv)/bin/python $(install) -r requirements.lock
	touch $@

$(stamps)/tiered: pyproject.toml $(stamps)/venv
	$(venv)/bin/python -m pip install -qq --disable-pip-version-check \
		--no-deps --no-build-isolation --no-index --editable .
	touch $@

$(stamps)/openstack: contrib/servers/openstack.lock | system
	$(PYTHON) -m venv --clear build/openstack
	build/openstack/bin/python $(install) -r $<
	touch $@

$(stamps)/duplicity: tests/duplicity.lock | system
	$(PYTHON) -m venv --clear build/duplicity
	build/duplicity/bin/python $(install) --no-deps -r $<
	touch $@
