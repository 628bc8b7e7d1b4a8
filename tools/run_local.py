#!/usr/bin/env python3
"""Runs the function on this machine against moto, an emulator of AWS: no account, no credentials, nothing that costs.

`make run` starts this with the Python of .venv, which has moto, boto3 and cargo-lambda. What it starts:

    curl -> cargo-lambda (an HTTP API, as API Gateway serves it) -> the function -> moto (EC2 and S3, in memory)

Ctrl-C stops all of it. Every other variable that configures the function passes through from the shell:
`DEFAULT_INSTANCE_TYPE=t3.nano make run`.
"""

import argparse
import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent  # the tools of the same .venv
HOST = "127.0.0.1"
REGION = "us-east-1"
KEY = "local-only-key"
CANONICAL = "099720109477"  # the account that publishes Ubuntu's images


class Stopped(Exception):
    """Ctrl-C, or a signal that asks for the same."""


class Failed(Exception):
    """Something that the user should read, in one line."""


class Processes:
    """What was started: each in a session of its own, so that the terminal's Ctrl-C reaches only this script, which then
    ends them with whatever they started themselves."""

    def __init__(self, output=None):
        self.output = output  # a file for what the others say; else it is the terminal's
        self.children = {}  # name -> Popen
        self.logs = {}  # name -> the output of a child that is silent while all is well
        self.stop_asked = threading.Event()

    def stop_on_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # ignored: by nohup
                signal.signal(number, lambda *_: self.stop_asked.set())

    def start(self, name, *command, silent=False):
        log = self.logs[name] = tempfile.NamedTemporaryFile() if silent else None
        output = log or self.output
        try:
            self.children[name] = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        except FileNotFoundError:
            raise Failed(f"there is no {command[0]}") from None

    def finish(self, name):
        """Waits for a child that is meant to end."""
        while self.children[name].poll() is None:
            if self.stop_asked.wait(0.2):
                raise Stopped
        return self.children.pop(name).returncode

    def pause(self, seconds):
        """Waits, while everything runs as it should."""
        if self.stop_asked.wait(seconds):
            raise Stopped
        for name, child in self.children.items():
            if child.poll() is not None:
                if log := self.logs[name]:
                    log.seek(0)
                    sys.stderr.write(log.read().decode(errors="replace")[-2000:])
                raise Failed(f"{name} has ended by itself (status {child.returncode})")

    def stop(self):
        self.send(signal.SIGTERM)
        deadline = time.monotonic() + 5
        for child in self.children.values():
            try:
                child.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
        self.send(signal.SIGKILL)  # whatever is left

    def send(self, number):
        for child in self.children.values():
            try:
                os.killpg(child.pid, number)
            except (ProcessLookupError, PermissionError):  # gone (on macOS, PermissionError)
                pass


def require_free(port, option):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection of the last run is no obstacle
        try:
            probe.bind((HOST, port))
        except OSError:
            raise Failed(f"port {port} is taken: stop what listens there, or: make run ARGS='{option} {port + 1}'") from None


def listens(port):
    socket.create_connection((HOST, port), timeout=2).close()


def is_healthy(port):
    urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2).close()  # raises OSError for any status but 200


def wait_until(ready, port, name, processes):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return ready(port)
        except OSError:
            processes.pause(0.2)
    raise Failed(f"{name} does not answer at {HOST}:{port}")


def only_local_settings(port, moto, **settings):
    """Everything that is started from here on sees the emulator and nothing of the user's own AWS settings, this script's
    boto3 included. (AWS_LC_* belongs to the build of a crypto library: other values would compile it anew.)"""
    for name in [name for name in os.environ if name.startswith("AWS_") and not name.startswith("AWS_LC_")]:
        del os.environ[name]
    bypass = [os.environ[name] for name in ("no_proxy", "NO_PROXY") if os.environ.get(name)]
    bypass = ",".join([*bypass, HOST])  # no proxy leads to this machine's emulator
    os.environ.update(
        AWS_ENDPOINT_URL=moto,
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,  # what boto3 reads
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY=bypass,
        no_proxy=bypass,
        # What Lambda sets. cargo-lambda serves the runtime API of the function `_`, a project's only one.
        AWS_LAMBDA_RUNTIME_API=f"http://{HOST}:{port}/.rt/_",
        AWS_LAMBDA_FUNCTION_NAME="ec2-control-api",
        AWS_LAMBDA_FUNCTION_VERSION="$LATEST",
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE="256",
        # moto checks these only when asked to.
        MOTO_ENABLE_KEYPAIR_VALIDATION="true",
        MOTO_ENABLE_AMI_VALIDATION="true",
        MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION="true",
        # The function's own configuration.
        API_KEYS=f"demo={hashlib.sha256(KEY.encode()).hexdigest()}",
        DEFAULT_REGION=REGION,
        ALLOWED_REGIONS="*",
        BUCKET_PREFIX="demo-",
    )
    os.environ.update(settings)


def seed():
    """What a launch needs: key pairs and security groups (`scalacity_dev1` and `SSH` are the defaults of /v1/launch).
    Returns an Ubuntu image and the ID of the security group `demo`."""
    ec2 = boto3.client("ec2")
    for name in ("demo", "scalacity_dev1"):
        ec2.create_key_pair(KeyName=name)
    groups = {
        name: ec2.create_security_group(GroupName=name, Description="for local use")["GroupId"] for name in ("demo", "SSH")
    }
    ubuntu = {"Name": "name", "Values": ["ubuntu/images/hvm-ssd/*-amd64-server-*"]}
    images = ec2.describe_images(Owners=[CANONICAL], Filters=[ubuntu])["Images"]
    return max(images, key=lambda image: image["Name"])["ImageId"], groups["demo"]


def greeting(port, moto, group):
    url = f"http://{HOST}:{port}"
    curl = f"curl -sS -w '\\n' -H 'x-api-key: {KEY}'"
    return f"""
The function answers at {url}
  console          {url}/
  API reference    {url}/docs
  API key          {KEY} (header x-api-key)
  key pair         demo
  security group   demo ({group})
  EC2 and S3       moto at {moto}: everything is gone when this ends

Launch an instance, list, stop it. Paste into another terminal:

ID=$({curl} -d region_name={REGION} -d KeyName=demo -d SecurityGroupId={group} {url}/ec2/create | tee /dev/stderr | \
grep -o '"i-[0-9a-f]*"' | tr -d '"')
{curl} '{url}/ec2/list?region_name={REGION}'
{curl} -d region_name={REGION} -d instance_id=$ID {url}/ec2/stop

Ctrl-C stops everything. One line of JSON follows for each request:
"""


def start(processes, port, moto_port, **settings):
    """Starts everything. The function has these variables besides its own. Returns moto's address and a security group's ID."""
    moto = f"http://{HOST}:{moto_port}"
    require_free(port, "--port")
    require_free(moto_port, "--moto-port")
    only_local_settings(port, moto, **settings)

    processes.start("moto", BIN / "moto_server", "-H", HOST, "-p", str(moto_port), silent=True)
    wait_until(listens, moto_port, "moto", processes)
    os.environ["DEFAULT_IMAGE"], group = seed()

    print("Building the function: the first build compiles the AWS SDK and takes several minutes.", flush=True)
    processes.start("cargo", "cargo", "build", "--locked")
    if status := processes.finish("cargo"):
        raise Failed(f"the build failed (status {status})")

    processes.start(
        "cargo-lambda", BIN / "cargo-lambda", "lambda", "watch", "--invoke-address", HOST, "--invoke-port", str(port),
        "--only-lambda-apis",  # it would go on serving without a function that failed; so that is started here
        "--disable-cors",  # its answers to OPTIONS would hide the function's own
        # No --timeout: that would also end the function's waiting for a request, and with it the function.
        silent=True,
    )  # fmt: skip
    wait_until(listens, port, "cargo-lambda", processes)
    processes.start("the function", "cargo", "run", "--locked", "--quiet")  # cargo finds all built, and becomes the function
    wait_until(is_healthy, port, "the function", processes)
    return moto, group


def run(processes, port, moto_port):
    moto, group = start(processes, port, moto_port)
    print(greeting(port, moto, group), flush=True)
    while True:
        processes.pause(0.5)


def main():
    parser = argparse.ArgumentParser(description="Runs the function on this machine, against an emulator of AWS.")
    parser.add_argument("--port", type=int, default=9000, help="of the function (default: %(default)s)")
    parser.add_argument("--moto-port", type=int, default=5555, help="of the emulator (default: %(default)s)")
    options = parser.parse_args()
    processes = Processes()
    processes.stop_on_signals()
    try:
        run(processes, options.port, options.moto_port)
    except Stopped:
        print("\nStopping.", flush=True)
        return 0
    except Failed as error:
        print(f"run_local: {error}", file=sys.stderr)
        return 1
    finally:
        processes.stop()


if __name__ == "__main__":
    sys.exit(main())
