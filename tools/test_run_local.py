#!/usr/bin/env python3
"""Smoke test of `make run`: starts it on other ports and does what a user does.

Needs bash, curl and ps.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

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
        (pid,) = [pid for pid, command in self.family.items() if name in command]
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

    def test_printed_commands_work_and_ctrl_c_stops_everything(self):
        with Local() as local:
            lines = [line for line in local.until(READY).splitlines() if line.startswith(("ID=$(curl ", "curl "))]
            self.assertEqual(len(lines), 4, local.output)

            bash = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", "\n".join(lines)], text=True, timeout=60,
                capture_output=True,
            )  # fmt: skip
            self.assertEqual(bash.returncode, 0, (bash.stderr, bash.stdout, local.output))
            launched = json.loads(bash.stderr)  # the first line prints its response there
            listed, elsewhere, stopped = (json.loads(line) for line in bash.stdout.splitlines())
            identifier = launched["InstanceId"]
            self.assertEqual([instance["id"] for instance in listed], [identifier])
            self.assertEqual(len(elsewhere), 1)
            self.assertNotEqual(elsewhere[0]["id"], identifier)
            self.assertEqual(stopped["InstanceId"], identifier)
            self.assertIn(stopped["CurrentState"]["Name"], ("stopping", "stopped"))

            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://127.0.0.1:{local.ports[0]}/ec2/list?region_name=us-east-1", timeout=10)
            self.assertEqual(refused.exception.code, 401)
            refused.exception.close()

            local.look()
            self.assertEqual(set(local.running()), set(local.family))
            for name in ("emulator.py", "cargo-lambda", "bootstrap"):
                local.pid_of(name)
            local.process.send_signal(signal.SIGINT)
            self.assert_ends(local, 0)

    def test_sigterm_during_startup_stops_everything(self):
        with Local() as local:
            local.until("Building the function")
            local.process.send_signal(signal.SIGTERM)
            self.assert_ends(local, 0)

    def test_a_process_that_dies_is_named_and_the_others_stop(self):
        for process, name in (("emulator.py", "moto"), ("bootstrap", "the function")):
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


if __name__ == "__main__":
    os.environ["no_proxy"] = "*"  # for this script's requests and for curl
    result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromTestCase(RunLocal))
    failed = len(result.failures + result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(not result.wasSuccessful())
