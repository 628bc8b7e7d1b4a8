"""The calls of README.md ("Quick start") and docs/examples.md, as they stand there, against the running function."""

import contextlib
import io
import json
import os
import re
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from unittest.mock import patch

import boto3
import requests
import yaml
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support import KEY, REGION, ROOT, FunctionTest, command

SHELL = ["bash", "-e"]  # of a step that says nothing else, as GitHub documents it
SIGNER = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}


def section(page, heading):
    """The text below a heading of the second level."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    return found[1]


def snippets(language, page="docs/examples.md", heading="The six most wanted calls"):
    """The fenced code of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", section(page, heading), re.MULTILINE | re.DOTALL)


class QuickStart(FunctionTest):
    """The README's first calls, with nothing there before them."""

    def test_the_calls_are_answered_as_shown(self):
        start, settings, *calls, more = snippets("sh", "README.md", "Quick start")
        self.assertEqual(start, "make run\n")
        self.assertTrue(more.startswith("make test"))
        # The real ones are those of a running function: other ports, another group.
        self.assertRegex(settings, rf"^export API=http://127\.0\.0\.1:9000 KEY={KEY} GROUP=sg-\.\.\.")
        answers = snippets("json", "README.md", "Quick start")
        self.assertEqual(len(calls), 3)
        environment = self.function.environment(GROUP=self.function.group)
        for call, answer in zip(calls, answers, strict=True):
            printed = json.loads(command("bash", "-euo", "pipefail", "-c", call, env=environment))
            self.assert_shown(json.loads(answer), printed)

    def assert_shown(self, shown, found):
        """`found` is what is shown, but for numbers in texts; with the member "..." it may have more members."""
        if isinstance(shown, dict):
            more = shown.pop("...", None)
            self.assertEqual(found.keys() & shown.keys() if more else found.keys(), shown.keys())
            for name, value in shown.items():
                self.assert_shown(value, found[name])
        elif isinstance(shown, list):
            for item, other in zip(shown, found, strict=True):
                self.assert_shown(item, other)
        elif isinstance(shown, str):
            self.assertEqual(self.without_numbers(found), self.without_numbers(shown))
        else:
            self.assertEqual(found, shown)

    @staticmethod
    def without_numbers(text):
        return re.sub(r"[0-9a-f]*[0-9][0-9a-f]*", "#", text)


class Examples(FunctionTest):
    def assert_ended(self, identifier):
        """EC2 itself says so."""
        (reservation,) = boto3.client("ec2").describe_instances(InstanceIds=[identifier])["Reservations"]
        self.assertEqual([instance["State"]["Name"] for instance in reservation["Instances"]], ["terminated"])

    def test_the_calls_with_curl_do_what_they_say(self):
        (script,) = snippets("sh")
        environment = self.function.environment(GROUP=self.function.group)
        printed = command("bash", "-euo", "pipefail", "-c", script, env=environment)
        launched, listed, shown, stopped, started, terminated = (json.loads(line) for line in printed.splitlines())
        (row,) = listed
        self.assertEqual(launched["InstanceId"], row["id"])
        self.assertEqual((row["instance-state"], row["key-name"]), ("running", "demo"))
        self.assertEqual(shown["state"], "running")
        self.assertRegex(shown["public_ip_address"], r"^[0-9.]+$")
        changes = [(change["InstanceId"], change["CurrentState"]["Name"]) for change in (stopped, started)]
        self.assertEqual(changes, [(row["id"], "stopped"), (row["id"], "running")])
        self.assertEqual(terminated["InstanceId"], row["id"])
        self.assert_ended(row["id"])

    def test_the_calls_with_curl_end_at_the_first_http_error(self):
        (script,) = snippets("sh")
        environment = self.function.environment(KEY="wrong", GROUP=self.function.group)
        with self.assertRaisesRegex(AssertionError, "(?s)status 22:.*InvalidApiKey.*error: 401"):
            command("bash", "-euo", "pipefail", "-c", script, env=environment)

    def test_the_calls_for_several_instances_do_what_they_say(self):
        terminate, stop_ten = snippets("sh", heading="Several instances")
        (crontab,) = snippets("crontab", heading="Several instances")
        ec2 = boto3.client("ec2")
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "env", "Value": "test"}]}]
        launched = ec2.run_instances(ImageId="ami-785db401", MinCount=2, MaxCount=2, TagSpecifications=tags)
        ids = [it["InstanceId"] for it in launched["Instances"]]
        environment = self.function.environment(IDS=",".join([ids[0], "i-00000000000000000"]))
        evening = crontab.split(maxsplit=5)[5]
        stopped = json.loads(command("bash", "-euo", "pipefail", "-c", evening, env=environment))
        self.assertEqual(sorted(it["InstanceId"] for it in stopped), sorted(ids))
        failed = command("bash", "-euo", "pipefail", "-c", stop_ten, env=environment)
        self.assertIn("i-00000000000000000: ", failed)
        self.assertNotIn(ids[0], failed)
        command("bash", "-euo", "pipefail", "-c", terminate, env=environment)
        self.assert_ended(ids[0])

    def test_the_calls_for_a_runner_launch_one(self):
        by_types, by_template = snippets("sh", heading="A runner for CI")
        data = {"InstanceType": "t3.small", "KeyName": "demo", "SecurityGroupIds": [self.function.group]}
        ec2 = boto3.client("ec2")
        ec2.create_launch_template(LaunchTemplateName="runner", LaunchTemplateData=data)
        for call in (by_types, by_template):
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "runner.sh").write_text("#!/bin/sh\n")
                environment = self.function.environment(GROUP=self.function.group, NAME="runner-1")
                printed = command("bash", "-euo", "pipefail", "-c", call, env=environment, cwd=folder)
            launched = json.loads(printed)
            self.assertEqual((launched["InstanceType"], launched["KeyName"]), ("c7a.large", "demo"))
            ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])

    def test_the_calls_in_python_do_what_they_say(self):
        (script,) = snippets("python")
        names = {}
        environment = self.function.environment(GROUP=self.function.group)
        with patch.dict(os.environ, environment), contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(script, "docs/examples.md", "exec"), names)
        self.assertRegex(printed.getvalue(), r"^running [0-9.]+\n$")
        identifier = names["launched"]["InstanceId"]
        self.assertEqual(names["launched"]["State"]["Name"], "running")
        self.assertEqual([row["id"] for row in names["listed"]], [identifier])
        self.assertEqual(names["shown"]["state"], "running")
        states = [names[name]["CurrentState"]["Name"] for name in ("stopped", "started", "terminated")]
        self.assertEqual(states, ["stopped", "running", "terminated"])
        self.assert_ended(identifier)

    def test_the_calls_in_python_raise_what_the_function_says(self):
        (script,) = snippets("python")
        with patch.dict(os.environ, self.function.environment(KEY="wrong", GROUP=self.function.group)):
            with self.assertRaisesRegex(requests.HTTPError, '^401 .*"Error":"InvalidApiKey"'):
                exec(compile(script, "docs/examples.md", "exec"), {})

    def test_the_workflow_launches_an_instance_and_terminates_it(self):
        job = Job(snippets("yaml")[0], self.function.url, self.function.group, KEY)
        self.assertEqual([step["name"] for step in job.steps], ["Launch", "Use", "Terminate"])
        launched, used, terminated = (json.loads(job.run(step)) for step in job.steps)
        self.assertEqual(launched["State"]["Name"], "running")
        self.assertIn({"Key": "Name", "Value": "ci-4711-1"}, launched["Tags"])
        self.assertEqual(used["state"], "running")
        self.assertEqual(terminated["CurrentState"]["Name"], "terminated")
        self.assert_ended(launched["InstanceId"])

    def test_the_workflow_fails_at_an_http_error_and_terminates_all_the_same(self):
        job = Job(snippets("yaml")[0], self.function.url, self.function.group, "wrong")
        with self.assertRaisesRegex(AssertionError, "(?s)status 22:.*InvalidApiKey.*error: 401"):
            job.run(job.steps[0])
        self.assertEqual([(step["name"], step["if"]) for step in job.steps if "if" in step], [("Terminate", "always()")])

    def test_the_workflow_without_a_key_signs_as_api_gateway_wants_it(self):
        workflow = snippets("yaml")[1]
        with gateway(self.function.url) as url:
            job = Job(workflow, url, self.function.group, "none")
            self.assertEqual(job.workflow["permissions"], {"id-token": "write"})
            action, step = job.steps
            self.assertTrue(action["uses"].startswith("aws-actions/configure-aws-credentials@"))
            listed = {row["id"] for row in json.loads(job.run(step, **SIGNER))}
            self.assertEqual(listed, {it.id for it in boto3.resource("ec2").instances.all()})
            with self.assertRaisesRegex(AssertionError, "(?s)status 22:.*Forbidden.*error: 403"):
                job.run(step, **{**SIGNER, "AWS_SECRET_ACCESS_KEY": "wrong"})


class Job:
    """The only job of a workflow: its steps are run one by one, as GitHub's runner does it."""

    def __init__(self, text, url, group, key):
        values = {
            "vars.EC2_API": url, "vars.EC2_SECURITY_GROUP": group, "vars.EC2_API_ROLE": "arn:aws:iam::123456789012:role/ci",
            "secrets.EC2_API_KEY": key, "github.run_id": "4711", "github.run_attempt": "1",
        }  # fmt: skip
        self.workflow = yaml.safe_load(re.sub(r"\$\{\{ (\S+) }}", lambda found: values[found[1]], text))
        (job,) = self.workflow["jobs"].values()
        self.steps = job["steps"]
        self.env = dict(self.workflow["env"])

    def run(self, step, **more):
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "script.sh")
            script.write_text(step["run"])
            return command(*SHELL, script, cwd=folder, env={**os.environ, **self.env, **more})


@contextlib.contextmanager
def gateway(function):
    """Stands for API Gateway where `Authentication` is `iam`: lets through what is signed as it wants it. The function gets the
    key in place of the identity, which is not in an event of the local gateway."""

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.is_signed():
                answer = requests.get(function + self.path, headers={"x-api-key": KEY}, timeout=10)
                self.answer(answer.status_code, answer.content)
            else:
                self.answer(403, b'{"message":"Forbidden"}')

        def is_signed(self):
            found = re.fullmatch(
                r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, SignedHeaders=(\S+), Signature=(\S+)",
                self.headers["authorization"],
            )
            key, region, service, names, signature = found.groups()
            headers = {name: self.headers[name] for name in names.split(";")}
            request = AWSRequest("GET", f"http://{self.headers['host']}{self.path}", headers)
            request.context["timestamp"] = self.headers["x-amz-date"]
            credentials = Credentials(key, SIGNER["AWS_SECRET_ACCESS_KEY"])
            signer = SigV4Auth(credentials, service, region)
            expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
            found = (service, region, self.headers["x-amz-security-token"], signature)
            return found == ("execute-api", REGION, SIGNER["AWS_SESSION_TOKEN"], expected)

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
