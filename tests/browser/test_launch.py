"""The form of the console that launches instances."""

import base64
import json
import os
import re
import subprocess

from harness import IMAGE, KEY, OTHER_REGION, REGION
from playwright.sync_api import expect
from tab import DESKTOP, PHONE, Page

DRY_RUN = (
    "Dry run: This deployment and AWS would permit RunInstances. Nothing was done."
    " EC2 may still refuse it, such as for its type, its image or its capacity."
)


class Launch(Page):
    def open_form(self):
        page = self.sign_in()
        page.get_by_role("button", name="Launch", exact=True).click()
        expect(page.get_by_role("heading", name="Launch instances")).to_be_focused()
        return page

    def form(self):
        return self.page.locator("#launch")

    def fill(self, **fields):
        for label, value in fields.items():
            self.form().get_by_label(label.replace("_", " "), exact=True).fill(value)

    def dry_run(self):
        self.page.get_by_role("button", name="Dry run").click()
        expect(self.status()).to_have_text(DRY_RUN)

    def status(self):
        return self.page.locator("#launch-status")

    def launches(self):
        """The bodies and idempotency keys of the requests that launch."""
        created = [request for request in self.requests if request.url.endswith("/ec2/create")]
        return [(request.post_data_json, request.headers.get("idempotency-key")) for request in created]

    def test_a_launch_is_tried_first_and_its_rows_come_up(self):
        self.local.launch(OTHER_REGION, "dublin-1")
        page = self.open_form()
        self.fill(Name="web-1", Image=IMAGE, Type="t3.nano", Number="2", Tags="team=blue\n\nnote=a=b\n")
        self.form().get_by_label("Region", exact=True).select_option(REGION)
        run = page.get_by_role("button", name="Launch 2 instances")
        expect(run).to_have_attribute("aria-disabled", "true")
        run.click(force=True)
        expect(self.status()).to_have_text("Try it as a dry run first.")
        self.dry_run()
        expect(run).to_be_focused()
        self.assertEqual(self.local.ec2(REGION).describe_instances()["Reservations"], [])
        # What was not tried is not launched.
        self.fill(Type="t3.small")
        expect(run).to_have_attribute("aria-disabled", "true")
        self.dry_run()
        run.click()
        expect(self.status()).to_contain_text(f"Launched in {REGION}: i-")
        expect(page.get_by_role("rowheader")).to_have_text(["dublin-1", "web-1", "web-1"])
        page.locator("#region-summary").click()
        expect(page.get_by_role("checkbox", name=f"{REGION} 2 running")).to_be_checked()
        # The form shows their states and addresses.
        results = page.locator("#launch-results li")
        expect(results).to_have_count(2)
        expect(results.first).to_have_text(re.compile(r"^web-1 running, public [0-9.]+, private [0-9.]+$"))
        found = self.local.ec2(REGION).describe_instances()["Reservations"][0]["Instances"]
        tags = {tag["Key"]: tag["Value"] for tag in found[0]["Tags"]}
        self.assertEqual((len(found), found[0]["InstanceType"]), (2, "t3.small"))
        self.assertEqual((tags["Name"], tags["team"], tags["note"]), ("web-1", "blue", "a=b"))
        page.get_by_role("button", name="Show only these").click()
        expect(page.get_by_role("rowheader")).to_have_text(["web-1", "web-1"])
        # A dry run has no key; each launch has its own.
        self.dry_run()
        run.click()
        expect(self.status()).to_contain_text(f"Launched in {REGION}: i-")
        keys = [key for body, key in self.launches() if "dry_run" not in body]
        self.assertEqual((len(keys), len(set(keys)), None in keys), (2, 2, False))
        self.assertEqual({key for body, key in self.launches() if "dry_run" in body}, {None})

    def test_an_error_stands_at_its_field(self):
        page = self.open_form()
        page.get_by_role("button", name="Dry run").click()
        key = self.form().get_by_label("Key pair")
        expect(key).to_be_focused()
        expect(key).to_have_attribute("aria-invalid", "true")
        # What the default image needs is marked.
        groups = self.form().get_by_label("Security groups", exact=True)
        for needed in (key, groups):
            self.assertTrue(needed.evaluate("input => input.required"))
        self.form().get_by_label("Image", exact=True).fill(IMAGE)
        for needed in (key, groups):
            self.assertFalse(needed.evaluate("input => input.required"))
        self.form().get_by_label("Image", exact=True).fill("")
        page.get_by_role("button", name="Dry run").click()
        expect(key).to_have_accessible_description("KeyName is required. Its name. Needed with the default image, unless a launch template is given.")
        self.assert_accessible("an error at a field")
        key.fill("demo")
        expect(key).not_to_have_attribute("aria-invalid", "true")
        for label, value, message in [
            ("Security groups", "sg-1", "security_groups must be a security group's ID"),
            ("Image", "ubuntu", "ImageId must be an AMI ID"),
            ("Type", "huge", "InstanceType must be an instance type such as t3.micro"),
            ("Number", "0", "MinCount must be a whole number from 1 to 1000"),
            ("Seconds to wait", "x", "wait must be a whole number"),
            ("Tags", "aws:x=y", "tag:aws:x is a key that AWS keeps to itself"),
            ("Tags", "=y", "tag:KEY needs a tag's key after the colon"),
            ("Name", "n" * 257, "tag:Name"),
            # EC2's own errors name no parameter.
            ("Security groups", "no-such-group", "The security group no-such-group does not exist"),
        ]:
            with self.subTest(label=label, value=value):
                self.form().get_by_label("Image", exact=True).fill(IMAGE)
                field = self.form().get_by_label(label, exact=True)
                before = field.input_value() if label != "Image" else IMAGE
                field.fill(value)
                page.get_by_role("button", name="Dry run").click()
                expect(field).to_be_focused()
                error = field.locator("xpath=following-sibling::p[1]")
                expect(error).to_contain_text(message)
                expect(page.locator("#launch p.failed:visible")).to_have_count(1)
                field.fill(before)
                expect(error).to_be_hidden()
        page.route("**/ec2/create", lambda route: route.fulfill(
            status=404, json={"Message": "The instance type 'x9.foo' does not exist", "Error": "InvalidInstanceType.NotFound"}))  # fmt: skip
        page.get_by_role("button", name="Dry run").click()
        expect(self.form().get_by_label("Type", exact=True)).to_have_accessible_description(
            "The instance type 'x9.foo' does not exist. Such as t3.micro. Empty: t3.micro, or that of a launch template.")
        page.unroute("**/ec2/create")
        # Any other error stands below the form, with its request ID.
        page.route("**/ec2/create", lambda route: route.fulfill(
            status=403, json={"Message": "The policy does not permit it", "Error": "Forbidden"}, headers={"x-request-id": "8f5e-1"}))  # fmt: skip
        page.get_by_role("button", name="Dry run").click()
        expect(self.status()).to_be_focused()
        expect(self.status()).to_contain_text("The policy does not permit it. Whoever runs this deployment")
        expect(self.status()).to_contain_text("Request ID: 8f5e-1")

    def test_more_options_are_sent_and_an_error_opens_them(self):
        page = self.open_form()
        more = self.form().locator("#launch-more")
        spot = self.form().get_by_label("Spot", exact=True)
        expect(spot).to_be_hidden()
        more.locator("summary").click()
        self.fill(Image=IMAGE)
        self.form().get_by_label("Region", exact=True).select_option(REGION)
        self.assert_accessible("more options")
        for label, value, message in [
            ("Subnet", "subnet-?", "SubnetId must be"),
            ("Launch template", "no-such-template", "no-such-template"),
            ("Instance profile", "admin", "This deployment allows no instance profiles."),
            ("User data", "x" * 16385, "UserData has more than 16384 bytes."),
        ]:
            with self.subTest(label=label):
                field = self.form().get_by_label(label, exact=True)
                field.fill(value)
                more.evaluate("more => more.open = false")
                page.get_by_role("button", name="Dry run").click()
                expect(field).to_be_focused()
                expect(field.locator("xpath=following-sibling::p[1]")).to_contain_text(message)
                field.fill("")
        spot.select_option("prefer")
        script = "#!/bin/sh\n echo hello \n"
        self.fill(User_data=script)
        self.dry_run()
        body, _ = self.launches()[-1]
        self.assertEqual((body["spot"], body["UserData"]), ("prefer", script))
        self.assertNotIn("SubnetId", body)
        spot.select_option("never")
        self.dry_run()
        page.get_by_role("button", name="Launch 1 instance").click()
        expect(page.get_by_role("rowheader")).to_have_count(1)
        (reservation,) = self.local.ec2(REGION).describe_instances()["Reservations"]
        instance = reservation["Instances"][0]["InstanceId"]
        stored = self.local.ec2(REGION).describe_instance_attribute(InstanceId=instance, Attribute="userData")
        self.assertEqual(base64.b64decode(stored["UserData"]["Value"]).decode(), script)
        self.assertNotIn("spot", self.launches()[-1][0])

    def test_what_the_listed_instances_have_is_suggested(self):
        self.local.launch(REGION, "web-1", "t3.small")
        page = self.open_form()
        expect(page.get_by_role("rowheader")).to_have_text(["web-1"])
        page.get_by_role("button", name="Launch", exact=True).click()
        page.get_by_role("button", name="Launch", exact=True).click()

        self.assertEqual((self.suggested("Image"), self.suggested("Type")), ([IMAGE], ["t3.small"]))
        self.assertRegex(self.suggested("Subnet")[0], "^subnet-")
        self.form().get_by_label("Region", exact=True).select_option(OTHER_REGION)
        self.assertEqual(self.suggested("Image"), [])

    def suggested(self, label):
        values = "input => [...input.list.options].map((option) => option.value)"
        return self.form().get_by_label(label, exact=True).evaluate(values)

    def help(self, label):
        """What stands below a field."""
        return self.page.locator(f"#launch-{label}-help")

    def test_what_the_deployment_allows_is_told_and_suggested(self):
        for name, kind in (("web-1", "t3.small"), ("big", "m5.large")):
            self.local.launch(REGION, name, kind)
        limits = {
            "InstanceTypes": ["t3.*", "t4g.micro"], "MaxInstancesPerLaunch": 3, "InstanceProfiles": ["web", "ci-*"],
            "ModifiableAttributes": [], "ReservedTags": ["cost", "owner"], "DefaultRegion": REGION, "DefaultImageId": IMAGE,
            "DefaultInstanceType": "t4g.micro",
        }  # fmt: skip
        self.page.route("**/ec2/limits", lambda route: route.fulfill(json=limits))
        page = self.open_form()
        expect(page.get_by_role("rowheader")).to_have_text(["big", "web-1"])
        expect(self.help("type")).to_have_text("One of t3.*, t4g.micro; * is any characters. Empty: t4g.micro, or that of a launch template.")
        expect(self.help("image")).to_have_text(f"An AMI ID, or resolve:ssm: and a parameter. Empty: {IMAGE}, or that of a launch template.")
        expect(self.help("count")).to_have_text("All of them or none; at most 3.")
        expect(self.help("tags")).to_have_text("One in a line: KEY=VALUE. Reserved: cost, owner.")
        self.form().get_by_text("More options").click()
        expect(self.help("profile")).to_have_text("One of web, ci-*; * is any characters.")
        page.get_by_role("button", name="Launch", exact=True).click()
        page.get_by_role("button", name="Launch", exact=True).click()
        self.assertEqual(self.suggested("Type"), ["t4g.micro", "t3.small"])
        self.assertEqual(self.suggested("Instance profile"), ["web"])
        self.assertEqual(self.count_requests("/ec2/limits"), 1)
        # They are of this session: another caller may not see them.
        page.route("**/ec2/create", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
        page.get_by_role("button", name="Dry run").click()
        expect(page.get_by_label("API key or token")).to_be_visible()
        expect(self.help("type")).to_have_text("Such as t3.micro. Empty: the deployment's default.")

    def test_the_default_region_is_chosen_only_in_a_form_that_is_not_in_use(self):
        held = []
        self.page.route("**/ec2/limits", lambda route: held.append(route))
        region = self.form().get_by_label("Region", exact=True)
        page = self.open_form()
        expect(region).to_have_value(OTHER_REGION)  # the first of all
        self.fill(Name="web-1")
        self.until(lambda: held)
        held.pop(0).continue_()
        expect(self.help("profile")).to_have_text("This deployment allows none.")
        expect(region).to_have_value(OTHER_REGION)
        # Another form: what failed is loaded again when it is opened.
        page.get_by_role("button", name="Sign out").click()
        self.sign_in()
        self.until(lambda: held)
        held.pop(0).fulfill(status=503, json={"Message": "Later", "Error": "X"})
        expect(page.get_by_role("alert")).to_contain_text("Loading the limits of launches did not work: Later.")
        page.get_by_role("button", name="Launch", exact=True).click()
        self.until(lambda: held)
        expect(region).to_have_value(OTHER_REGION)
        for route in held:
            route.continue_()
        expect(region).to_have_value(REGION)
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.locator("#launch-curl")).to_contain_text(f'"region_name":"{REGION}"')

    def test_limits_of_the_local_deployment_are_those_of_the_api(self):
        self.open_form()
        expect(self.help("type")).to_have_text("Such as t3.micro. Empty: t3.micro, or that of a launch template.")
        expect(self.help("image")).to_contain_text("Empty: ami-")
        expect(self.help("profile")).to_have_text("This deployment allows none.")
        # Not the first one in the alphabet.
        expect(self.form().get_by_label("Region", exact=True)).to_have_value(REGION)

    def test_the_form_works_for_callers_who_may_not_see_the_limits(self):
        forbidden = {"Message": "The policy of this deployment does not permit GetLimits of us-east-1", "Error": "Forbidden"}
        self.page.route("**/ec2/limits", lambda route: route.fulfill(status=403, json=forbidden))
        with self.page.expect_response("**/ec2/limits"):
            page = self.open_form()
        self.fill(Image=IMAGE)
        self.dry_run()
        expect(self.help("type")).to_have_text("Such as t3.micro. Empty: the deployment's default.")
        expect(page.get_by_role("alert")).to_have_count(0)

    def test_a_launch_may_have_an_end(self):
        page = self.open_form()
        self.fill(Image=IMAGE, Name="web-1", Ends_after="8")
        self.form().get_by_label("Region", exact=True).select_option(REGION)
        expect(page.locator("#launch-curl")).to_contain_text('"stop_after":"8h"')
        self.form().get_by_label("Unit of the time after which it ends").select_option("days")
        self.form().get_by_label("What its end is").select_option("terminate")
        self.dry_run()
        page.get_by_role("button", name="Launch 1 instance").click()
        time = r"\d{4}-\d\d-\d\d \d\d:\d\d"
        expect(self.status()).to_have_text(
            re.compile(rf"^Launched in us-east-1: i-\w+\. Ends for good at {time}, by the schedule [\w-]+\.$")
        )
        end = self.status().inner_text().rstrip(".").rpartition(" ")[2]
        self.assertEqual({body["terminate_after"] for body, _ in self.launches()}, {"8d"})
        self.assertFalse(any("stop_after" in body for body, _ in self.launches()))
        # It is among the schedules. What finds its instances can't be written: no change.
        page.get_by_role("button", name="Schedules", exact=True).click()
        item = page.locator("#schedule-list > li").filter(has=page.get_by_role("heading", name=end))
        expect(item).to_contain_text("those of one launch (web-1) in us-east-1")
        self.button("Details of", "web-1").click()
        expect(self.panel("web-1")).to_contain_text(re.compile(rf"{end}\s*terminate: \w+ {time}"))
        expect(item).to_contain_text(re.compile(rf"Next\s*terminate \w+ {time}"))
        expect(item.get_by_role("button", name="Change")).to_have_count(0)
        item.get_by_role("button", name=f"Delete: {end}").click()
        self.confirm("Delete")
        expect(item).to_have_count(0)
        expect(page.get_by_role("rowheader")).to_have_text(["web-1"])
        self.fill(Ends_after="soon")
        page.get_by_role("button", name="Dry run").click()
        expect(self.form().get_by_label("Ends after")).to_be_focused()
        expect(self.form().get_by_label("Ends after")).to_have_accessible_description(re.compile("^terminate_after must be"))
        self.fill(Ends_after="1")
        self.form().get_by_label("Unit of the time after which it ends").select_option("minutes")
        page.get_by_role("button", name="Dry run").click()
        expect(self.form().get_by_label("Ends after")).to_have_accessible_description(re.compile("^terminate_after must be"))

    def test_the_end_of_a_launch_is_shown_with_its_instances_whatever_their_tags(self):
        headers = {"x-api-key": KEY}
        data = {"region_name": REGION, "image_id": IMAGE, "tag:Name": "web-1", "terminate_after": "8d"}
        answer = self.context.request.post(f"{self.local.url}/ec2/create", headers=headers, data=data)
        end = answer.headers["x-schedule"]
        tag = [tag for tag in answer.json()["Tags"] if tag["Key"] == "ec2-control-api:request"]
        ec2 = self.local.ec2(REGION)
        ec2.create_tags(Resources=[self.local.launch(REGION, "web-2")], Tags=tag)
        ec2.delete_tags(Resources=[answer.json()["InstanceId"]], Tags=tag)
        page = self.sign_in()
        self.button("Details of", "web-1").click()
        expect(self.panel("web-1")).to_contain_text(re.compile(rf"{end}\s*terminate: "))
        expect(self.panel("web-1")).not_to_contain_text("ec2-control-api:request")
        page.get_by_role("button", name="Keep open the details of web-1").click()
        self.button("Details of", "web-2").click()
        expect(self.panel("web-2")).to_contain_text(tag[0]["Value"])
        expect(self.panel("web-2")).not_to_contain_text(end)

    def test_an_end_that_was_typed_is_sent_even_if_it_is_not_known_whether_there_are_schedules(self):
        page = self.open_form()
        self.fill(Image=IMAGE, Ends_after="3")
        page.route("**/schedules", lambda route: route.abort() if route.request.method == "OPTIONS" else route.continue_())
        page.route("**/ec2/create", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
        page.get_by_role("button", name="Dry run").click()
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        warning = "Whether this deployment has schedules could not be learnt"
        expect(page.get_by_role("status").filter(has_text=warning)).to_be_visible()
        page.unroute("**/ec2/create")
        expect(self.form().get_by_label("Ends after", exact=True)).to_have_value("3")
        expect(page.locator("#launch-curl")).to_contain_text('"stop_after":"3h"')
        self.dry_run()
        page.get_by_role("button", name="Launch 1 instance").click()
        expect(self.status()).to_contain_text("Launched in")
        self.assertEqual([body.get("stop_after") for body, _ in self.launches()], ["3h", "3h", "3h"])

    def test_a_deployment_without_schedules_offers_no_end(self):
        self.page.route("**/schedules", lambda route: route.fulfill(status=404, json={"Message": "No such path"}))
        self.open_form()
        self.fill(Image=IMAGE)
        expect(self.form().get_by_label("Ends after")).to_be_hidden()
        self.dry_run()

    def test_a_launch_whose_response_was_lost_is_sent_again_under_the_same_key(self):
        page = self.open_form()
        self.fill(Name="web-1", Image=IMAGE)
        self.dry_run()

        def lose(route):
            route.fetch()  # it happens
            route.abort()

        page.route("**/ec2/create", lose)
        page.get_by_role("button", name="Launch 1 instance").click()
        expect(self.status()).to_contain_text("The API can't be reached.")
        expect(self.status()).to_contain_text("under the same Idempotency-Key it is launched once")
        expect(self.form().get_by_label("Name", exact=True)).to_have_value("web-1")
        page.unroute("**/ec2/create")
        self.dry_run()
        page.get_by_role("button", name="Launch 1 instance").click()
        expect(self.status()).to_contain_text("Launched in")
        first, second = (key for body, key in self.launches() if "dry_run" not in body)
        self.assertEqual(first, second)
        # Another launch never has the key of one that may have happened.
        page.route("**/ec2/create", lambda route: route.fulfill(status=504, json={"Message": "EC2 did not answer in time"}))
        self.fill(Name="web-2")
        page.unroute("**/ec2/create")
        self.dry_run()
        page.route("**/ec2/create", lambda route: route.fulfill(status=504, json={"Message": "EC2 did not answer in time"}))
        page.get_by_role("button", name="Launch 1 instance").click()
        expect(self.status()).to_contain_text("EC2 did not answer in time. Try again later. It may have been launched all the same.")
        self.fill(Name="web-3")
        third = self.launches()[-1][1]
        expect(page.locator("#launch-curl")).not_to_contain_text(third)

    def test_a_failure_is_told_although_the_form_was_closed_meanwhile(self):
        page = self.open_form()
        self.fill(Image=IMAGE)
        self.dry_run()
        held = []
        page.route("**/ec2/create", lambda route: held.append(route))
        page.get_by_role("button", name="Launch 1 instance").click()
        self.until(lambda: held)
        page.keyboard.press("Escape")
        expect(self.form()).to_be_hidden()
        held.pop().fulfill(status=504, json={"message": "Endpoint request timed out"})
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("Launching did not work: Endpoint request timed out.")
        expect(alert).to_contain_text("It may have been launched all the same.")

    def test_what_was_typed_outlives_an_expired_key_and_not_a_sign_out(self):
        page = self.open_form()
        self.fill(Name="web-1", Image=IMAGE, Tags="team=blue")
        page.route("**/ec2/create", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
        page.get_by_role("button", name="Dry run").click()
        expect(page.get_by_role("alert")).to_contain_text("Unauthorized. Enter the key again.")
        page.unroute("**/ec2/create")
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        expect(self.form().get_by_label("Tags")).to_have_value("team=blue")
        self.dry_run()
        page.get_by_role("button", name="Launch 1 instance").click()
        expect(page.get_by_role("rowheader")).to_have_text(["web-1"])
        page.get_by_role("button", name="Sign out").click()
        self.assertNotIn("team=blue", page.content())
        self.assertEqual(page.locator("#launch-curl").text_content(), "")
        self.sign_in()
        page.get_by_role("button", name="Launch", exact=True).click()
        expect(self.form().get_by_label("Tags")).to_have_value("")

    def test_the_curl_call_of_the_form_launches_the_same(self):
        page = self.open_form()
        self.fill(Name="it's", Image=IMAGE)
        command = page.locator("#launch-curl").inner_text()
        self.assertNotIn(KEY, command)
        environment = {**os.environ, "KEY": KEY}
        done = subprocess.run(["bash", "-euc", command], env=environment, capture_output=True, text=True, timeout=60)
        tags = {tag["Key"]: tag["Value"] for tag in json.loads(done.stdout)["Tags"]}
        self.assertEqual((tags["Name"], tags["ec2-control-api:caller"]), ("it's", "demo"))

    def test_the_form_works_by_keyboard_and_fits_every_width_and_scheme(self):
        for scheme, viewport in (("light", DESKTOP), ("dark", DESKTOP), ("dark", PHONE)):
            page = self.tab(viewport=viewport, color_scheme=scheme)
            self.sign_in()
            page.get_by_role("button", name="Launch an instance").click()  # of the empty list
            expect(page.get_by_role("heading", name="Launch instances")).to_be_focused()
            self.assert_accessible(f"form, {scheme} {viewport['width']}")
            self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), viewport["width"])
        for text in ("", "", "web-1", IMAGE):  # region, account, name, image
            page.keyboard.press("Tab")
            while not page.evaluate("document.activeElement.matches('input, select')"):
                page.keyboard.press("Tab")
            if text:
                page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Launch 1 instance")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("rowheader")).to_have_text(["web-1"])
        # What was launched is listed: the choice of regions is not in the way.
        expect(page.locator("#region-box")).not_to_have_attribute("open", "")
        page.keyboard.press("Escape")
        expect(self.form()).to_be_hidden()
        expect(page.get_by_role("button", name="Launch", exact=True)).to_be_focused()
        expect(page.get_by_role("button", name="Launch", exact=True)).to_have_attribute("aria-expanded", "false")
        page.keyboard.press("Enter")
        expect(self.form().get_by_label("Image", exact=True)).to_have_value(IMAGE)
        page.get_by_role("button", name="Close", exact=True).click()
        expect(self.form()).to_be_hidden()
