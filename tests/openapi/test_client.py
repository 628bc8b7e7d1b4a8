"""Tests a client that openapi-python-client generates from the document, with all operations."""

import importlib
import json
import os
import sys
import tempfile
from functools import partial
from io import BytesIO
from pathlib import Path

from support import BIN, KEY, REGION, FunctionTest, command

HERE = Path(__file__).resolve().parent
NOBODY = "i-00000000000000000"


class Client(FunctionTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        document = Path(folder.name, "openapi.json")
        document.write_text(json.dumps(cls.function.openapi()))
        # A warning means that the generator skipped a part of the document.
        command(
            BIN / "openapi-python-client", "generate", "--path", document, "--meta", "none",
            "--config", HERE / "client.yaml", "--output-path", Path(folder.name, "ec2_client"), "--fail-on-warning",
        )  # fmt: skip
        sys.path.insert(0, folder.name)
        cls.addClassCleanup(sys.path.remove, folder.name)
        cls.models = importlib.import_module("ec2_client.models")
        client = importlib.import_module("ec2_client").AuthenticatedClient(
            cls.function.url, KEY, prefix="", auth_header_name="x-api-key", raise_on_unexpected_status=True
        )
        cls.client = client.__enter__()
        cls.addClassCleanup(client.__exit__)

    def call(self, operation, *path, expected=200, **options):
        """Calls an operation by its ID in the document, and returns the decoded response."""
        dialect = operation.partition("_")[0]
        module = importlib.import_module(f"ec2_client.api.{dialect}.{operation}")
        answer = module.sync_detailed(*path, client=self.client, **options)
        self.assertEqual(answer.status_code, expected, answer.content)
        return answer.parsed

    def parameters(self, model, **values):
        """Returns a request's body, from values by their names in the document."""
        return getattr(self.models, model).from_dict(values)

    def test_every_operation_of_the_document_can_be_called(self):
        members = [member for path in self.function.openapi()["paths"].values() for member in path.values()]
        operations = [member for member in members if "operationId" in member]
        for operation in operations:
            name = operation["operationId"].replace("-", "_")
            self.assertTrue(importlib.import_module(f"ec2_client.api.{operation['tags'][0]}.{name}").sync_detailed)

    def test_ec2_from_launch_to_terminate(self):
        wanted = {"KeyName": "demo", "SecurityGroupId": [self.function.group], "tag:team": "blue", "wait": 20}
        launched = self.call("ec2_create", body=self.parameters("Ec2CreateParameters", region_name=REGION, **wanted))
        self.assertIsInstance(launched, self.models.Instance)
        self.assertEqual((launched.state.name, launched.key_name), ("running", "demo"))
        self.assertIn(("team", "blue"), [(tag.key, tag.value) for tag in launched.tags])
        one = {"region_name": REGION, "instance_id": [launched.instance_id]}

        for filters in (
            {"instance_id": one["instance_id"]},
            {"tag_key": self.models.Ec2ListTagKEY.from_dict({"tag:team": "blue"})},
            {"state": [self.models.Ec2ListStateItem.RUNNING]},
        ):
            (listed,) = self.call("ec2_list", region_name=REGION, **filters)
            self.assertIsInstance(listed, self.models.ListedInstance)
            self.assertEqual((listed.id, listed.instance_state), (launched.instance_id, "running"))
        (reservation,) = self.call("ec2_reservations", region_name=REGION)
        self.assertEqual([instance.launch_time for instance in reservation.instances], [launched.launch_time])

        shown = self.call("instance_describe", REGION, launched.instance_id)
        self.assertEqual((shown.state, shown.tags["team"]), ("running", "blue"))
        action = self.models.InstanceActionPostAction.REBOOT
        self.call("instance_action_post", REGION, launched.instance_id, action, expected=204)
        shown = self.call("instance_describe", REGION, launched.instance_id)
        self.assertRegex(shown.tags["start_time"], r"^\d{4}-\d\d-\d\dT")

        for verb, before, after in (("stop", "running", "stopped"), ("start", "stopped", "running")):
            body = self.parameters(f"Ec2{verb.title()}Parameters", wait=20, **one)
            changed = self.call(f"ec2_{verb}", body=body)
            self.assertIsInstance(changed, self.models.StateChange)
            states = (changed.previous_state.name, changed.current_state.name)
            self.assertEqual((changed.instance_id, *states), (launched.instance_id, before, after))
        rebooted = self.call("ec2_reboot", body=self.parameters("Ec2RebootParameters", **one))
        self.assertEqual(rebooted.instance_id, launched.instance_id)

        body = partial(self.parameters, "Ec2TerminateParameters", **one)
        tried = self.call("ec2_terminate", body=body(dry_run=True))
        self.assertIsInstance(tried, self.models.DryRun)
        terminated = self.call("ec2_terminate", body=body(wait=20))
        self.assertEqual(terminated.current_state.name, "terminated")

    def test_v1_from_launch_to_terminate(self):
        image = os.environ["DEFAULT_IMAGE"]
        wanted = {"ami": image, "instance_type": "t3.micro", "tag:team": "red", "wait": 20}
        (identifier,) = self.call("v1_launch", body=self.parameters("V1LaunchParameters", **wanted))
        succeeded = "Instance modification succeeded"
        for verb in ("stop", "start", "reboot", "stop"):
            wait = {} if verb == "reboot" else {"wait": 20}
            body = self.parameters(f"V1{verb.title()}Parameters", **wait)
            self.assertEqual(self.call(f"v1_{verb}", identifier, body=body), succeeded)
        body = self.parameters("V1ModifyParameters", attribute="instanceType", value="t3.small")
        self.assertEqual(self.call("v1_modify", identifier, body=body), succeeded)
        shown = self.call("v1_attributes", identifier)
        found = (shown.id, shown.state, shown.state_code, shown.instance_type, shown.key_name, shown.placement)
        self.assertEqual(found, (identifier, "stopped", 80, "t3.small", "scalacity_dev1", "us-east-1b"))
        field = self.models.V1AttributeField.STATE
        self.assertEqual(self.call("v1_attribute", identifier, field).to_dict(), {"state": "stopped"})
        body = self.parameters("V1TerminateParameters", wait=20)
        self.assertEqual(self.call("v1_terminate", identifier, body=body), succeeded)
        self.assertEqual(self.call("v1_attribute", identifier, field).to_dict(), {"state": "terminated"})

    def test_s3_keeps_an_object(self):
        bucket, key, content = "demo-notes", "täglich/hello world.bin", bytes(range(256))
        file = importlib.import_module("ec2_client.types").File
        body = self.parameters("S3CreateBucketParameters")
        self.assertEqual(self.call("s3_create_bucket", bucket, body=body, expected=201).name, bucket)
        self.assertEqual([listed.name for listed in self.call("s3_list_buckets")], [bucket])
        self.call("s3_put_object", bucket, key, body=file(BytesIO(content)), expected=201)
        self.assertEqual([(listed.name, listed.size) for listed in self.call("s3_list_objects", bucket)], [(key, 256)])
        self.assertEqual(self.call("s3_get_object", bucket, key).payload.read(), content)
        conflict = self.call("s3_delete_bucket", bucket, expected=409)
        self.assertEqual((type(conflict), conflict.error), (self.models.Error, "BucketNotEmpty"))
        self.call("s3_delete_object", bucket, key, expected=204)
        self.call("s3_delete_bucket", bucket, expected=204)

    def test_errors_are_those_of_the_document(self):
        body = self.parameters("Ec2StopParameters", region_name=REGION, instance_id=[NOBODY])
        missing = self.call("ec2_stop", body=body, expected=404)
        self.assertIsInstance(missing, self.models.Error)
        self.assertEqual(missing.error, "InvalidInstanceID.NotFound")
        self.assertIn(NOBODY, missing.message)
        (error,) = self.call("instance_describe", REGION, NOBODY, expected=404).errors
        self.assertEqual((error.id, error.title), ("instance_id", "instance_id not found"))
        self.assertRegex(self.call("v1_attributes", NOBODY, expected=404), "^Instance ID not found")
        self.assertEqual(self.call("s3_get_object", "demo-none", "x", expected=404).error, "NoSuchBucket")
