"""The function and moto as `make run` starts them, with instances in two regions and a policy, and Chromium to look at the pages.

Shared by the tests of the pages and by what makes their pictures.
"""

import contextlib
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
HERE, THERE = "us-east-1", "eu-west-1"
IMAGE = "ami-1e749f67"  # one that moto knows in every region

POLICY = "policies/examples/production.cedar"  # nobody terminates what has the tag env=production

# A tag may be anything that its writer can type.
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def free_ports(count):
    sockets = [socket.create_server((run_local.HOST, 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in sockets]
    for it in sockets:
        it.close()
    return ports


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise SystemExit("There is no Chromium: `make chromium` installs it, or says how.")


class Local:
    """What runs, and the instances in it."""

    def __init__(self, port, moto):
        self.url, self.moto = f"http://{run_local.HOST}:{port}", moto

    @staticmethod
    def ec2(region):
        return boto3.client("ec2", region)

    def launch(self, region, name, kind="t3.micro", **tags):
        """Launches an instance, past the function. Its ID."""
        tags = [{"Key": key, "Value": value} for key, value in tags.items()]
        if name is not None:
            tags.append({"Key": "Name", "Value": name})
        specification = [{"ResourceType": "instance", "Tags": tags}] if tags else []
        launched = self.ec2(region).run_instances(
            ImageId=IMAGE, MinCount=1, MaxCount=1, InstanceType=kind, TagSpecifications=specification
        )
        return launched["Instances"][0]["InstanceId"]

    def state(self, region, instance):
        described = self.ec2(region).describe_instances(InstanceIds=[instance])
        return described["Reservations"][0]["Instances"][0]["State"]["Name"]

    def reset(self):
        """No instances: a test finds only its own."""
        urllib.request.urlopen(f"{self.moto}/moto-api/reset", data=b"").close()


def watch(processes):
    """What `make run` does while it runs."""
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
    """Everything started; stopped at the end."""
    processes = run_local.Processes()
    processes.stop_on_signals()
    port, moto_port = free_ports(2)
    watching = None
    try:
        moto, _ = run_local.start(processes, port, moto_port, POLICY_FILE=POLICY, ALLOWED_REGIONS=f"{HERE},{THERE}")
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
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work as root.
        it = playwright.chromium.launch(executable_path=chromium(), chromium_sandbox=os.geteuid() != 0)
        try:
            yield it
        finally:
            it.close()
