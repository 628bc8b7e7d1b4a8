"""Shared by the tests of this folder: the function as `make run` starts it, on free ports."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent  # the tools of the same .venv
sys.path.insert(0, str(ROOT / "tools"))

import run_local  # noqa: E402
from run_local import HOST, KEY, REGION  # noqa: E402, F401


class Function:
    """The function behind cargo-lambda's gateway, with moto behind it."""

    def __init__(self, port, moto, group, log, moto_log):
        self.url = f"http://{HOST}:{port}"
        self.moto = moto
        self.group = group  # the ID of the security group `demo`
        self.log = log  # a file with one line of JSON for each request
        self.moto_log = moto_log

    def environment(self, **more):
        """Returns the environment of a command that calls the function."""
        return {**os.environ, "API": self.url, "KEY": KEY, **more}

    def openapi(self):
        """Returns the OpenAPI document that the function serves."""
        with urllib.request.urlopen(f"{self.url}/openapi.json", timeout=10) as response:
            return json.load(response)


@contextlib.contextmanager
def running():
    """Starts the function, and stops it at the end."""
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(socket.create_server((HOST, 0))).getsockname()[1] for _ in range(2)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leaves the blocks below, as Ctrl-C does
    with tempfile.NamedTemporaryFile("w+") as log:
        processes = run_local.Processes(log)
        try:
            moto, group = run_local.start(processes, *ports)
            yield Function(ports[0], moto, group, log.name, processes.logs["moto"].name)
        except run_local.Failed as error:
            sys.exit(f"{error}\n{Path(log.name).read_text(errors='replace')[-4000:]}")
        finally:
            processes.stop()


def command(*words, timeout=60, **options):
    """Runs a command that must succeed, and returns its output."""
    words = [str(word) for word in words]
    done = subprocess.run(words, text=True, timeout=timeout, capture_output=True, **options)
    if done.returncode:
        raise AssertionError(f"{words[0]} ended with status {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


class FunctionTest(unittest.TestCase):
    """Tests with one running function."""

    @classmethod
    def setUpClass(cls):
        context = running()
        cls.function = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
