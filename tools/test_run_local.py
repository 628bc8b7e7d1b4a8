#!/usr/bin/env python3
"""Smoke test of `make run`: starts it on other ports and does what a user does.

Needs bash, curl and ps.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

from local_clock import due_time

SCRIPT = Path(__file__).resolve().with_name("run_local.py")
READY = "Ctrl-C stops everything"

# Settings of a user's shell. Each of them would break the run if it took effect.
AWS_SETTINGS = {
    "AWS_PROFILE": "nobody",
    "AWS_SESSION_TOKEN": "expired",
    "AWS_CA_BUNDLE": "/nonexistent",
    "AWS_ENDPOINT_URL_EC2": "http://127.0.0.1:9",
    "AWS_CONFIG_FILE": "/nonexistent",
    "API_KEYS": "nonsense",
    # A proxy for all traffic.
    "http_proxy": "http://127.0.0.1:9",
    "no_proxy": "",
    "NO_PROXY": "",
}


class Local:
    """One run of the script. Leaving it kills processes that a failed test left."""

    def __enter__(self):
        self.ports = free_ports(2)
        self.process = run_local(*self.ports)
        self.output = ""
        self.family = {}
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.look()
        for pid in [self.process.pid, *self.running()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def _read(self):
        for line in self.process.stdout:
            self.output += line

    def until(self, text):
        deadline = time.monotonic() + 1800  # includes a first build
        while text not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no {text!r} in:\n{self.output}")
            time.sleep(0.1)
        self.look()
        return self.output

    def look(self):
        """Records all descendants of the script, while they have their parents."""
        found, parents = {}, {self.process.pid}
        table = process_table()
        while parents:
            below = {pid: command for pid, parent, command in table if parent in parents}
            found.update(below)
            parents = set(below)
        self.family.update(found)

    def running(self):
        return {pid: command for pid, _, command in process_table() if self.family.get(pid) == command}

    def pid_of(self, name):
        deadline = time.monotonic() + 20  # `cargo run` becomes the function a little later
        while not (found := [pid for pid, command in self.family.items() if re.search(name, command)]):
            if time.monotonic() > deadline:
                raise AssertionError(f"there is no process {name}: {self.family}")
            time.sleep(0.1)
            self.look()
        (pid,) = found
        return pid


def run_local(port, moto_port):
    command = [sys.executable, SCRIPT, "--port", str(port), "--moto-port", str(moto_port)]
    return subprocess.Popen(
        command, env={**os.environ, **AWS_SETTINGS}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def process_table():
    """(process, parent, command) of each process that is not a zombie."""
    ps = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat=,args="], stdout=subprocess.PIPE, text=True, check=True)
    rows = (line.split(None, 3) for line in ps.stdout.splitlines())
    return [(int(pid), int(parent), command) for pid, parent, stat, command in rows if not stat.startswith("Z")]


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class RunLocal(unittest.TestCase):
    def assert_ends(self, local, status):
        self.assertEqual(local.process.wait(timeout=20), status, local.output)
        local.reader.join()
        self.assertEqual(local.running(), {})
        self.assertEqual([port for port in local.ports if is_open(port)], [])

    def assert_stops(self, local, identifier):
        """Waits until the schedule stops the instance: at the next minute."""
        url = f"http://127.0.0.1:{local.ports[0]}/ec2/list?region_name=us-east-1&instance_id={identifier}"
        request = urllib.request.Request(url, headers={"x-api-key": "local-only-key"})
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            with urllib.request.urlopen(request, timeout=10) as answer:
                if json.load(answer)[0]["instance-state"] == "stopped":
                    break
            time.sleep(0.5)
        else:
            self.fail(local.output)
        local.until("demo.stop has fired")
        self.assertIn('"operation":"fire"', local.output)

    def assert_end_acts(self, local):
        """Launches with an end, and does not wait for its time."""

        def post(path):
            url = f"http://127.0.0.1:{local.ports[0]}{path}"
            return urllib.request.urlopen(
                urllib.request.Request(url, headers={"x-api-key": "local-only-key"}, method="POST"), timeout=30
            )

        with post("/ec2/create?region_name=us-east-1&image_id=ami-0123456789abcdef0&terminate_after=8h") as answer:
            launched, end = json.load(answer)["InstanceId"], answer.headers["x-schedule"]
        with post(f"/schedules/{end}/run?action=terminate") as answer:
            self.assertEqual([change["InstanceId"] for change in json.load(answer)], [launched])

    def test_printed_commands_work_and_ctrl_c_stops_everything(self):
        with Local() as local:
            lines = [line for line in local.until(READY).splitlines() if line.startswith(("ID=$(curl ", "curl "))]
            self.assertEqual(len(lines), 6, local.output)

            bash = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", "\n".join(lines)], text=True, timeout=60,
                capture_output=True,
            )  # fmt: skip
            self.assertEqual(bash.returncode, 0, (bash.stderr, bash.stdout, local.output))
            launched = json.loads(bash.stderr)  # the first line prints its response there
            listed, elsewhere, stopped, started, scheduled = (json.loads(line) for line in bash.stdout.splitlines())
            identifier = launched["InstanceId"]
            self.assertEqual([instance["id"] for instance in listed], [identifier])
            self.assertEqual(len(elsewhere), 1)
            self.assertNotEqual(elsewhere[0]["id"], identifier)
            self.assertEqual(stopped["InstanceId"], identifier)
            self.assertIn(stopped["CurrentState"]["Name"], ("stopping", "stopped"))

            self.assertEqual(started["InstanceId"], identifier)
            self.assertEqual((scheduled["name"], scheduled["stop"]), ("demo", "rate(1 minute)"))
            self.assert_stops(local, identifier)

            self.assert_end_acts(local)

            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://127.0.0.1:{local.ports[0]}/ec2/list?region_name=us-east-1", timeout=10)
            self.assertEqual(refused.exception.code, 401)
            refused.exception.close()

            local.look()
            self.assertEqual(set(local.running()), set(local.family))
            for name in ("emulator.py", "cargo-lambda", "bootstrap$", "bootstrap for-schedules", "local_clock.py"):
                local.pid_of(name)
            local.process.send_signal(signal.SIGINT)
            self.assert_ends(local, 0)

    def test_sigterm_during_startup_stops_everything(self):
        with Local() as local:
            local.until("Building the function")
            local.process.send_signal(signal.SIGTERM)
            self.assert_ends(local, 0)

    def test_a_process_that_dies_is_named_and_the_others_stop(self):
        for process, name in (
            ("emulator.py", "moto"),
            ("bootstrap$", "the function"),
            ("bootstrap for-schedules", "the second function"),
            ("local_clock.py", "the clock"),
        ):
            with Local() as local:
                local.until(READY)
                os.kill(local.pid_of(process), signal.SIGKILL)
                self.assert_ends(local, 1)
                self.assertIn(f"run_local: {name} ended unexpectedly", local.output)

    def test_a_taken_port_is_a_one_line_error(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            (free,) = free_ports(1)
            for ports in ((port, free), (free, port)):
                with run_local(*ports) as process:
                    output = process.communicate(timeout=60)[0]
                self.assertEqual((process.returncode, output.count("\n")), (1, 1), output)
                self.assertIn(f"port {port} is taken", output)


class Clock(unittest.TestCase):
    def assert_due(self, expected, expression, minute, zone="UTC", **schedule):
        """Asserts whether it is due at the minute; for another time, if one is expected."""
        schedule = {
            "State": "ENABLED",
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": zone,
            "CreationDate": datetime(2026, 11, 26, 12, 0, 30, tzinfo=timezone.utc),
            **schedule,
        }
        minute = datetime.fromisoformat(f"{minute}:00+00:00")
        expected = minute if expected is True else expected or None
        self.assertEqual(due_time(schedule, minute), expected, (expression, minute, zone, schedule))

    def test_cron_expressions_are_those_of_aws_in_the_zone_of_the_schedule(self):
        # 2026-11-26 is a Thursday.
        for expression, due, not_due in (
            ("cron(0 8 ? * MON-FRI *)", "2026-11-26T08:00", "2026-11-28T08:00"),
            ("cron(5 19 * * ? *)", "2026-11-28T19:05", "2026-11-28T19:06"),
            ("cron(0 9 ? * 5 *)", "2026-11-26T09:00", "2026-11-27T09:00"),  # SUN is 1
            ("cron(15 10 L * ? *)", "2026-11-30T10:15", "2026-11-29T10:15"),
            ("cron(0 9 ? * 2#1 *)", "2026-11-02T09:00", "2026-11-09T09:00"),
            ("cron(0 9 ? * 6L *)", "2026-11-27T09:00", "2026-11-20T09:00"),
            ("cron(0 9 15W * ? *)", "2026-11-16T09:00", "2026-11-15T09:00"),  # the 15th is a Sunday
            ("cron(0/15 8-17 ? * WED *)", "2026-11-25T09:45", "2026-11-25T09:50"),
            ("cron(0 0 1 1 ? 2027)", "2027-01-01T00:00", "2028-01-01T00:00"),
        ):
            self.assert_due(True, expression, due)
            self.assert_due(False, expression, not_due)
        self.assert_due(True, "cron(0 8 ? * MON-FRI *)", "2026-11-26T07:00", "Europe/Berlin")
        self.assert_due(True, "cron(0 8 ? * MON-FRI *)", "2026-07-01T06:00", "Europe/Berlin")
        # An hour that clocks repeat counts once; one that they skip, not at all.
        self.assert_due(True, "cron(30 2 * * ? *)", "2026-10-25T00:30", "Europe/Berlin")
        self.assert_due(False, "cron(30 2 * * ? *)", "2026-10-25T01:30", "Europe/Berlin")
        for minute in ("2026-03-29T00:30", "2026-03-29T01:30"):
            self.assert_due(False, "cron(30 2 * * ? *)", minute, "Europe/Berlin")

    def test_rates_count_from_the_beginning_and_one_time_schedules_fire_once(self):
        self.assert_due(True, "rate(5 minutes)", "2026-11-26T12:10")
        self.assert_due(False, "rate(5 minutes)", "2026-11-26T12:12")
        self.assert_due(True, "rate(1 hour)", "2026-11-26T15:00")
        self.assert_due(True, "rate(2 days)", "2026-11-30T12:00")
        self.assert_due(True, "at(2026-12-01T19:00:00)", "2026-12-01T18:00", "Europe/Berlin")
        self.assert_due(False, "at(2026-12-01T19:00:00)", "2026-12-01T19:00", "Europe/Berlin")
        # With seconds: at the first minute after it, for its own time.
        time = datetime(2026, 12, 1, 19, 0, 30, tzinfo=timezone.utc)
        self.assert_due(time, "at(2026-12-01T19:00:30)", "2026-12-01T19:01")
        self.assert_due(False, "at(2026-12-01T19:00:30)", "2026-12-01T19:00")

    def test_nothing_happens_before_after_and_while_disabled(self):
        day = datetime(2026, 11, 27, tzinfo=timezone.utc)
        self.assert_due(False, "rate(1 minute)", "2026-11-26T13:00", StartDate=day)
        self.assert_due(True, "rate(1 minute)", "2026-11-27T00:00", StartDate=day)
        self.assert_due(True, "rate(1 minute)", "2026-11-27T00:00", EndDate=day)
        self.assert_due(False, "rate(1 minute)", "2026-11-27T00:01", EndDate=day)
        self.assert_due(False, "rate(1 minute)", "2026-11-27T00:00", State="DISABLED")


if __name__ == "__main__":
    os.environ["no_proxy"] = "*"  # for this script's requests and for curl
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    failed = len(result.failures + result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(not result.wasSuccessful())
