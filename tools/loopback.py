"""Emulates Lambda's Runtime API and EC2 on loopback, for `make load` and `make bench`."""

import gc
import hashlib
import json
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

KEY = "local-only-key"
PAGE = 1000

# Reservations as EC2 describes them, of four kinds in turn: 5 to 7 KB of XML each, without the
# indentation of the files.
RESERVATIONS = [
    re.sub(r"\n *", "", (Path(__file__).parent.parent / "benches/instances" / f"{kind}.xml").read_text())
    for kind in ("plain", "spot", "windows", "large")
]


def instance_id(n):
    return f"i-{n:017x}"


def reservation(n):
    return RESERVATIONS[n % len(RESERVATIONS)].replace("INSTANCE_ID", instance_id(n))


class Server:
    """A minimal HTTP/1.1 server, which adds little to the measured times."""

    def __init__(self, answer, tls=None):
        self.answer, self.tls = answer, tls
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_side=True)
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                try:
                    more = connection.recv(1 << 16)
                except OSError:
                    return
                if not more:
                    return
                data += more
            head, _, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            length = int(length[1]) if length else 0
            parts = [body]
            size = len(body)
            while size < length:
                more = connection.recv(1 << 20)
                if not more:
                    return
                parts.append(more)
                size += len(more)
            body = b"".join(parts)
            data = body[length:]
            status, headers, answer = self.answer(head, body[:length])
            if status is None:
                return
            head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(answer)}\r\n{headers}\r\n".encode()
            connection.sendall(head + answer)


class Ec2:
    """EC2 with `count` instances. Changes have no effect. Responses take `delay` seconds."""

    def __init__(self, count, regions=("us-east-1",), delay=0, tls=None):
        self.count, self.regions, self.delay = count, regions, delay
        self.answers = {}
        self.url = f"http{'s' if tls else ''}://{Server(self.answer, tls).address}"

    def answer(self, head, body):
        if head.startswith(b"GET"):
            return 200, "", b"healthy"
        if self.delay:
            time.sleep(self.delay)
        answer = self.answers.get(body)
        if answer is None:
            asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            answer = self.action(asked["Action"], asked).encode()
            if asked["Action"] == "DescribeInstances":
                self.answers[body] = answer
        return 200, "", answer

    def action(self, action, asked):
        if action == "DescribeInstances":
            first, size = int(asked.get("NextToken", 0)), int(asked.get("MaxResults", PAGE))
            last = min(first + size, self.count)
            items = "".join(reservation(n) for n in range(first, last))
            token = f"<nextToken>{last}</nextToken>" if last < self.count else ""
            content = f"<reservationSet>{items}</reservationSet>{token}"
        elif action == "AssumeRole":
            names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
            credentials = "".join(f"<{name}>testing</{name}>" for name in names)
            content = f"<Credentials>{credentials}<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
            content = f"<AssumeRoleResult>{content}</AssumeRoleResult>"
        elif action == "DescribeRegions":
            items = "".join(f"<item><regionName>{region}</regionName></item>" for region in self.regions)
            content = f"<regionInfo>{items}</regionInfo>"
        else:
            content = f"<instancesSet><item><instanceId>{instance_id(0)}</instanceId></item></instancesSet>"
        return f"<{action}Response>{content}</{action}Response>"


class Ec2Process:
    """EC2 in a process of its own. It forks: create it before any thread."""

    def __init__(self, *args, **kwargs):
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        context.Process(target=self.run, args=(sender, args, kwargs), daemon=True).start()
        self.url = receiver.recv()

    @staticmethod
    def run(sender, args, kwargs):
        gc.disable()
        sender.send(Ec2(*args, **kwargs).url)
        threading.Event().wait()


class Function:
    """A process of a function, and its Runtime API."""

    def __init__(self, command, ec2, memory_size, environment=None):
        self.event, self.ready, self.answered = None, threading.Event(), threading.Event()
        self.waiting = threading.Semaphore(0)
        self.runtime = Server(self.runtime_api)
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": self.runtime.address,
            "AWS_LAMBDA_FUNCTION_NAME": "load",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_size),
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_ENDPOINT_URL": ec2,
            "API_KEYS": "demo=" + hashlib.sha256(KEY.encode()).hexdigest(),
            "DEFAULT_IMAGE": "ami-0123456789abcdef0",
            **(environment or {}),
        }
        self.spawned = time.perf_counter()
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def runtime_api(self, head, body):
        if head.startswith(b"POST"):
            self.took, self.answer = time.perf_counter() - self.sent, body
            self.answered.set()
            return 202, "", b""
        if not self.ready.is_set():
            self.init = time.perf_counter() - self.spawned
            self.ready.set()
        self.waiting.acquire()
        self.sent = time.perf_counter()
        deadline = int(time.time() * 1000) + 28_000
        headers = (
            "content-type: application/json\r\nlambda-runtime-aws-request-id: 8f5e8b6c\r\n"
            f"lambda-runtime-deadline-ms: {deadline}\r\n"
            "lambda-runtime-invoked-function-arn: arn\r\nlambda-runtime-trace-id: x\r\n"
        )
        return 200, headers, self.event

    def wait_ready(self):
        """Returns the seconds until the first request for an invocation."""
        self.wait(self.ready, "does not start")
        return self.init

    def wait(self, event, problem):
        for _ in range(60):
            if event.wait(1):
                return
            if self.process.poll() is not None:
                break
        sys.exit(f"{self.process.args[0]} {problem}")

    def invoke(self, event):
        """Returns the response and its time in seconds."""
        self.event = event
        self.answered.clear()
        self.waiting.release()
        self.wait(self.answered, "does not answer")
        return self.answer, self.took

    def memory(self, what):
        """Returns KiB: VmRSS is the present size, VmHWM the peak."""
        return int(re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def cpu(self):
        """Returns the seconds of CPU of all threads (clock_getcpuclockid(3))."""
        return time.clock_gettime_ns(~self.process.pid << 3 | 2) / 1e9

    def descriptors(self):
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.runtime.listener.close()


def event(method, path, query="", key=KEY, body=None):
    context = {"apiId": "x", "http": {"method": method, "path": path, "sourceIp": "203.0.113.10"}, "stage": "$default"}
    headers = {"x-api-key": key, "content-type": "application/json"}
    event = {"version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers, "requestContext": context}
    event |= {"isBase64Encoded": False, **({"body": body} if body else {})}
    return json.dumps(event).encode()
