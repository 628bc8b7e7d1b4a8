# Needs Rust, Python 3.10 or newer, and make: all other tools are installed below this folder, each at a fixed version.

PYTHON = python3
ARGS =

# Validating needs no AWS account, but with credentials in reach SAM would try them.
NO_AWS = env -u AWS_PROFILE -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_SESSION_TOKEN AWS_CONFIG_FILE=/dev/null \
	AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0

.PHONY: help run test lint clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/ready ## run the function here, against an emulator of AWS; ports: ARGS='--port 9001 --moto-port 5556'
	@.venv/bin/python tools/run_local.py $(ARGS)

test: .venv/ready ## run all tests
	cargo test --locked
	.venv/bin/python tools/test_run_local.py

lint: .venv-sam/ready ## check formatting, lints, docs and the template; what is quick comes first
	cargo fmt --check
	$(NO_AWS) .venv-sam/bin/sam validate --lint
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked

clean: ## delete everything that these targets made
	cargo clean
	rm -rf .venv .venv-sam .aws-sam

# One environment for the emulator and cargo-lambda, one for the SAM CLI: they disagree on versions. Each is made anew when
# its list changes. With --no-deps nothing that is missing on a list gets in at whatever version is the latest;
# `pip check` finds it instead.
.venv/ready: tools/requirements.txt
.venv-sam/ready: tools/requirements-sam.txt
.venv/ready .venv-sam/ready:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or newer is needed: make PYTHON=...")'
	@echo "Installing the tools of $< into $(@D)"
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@$(@D)/bin/python -m pip check --disable-pip-version-check
	@touch $@
