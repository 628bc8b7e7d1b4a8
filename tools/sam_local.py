#!/usr/bin/env python3
"""`make invoke` and `make serve-sam`: the built function in a Lambda container (SAM, Docker) against a moto of its own."""

import argparse
import json
import signal
import subprocess
import sys
import tempfile

import boto3
from e2e import BUILT, IMAGE, KEY, REGION, Docker, Programs, filled, start_moto, variables


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("what", choices=["invoke", "serve"])
    arguments.add_argument("--event", help="a file of events/")
    arguments.add_argument("--image", default="", help="image of the container; without: the one that SAM pulls")
    arguments.add_argument("--port", type=int, default=3000)
    asked = arguments.parse_args()
    if problem := Docker.missing(asked.image):
        sys.exit(f"This needs Docker: {problem}")
    if not (BUILT / "bootstrap").exists():
        sys.exit("There is no built function: make build-local")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Programs() as programs:
        docker = Docker(asked.image)
        moto, group = start_moto(programs, docker.moto_host())
        if asked.what == "invoke":
            if not asked.event:
                sys.exit("Which event? make invoke EVENT=events/ec2-list.json")
            invoke(programs, docker, moto, group, asked.event)
        else:
            child, url = docker.sam(programs, "start-api", variables(moto), asked.port)
            print(f"The function answers at {url}; API key {KEY}, key pair demo, security group {group}. Ctrl-C stops it.")
            child.wait()
            sys.exit(f"sam local start-api has ended:\n{child.log.read_text()[-2000:]}")


def invoke(programs, docker, moto, group, path):
    """The event may name an instance, so there is one."""
    ec2 = boto3.client("ec2", REGION, endpoint_url=moto, aws_access_key_id="testing", aws_secret_access_key="testing")
    launched = ec2.run_instances(ImageId=IMAGE, InstanceType="t3.micro", KeyName="demo", MinCount=1, MaxCount=1)
    event = filled(path, {"instance": launched["Instances"][0]["InstanceId"], "group": group})
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(event, file)
        file.flush()
        command, environment = docker.command(programs, "invoke", variables(moto))
        sys.exit(subprocess.run([*command, "Ec2ControlApi", "-e", file.name], env=environment).returncode)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
