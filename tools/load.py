#!/usr/bin/env python3
"""Load test: memory, descriptors and time of one function under many requests and long lists.

`make load` builds the function as deployed and starts this script, which emulates Lambda's Runtime
API and EC2 on loopback and measures the function alone. It fails if memory or descriptors leak, if
instances are lost, or if a response or the memory exceeds its limit. Times are reported, not
checked, since they depend on the machine.
"""

import argparse
import json
import os
import platform
import re
import statistics
import sys
from pathlib import Path

from loopback import Ec2, Function, event, instance_id

ROOT = Path(__file__).resolve().parent.parent
MEMORY = int(re.search(r"MemorySize:\n(?:.*\n)*?    Default: (\d+)", (ROOT / "template.yaml").read_text())[1])
MAX_RESPONSE_BYTES = 6 * 1024 * 1024  # Lambda's limit


def keep_busy(binary, count):
    """Sends requests of all kinds, and checks that memory and descriptors do not grow."""
    one = instance_id(0)
    kinds = [
        (200, event("GET", "/ec2/list", "region_name=us-east-1")),
        (200, event("POST", "/ec2/start", body=json.dumps({"region_name": "us-east-1", "instance_id": one}))),
        (200, event("POST", "/ec2/create", "region_name=us-east-1&image_id=ami-0123456789abcdef0&tag:a=b")),
        (200, event("GET", f"/v1/{one}/attributes")),
        (400, event("POST", "/ec2/start", "region_name=us-east-1&instance_id=i-web")),
        (401, event("GET", "/ec2/list", "region_name=us-east-1", key="wrong")),
        (404, event("GET", "/nothing/here")),
        (200, event("GET", "/health")),
    ]
    function = Function([binary], Ec2(1).url, MEMORY)
    times, memory, descriptors = [], [], []
    for n in range(count):
        status, request = kinds[n % len(kinds)]
        answer, took = function.invoke(request)
        if f'"statusCode":{status}'.encode() not in answer:
            sys.exit(f"request {n} was answered {answer[:300]}")
        if n % len(kinds) == 0:
            times.append(took)  # lists only
        if n % max(count // 100, 1) == 0:
            memory.append((n, function.memory("VmRSS")))
            descriptors.append(function.descriptors())
    tenth = len(times) // 10
    early = statistics.median(times[tenth : 2 * tenth])
    late = statistics.median(times[-tenth:])
    settled = memory[len(memory) // 10 :]
    slope = statistics.linear_regression(*zip(*settled, strict=True)).slope * 1e5
    print(f"{count} requests of {len(kinds)} kinds, half of them with a call of EC2")
    print(f"  memory       {settled[0][1]} KiB after a tenth, {settled[-1][1]} KiB at the end")
    print(f"               {slope:+.0f} KiB in 100,000 requests")
    print(f"  descriptors  {descriptors[len(descriptors) // 10]} after a tenth, {descriptors[-1]} at the end")
    print(
        f"  median list  {early * 1e3:.3f} ms in the second tenth, {late * 1e3:.3f} ms in the last ({late / early:.2f})"
    )
    function.stop()
    if descriptors[-1] > descriptors[len(descriptors) // 10]:
        sys.exit("descriptors leak")
    if slope > 1024:
        sys.exit("memory leaks")


def list_many(binary, count):
    """Lists all instances, page by page, and checks order, sizes and memory."""
    function = Function([binary], Ec2(count).url, MEMORY)
    seen, sizes, seconds, token = [], [], 0.0, ""
    while True:
        answer, took = function.invoke(event("GET", "/ec2/list", "region_name=us-east-1" + token))
        seconds += took
        sizes.append(len(answer))
        answer = json.loads(answer)
        if answer["statusCode"] != 200:
            sys.exit(f"{count} instances: {str(answer)[:300]}")
        seen += [row["id"] for row in json.loads(answer["body"])]
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        if "x-next-token" not in headers:
            break
        token = "&next_token=" + headers["x-next-token"]
    peak = function.memory("VmHWM") / 1024
    function.stop()
    print(f"  {count:6}  {len(sizes):7}  {max(sizes):9}  {seconds:7.3f}  {seconds / count * 1e6:12.1f}  {peak:7.1f}")
    if seen != [instance_id(n) for n in range(count)]:
        sys.exit("instances are missing, duplicated or out of order")
    if max(sizes) > MAX_RESPONSE_BYTES:
        sys.exit("a response exceeds Lambda's limit")
    if peak > MEMORY:
        sys.exit(f"more memory than the template gives ({MEMORY} MB)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=ROOT / ".aws-sam/local/Ec2ControlApi/bootstrap")
    parser.add_argument("--requests", type=int, default=100_000)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    keep_busy(options.binary, options.requests)
    print("/ec2/list:\n   count  answers  largest/B  total/s  per one/us  peak/MiB")
    for count in (1, 1000, 10_000, 50_000):
        list_many(options.binary, count)


if __name__ == "__main__":
    main()
