#!/usr/bin/env python3
"""Invokes the built function as Lambda does: the sample events as the story of tests/story.json,
against one moto server.

`make e2e` builds the function and starts this. The function runs in a Lambda container (SAM,
Docker) or, where there is no Docker, in Lambda's own Runtime Interface Emulator; the first and the
last line say which. With Docker a few real HTTP calls through `sam local start-api` follow.
"""

import argparse
import base64
import contextlib
import gzip
import hashlib
import ipaddress
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SAM = ROOT / ".venv/bin/sam"
# Beside the build for deployment, which is for another processor.
TEMPLATE = ROOT / ".aws-sam/local/template.yaml"
BUILT = TEMPLATE.parent / "Ec2ControlApi"
ACCOUNTS = "sandbox=arn:aws:iam::111122223333:role/ec2-control-api-account"  # moto serves every account
KEY = "local-only-key"
SCHEDULES = {
    "SCHEDULE_GROUP": "ec2-control-api",
    "SCHEDULE_ROLE": "arn:aws:iam::123456789012:role/scheduler",
    "SCHEDULE_TARGET": "arn:aws:lambda:us-east-1:123456789012:function:schedules",
    "SCHEDULE_QUEUE": "",  # SAM has the queue's name here, not its ARN
}
REGION = "us-east-1"
IMAGE = "ami-1e749f67"  # one that moto knows
ARCHITECTURE = "x86_64" if platform.machine() in ("x86_64", "AMD64") else "arm64"  # of this machine

MODIFIED = "Instance modification succeeded"
STORY = json.loads((ROOT / "tests/story.json").read_text())  # explains itself


# ---------------------------------------------------------------------------------------- the story

def fits(expected, actual, values, whole):
    """Whether a body, or a part of one, is as expected. Unless `whole`, objects may have other
    members. Remembers values that are not known yet."""
    if expected == "*":
        return True
    if isinstance(expected, str) and expected.startswith("$"):
        name = expected[1:]
        return (
            isinstance(actual, str)
            and re.fullmatch(STORY["values"][name], actual) is not None
            and values.setdefault(name, actual) == actual
        )
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and (not whole or len(expected) == len(actual))
            and all(name in actual and fits(part, actual[name], values, whole) for name, part in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(fits(part, other, values, whole) for part, other in zip(expected, actual))
        )
    return type(expected) is type(actual) and expected == actual


def filled(name, placeholders, values):
    """Reads a sample event and replaces its placeholders, in a base64 body, too. Placeholders of
    unknown values are kept."""

    def fill(text):
        # An AMI's placeholder ends like an instance's: the order of the names puts it first.
        for placeholder, value in sorted(placeholders.items()):
            text = text.replace(placeholder, values.get(value, placeholder))
        return text

    event = json.loads(fill((ROOT / f"events/{name}.json").read_text()))
    if event.get("isBase64Encoded"):
        with contextlib.suppress(UnicodeDecodeError):  # a body that is not text has no placeholders
            body = fill(base64.b64decode(event["body"]).decode())
            event["body"] = base64.b64encode(body.encode()).decode()
    return event


def wrong_with(answer, step, values):
    """How an answer differs from a step of the story; None if it does not."""
    if answer.get("statusCode") != step["status"]:
        return f"the status is not {step['status']}"
    headers = {**answer.get("headers", {}), **answer.get("multiValueHeaders", {})}
    if "x-request-id" not in headers:
        return "there is no x-request-id"
    for name, text in step.get("headers", {}).items():
        if text not in str(headers.get(name)):
            return f"the header {name} does not say {text}"
    body = answer.get("body") or ""
    if step.get("empty") and body:
        return "the body is not empty"
    if step.get("compressed"):
        compressed = answer["isBase64Encoded"] and gzip.decompress(base64.b64decode(body))
        if not compressed or headers.get("content-encoding") not in ("gzip", ["gzip"]):
            return "the body is not compressed"
    if "bytes_of" in step:
        stored = filled(step["bytes_of"], {}, values)["body"]
        if not answer["isBase64Encoded"] or base64.b64decode(body) != base64.b64decode(stored):
            return "the bytes differ"
    if "body" in step and not fits(step["body"], json.loads(body), values, whole=True):
        return f"the body is not {step['body']}"
    if "has" in step and not fits(step["has"], json.loads(body), values, whole=False):
        return f"the body does not have {step['has']}"
    for expected in step.get("includes", []):
        if not any(fits(expected, item, values, whole=True) for item in json.loads(body)):
            return f"the list does not include {expected}"
    if step.get("alone_in_a_new_account") and len(json.loads(body)) != len(step["includes"]):
        return "the list includes something else"
    return None


# ------------------------------------------------------------------------------------- environment

class Programs(contextlib.ExitStack):
    """Started programs. Each has a session of its own, and ends with its child processes."""

    def start(self, command, name, **options):
        log = self.enter_context(tempfile.NamedTemporaryFile(prefix=f"e2e-{name}-", suffix=".log"))
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **options
        )
        child.log = Path(log.name)
        self.callback(self.end, child)
        return child

    @staticmethod
    def end(child):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)


def free_port(host):
    with socket.socket() as it:
        it.bind((host, 0))
        return it.getsockname()[1]


def wait_for(host, port, child, seconds=90):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        if child.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"{child.args[0]} does not answer at {host}:{port}:\n{child.log.read_text()[-4000:]}")


def send(url, method="GET", headers=(), body=None):
    request = urllib.request.Request(url, method=method, headers=dict(headers), data=body)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def start_moto(programs, host):
    port = free_port(host)
    validation = ("MOTO_ENABLE_KEYPAIR_VALIDATION", "MOTO_ENABLE_AMI_VALIDATION", "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION")
    environment = {**os.environ, **{name: "true" for name in validation}}
    moto = programs.start([BIN / "moto_server", "-H", host, "-p", str(port)], "moto", env=environment)
    wait_for(host, port, moto)
    url = f"http://{host}:{port}"
    ec2 = boto3.client(
        "ec2", REGION, endpoint_url=url, aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    ec2.create_key_pair(KeyName="demo")
    group = ec2.create_security_group(GroupName="demo", Description="demo")["GroupId"]
    scheduler = boto3.client(
        "scheduler", REGION, endpoint_url=url, aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    scheduler.create_schedule_group(Name=SCHEDULES["SCHEDULE_GROUP"])
    return url, group, ec2, scheduler


def variables(moto_url):
    """The function's own configuration; the same for both ways to run it."""
    return {
        "API_KEYS": f"demo={hashlib.sha256(KEY.encode()).hexdigest()}",
        "DEFAULT_IMAGE": IMAGE,
        "BUCKET_PREFIX": "demo-",
        "ACCOUNTS": ACCOUNTS,
        **SCHEDULES,
        "AWS_ENDPOINT_URL": moto_url,
    }


# ----------------------------------------------------------------------------------------- two ways

def without_aws():
    """No credentials and no profile of the user's: SAM hands what it finds to the function."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}


class Docker:
    """Lambda's container, by SAM: the emulator inside, the memory of the template."""

    name = "a Lambda container (SAM, Docker)"
    host = "127.0.0.1"

    def __init__(self, image):
        self.image = ["--skip-pull-image", "--invoke-image", image] if image else []

    @staticmethod
    def missing(image=""):
        """What is missing, in a line; None if nothing is."""
        try:
            ask = lambda *command: subprocess.run(["docker", *command], capture_output=True).returncode
            if ask("info") != 0:
                return "no Docker engine runs here"
            if image and ask("image", "inspect", image) != 0:
                return f"there is no image {image}"
        except FileNotFoundError:
            return "Docker is not installed"
        return None

    def moto_host(self):
        """Loopback is not reachable from a container; this machine's end of Docker's bridge is."""
        asked = subprocess.run(
            ["docker", "network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"],
            capture_output=True, text=True, check=True,
        )
        [bridge, *_] = json.loads(asked.stdout)
        return bridge.get("Gateway") or str(next(ipaddress.ip_network(bridge["Subnet"]).hosts()))

    def command(self, programs, command, configuration):
        """A command of `sam local`, and its environment. The function gets the variables that the
        template declares, no others."""
        credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        file = programs.enter_context(tempfile.NamedTemporaryFile("w", suffix=".json"))
        json.dump({"Parameters": configuration}, file)
        file.flush()
        parts = [
            SAM, "local", command, "--template", TEMPLATE, "--env-vars", file.name, "--region", REGION,
            "--parameter-overrides", f"Architecture={ARCHITECTURE}", *self.image,
        ]
        return parts, {**without_aws(), **credentials}

    def sam(self, programs, command, configuration, port=None):
        """A server of `sam local`, and its address."""
        port = port or free_port(self.host)
        parts, environment = self.command(programs, command, configuration)
        parts += ["--port", str(port), "--warm-containers", "EAGER"]
        if command == "start-api":
            # As in samconfig.toml, which SAM does not read for a built template.
            parts.append("--disable-authorizer")
        child = programs.start(parts, command, cwd=ROOT, env=environment)
        wait_for(self.host, port, child, 300)
        return child, f"http://{self.host}:{port}"

    def invokers(self, programs, configuration):
        """The process, and the addresses of the two functions."""
        child, url = self.sam(programs, "start-lambda", configuration)
        functions = f"{url}/2015-03-31/functions"
        return child, f"{functions}/Ec2ControlApi/invocations", f"{functions}/ScheduleRunner/invocations"


def qemu(architecture):
    """The command that runs a binary of another architecture: qemu-user, with its C library."""
    machine = {"arm64": "aarch64", "x86_64": "x86_64"}[architecture]
    command, libraries = shutil.which(f"qemu-{machine}"), Path(f"/usr/{machine}-linux-gnu")
    if not command or not libraries.is_dir():
        sys.exit(f"{architecture} needs qemu-{machine} and a C library in {libraries} (Debian: qemu-user, libc6-arm64-cross)")
    return [command, "-L", libraries]


class Emulator:
    """Lambda's Runtime Interface Emulator alone, as it comes with SAM."""

    name = "Lambda's Runtime Interface Emulator, without a container"
    host = "127.0.0.1"

    def __init__(self, runner=()):
        self.runner = runner  # the command that runs the function's binary

    def moto_host(self):
        return self.host

    def invokers(self, programs, configuration):
        """A process, and the addresses of the two functions."""
        child, url = self.invoker(programs, configuration)
        _, schedules = self.invoker(programs, {**configuration, "SERVES": "schedules"})
        return child, url, schedules

    def invoker(self, programs, configuration):
        rapid = "lib/python*/site-packages/samcli/local/rapid"
        [emulator] = (ROOT / ".venv").glob(f"{rapid}/aws-lambda-rie-{ARCHITECTURE}")
        port, runtime_port = free_port(self.host), free_port(self.host)
        environment = {
            **without_aws(), **configuration, "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing", "AWS_LAMBDA_FUNCTION_TIMEOUT": "28",
        }
        child = programs.start(
            [emulator, "--runtime-interface-emulator-address", f"{self.host}:{port}",
             "--runtime-api-address", f"{self.host}:{runtime_port}", *self.runner, BUILT / "bootstrap"],
            "emulator", cwd=BUILT, env=environment,
        )
        wait_for(self.host, port, child)
        return child, f"http://{self.host}:{port}/2015-03-31/functions/function/invocations"


# ------------------------------------------------------------------------------------------ the run

class Tally:
    passed = failed = 0

    def note(self, what, wrong, seen):
        if wrong is None:
            self.passed += 1
            print(f"ok      {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED  {what}: {wrong}\n        {seen}", flush=True)


def fire(tally, schedules, values, ec2, scheduler):
    """Hands an action of a schedule over as Scheduler does, when its time has come."""
    kept = scheduler.get_schedule(GroupName=SCHEDULES["SCHEDULE_GROUP"], Name="office-hours.stop")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    event = kept["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", now)
    _, _, body = send(schedules, "POST", {"content-type": "application/json"}, event.encode())
    [reservation] = ec2.describe_instances(InstanceIds=[values["instance"]])["Reservations"]
    state = reservation["Instances"][0]["State"]["Name"]
    done = json.loads(body) == {"message": "Done"} and state in ("stopping", "stopped")
    tally.note("office-hours.stop, as Scheduler hands it over", None if done else "it did not stop", (body, state))
    ec2.start_instances(InstanceIds=[values["instance"]])  # the story goes on with a running one


def tell_story(tally, url, values, child, after):
    """Tells the story. `after` has something to do after the step of an event."""
    for step in STORY["steps"]:
        name = step["event"]
        event = filled(name, {**STORY["placeholders"], **step.get("placeholders", {})}, values)
        _, _, body = send(url, "POST", {"content-type": "application/json"}, json.dumps(event).encode())
        try:
            answer = json.loads(body)
            wrong = wrong_with(answer, step, values)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            answer, wrong = body, f"the answer can't be read ({error!r})"
        tally.note(f"events/{name}.json", wrong, answer)
        if wrong is not None and name == "ec2-create":
            print(child.log.read_text()[-4000:])
            return  # the rest needs the instance
        if name in after:
            after[name]()


def call_api(tally, url, values):
    """Real HTTP through SAM's gateway, which hands paths over as API Gateway does."""
    key = {"x-api-key": KEY}
    form = {**key, "content-type": "application/x-www-form-urlencoded"}
    create = f"region_name={REGION}&KeyName=demo&SecurityGroupId={values['group']}".encode()
    status, _, body = send(f"{url}/ec2/create", "POST", form, create)
    tally.note("POST /ec2/create", None if status == 200 else "the status is not 200", body)
    instance = json.loads(body).get("InstanceId", "")
    for method, path, headers, expected, text in [
        ("GET", "/health", {}, 200, '"status":"ok"'),
        ("GET", f"/ec2/list?region_name={REGION}", {}, 401, "InvalidApiKey"),
        ("GET", f"/ec2/list/?region_name={REGION}&state=running", key, 200, instance),
        ("POST", f"/instance/{REGION}/{instance}/stop/", key, 204, ""),
        ("GET", f"/instance/{REGION}/{instance}/", key, 200, '"start_time":""'),
        ("PUT", f"/v1/{instance}/start", key, 200, MODIFIED),
        ("GET", "/ec2/start", key, 405, "This path takes OPTIONS, POST"),
        ("GET", "/nothing", key, 404, "NotFound"),
        ("PUT", f"/v1/{instance}/terminate", key, 200, MODIFIED),
    ]:
        status, _, body = send(url + path, method, headers, b"" if method in ("POST", "PUT") else None)
        wrong = None if status == expected and text in body.decode() else f"not {expected} with {text!r}"
        tally.note(f"{method} {path.replace(instance, '{id}') if instance else path}", wrong, (status, body))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--image", default="", help="image of the container; without: the one that SAM pulls")
    arguments.add_argument("--without-docker", action="store_true", help="use the emulator even where Docker is")
    arguments.add_argument("--architecture", default=ARCHITECTURE, help="of the built function (default: this machine's)")
    asked = arguments.parse_args()
    if not (BUILT / "bootstrap").exists():
        sys.exit("There is no built function: make build-local")
    untold = {path.stem for path in (ROOT / "events").glob("*.json")} ^ {step["event"] for step in STORY["steps"]}
    if untold:
        sys.exit(f"events/ and the story differ: {', '.join(sorted(untold))}")

    if asked.architecture != ARCHITECTURE:
        missing, way = f"{asked.architecture} under qemu-user", Emulator(qemu(asked.architecture))
    else:
        missing = "--without-docker was given" if asked.without_docker else Docker.missing(asked.image)
        way = Emulator() if missing else Docker(asked.image)
    banner = f"{way.name}" + (f" - NOT in a container: {missing}" if missing else "")
    print(f"=== end to end in {banner}", flush=True)
    tally, values = Tally(), {"image": IMAGE}
    with Programs() as programs:
        moto, values["group"], ec2, scheduler = start_moto(programs, way.moto_host())
        child, url, schedules = way.invokers(programs, variables(moto))
        after = {"schedules-enable": lambda: fire(tally, schedules, values, ec2, scheduler)}
        tell_story(tally, url, values, child, after)
        if not missing:
            child, url = way.sam(programs, "start-api", variables(moto))
            call_api(tally, url, values)
        if tally.failed:
            print(child.log.read_text()[-4000:])
    print(f"=== end to end in {banner}")
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
