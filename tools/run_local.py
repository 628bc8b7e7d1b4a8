#!/usr/bin/env python3
"""Runs the function on this machine, with an emulator of AWS: no account, no credentials, no cost.

`make run` starts this with the Python of .venv, which has moto and cargo-lambda. The parts:

    curl -> cargo-lambda (the HTTP API) -> the function -> emulator.py (moto, in memory)
    local_clock.py -> cargo-lambda -> the second function -> emulator.py

Ctrl-C stops all of them. The function inherits its configuration from the shell:
`DEFAULT_INSTANCE_TYPE=t3.nano make run`.
"""

import argparse
import contextlib
import hashlib
import ipaddress
import json
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

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent  # the tools of the same .venv
HOST = "127.0.0.1"
REGION = "us-east-1"
KEY = "local-only-key"
# The IDs of the sample events, which the emulator knows.
INSTANCE, GROUP, IMAGE = "i-0123456789abcdef0", "sg-0123456789abcdef0", "ami-0123456789abcdef0"

# The second account of the emulator, which has an instance.
SANDBOX = "111122223333"

# The schedules of the emulator.
SCHEDULE_GROUP = "ec2-control-api"


class Stopped(Exception):
    """Ctrl-C, or a signal with the same meaning."""


class Failed(Exception):
    """An error message for the user, in one line."""


class Processes:
    """The started processes.

    Each has a session of its own: the terminal's Ctrl-C reaches only this script, which then ends
    them and their children.
    """

    def __init__(self, output=None):
        self.output = output  # file for the output of the children; default: the terminal
        self.children = {}  # name -> Popen
        self.logs = {}  # name -> output of a silent child, shown if it fails
        self.stop_asked = threading.Event()

    def stop_on_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # ignored: by nohup
                signal.signal(number, lambda *_: self.stop_asked.set())

    def start(self, name, *command, silent=False, **environment):
        log = self.logs[name] = tempfile.NamedTemporaryFile() if silent else None
        output = log or self.output
        try:
            self.children[name] = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env={**os.environ, **environment},
            )  # fmt: skip
        except FileNotFoundError:
            raise Failed(f"there is no {command[0]}") from None

    def finish(self, name):
        """Waits for a child to end, and returns its status."""
        while self.children[name].poll() is None:
            if self.stop_asked.wait(0.2):
                raise Stopped
        return self.children.pop(name).returncode

    def pause(self, seconds):
        """Waits, and fails if a child exits."""
        if self.stop_asked.wait(seconds):
            raise Stopped
        for name, child in self.children.items():
            if child.poll() is not None:
                if log := self.logs[name]:
                    log.seek(0)
                    sys.stderr.write(log.read().decode(errors="replace")[-2000:])
                raise Failed(f"{name} ended unexpectedly (status {child.returncode})")

    def stop(self):
        self.send(signal.SIGTERM)
        deadline = time.monotonic() + 5
        for child in self.children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0, deadline - time.monotonic()))
        self.send(signal.SIGKILL)  # those that are left

    def send(self, number):
        for child in self.children.values():
            # The process has exited; on macOS that is a PermissionError.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, number)


def require_free(port, option):
    with socket.socket() as probe:
        # Binds even while connections of an earlier run are in TIME_WAIT.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise Failed(f"port {port} is taken: free it, or: make run ARGS='{option} {port + 1}'") from None


def listens(port):
    socket.create_connection((HOST, port), timeout=2).close()


def is_healthy(port):
    # Raises OSError for any status but 200.
    urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2).close()


def wait_until(ready, port, name, processes):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return ready(port)
        except OSError:
            processes.pause(0.2)
    raise Failed(f"{name} does not answer at {HOST}:{port}")


def only_local_settings(port, moto, **settings):
    """Replaces the user's AWS settings by those of the emulator, for all children.

    AWS_LC_* stays: it belongs to the build of a crypto library, and a change would rebuild that.
    """
    for name in [name for name in os.environ if name.startswith("AWS_") and not name.startswith("AWS_LC_")]:
        del os.environ[name]
    bypass = [os.environ[name] for name in ("no_proxy", "NO_PROXY") if os.environ.get(name)]
    bypass = ",".join([*bypass, HOST])  # no proxy for the emulator
    os.environ.update(
        AWS_ENDPOINT_URL=moto,
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,  # read by boto3
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY=bypass,
        no_proxy=bypass,
        # Set by Lambda. To cargo-lambda the only function of a project is `_`.
        AWS_LAMBDA_RUNTIME_API=f"http://{HOST}:{port}/.rt/_",
        AWS_LAMBDA_FUNCTION_NAME="ec2-control-api",
        AWS_LAMBDA_FUNCTION_VERSION="$LATEST",
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE="256",
        # The function's own configuration; local-env.json has the same for containers.
        API_KEYS=f"demo={hashlib.sha256(KEY.encode()).hexdigest()}",
        DEFAULT_REGION=REGION,
        DEFAULT_IMAGE=IMAGE,
        ALLOWED_REGIONS="*",
        ACCOUNTS=f"sandbox=arn:aws:iam::{SANDBOX}:role/ec2-control-api-account",
        BUCKET_PREFIX="demo-",
        SCHEDULE_GROUP=SCHEDULE_GROUP,
        SCHEDULE_ROLE="arn:aws:iam::123456789012:role/scheduler",  # the emulator checks neither
        SCHEDULE_TARGET=f"arn:aws:lambda:{REGION}:123456789012:function:ec2-control-api-schedules",
    )
    os.environ.update(settings)


def docker_bridge():
    """The address and prefix length of Docker's bridge on this machine; None without Docker."""
    if sys.platform != "linux":
        return None  # Docker Desktop's containers reach loopback
    inspect = ("docker", "network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}")
    try:
        inspected = subprocess.run(inspect, capture_output=True, timeout=10)
        config = json.loads(inspected.stdout)[0]
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return None
    network = ipaddress.ip_network(config["Subnet"])
    return f"{config.get('Gateway') or next(network.hosts())}/{network.prefixlen}"


def greeting(port, moto, group, bridge):
    url = f"http://{HOST}:{port}"
    curl = f"curl -sS -w '\\n' -H 'x-api-key: {KEY}'"
    return f"""
The function answers at {url}
  console          {url}/
  API reference    {url}/docs
  API key          {KEY} (header x-api-key)
  key pair         demo
  security group   demo ({group})
  schedules        a second function carries them out, by a clock that looks each minute
  emulator         {moto} (of EC2, S3, STS and Scheduler: all data is lost when it stops)
{f"  for containers   http://host.docker.internal:{moto.rpartition(':')[2]}{chr(10)}" if bridge else ""}
Launch an instance, list and stop it. Paste into another terminal:

ID=$({curl} -d region_name={REGION} -d KeyName=demo -d SecurityGroupId={group} {url}/ec2/create | tee /dev/stderr | \
grep -o '"i-[0-9a-f]*"' | tr -d '"')
{curl} '{url}/ec2/list?region_name={REGION}'
{curl} '{url}/ec2/list?region_name={REGION}&account=sandbox'
{curl} -d region_name={REGION} -d instance_id=$ID {url}/ec2/stop

Start it again, and let it stop by itself at the next minute (the schedule goes on each minute):

{curl} -d region_name={REGION} -d instance_id=$ID {url}/ec2/start
{curl} -X PUT -d 'stop=rate(1 minute)' -d region_name={REGION} -d instance_id=$ID {url}/schedules/demo

Ctrl-C stops everything. The log of the function follows, a line of JSON for each request:
"""


def start_emulator(processes, port, bridge=None):
    """Starts the emulator, on Docker's bridge, too, if there is one."""
    require_free(port, "--moto-port")
    command = [sys.executable, ROOT / "tools/emulator.py", "--port", str(port)]
    processes.start("moto", *command, *(("--bridge", bridge) if bridge else ()), silent=True)
    wait_until(listens, port, "moto", processes)


def start(processes, port, moto_port, bridge=None, **settings):
    """Starts all parts. The settings are variables for the function.

    Returns the emulator's address and the ID of a security group.
    """
    moto = f"http://{HOST}:{moto_port}"
    require_free(port, "--port")
    only_local_settings(port, moto, **settings)
    start_emulator(processes, moto_port, bridge)

    print("Building the function. The first build compiles the AWS SDK: several minutes.", flush=True)
    processes.start("cargo", "cargo", "build", "--locked")
    if status := processes.finish("cargo"):
        raise Failed(f"the build failed (status {status})")

    processes.start(
        "cargo-lambda", BIN / "cargo-lambda", "lambda", "watch", "--invoke-address", HOST, "--invoke-port", str(port),
        "--only-lambda-apis",  # the function is started below: cargo-lambda would go on without it
        "--disable-cors",  # passes OPTIONS on to the function
        # No --timeout: it would also end the function's wait for a request.
        silent=True,
    )  # fmt: skip
    wait_until(listens, port, "cargo-lambda", processes)
    processes.start("the function", "cargo", "run", "--locked", "--quiet")  # replaces itself by the function
    wait_until(is_healthy, port, "the function", processes)
    return moto, GROUP


def start_schedules(processes, port, moto):
    """Starts the second function, which carries out schedules, and the clock that invokes it."""
    # cargo-lambda serves functions with the names of the project's binaries only. `bootstrap` is
    # not in use, since the first function is `_` to it. The function reads no arguments: this one
    # tells the two processes apart.
    processes.start(
        "the second function", "cargo", "run", "--locked", "--quiet", "--", "for-schedules", SERVES="schedules",
        AWS_LAMBDA_RUNTIME_API=f"http://{HOST}:{port}/.rt/bootstrap",
        AWS_LAMBDA_FUNCTION_NAME="ec2-control-api-schedules",
    )  # fmt: skip
    invoke = f"http://{HOST}:{port}/2015-03-31/functions/bootstrap/invocations"
    processes.start(
        "the clock", sys.executable, ROOT / "tools/local_clock.py", "--invoke", invoke, "--endpoint", moto
    )  # fmt: skip


def run(processes, port, moto_port):
    bridge = docker_bridge()
    moto, group = start(processes, port, moto_port, bridge)
    start_schedules(processes, port, moto)
    print(greeting(port, moto, group, bridge), flush=True)
    while True:
        processes.pause(0.5)


def main():
    parser = argparse.ArgumentParser(description="Runs the function on this machine, with an emulator of AWS.")
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
