#!/usr/bin/env python3
"""Keeps one function busy, and makes it list very many instances: what of memory, descriptors and time does it take?

`make load` builds the function as it is deployed and starts this. It plays Lambda's Runtime API and a canned EC2 on loopback; the
function is the only thing measured. It ends with an error if something leaks, gets lost or does not fit. Times are reported, never
judged: they depend on the machine.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

ROOT = Path(__file__).resolve().parent.parent
KEY = "local-only-key"
MEMORY = int(re.search(r"MemorySize:\n(?:.*\n)*?    Default: (\d+)", (ROOT / "template.yaml").read_text())[1])
LARGEST_ANSWER = 6 * 1024 * 1024  # Lambda's limit
PAGE = 1000

INSTANCE = """<item><reservationId>r-0b5e4e2f3c1d7a869</reservationId><ownerId>123456789012</ownerId><instancesSet><item>
<instanceId>%s</instanceId><imageId>ami-0123456789abcdef0</imageId><instanceState><code>16</code><name>running</name></instanceState>
<privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName><dnsName/><reason/><keyName>demo</keyName><amiLaunchIndex>0</amiLaunchIndex>
<productCodes/><instanceType>t3.micro</instanceType><launchTime>2026-01-02T03:04:05.000Z</launchTime><placement>
<availabilityZone>us-east-1a</availabilityZone><groupName/><tenancy>default</tenancy></placement><monitoring><state>disabled</state>
</monitoring><subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0</vpcId><privateIpAddress>10.0.0.1</privateIpAddress>
<sourceDestCheck>true</sourceDestCheck><groupSet><item><groupId>sg-0123456789abcdef0</groupId><groupName>demo</groupName></item></groupSet>
<architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/sda1</rootDeviceName>
<virtualizationType>hvm</virtualizationType><tagSet><item><key>Name</key><value>web</value></item><item><key>team</key><value>blue</value>
</item></tagSet><hypervisor>xen</hypervisor><ebsOptimized>false</ebsOptimized><enaSupport>true</enaSupport></item></instancesSet></item>"""


def instance_id(n):
    return f"i-{n:017x}"


class Server:
    """An HTTP/1.1 server with as little of its own as can be: what is measured is the function."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
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
    """Describes so many instances, page by page; starts and launches nothing, but says so."""

    def __init__(self, count):
        self.count = count
        self.pages = {}
        self.server = Server(self.answer)

    def answer(self, head, body):
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        action = asked["Action"]
        if action != "DescribeInstances":
            item = f"<item><instanceId>{instance_id(0)}</instanceId></item>"
            return 200, "", f"<{action}Response><instancesSet>{item}</instancesSet></{action}Response>".encode()
        first, size = int(asked.get("NextToken", 0)), int(asked.get("MaxResults", PAGE))
        if (first, size) not in self.pages:
            last = min(first + size, self.count)
            items = "".join(INSTANCE % instance_id(n) for n in range(first, last))
            token = f"<nextToken>{last}</nextToken>" if last < self.count else ""
            page = f"<DescribeInstancesResponse><reservationSet>{items}</reservationSet>{token}</DescribeInstancesResponse>"
            self.pages[first, size] = page.encode()
        return 200, "", self.pages[first, size]


class Function:
    """One process of the function, and the Runtime API that feeds it."""

    def __init__(self, binary, ec2):
        self.event, self.ready, self.answered = None, threading.Event(), threading.Event()
        self.waiting = threading.Semaphore(0)
        self.runtime = Server(self.runtime_api)
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": self.runtime.address,
            "AWS_LAMBDA_FUNCTION_NAME": "load",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY),
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_ENDPOINT_URL": f"http://{ec2.server.address}",
            "API_KEYS": "demo=" + hashlib.sha256(KEY.encode()).hexdigest(),
            "DEFAULT_IMAGE": "ami-0123456789abcdef0",
        }
        self.process = subprocess.Popen([binary], env=environment, stdout=subprocess.DEVNULL)

    def runtime_api(self, head, body):
        if head.startswith(b"POST"):
            self.took, self.answer = time.perf_counter() - self.sent, body
            self.answered.set()
            return 202, "", b""
        self.waiting.acquire()
        self.sent = time.perf_counter()
        deadline = int(time.time() * 1000) + 28_000
        headers = f"lambda-runtime-aws-request-id: 8f5e8b6c\r\nlambda-runtime-deadline-ms: {deadline}\r\n"
        return 200, headers + "lambda-runtime-invoked-function-arn: arn\r\nlambda-runtime-trace-id: x\r\n", self.event

    def invoke(self, event):
        """The answer, and the seconds that it took."""
        self.event = event
        self.answered.clear()
        self.waiting.release()
        if not self.answered.wait(60):
            sys.exit("the function does not answer")
        return self.answer, self.took

    def memory(self, what):
        """In KiB: VmRSS now, VmHWM at most."""
        return int(re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.runtime.listener.close()


def event(method, path, query="", key=KEY, body=None):
    context = {"apiId": "x", "http": {"method": method, "path": path, "sourceIp": "203.0.113.10"}, "stage": "$default"}
    headers = {"x-api-key": key, "content-type": "application/json"}
    event = {"version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers, "requestContext": context}
    return json.dumps({**event, "isBase64Encoded": False, **({"body": body} if body else {})}).encode()


def keep_busy(binary, count):
    """Every kind of request, again and again."""
    one = instance_id(0)
    kinds = [
        (200, event("GET", "/ec2/list", "region_name=us-east-1")),
        (200, event("POST", "/ec2/start", body=json.dumps({"region_name": "us-east-1", "instance_id": one}))),
        (200, event("POST", "/ec2/create", "region_name=us-east-1&image_id=ami-0123456789abcdef0&tag:a=b")),
        (200, event("GET", f"/v1/{one}/attributes")),
        (400, event("POST", "/ec2/start", "region_name=us-east-1&instance_id=web")),
        (401, event("GET", "/ec2/list", "region_name=us-east-1", key="wrong")),
        (404, event("GET", "/nothing/here")),
        (200, event("GET", "/health")),
    ]
    function = Function(binary, Ec2(1))
    times, memory, descriptors = [], [], []
    for n in range(count):
        status, asked = kinds[n % len(kinds)]
        answer, took = function.invoke(asked)
        if f'"statusCode":{status}'.encode() not in answer:
            sys.exit(f"request {n} was answered {answer[:300]}")
        if n % len(kinds) == 0:
            times.append(took)  # lists only: the median of several kinds says nothing of any
        if n % max(count // 100, 1) == 0:
            memory.append((n, function.memory("VmRSS")))
            descriptors.append(function.descriptors())
    tenth = len(times) // 10
    early = statistics.median(times[tenth : 2 * tenth])
    late = statistics.median(times[-tenth:])
    settled = memory[len(memory) // 10 :]
    slope = statistics.linear_regression(*zip(*settled)).slope * 1e5
    print(f"{count} requests of {len(kinds)} kinds, half of which get as far as EC2")
    print(f"  memory       {settled[0][1]} KiB after a tenth, {settled[-1][1]} KiB at the end: {slope:+.0f} KiB in 100,000 requests")
    print(f"  descriptors  {descriptors[len(descriptors) // 10]} after a tenth, {descriptors[-1]} at the end")
    print(f"  median list  {early * 1e3:.3f} ms in the second tenth, {late * 1e3:.3f} ms in the last: {late / early:.2f} times")
    function.stop()
    if descriptors[-1] > descriptors[len(descriptors) // 10]:
        sys.exit("descriptors leak")
    if slope > 1024:
        sys.exit("memory leaks")


def list_many(binary, count):
    """All of them, as a caller gets them: answer by answer, by the token of the one before."""
    function = Function(binary, Ec2(count))
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
        sys.exit("instances are lost, doubled or out of order")
    if max(sizes) > LARGEST_ANSWER:
        sys.exit("an answer is larger than Lambda takes")
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
