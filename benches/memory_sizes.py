#!/usr/bin/env python3
"""Measures what a caller waits for, and what a million calls cost, by the function's memory size;
what policies add to a list of 1,000 instances; and what another account adds to a first request.

`make bench-memory` builds the function and starts this. CPU is capped by a control group as Lambda
caps it, and EC2 takes 50 ms for a response. It needs a Linux where control groups can be written.
"""

import argparse
import gc
import json
import ssl
import statistics
import sys
from dataclasses import replace
from pathlib import Path

import trustme
from bench import LIST, ROOT, Cap, Contender, NoCaps, capped, invoke, started, table, trust
from loopback import Ec2Process

SIZES = (128, 256, 512, 1024, 1769)  # 1,769 MB have one core
DELAY = 0.05
# Of arm64 in us-east-1, per GB and second, and per million requests
# (https://aws.amazon.com/lambda/pricing/).
GB_SECOND, MILLION_REQUESTS = 0.0000133334, 0.20
POLICIES = (
    "policies/examples/production.cedar",
    "policies/examples/small-launches.cedar",
    "policies/examples/teams.cedar",
    "benches/names.cedar",
)


def cost(seconds, size):
    """Returns the price of a million calls in dollars. A call is billed by the millisecond."""
    billed = -(-seconds * 1000 // 1) / 1000
    return billed * size / 1024 * GB_SECOND * 1e6 + MILLION_REQUESTS


def cold(contender, url, share, runs):
    """Returns the median time of a first request, without and with the start before it."""
    found = []
    for _ in range(runs):
        with capped(contender, url, share) as (function, init):
            found.append((invoke(function, LIST)[1], init))
    first = statistics.median(first for first, _ in found)
    return first, statistics.median(first + init for first, init in found)


def warm(contender, url, share, count):
    """Returns the median time of a list, in one process, after a first one."""
    with capped(contender, url, share) as (function, _):
        invoke(function, LIST)
        return statistics.median(invoke(function, LIST)[1] for _ in range(count))


def memory_sizes(function, urls, runs):
    rows = []
    for size in SIZES:
        share = min(1, size / SIZES[-1])
        first, with_start = cold(function, urls[1], share, runs)
        times = {count: warm(function, url, share, 20 if count == 1 else 5) for count, url in urls.items()}
        cells = [f"{first * 1e3:.0f}", f"{with_start * 1e3:.0f}"]
        for took in times.values():
            cells += [f"{took * 1e3:.0f}", f"{cost(took, size):.2f}"]
        rows.append([f"{size} MB", *cells])
        print(rows[-1], file=sys.stderr, flush=True)
    header = ["", "first/ms", "with start/ms"]
    for what in ("one", "1,000", "10,000"):
        header += [f"{what}/ms", "$/million"]
    table(header, rows)


def policies(function, url, runs):
    """Compares lists of 1,000 with and without policies, side by side."""
    files = {Path(path).stem: ROOT / path for path in POLICIES}
    who = {"none": function}
    who.update((name, replace(function, environment={"POLICY_FILE": str(file)})) for name, file in files.items())
    used = {name: [] for name in who}
    for _ in range(runs):
        for name, contender in who.items():
            with started(contender, url) as process:
                invoke(process, LIST)
                before = process.cpu()
                for _ in range(5):
                    invoke(process, LIST)
                used[name].append((process.cpu() - before) / 5)
    least = {name: min(times) * 1e3 for name, times in used.items()}
    added = [[name, f"{time:.1f}", f"{time - least['none']:.1f}"] for name, time in least.items()]
    table(["list of 1,000, policies", "CPU/ms", "added/ms"], added)


def in_account(asked):
    """Returns the same request for another account."""
    query = {"rawQueryString": "region_name=us-east-1&account=blue"}
    return json.dumps({**json.loads(asked), **query, "queryStringParameters": None}).encode()


def accounts(function, url, runs):
    """Compares first and second requests over TLS at 128 MB, in the own account and in another."""
    variables = {"ACCOUNTS": "blue=arn:aws:iam::111122223333:role/x", **function.environment}
    function = replace(function, environment=variables)
    rows = []
    for name, asked in (("own account", LIST), ("another account", in_account(LIST))):
        found = []
        for _ in range(runs):
            with capped(function, url, SIZES[0] / SIZES[-1]) as (process, _):
                found.append([invoke(process, asked)[1] for _ in range(2)])
        rows.append([name, *(f"{statistics.median(times) * 1e3:.0f}" for times in zip(*found, strict=True))])
    table(["HTTPS, 128 MB", "first/ms", "second/ms"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--function", type=Path, default=ROOT / ".aws-sam/local/Ec2ControlApi/bootstrap")
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    gc.disable()
    function = Contender([options.function], 0)
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA).configure_cert(tls)
    amazon = (ROOT / "src/aws/amazon-roots.pem").read_bytes()
    trusting = replace(function, environment=trust(amazon + authority.cert_pem.bytes()))
    # Before any thread is started.
    secure = Ec2Process(1, delay=DELAY, tls=tls).url
    at_once, late = Ec2Process(1000).url, {count: Ec2Process(count, delay=DELAY).url for count in (1, 1000, 10_000)}
    policies(function, at_once, options.runs)
    try:
        Cap.check()
    except NoCaps as problem:
        sys.exit(f"Without caps on CPU: {problem}")
    accounts(trusting, secure, options.runs)
    memory_sizes(function, late, options.runs)


if __name__ == "__main__":
    main()
