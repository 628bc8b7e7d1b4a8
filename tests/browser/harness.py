"""Starts the function and moto as `make run` does, with two regions and a policy, and Chromium.

Shared by the tests of the pages and by screenshots.py.
"""

import contextlib
import json
import os
import shutil
import socket
import sys
import threading
import urllib.request
from pathlib import Path

import boto3
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import run_local  # noqa: E402

KEY = run_local.KEY
REGION, OTHER_REGION = "us-east-1", "eu-west-1"
OWN_ACCOUNT, SANDBOX = "123456789012", run_local.SANDBOX  # of the emulator
IMAGE = "ami-1e749f67"  # moto has it in every region

POLICY = "policies/examples/production.cedar"  # protects instances tagged env=production

# Tags are untrusted text.
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def free_ports(count):
    sockets = [socket.create_server((run_local.HOST, 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


# Chromium of the npm package @sparticuz/chromium, unpacked by tools/javascript/unpack-chromium.mjs.
CHROMIUM = ROOT / ".venv-node/chromium"


def chromium():
    """Returns the options that launch Chromium: the one of the npm package, else the system's."""
    # The sandbox does not work as root or in containers. Only this project's pages are opened.
    options = {"chromium_sandbox": False}
    if (CHROMIUM / "chromium").exists():
        libraries = [str(CHROMIUM / "al2023/lib"), os.environ.get("LD_LIBRARY_PATH")]
        environment = {
            "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
            "FONTCONFIG_FILE": str(CHROMIUM / "fonts.conf"),
        }
        return options | {"executable_path": CHROMIUM / "chromium", "env": os.environ | environment}
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return options | {"executable_path": path}
    raise SystemExit(
        "The tests of the pages need Chromium. `make .venv-node/ready` installs it on Linux on"
        " x86_64. Elsewhere, install Chromium or Google Chrome so that it is on PATH."
    )


class Local:
    """The running function and moto, with its instances."""

    def __init__(self, port, moto):
        self.url, self.moto = f"http://{run_local.HOST}:{port}", moto

    @staticmethod
    def ec2(region):
        return boto3.client("ec2", region)

    @staticmethod
    def sandbox_ec2(region):
        role = f"arn:aws:iam::{SANDBOX}:role/test"
        assumed = boto3.client("sts", region).assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return boto3.client(
            "ec2", region, aws_access_key_id=assumed["AccessKeyId"], aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
        )  # fmt: skip

    def launch_in_sandbox(self, region, name):
        """Launches an instance in the second account. Returns its ID."""
        specification = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
        launched = self.sandbox_ec2(region).run_instances(
            ImageId=IMAGE, MinCount=1, MaxCount=1, InstanceType="t3.micro", TagSpecifications=specification
        )
        return launched["Instances"][0]["InstanceId"]

    def launch(self, region, name, kind="t3.micro", **tags):
        """Launches an instance directly in moto. Returns its ID."""
        tags = [{"Key": key, "Value": value} for key, value in tags.items()]
        if name is not None:
            tags.append({"Key": "Name", "Value": name})
        specification = [{"ResourceType": "instance", "Tags": tags}] if tags else []
        launched = self.ec2(region).run_instances(
            ImageId=IMAGE, MinCount=1, MaxCount=1, InstanceType=kind, TagSpecifications=specification
        )
        return launched["Instances"][0]["InstanceId"]

    def put_schedule(self, name, **definition):
        headers = {"x-api-key": KEY, "content-type": "application/json"}
        body = json.dumps(definition).encode()
        request = urllib.request.Request(f"{self.url}/schedules/{name}", body, headers, method="PUT")
        urllib.request.urlopen(request).close()

    def state(self, region, instance):
        described = self.ec2(region).describe_instances(InstanceIds=[instance])
        return described["Reservations"][0]["Instances"][0]["State"]["Name"]

    def reset(self):
        """Removes all instances and schedules: a test sees only its own."""
        urllib.request.urlopen(f"{self.moto}/moto-api/reset", data=b"").close()
        boto3.client("scheduler", REGION).create_schedule_group(Name=run_local.SCHEDULE_GROUP)


def watch(processes):
    """Ends the run if a process ends by itself."""
    try:
        while True:
            processes.pause(0.2)
    except run_local.Stopped:
        pass
    except run_local.Failed as error:
        print(f"harness: {error}", file=sys.stderr, flush=True)
        os._exit(1)


@contextlib.contextmanager
def local():
    """Starts the function and moto, and stops them at the end."""
    processes = run_local.Processes()
    processes.stop_on_signals()
    port, moto_port = free_ports(2)
    watching = None
    try:
        moto, _ = run_local.start(processes, port, moto_port, POLICY_FILE=POLICY, ALLOWED_REGIONS=f"{REGION},{OTHER_REGION}")
        watching = threading.Thread(target=watch, args=[processes], daemon=True)
        watching.start()
        yield Local(port, moto)
    finally:
        processes.stop_asked.set()
        if watching:
            watching.join()
        processes.stop()


@contextlib.contextmanager
def browser():
    """Starts Chromium, and closes it at the end."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**chromium())
        try:
            yield launched
        finally:
            launched.close()
