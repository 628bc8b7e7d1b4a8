#!/usr/bin/env python3
"""Benchmark of the function, compared with a floor (the same crates, no more) and Flask with boto3.

`make bench` builds all three and starts this script. It emulates Lambda's Runtime API and EC2 on
loopback, runs fresh processes of each contender in turn, and prints tables and the goals. It fails
only if it cannot measure.

The emulators (tools/loopback.py, shared with `make load`) add the same hundredths of a millisecond
to each contender; they are measured and reported. CPU and memory are those of the contender's
process alone, counted by the kernel.
"""

import argparse
import atexit
import contextlib
import datetime
import gc
import json
import os
import platform
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import certifi
import trustme
from chart import chart

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from loopback import Ec2Process, Function, event, instance_id  # noqa: E402

LIST = (ROOT / "events/ec2-list.json").read_bytes()
OURS, FLOOR, PYTHON = "ours", "floor", "python"
# Share of a core by memory size: 1,769 MB have one core
# (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
CAPS = {None: None, 512: 0.29, 128: 0.07}
STARTS = 9  # of each contender in a run: single starts vary by half
DELAY = 0.05
REGIONS = (
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)


# --------------------------------------------------------------------------------------- contenders


@dataclass
class Contender:
    command: list
    package: int  # bytes, zipped
    environment: dict = field(default_factory=dict)


def contenders(options, authority):
    """Returns all contenders. Each reads its usual trust store, with this authority added."""
    python = ROOT / ".venv-bench"
    packages = next(python.glob("lib/python3*/site-packages"))
    # Files of Lambda's image, and of tools: not part of a package.
    not_packaged = re.compile(
        r"(awslambdaric|snapshot_restore_py|simplejson|runtime_client|_virtualenv)\b|.*__pycache__"
    )
    files = [(file, file.relative_to(packages)) for file in sorted(packages.rglob("*")) if file.is_file()]
    files = [(file, name) for file, name in files if not not_packaged.match(str(name))]
    files.append((ROOT / "benches/python/app.py", "app.py"))
    # The function's trust store is Amazon's roots, in its package; the others' is the system's.
    stores = (ROOT / "src/aws/amazon-roots.pem", Path(certifi.where()))
    amazon, system = (trust(store.read_bytes() + authority) for store in stores)
    return {
        OURS: Contender([options.function], zipped([(options.function, "bootstrap")]), amazon),
        FLOOR: Contender([options.floor], zipped([(options.floor, "bootstrap")]), system),
        PYTHON: Contender(
            [python / "bin/python", "-m", "awslambdaric", "app.handler"],
            zipped(files),
            {"PYTHONPATH": str(ROOT / "benches/python"), "PYTHONDONTWRITEBYTECODE": "1", **system},
        ),
    }


def trust(certificates):
    """Writes a trust store, and returns the variables that name it."""
    bundle = tempfile.NamedTemporaryFile(suffix=".pem")
    atexit.register(bundle.close)
    bundle.write(certificates)
    bundle.flush()
    return {"SSL_CERT_FILE": bundle.name, "AWS_CA_BUNDLE": bundle.name}


def zipped(files):
    """Returns the size of a package of these files, zipped as by the SAM CLI."""
    with tempfile.TemporaryFile() as target:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
            for file, name in files:
                package.write(file, name)
        return target.tell()


def check_versions():
    """Checks that the floor has the function's crates and release profile."""

    def crates(lock):
        package = r'name = "((?:aws|lambda|hyper|tokio|rustls|serde)[^"]*)"\nversion = "([^"]+)"'
        return set(re.findall(package, lock.read_text()))

    def profile(manifest):
        """Returns the settings, without those of single packages that the floor does not have."""
        # To the end of the file: the settings of packages follow, such as `sha2.opt-level = 3`.
        lines = manifest.read_text().partition("[profile.release]\n")[2].splitlines()
        lines = [line for line in (line.partition("#")[0].strip() for line in lines) if line]
        return [
            line for line in lines if line[0] == "[" or "." not in line or named(line.partition(".")[0]) in packages
        ]

    def named(package):
        return f'name = "{package}"\n'

    packages = (ROOT / "benches/floor/Cargo.lock").read_text()
    ours, floor = crates(ROOT / "Cargo.lock"), crates(ROOT / "benches/floor/Cargo.lock")
    # The floor may have additional crates, even a second version of one.
    other = sorted(name for name, version in ours if name in dict(floor) and (name, version) not in floor)
    if other:
        sys.exit(f"benches/floor/Cargo.lock has other versions than Cargo.lock of {', '.join(other)}")
    if profile(ROOT / "Cargo.toml") != profile(ROOT / "benches/floor/Cargo.toml"):
        sys.exit("benches/floor/Cargo.toml has another release profile than Cargo.toml")


# ------------------------------------------------------------------------------------ CPU as capped


class NoCaps(Exception):
    """The reason why CPU cannot be capped on this machine."""


class Cap:
    """A control group that limits its processes to a share of a core, in short periods."""

    PERIOD = 0.02

    def __init__(self, share):
        quota, period = round(share * self.PERIOD * 1e6), round(self.PERIOD * 1e6)
        name = f"ec2-control-api-bench-{os.getpid()}"
        v2, v1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/cpu")
        try:
            if (v2 / "cgroup.controllers").exists():
                if "cpu" not in (v2 / "cgroup.subtree_control").read_text().split():
                    (v2 / "cgroup.subtree_control").write_text("+cpu")
                limits = {"cpu.max": f"{quota} {period}"}
                self.group = v2 / name
            else:
                limits = {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": quota}
                self.group = v1 / name
            self.group.mkdir()
            for file, value in limits.items():
                (self.group / file).write_text(str(value))
        except OSError as error:
            raise NoCaps(f"control groups can't be written here ({error})") from error

    def put(self, pid):
        (self.group / "cgroup.procs").write_text(str(pid))

    def close(self):
        for _ in range(100):  # until the killed process has left the group
            try:
                self.group.rmdir()
                return
            except OSError:
                time.sleep(0.01)

    @classmethod
    def check(cls):
        """Checks a cap with a busy process."""
        cap = cls(CAPS[128])
        process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            cap.put(process.pid)
            clock = ~process.pid << 3 | 2
            before = time.clock_gettime(clock)
            time.sleep(1)
            used = time.clock_gettime(clock) - before
        finally:
            process.kill()
            process.wait()
            cap.close()
        if used > 2 * CAPS[128]:
            raise NoCaps(f"a process that may have {CAPS[128]} of a core had {used:.2f}")


# ---------------------------------------------------------------------------------------- measuring


@contextlib.contextmanager
def started(contender, url):
    function = Function(contender.command, url, 128, contender.environment)
    try:
        yield function
    finally:
        function.stop()


def invoke(function, asked):
    """Returns the response's body and its time in seconds."""
    answer, took = function.invoke(asked)
    answer = json.loads(answer)
    if answer.get("statusCode") not in (200, 204):
        sys.exit(f"{function.process.args[0]} answers {str(answer)[:500]}")
    return answer.get("body"), took


def percentile(times, part):
    return sorted(times)[min(int(len(times) * part), len(times) - 1)]


@contextlib.contextmanager
def capped(contender, url, share):
    """Starts a process. Once it asks for its first request, limits it to a share of a core."""
    with started(contender, url) as function:
        init = function.wait_ready()
        cap = share and Cap(share)
        try:
            if cap:
                cap.put(function.process.pid)
            yield function, init
        finally:
            function.process.kill()
            if cap:
                cap.close()


def starts(who, url, share, run):
    """Measures cold starts: fresh processes in turn, with one request each."""
    found = {name: [] for name in who}
    for n in range(STARTS):
        for name, it in in_turn(who, run + n):
            if n == 0 or name != PYTHON:  # slow, with little variance
                with capped(it, url, share) as (function, init):
                    first = invoke(function, LIST)[1]
                found[name].append({"init": init, "first": first, "cold": init + first})
    return {
        name: {figure: statistics.median(start[figure] for start in all_starts) for figure in all_starts[0]}
        for name, all_starts in found.items()
    }


def one_list(contender, url, share, count):
    """Lists one instance repeatedly, in a fresh process."""
    with capped(contender, url, share) as (function, _):
        body, _ = invoke(function, LIST)
        times, before = [], None
        settling = count // 10
        for n in range(count + settling):
            if n == settling:
                before, times = function.cpu(), []
            if share:
                # Waits until the share is available again, as with rare requests.
                used = function.cpu()
                times.append(function.invoke(LIST)[1])
                time.sleep(max(Cap.PERIOD, (function.cpu() - used) / share))
            else:
                times.append(function.invoke(LIST)[1])
        cpu = (function.cpu() - before) / count
        if invoke(function, LIST)[0] != body:
            sys.exit("the last answer differs from the first")
        peak = function.memory("VmHWM") * 1024
    return body, {"cpu": cpu, "peak": peak, "p50": statistics.median(times), "p99": percentile(times, 0.99)}


def long_list(contender, url, count):
    """Lists many instances a few times, in a fresh process."""
    with started(contender, url) as function:
        body, _ = invoke(function, LIST)
        before = function.cpu()
        times = [invoke(function, LIST)[1] for _ in range(count)]
        cpu = (function.cpu() - before) / count
        peak, answer = function.memory("VmHWM") * 1024, len(function.answer)
        figures = {"time": statistics.median(times), "cpu": cpu, "peak": peak, "answer": answer}
        return body, {**figures, "above": peak - answer}


def repeated(contender, url, asked, count):
    """Sends the same request repeatedly, to a fresh process."""
    with started(contender, url) as function:
        first = invoke(function, asked)[1]
        return {"first": first, "p50": statistics.median(invoke(function, asked)[1] for _ in range(count))}


def round_trip(url, count):
    """Returns the time of a round trip to the endpoint itself."""
    body = b"Action=DescribeInstances&Version=2016-11-15"
    request = b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    host, port = url.removeprefix("http://").split(":")
    times = []
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            sent = time.perf_counter()
            connection.sendall(request)
            while not connection.recv(1 << 16).endswith(b"Response>"):
                pass
            times.append(time.perf_counter() - sent)
    return statistics.median(times)


def measure(options, authority, tls):
    # Before any thread is started.
    plain, secure = Ec2Process(1).url, Ec2Process(1, tls=tls).url
    many = {count: Ec2Process(count).url for count in (1000, 10_000)}
    slow = Ec2Process(1, regions=REGIONS, delay=DELAY).url
    who = contenders(options, authority)
    caps = dict(CAPS)
    missing = []
    try:
        Cap.check()
    except NoCaps as problem:
        missing.append(f"Without caps on CPU: {problem}")
        print(missing[-1], flush=True)
        caps = {None: None}

    packages = {name: contender.package for name, contender in who.items()}
    raw = {"one": [], "many": [], "slow": [], "packages": packages, "missing": missing}
    raw["round_trip"] = {"plain": round_trip(plain, 1000), "slow": round_trip(slow, 10)}
    for run in range(options.runs + 1):
        print(f"run {run} of {options.runs}" if run else "one run to warm the caches", file=sys.stderr, flush=True)
        for memory, share in caps.items():
            if memory and run > (options.runs + 1) // 2:
                continue  # slow, with little variance
            for transport, url in (("plain", plain), ("tls", secure)):
                bodies, cold = {}, starts(who, url, share, run)
                for name, it in in_turn(who, run):
                    count = 25 if memory else 300 if name == PYTHON else 2000
                    bodies[name], figures = one_list(it, url, share, count)
                    if run:  # run 0 warms the kernel's caches
                        where = {"who": name, "memory": memory, "transport": transport}
                        raw["one"].append({**where, **cold[name], **figures})
                if bodies[OURS] != bodies[FLOOR] or json.loads(bodies[OURS]) != json.loads(bodies[PYTHON]):
                    sys.exit(f"the contenders answer differently: {bodies}")
        for instances, url in many.items():
            bodies = {}
            for name, it in in_turn(who, run):
                if name == PYTHON:
                    continue
                bodies[name], figures = long_list(it, url, 3)
                if run:
                    raw["many"].append({"who": name, "instances": instances, **figures})
            if bodies[OURS] != bodies[FLOOR]:
                sys.exit(f"the lists of {instances} differ")
        start = event("POST", f"/instance/us-east-1/{instance_id(0)}/start")
        for what, asked in (("one region", LIST), ("all regions", everywhere()), ("start", start)):
            if run:
                raw["slow"].append({"what": what, **repeated(who[OURS], slow, asked, 10)})
    return raw


def in_turn(who, run):
    """Rotates the contenders, since the order has an effect."""
    names = list(who.items())
    return names[run % len(names) :] + names[: run % len(names)]


def everywhere():
    query = {"rawQueryString": "region_name=all", "queryStringParameters": {"region_name": "all"}}
    return json.dumps({**json.loads(LIST), **query}).encode()


# ---------------------------------------------------------------------------------------- reporting


class Figures:
    """Medians of the runs."""

    def __init__(self, raw):
        self.raw = raw

    def runs(self, kind, figure, where):
        return [row[figure] for row in self.raw[kind] if all(row[name] == value for name, value in where.items())]

    def __call__(self, kind, figure, **where):
        found = self.runs(kind, figure, where)
        return statistics.median(found) if found else None

    def ratio(self, kind, figure, other, **where):
        """Returns the median ratio of this function's figure to another's in the same run."""
        ours, others = (self.runs(kind, figure, {**where, "who": who}) for who in (OURS, other))
        pairs = zip(ours, others, strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)


def table(header, rows):
    rows = [header, *rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(header))]
    print()
    for row in rows:
        first, *others = zip(row, widths, strict=True)
        print("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]))


def ms(seconds):
    return f"{seconds * 1e3:.2f}" if seconds < 0.1 else f"{seconds * 1e3:.0f}"


def mib(size):
    return f"{size / 2**20:.1f}"


def goals(of, packages, round_trips, capped):
    """Returns the goals: name, figure, bound, and whether it is met."""
    found = []

    def goal(what, figure, bound, unit="x"):
        found.append({"goal": what, "figure": figure, "bound": bound, "unit": unit, "met": figure <= bound})

    for transport in ("plain", "tls"):
        here = {"memory": None, "transport": transport}
        name = {"plain": "plain", "tls": "TLS"}[transport]
        # By HTTPS, the floor reads the system's root certificates at its first request.
        cold = {"plain": 0.88, "tls": 0.2}[transport]
        goal(f"cold start, {name}, against the floor", of.ratio("one", "cold", FLOOR, **here), cold)
        goal(f"cold start, {name}, against Python", of.ratio("one", "cold", PYTHON, **here), 1 / 60)
        goal(f"warm p50, {name}, against the floor", of.ratio("one", "p50", FLOOR, **here), 1.03)
        goal(f"CPU per request, {name}, against the floor", of.ratio("one", "cpu", FLOOR, **here), 1.03)
        goal(f"peak memory, {name}, against the floor", of.ratio("one", "peak", FLOOR, **here), 1.2)
    goal("package, zipped", packages[OURS] / 1e6, 6, "MB")
    if capped:
        here = {"who": OURS, "memory": 128, "transport": "tls"}
        first = of("one", "first", **here) / of("one", "p50", **here)
        goal("128 MB, TLS: first request against a warm one", first, 1.5)
    for instances in (1000, 10_000):
        name = f"list of {instances:,}"
        goal(f"{name}: time against the floor", of.ratio("many", "time", FLOOR, instances=instances), 0.35)
        goal(f"{name}: CPU against the floor", of.ratio("many", "cpu", FLOOR, instances=instances), 0.35)
        above = of.ratio("many", "above", FLOOR, instances=instances)
        goal(f"{name}: peak memory beyond the response, against the floor", above, 0.6)
    two = 2 * round_trips["slow"]
    goal("workwork's start (two calls of 50 ms) against two round trips", of("slow", "p50", what="start") / two, 1.1)
    goal("ten regions of 50 ms against naming them and the slowest", of("slow", "p50", what="all regions") / two, 1.1)
    return found


def report(raw):
    of = Figures(raw)
    names = {OURS: "this function", FLOOR: "floor", PYTHON: "Flask, boto3"}
    transports = {"plain": "HTTP", "tls": "HTTPS"}
    rows = []
    for transport in transports:
        for memory in CAPS:
            for who in names:
                here = {"who": who, "memory": memory, "transport": transport}
                if of("one", "init", **here) is None:
                    continue
                times = [ms(of("one", figure, **here)) for figure in ("init", "first", "cold", "p50", "p99", "cpu")]
                where = f"{transports[transport]}, {f'as at {memory} MB' if memory else 'no cap'}"
                rows.append([names[who], where, *times, mib(of("one", "peak", **here))])
    endpoint = raw["round_trip"]["plain"] * 1e3
    print(f"\n/ec2/list with one instance: medians of the runs, in ms. The endpoint itself answers in {endpoint:.3f}")
    table(["", "EC2, CPU", "init", "first", "cold", "warm p50", "p99", "CPU", "peak/MiB"], rows)
    table(["package", "zipped/MB"], [[names[who], f"{size / 1e6:.2f}"] for who, size in raw["packages"].items()])
    rows = []
    for instances in (1000, 10_000):
        for who in (OURS, FLOOR):
            here = {"who": who, "instances": instances}
            time, cpu, peak, answer = (of("many", figure, **here) for figure in ("time", "cpu", "peak", "answer"))
            rows.append([f"{names[who]}, {instances} instances", ms(time), ms(cpu), mib(peak), mib(answer)])
    table(["long lists", "time/ms", "CPU/ms", "peak/MiB", "answer/MiB"], rows)
    what = {"one region": "list, one region", "all regions": "list, all of ten regions", "start": "workwork's start"}
    rows = [[text, *(ms(of("slow", figure, what=name)) for figure in ("first", "p50"))] for name, text in what.items()]
    rows.append(["(one round trip)", "", ms(raw["round_trip"]["slow"])])
    table(["EC2 takes 50 ms", "first/ms", "warm/ms"], rows)
    found = goals(of, raw["packages"], raw["round_trip"], not raw["missing"])
    rows = []
    for goal in found:
        bound = f"<= {goal['bound']:.3f} {goal['unit']}"
        rows.append([goal["goal"], f"{goal['figure']:.3f}", bound, "met" if goal["met"] else "MISSED"])
    table(["goal", "is", "wanted", ""], rows)
    return found, panels(of, raw, names)


def panels(of, raw, names):
    """Returns the panels of the picture: title, unit, and a bar for each contender."""
    here = {"memory": None, "transport": "tls"}
    capped = {**here, "memory": 128}

    def bars(figure, factor, where=here):
        return [(name, of("one", figure, who=who, **where) * factor) for who, name in names.items()]

    found = [("Cold start", "ms", bars("cold", 1e3))]
    if not raw["missing"]:
        found.append(("Cold start, CPU as at 128 MB", "ms", bars("cold", 1e3, capped)))
    found += [
        ("Warm request, median", "ms", bars("p50", 1e3)),
        ("CPU per request", "ms", bars("cpu", 1e3)),
        ("Peak memory", "MiB", bars("peak", 2**-20)),
        ("Package, zipped", "MB", [(name, raw["packages"][who] / 1e6) for who, name in names.items()]),
    ]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--function", type=Path, default=ROOT / ".aws-sam/local/Ec2ControlApi/bootstrap")
    parser.add_argument("--floor", type=Path, default=ROOT / ".aws-sam/floor/bootstrap/bootstrap")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--figures", type=Path, default=ROOT / "target/bench/figures.json")
    parser.add_argument("--picture", type=Path, default=ROOT / "target/bench/figures.svg")
    options = parser.parse_args()
    check_versions()
    gc.disable()

    load = os.getloadavg()[0]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(machine, flush=True)
    if load > 0.3:
        print(f"This machine is not idle (load {load:.1f}): ratios may be valid, times are not", flush=True)
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA).configure_cert(tls)
    raw = measure(options, authority.cert_pem.bytes(), tls)
    found, picture = report(raw)
    for text in raw["missing"]:
        print(f"\n{text}")

    for file in (options.figures, options.picture):
        file.parent.mkdir(parents=True, exist_ok=True)
    when = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes")
    load = {"before": load, "after": os.getloadavg()[0]}  # the benchmark itself adds about 1
    figures = {"machine": machine, "when": when, "load": load, "goals": found, **raw}
    options.figures.write_text(json.dumps(figures, indent=1) + "\n")
    options.picture.write_text(chart(picture))
    print(f"\n{options.figures}\n{options.picture}")


if __name__ == "__main__":
    main()
