#!/usr/bin/env python3
"""Emulates EC2, S3, STS and Scheduler in memory, for `make run`: moto, with the resources that
events/ names.

Listens on loopback. Containers on Linux cannot reach that: with --bridge, a second listener on
Docker's bridge accepts connections from the containers of the bridge, and no others.
"""

import argparse
import errno
import ipaddress
import os
import sys
import threading
from unittest.mock import patch

# moto reads these when it is imported. It validates launches only if asked to, and would take
# `host.docker.internal` for a bucket called `host`.
os.environ.update(
    MOTO_ENABLE_KEYPAIR_VALIDATION="true",
    MOTO_ENABLE_AMI_VALIDATION="true",
    MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION="true",
    S3_IGNORE_SUBDOMAIN_BUCKETNAME="true",
)

from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.base_backend import BackendDict
from moto.ec2.models import amis, ec2_backends, instances, security_groups
from moto.ec2.utils import filter_dict_attribute_mapping
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.scheduler.models import scheduler_backends
from run_local import GROUP, HOST, IMAGE, INSTANCE, REGION, SANDBOX, SCHEDULE_GROUP
from werkzeug.exceptions import NotFound
from werkzeug.serving import make_server

# No others: moto's Lambda would run code. `moto_api` resets the data between tests of the console.
SERVICES = ("ec2", "s3", "sts", "scheduler", "moto_api")
# `demo` is in the sample events, the others are defaults of /v1/launch.
KEY_PAIRS = ("demo", "scalacity_dev1")
GROUPS = {"demo": GROUP, "SSH": "sg-0123456789abcdef1"}


def add_image():
    """Gives every region an image with the ID of the sample events."""
    ubuntu = next(image for image in amis.AMIS if "ubuntu" in image["name"] and image["architecture"] == "x86_64")
    amis.AMIS.append({**ubuntu, "ami_id": IMAGE})


def add_launch_resources():
    """Creates the key pairs and security groups that launches name."""
    backend = ec2_backends[DEFAULT_ACCOUNT_ID][REGION]
    for name in KEY_PAIRS:
        backend.create_key_pair(name, "rsa", tags={})
    for name, identifier in GROUPS.items():
        with patch.object(security_groups, "random_security_group_id", return_value=identifier):
            backend.create_security_group(name, "for local use")


def add_instance_of_other_account():
    """Gives the second account a running instance."""
    backend = ec2_backends[SANDBOX][REGION]
    backend.create_key_pair("demo", "rsa", tags={})
    group = backend.create_security_group("demo", "for local use")
    backend.run_instances(
        IMAGE, 1, None, security_group_names=[], security_group_ids=[group.id], instance_type="t3.micro",
        key_name="demo", tags={"instance": {"Name": "sandbox-web"}}, region_name=REGION, is_instance_type_default=False,
    )  # fmt: skip


def keep_sessions():
    """Lets sessions in other accounts outlive a reset: the function uses them for an hour."""
    reset = BackendDict.reset

    def reset_all_but_keys():
        kept = [
            (account, partition, backend.access_keys)
            for account, backends in list(iam_backends.items())
            for partition, backend in list(backends.items())
        ]
        reset()
        for account, partition, keys in kept:
            iam_backends[account][partition].access_keys.update(keys)

    BackendDict.reset = reset_all_but_keys


def filter_by_client_token():
    """Lets ends find what they end: moto keeps client tokens, but has no filter by them."""
    filter_dict_attribute_mapping["client-token"] = "client_token"


def name_first_instance():
    """Gives the first launched instance the ID of the sample events, and all others random IDs."""
    random_id, pending = instances.random_instance_id, [INSTANCE]
    instances.random_instance_id = lambda: pending.pop() if pending else random_id()


def application(service):
    return create_backend_app(service) if service in SERVICES else NotFound()


def serve(host, port, clients="0.0.0.0/0"):
    """Starts a listener that accepts connections from a network."""
    server = make_server(host, port, DISPATCHER, threaded=True, request_handler=MotoRequestHandler)
    network = ipaddress.ip_network(clients)
    server.verify_request = lambda _, address: ipaddress.ip_address(address[0]) in network
    threading.Thread(target=server.serve_forever, daemon=True).start()


DISPATCHER = DomainDispatcherApplication(application)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=5555, help="default: %(default)s")
    parser.add_argument("--bridge", help="address of Docker's bridge and its prefix: 172.17.0.1/16")
    options = parser.parse_args()
    add_image()
    add_launch_resources()
    add_instance_of_other_account()
    scheduler_backends[DEFAULT_ACCOUNT_ID][REGION].create_schedule_group(SCHEDULE_GROUP, [])
    name_first_instance()
    filter_by_client_token()
    keep_sessions()
    serve(HOST, options.port)
    if options.bridge:
        bridge = ipaddress.ip_interface(options.bridge)
        try:
            serve(str(bridge.ip), options.port, bridge.network)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:  # the bridge is inside Docker Desktop's VM
                sys.exit(f"{bridge.ip}:{options.port}: {error.strerror}")
    threading.Event().wait()


if __name__ == "__main__":
    main()
