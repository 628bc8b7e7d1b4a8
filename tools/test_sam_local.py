#!/usr/bin/env python3
"""Types the `sam` commands of docs/deploying.md, with the emulator of `make run`.

`make test-sam` starts this. Needs Docker; without it, says so and tests nothing. Options are
appended to each command of `sam local`: those of an image that is not AWS's.
"""

import contextlib
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import run_local

ROOT = Path(__file__).resolve().parent.parent
MOTO_PORT = 5555  # of samconfig.toml and local-env.json
API = "http://127.0.0.1:3000"
OPTIONS = []
PAGE = ROOT / "docs/deploying.md"
ARCHITECTURE = "x86_64" if platform.machine() in ("x86_64", "AMD64") else "arm64"


def documented(command):
    """Returns the words of the page's line that begins with the command, for this machine."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith(command)]
    if len(lines) != 1:
        raise AssertionError(f"{PAGE.name} has {len(lines)} lines that begin with {command}")
    return shlex.split(lines[0].replace("$ARCH", ARCHITECTURE), comments=True)


def without_aws():
    """Returns the environment without AWS settings: SAM would pass them to the function."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "SAM_CLI_TELEMETRY": "0"}


def invoke(event):
    """Types `sam local invoke`, and returns the status and the decoded body."""
    command = documented("sam local invoke")
    command[command.index("-e") + 1] = f"events/{event}.json"
    command += OPTIONS
    print(f"$ {shlex.join(command)}", flush=True)
    ran = subprocess.run(command, cwd=ROOT, env=without_aws(), capture_output=True, text=True, timeout=300)
    try:
        response = json.loads(ran.stdout.strip().splitlines()[-1])
        return response["statusCode"], json.loads(response.get("body") or "null")
    except (ValueError, KeyError, IndexError):
        raise AssertionError(f"status {ran.returncode}\n{ran.stdout}\n{ran.stderr}") from None


def call(path, key=run_local.KEY):
    """Sends a request to `sam local start-api`, and returns the status and the decoded body."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(API + path, headers={"x-api-key": key} if key else {})
    try:
        with opener.open(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@contextlib.contextmanager
def emulator():
    """The emulator as `make run` starts it."""
    processes = run_local.Processes()
    try:
        run_local.start_emulator(processes, MOTO_PORT, run_local.docker_bridge())
        yield
    finally:
        processes.stop()


@contextlib.contextmanager
def start_api():
    """`sam local start-api`, until it listens."""
    command = documented("sam local start-api") + OPTIONS
    print(f"$ {shlex.join(command)}", flush=True)
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env=without_aws(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    call("/health")
                    break
                if server.poll() is not None:
                    break
                time.sleep(0.5)
            else:
                log.seek(0)
                raise AssertionError(f"sam local start-api does not answer:\n{log.read()[-4000:]}")
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, 15)
            server.wait(30)


class SamLocal(unittest.TestCase):
    def test_without_the_emulator_the_response_names_the_unreachable_endpoint(self):
        self.assertEqual(invoke("health"), (200, {"status": "ok", "version": "0.1.0"}))
        status, body = invoke("ec2-list")
        self.assertEqual((status, body["Error"]), (504, "EndpointUnreachable"))

    def test_an_event_of_each_dialect_has_its_documented_response(self):
        sample = run_local.INSTANCE
        with emulator():
            status, launched = invoke("ec2-create")
            self.assertEqual((status, launched["InstanceId"]), (200, sample))
            for event in ("ec2-list", "ec2-list-rest"):
                status, rows = invoke(event)
                self.assertEqual((status, [row["id"] for row in rows]), (200, [sample]))
            status, described = invoke("instance-describe")
            self.assertEqual((status, described["state"]), (200, "running"))
            status, attributes = invoke("v1-attributes")
            self.assertEqual((status, attributes["id"]), (200, sample))
            status, regions = invoke("regions-list")
            counts = {region["name"]: region["instances"] for region in regions}
            self.assertEqual((status, counts["us-east-1"]), (200, {"running": 1}))
            self.assertEqual(invoke("s3-create-bucket"), (201, {"name": "demo-bucket"}))
            status, buckets = invoke("s3-list-buckets")
            self.assertEqual((status, [bucket["name"] for bucket in buckets]), (200, ["demo-bucket"]))

    def test_start_api_serves_the_routes(self):
        with emulator(), start_api():
            self.assertEqual(call("/health", key=None)[0], 200)
            self.assertEqual(call("/ec2/list?region_name=us-east-1", key=None)[0], 401)
            self.assertEqual(call("/ec2/list?region_name=us-east-1"), (200, []))


def main():
    OPTIONS.extend(sys.argv[1:])
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        print("No Docker engine runs on this machine: `sam local` is not tested")
        return 0
    build = documented("sam build")
    print(f"$ {shlex.join(build)}", flush=True)
    subprocess.run(build, cwd=ROOT, env=without_aws(), check=True)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(SamLocal)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len(result.failures + result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
