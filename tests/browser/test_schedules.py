"""Schedules in the console: when instances start, stop, reboot and end."""

import datetime
import json
import random
import re
from zoneinfo import ZoneInfo

from harness import KEY, OTHER_REGION, REGION
from playwright.sync_api import expect
from tab import DESKTOP, PHONE, Page

UTC = datetime.timezone.utc
DAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
NEXT = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d"


class Schedules(Page):
    def put(self, name, **members):
        definition = {"region_name": REGION, "tag:team": "blue", "stop": "19:00", **members}
        definition = {member: value for member, value in definition.items() if value is not None}
        answer = self.context.request.put(f"{self.local.url}/schedules/{name}", headers={"x-api-key": KEY}, data=definition)
        self.assertIn(answer.status, (200, 201), answer.text())

    def kept(self, name):
        """A schedule as the API shows it, or None."""
        answer = self.context.request.get(f"{self.local.url}/schedules/{name}", headers={"x-api-key": KEY})
        return answer.json() if answer.status == 200 else None

    def post(self, path):
        answer = self.context.request.post(f"{self.local.url}/schedules/{path}", headers={"x-api-key": KEY})
        self.assertEqual(answer.status, 200, answer.text())

    def open_schedules(self):
        page = self.sign_in()
        page.get_by_role("button", name="Schedules", exact=True).click()
        expect(page.get_by_role("heading", name="Schedules", exact=True)).to_be_focused()
        return page

    def open_form(self):
        page = self.open_schedules()
        page.get_by_role("button", name="New schedule").click()
        expect(self.field("Name")).to_be_focused()
        return page

    def form(self):
        return self.page.locator("#schedule-form")

    def field(self, label):
        return self.form().get_by_label(label, exact=True)

    def item(self, name):
        """A schedule in the list of schedules."""
        heading = self.page.get_by_role("heading", name=re.compile(f"^{name}( disabled)?$"))
        return self.page.locator("#schedule-list > li").filter(has=heading)

    def save(self):
        self.form().get_by_role("button", name="Save").click()

    def save_terminating(self, name):
        self.save()
        self.page.get_by_role("dialog").get_by_label("To confirm, type").fill(name)
        self.confirm("Save it")

    def test_office_hours_are_made_by_two_times_and_days_and_changed(self):
        page = self.tab(timezone_id="America/New_York")
        self.open_form()
        self.assert_accessible("form of a schedule")
        self.field("Name").fill("office-hours")
        self.field("Region").select_option(OTHER_REGION)
        self.field("Or all instances with these tags").fill("office-hours=yes")
        self.field("Start").fill("08:00")
        self.field("Stop").fill("19:00")
        expect(self.field("Time zone")).to_have_value("America/New_York")
        self.field("Time zone").fill("Europe/Berlin")
        # In the zone of the schedule and in the reader's own.
        expect(page.locator("#schedule-next li").first).to_have_text(
            re.compile(rf"^start: {NEXT} 08:00 \(Europe/Berlin\), here {NEXT} 0[23]:00$")
        )
        expect(page.locator("#schedule-curl")).to_contain_text("curl -sS -X PUT")
        expect(page.locator("#schedule-curl")).to_contain_text("/schedules/office-hours'")
        self.form().get_by_text("More options").click()
        self.field("Days to skip").fill("2099-12-24/2099-12-26, 2100-01-01")
        self.field("Description").fill("Office hours")
        self.save()
        expect(self.form()).to_be_hidden()
        item = self.item("office-hours")
        expect(item).to_contain_text("start 08:00, stop 19:00 on MON-FRI (Europe/Berlin)")
        expect(item).to_contain_text(f"tagged office-hours=yes in {OTHER_REGION}")
        expect(item).to_contain_text(re.compile(rf"start {NEXT} 08:00 \(Europe/Berlin\), here {NEXT} 0[23]:00; stop {NEXT} 19:00"))
        expect(item).to_contain_text("2099-12-24/2099-12-26, 2100-01-01")
        expect(item).to_contain_text("demo (key)")
        self.assert_accessible("list of schedules")
        made = self.kept("office-hours")
        self.assertEqual(
            {member: made.get(member) for member in ("start", "stop", "days", "timezone", "region_name", "tag:office-hours", "skip")},
            {"start": "08:00", "stop": "19:00", "days": "MON-FRI", "timezone": "Europe/Berlin", "region_name": OTHER_REGION,
             "tag:office-hours": "yes", "skip": ["2099-12-24/2099-12-26", "2100-01-01"]},
        )  # fmt: skip
        item.get_by_role("button", name="Change: office-hours").click()
        expect(self.field("Name")).to_have_value("office-hours")
        expect(self.field("Name")).not_to_be_editable()
        expect(self.field("Start")).to_have_value("08:00")
        expect(self.field("Or all instances with these tags")).to_have_value("office-hours=yes")
        self.field("Start").fill("")
        self.field("Stop").fill("20:30")
        for day, checked in (("Mon", False), ("Sat", True), ("Sun", True)):
            self.field(day).set_checked(checked)
        self.save()
        expect(item).to_contain_text("stop 20:30 on TUE,WED,THU,FRI,SAT,SUN (Europe/Berlin)")
        expect(item.get_by_role("button", name="Change: office-hours")).to_be_focused()
        changed = self.kept("office-hours")
        self.assertEqual((changed.get("start"), changed["skip"], changed["description"]), (None, made["skip"], "Office hours"))

    def test_other_members_of_a_schedule_stay_when_it_is_changed(self):
        self.put("night", hibernate="prefer", skip_os_shutdown=True, expect=2, stop="cron(0 22 L * ? *)", reboot="rate(2 days)", start_date="2099-01-01")
        page = self.open_schedules()
        item = self.item("night")
        expect(item).to_contain_text("stop when EventBridge Scheduler says; reboot ")
        before = self.kept("night")
        item.get_by_role("button", name="Change: night").click()
        expect(self.form().get_by_role("radio", name="By expression")).to_be_checked()
        expect(self.field("Stop")).to_have_value("cron(0 22 L * ? *)")
        expect(page.locator("#schedule-next li").first).to_have_text("stop: when EventBridge Scheduler says")
        self.save()
        expect(self.form()).to_be_hidden()
        after = self.kept("night")
        self.assertEqual({**before, "updated": ""}, {**after, "updated": ""})

    def test_once_is_a_date_and_a_time(self):
        page = self.tab(timezone_id="UTC")
        self.open_form()
        self.field("Name").fill("demo-day")
        self.field("Instances").fill("web-1\nweb-2")
        self.form().get_by_role("radio", name="Once").check()
        expect(self.form().get_by_role("group", name="Days")).to_be_hidden()
        self.field("Terminate").fill("2099-12-01T18:30")
        self.field("Time zone").fill("Asia/Kolkata")
        self.save_terminating("demo-day")
        expect(self.item("demo-day")).to_contain_text("terminate at(2099-12-01T18:30:00) (Asia/Kolkata)")
        expect(self.item("demo-day")).to_contain_text("terminate Tue 2099-12-01 18:30 (Asia/Kolkata), here Tue 2099-12-01 13:00")
        self.assertEqual(self.kept("demo-day")["instance_id"], ["web-1", "web-2"])
        expect(self.item("demo-day").get_by_role("button", name="Skip the day")).to_have_count(0)
        self.item("demo-day").get_by_role("button", name="Change: demo-day").click()
        expect(self.field("Terminate")).to_have_value("2099-12-01T18:30")
        page.get_by_role("button", name="Cancel").click()
        expect(self.form()).to_be_hidden()

    def test_an_error_stands_at_its_field(self):
        self.put("taken")
        page = self.open_form()
        expect(self.item("taken")).to_be_visible()

        def refused(label, message):
            self.save()
            field = self.field(label)
            expect(field).to_be_focused()
            expect(field).to_have_attribute("aria-invalid", "true")
            expect(field).to_have_accessible_description(re.compile(f"^{re.escape(message)}"))
            expect(page.locator("#schedule-form p.failed:visible")).to_have_count(1)

        refused("Name", "name is required.")
        self.field("Name").fill("taken")
        refused("Name", "name is that of another schedule. Change that one.")
        self.field("Name").fill("night")
        refused("Start", "start or stop, reboot or terminate is required")
        self.field("Stop").fill("22:00")
        refused("Instances", "instance_id or tag:KEY is required")
        self.field("Or all instances with these tags").fill("team=blue")
        self.field("Instances").fill("web-1")
        refused("Instances", "instance_id and tag:KEY can't be given together")
        self.field("Instances").fill("")
        self.field("Time zone").fill("Mars/Olympus")
        refused("Time zone", "timezone must be a time zone")
        self.assert_accessible("an error in the form of a schedule")
        self.field("Time zone").fill("Europe/Berlin")
        # An error in a closed part opens it.
        self.field("Terminate").fill("23:00")
        refused("Expected number", "expect is required where instances are terminated by tag:KEY")
        self.field("Expected number").fill("2")
        self.form().get_by_role("radio", name="By expression").check()
        self.field("Stop").fill("at noon")
        refused("Stop", "stop must be a time such as 08:00")
        self.field("Stop").fill("cron(0 22 ? * 2#1 *)")
        page.route("**/schedules/night", lambda route: route.fulfill(
            status=403, json={"Message": "The policy does not permit it", "Error": "Forbidden"}, headers={"x-request-id": "8f5e-1"}))  # fmt: skip
        self.save()
        expect(page.locator("#schedule-status")).to_be_focused()
        expect(page.locator("#schedule-status")).to_contain_text("The policy does not permit it. Whoever runs this deployment")
        page.unroute("**/schedules/night")
        self.save_terminating("night")
        expect(self.item("night")).to_contain_text("stop cron(0 22 ? * 2#1 *), terminate 23:00")

    def test_what_terminates_is_saved_after_its_name_was_typed(self):
        page = self.open_form()
        self.field("Name").fill("clean-up")
        self.field("Region").select_option(REGION)
        self.field("Instances").fill("web-1")
        self.field("Terminate").fill("23:00")
        self.field("Terminate").press("Enter")
        dialog = page.get_by_role("dialog", name="Save clean-up?")
        expect(dialog).to_contain_text(f"The instances web-1 in {REGION} will be terminated, and gone for good. All times: terminate 23:00 on MON-FRI")
        expect(dialog.get_by_role("button", name="Save it")).to_be_disabled()
        dialog.get_by_role("button", name="Cancel").click()
        self.assertIsNone(self.kept("clean-up"))
        expect(self.field("Terminate")).to_have_value("23:00")
        self.save_terminating("clean-up")
        expect(self.item("clean-up")).to_contain_text("terminate 23:00")

    def test_what_terminates_is_enabled_after_its_name_was_typed(self):
        self.put("clean-up", stop=None, terminate="23:00", expect=1, enabled=False)
        page = self.open_schedules()
        enable = self.item("clean-up").get_by_role("button", name="Enable: clean-up")
        enable.click()
        dialog = page.get_by_role("dialog", name="Enable clean-up?")
        expect(dialog).to_contain_text(f"The instances tagged team=blue in {REGION}, 1 expected will be terminated")
        dialog.get_by_role("button", name="Cancel").click()
        self.assertFalse(self.kept("clean-up")["enabled"])
        enable.click()
        dialog.get_by_label("To confirm, type").fill("clean-up")
        self.confirm("Enable it")
        expect(self.item("clean-up").get_by_role("button", name="Disable: clean-up")).to_be_visible()
        self.assertTrue(self.kept("clean-up")["enabled"])

    def test_what_is_changed_while_a_question_is_open_is_not_replaced(self):
        page = self.open_form()
        self.field("Name").fill("clean-up")
        self.field("Instances").fill("web-1")
        self.field("Terminate").fill("23:00")
        self.save()
        expect(page.get_by_role("dialog")).to_be_visible()
        self.put("clean-up", stop="20:00")
        page.get_by_role("dialog").get_by_label("To confirm, type").fill("clean-up")
        self.confirm("Save it")
        expect(self.field("Name")).to_have_accessible_description(re.compile("^name is that of another schedule"))
        self.assertEqual(self.kept("clean-up").get("terminate"), None)

    def test_days_are_chosen_and_times_outlive_another_choice_of_their_kind(self):
        self.open_form()
        self.field("Name").fill("night")
        self.field("Instances").fill("web-1")
        self.field("Stop").fill("22:00")
        for kind in ("Once", "By expression", "At times of day"):
            self.form().get_by_role("radio", name=kind).check()
        expect(self.field("Stop")).to_have_value("22:00")
        for day in DAYS:
            self.field(day.capitalize()).uncheck()
        self.save()
        days = self.form().get_by_role("group", name="Days")
        expect(days).to_have_accessible_description(re.compile("^days must have at least one day"))
        self.assertIsNone(self.kept("night"))

    def test_what_was_saved_is_saved_although_the_list_can_not_be_loaded(self):
        page = self.open_form()
        self.field("Name").fill("night")
        self.field("Instances").fill("web-1")
        self.field("Stop").fill("22:00")
        broken = {"Message": "EventBridge Scheduler does not answer", "Error": "X"}
        page.route("**/schedules", lambda route: route.fulfill(status=503, json=broken))
        self.save()
        expect(self.form()).to_be_hidden()
        expect(page.get_by_role("alert")).to_contain_text("Loading the schedules did not work")
        self.assertEqual(self.kept("night")["stop"], "22:00")

    def test_a_change_of_the_time_leaves_the_instances_as_they_are(self):
        strange = {"instance_id": ["web, blue", "web-1"], "tag:team": None}
        tags = {"tag:team": None, "tag:cost=center": "a=b", "tag:note": "two = three"}
        for name, target in (("by-name", strange), ("by-tag", tags)):
            self.put(name, **target)
        page = self.open_schedules()
        for name in ("by-name", "by-tag"):
            before = self.kept(name)
            self.item(name).get_by_role("button", name=f"Change: {name}").click()
            self.field("Stop").fill("20:30")
            self.save()
            expect(self.form()).to_be_hidden()
            after = self.kept(name)
            self.assertEqual(after["stop"], "20:30")
            self.assertEqual({**before, "updated": "", "stop": ""}, {**after, "updated": "", "stop": ""})
        # One more line changes no other.
        self.item("by-name").get_by_role("button", name="Change: by-name").click()
        self.field("Instances").fill("web, blue\nweb-2,web-3\nweb-1")
        self.save()
        expect(self.form()).to_be_hidden()
        self.assertEqual(self.kept("by-name")["instance_id"], ["web, blue", "web-2", "web-3", "web-1"])
        self.item("by-tag").get_by_role("button", name="Change: by-tag").click()
        page.locator("#schedule-tags").evaluate("field => { field.value += '\\nteam=blue'; }")
        self.save()
        expect(self.form()).to_be_hidden()
        now = self.kept("by-tag")
        tags = {member: value for member, value in now.items() if member.startswith("tag:")}
        self.assertEqual(tags, {"tag:cost=center": "a=b", "tag:note": "two = three", "tag:team": "blue"})

    def test_schedules_of_the_listed_instances_alone_are_shown(self):
        web = self.local.launch(REGION, "web-1", team="blue")
        self.local.launch(REGION, "web-2", team="red")
        self.local.launch(OTHER_REGION, "dublin-1", team="blue")
        self.put("a-blue")
        self.put("b-red", **{"tag:team": "red"})
        self.put("c-id", instance_id=[web], **{"tag:team": None})
        self.put("d-name", instance_id=["dublin-1"], region_name=OTHER_REGION, **{"tag:team": None})
        self.put("e-nobody", **{"tag:team": "green"})
        page = self.open_schedules()
        headings = page.locator("#schedule-list h3:visible")
        expect(headings).to_have_text(["a-blue", "b-red", "c-id", "d-name", "e-nobody"])
        page.get_by_label("Day to skip: b-red").fill("2099-12-24")
        expect(page.get_by_role("rowheader")).to_have_text(["dublin-1", "web-1", "web-2"])
        only = page.get_by_label("Only of the instances in the list")
        only.check()
        expect(headings).to_have_text(["a-blue", "b-red", "c-id", "d-name"])
        expect(page.locator("#schedules-count")).to_have_text("4 of 5")
        page.get_by_role("searchbox").fill("web-1")
        expect(headings).to_have_text(["a-blue", "c-id"])
        page.get_by_role("searchbox").fill("no such")
        expect(page.locator("#schedules-none")).to_have_text("None is about an instance in the list.")
        # What was saved is shown.
        page.get_by_role("searchbox").fill("web-1")
        expect(headings).to_have_text(["a-blue", "c-id"])
        page.get_by_role("button", name="New schedule").click()
        for label, text in (("Name", "f-other"), ("Instances", "other"), ("Stop", "18:00")):
            self.field(label).fill(text)
        self.save()
        expect(self.form()).to_be_hidden()
        expect(only).not_to_be_checked()
        expect(headings).to_have_text(["a-blue", "b-red", "c-id", "d-name", "e-nobody", "f-other"])
        # What was typed stays while it is not shown.
        expect(page.get_by_label("Day to skip: b-red")).to_have_value("2099-12-24")

    def test_schedules_that_can_not_be_loaded_are_not_taken_for_none(self):
        self.local.launch(REGION, "web-1")
        page = self.page
        broken = {"Message": "EventBridge Scheduler does not answer", "Error": "X"}
        page.route("**/schedules", lambda route: route.fulfill(status=503, json=broken) if route.request.method == "GET" else route.continue_())
        self.open_schedules()
        expect(page.get_by_role("alert")).to_contain_text("Loading the schedules did not work")
        expect(page.locator("#schedules-none")).to_have_text("They could not be loaded: refresh to try again.")
        self.button("Details of", "web-1").click()
        expect(self.panel("web-1")).to_contain_text(re.compile(r"Schedules\s*not loaded"))
        page.unroute("**/schedules")
        page.get_by_role("button", name="Refresh").click()
        expect(page.locator("#schedules-none")).to_contain_text("None yet")
        expect(self.panel("web-1")).not_to_contain_text("not loaded")

    def test_a_day_is_skipped_and_a_schedule_is_disabled_enabled_and_deleted(self):
        self.put("office-hours", skip=["2099-12-24/2099-12-26"])
        page = self.open_schedules()
        item = self.item("office-hours")
        item.get_by_label("Day to skip: office-hours").fill("2099-11-30")
        skip = item.get_by_role("button", name="Skip the day: office-hours")
        skip.click()
        # Whose schedule it is, is not known yet.
        dialog = page.get_by_role("dialog", name="Let office-hours skip 2099-11-30?")
        expect(dialog).to_contain_text("Its owner is demo (key) now. Whoever saves a schedule becomes its owner")
        dialog.get_by_role("button", name="Cancel").click()
        self.assertEqual(self.kept("office-hours")["skip"], ["2099-12-24/2099-12-26"])
        skip.click()
        self.confirm("Skip it")
        expect(item).to_contain_text("2099-11-30, 2099-12-24/2099-12-26")
        self.assertEqual(self.kept("office-hours")["skip"], ["2099-11-30", "2099-12-24/2099-12-26"])
        expect(item.get_by_role("button", name="Skip the day: office-hours")).to_be_focused()
        # By now it is the caller's.
        item.get_by_label("Day to skip: office-hours").fill("2099-12-01")
        skip.click()
        expect(item).to_contain_text("2099-11-30, 2099-12-01, 2099-12-24/2099-12-26")
        item.get_by_role("button", name="Disable: office-hours").click()
        expect(item.get_by_role("heading")).to_have_text("office-hours disabled")
        expect(item).to_contain_text("nothing: it is disabled")
        self.assertFalse(self.kept("office-hours")["enabled"])
        # A change leaves it disabled.
        item.get_by_role("button", name="Change: office-hours").click()
        self.field("Stop").fill("21:00")
        self.save()
        expect(item).to_contain_text("stop 21:00")
        self.assertFalse(self.kept("office-hours")["enabled"])
        item.get_by_role("button", name="Enable: office-hours").click()
        expect(item.get_by_role("heading")).to_have_text("office-hours")
        item.get_by_role("button", name="Delete: office-hours").click()
        expect(page.get_by_role("dialog", name="Delete office-hours?")).to_contain_text("stop 21:00")
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        self.assertIsNotNone(self.kept("office-hours"))
        item.get_by_role("button", name="Delete: office-hours").click()
        self.confirm("Delete")
        expect(item).to_have_count(0)
        expect(page.locator("#schedules-none")).to_contain_text("None yet")
        self.assertIsNone(self.kept("office-hours"))

    def test_what_another_person_has_written_meanwhile_is_neither_replaced_nor_run(self):
        self.put("night", stop="22:00")
        page = self.open_schedules()
        item = self.item("night")
        # A change.
        item.get_by_role("button", name="Change: night").click()
        self.field("Stop").fill("21:00")
        self.post("night/disable")
        self.save()
        expect(page.locator("#schedule-status")).to_contain_text("night was changed in the meantime.")
        self.assertEqual(self.kept("night")["stop"], "22:00")
        self.form().get_by_role("button", name="Cancel").click()
        # An action.
        item.get_by_role("button", name="Stop now: night").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        self.post("night/enable")
        ran = []
        page.on("request", lambda request: ran.append(request.url) if request.url.endswith("/run") else None)
        self.confirm("Stop")
        expect(page.get_by_role("alert")).to_contain_text("night was changed in the meantime.")
        self.assertEqual(ran, [])

    def test_what_another_caller_owns_can_not_be_changed_and_the_reason_is_told(self):
        self.put("office-hours")
        page = self.open_schedules()
        message = "DisableSchedule of office-hours is not permitted: another caller is its owner"
        page.route("**/schedules/office-hours/disable", lambda route: route.fulfill(status=403, json={"Message": message, "Error": "Forbidden"}))
        self.item("office-hours").get_by_role("button", name="Disable: office-hours").click()
        expect(page.get_by_role("alert")).to_contain_text(f"Disable office-hours did not work: {message}.")

    def test_an_action_is_run_now_after_a_confirmation(self):
        for name in ("web-1", "web-2"):
            self.local.launch(REGION, name, team="blue")
        self.put("night", terminate="23:00", expect=2)
        page = self.open_schedules()
        self.state("web-1", "running")
        self.item("night").get_by_role("button", name="Stop now: night").click()
        expect(page.get_by_role("dialog", name="Stop now, as night would?")).to_contain_text(f"tagged team=blue in {REGION}")
        self.confirm("Stop")
        expect(page.get_by_role("status").filter(has_text="Stop by night: 2 of 2 accepted")).to_be_visible()
        self.state("web-1", "stopped")
        self.state("web-2", "stopped")
        # To terminate, the name is typed.
        refused = {"Code": "OperationNotPermitted", "Message": "It is protected"}
        page.route("**/schedules/night/run", lambda route: route.fulfill(
            status=207, json=[{"InstanceId": "i-1", "CurrentState": {}}, {"InstanceId": "i-2", "Error": refused}]))  # fmt: skip
        self.item("night").get_by_role("button", name="Terminate now: night").click()
        expect(page.get_by_role("dialog").get_by_role("button", name="Terminate", exact=True)).to_be_disabled()
        page.get_by_role("dialog").get_by_label("To confirm, type").fill("night")
        with page.expect_request("**/schedules/night/run") as sent:
            self.confirm("Terminate")
        self.assertEqual(sent.value.post_data_json, {"action": "terminate"})
        result = "Terminate by night: 1 of 2 accepted; i-2: It is protected"
        expect(page.get_by_role("status").filter(has_text=result)).to_be_visible()

    def test_chosen_instances_are_scheduled_by_id_or_by_what_they_have_in_common(self):
        ids = [self.local.launch(REGION, name, team="blue", env=name) for name in ("web-1", "web-2")]
        self.local.launch(OTHER_REGION, "dublin-1", team="blue")
        page = self.sign_in()
        for name in ("web-1", "web-2", "dublin-1"):
            page.get_by_role("checkbox", name=f"Choose {name}", exact=True).check()
        page.get_by_role("button", name="Schedule all chosen instances").click()
        expect(page.get_by_role("alert")).to_contain_text("A schedule is about one region")
        page.get_by_role("checkbox", name="Choose dublin-1", exact=True).uncheck()
        page.get_by_role("button", name="Schedule all chosen instances").click()
        expect(self.field("Name")).to_be_focused()
        expect(self.field("Region")).to_have_value(REGION)
        self.assertEqual(sorted(self.field("Instances").input_value().split("\n")), sorted(ids))
        offers = self.form().locator("#schedule-offers")
        expect(offers.get_by_role("button")).to_have_text(["team=blue"])
        offers.get_by_role("button", name="team=blue").click()
        expect(self.field("Instances")).to_have_value("")
        expect(self.field("Or all instances with these tags")).to_have_value("team=blue")
        self.field("Name").fill("blue-night")
        self.field("Stop").fill("22:00")
        self.save()
        expect(self.item("blue-night")).to_contain_text(f"tagged team=blue in {REGION}")
        # The details of an instance show its schedules.
        self.button("Details of", "web-1").click()
        expect(self.panel("web-1")).to_contain_text(re.compile(rf"blue-night\s*stop: {NEXT} 22:00"))
        self.button("Details of", "dublin-1").click()
        expect(self.panel("dublin-1")).not_to_contain_text("blue-night")
        page.get_by_role("button", name="Schedule dublin-1", exact=True).click()
        expect(self.field("Region")).to_have_value(OTHER_REGION)

    def test_an_instance_gets_an_end_in_two_steps(self):
        instance = self.local.launch(REGION, "web 1")
        page = self.tab(timezone_id="Asia/Tokyo")
        self.sign_in()
        self.button("Details of", "web 1").click()
        self.panel("web 1").get_by_role("button", name="End web 1", exact=True).click()
        expect(self.field("Stop")).to_be_focused()
        # The details do not stand before the button.
        self.assertTrue(self.is_on_top(self.form().get_by_role("button", name="Save")))
        # They are docked again once the panel is closed.
        docked = page.locator("#panels")
        expect(docked).to_have_css("position", "static")
        page.keyboard.press("Escape")
        expect(docked).to_have_css("position", "sticky")
        page.get_by_role("button", name="Schedules", exact=True).press("Enter")
        self.save()
        expect(self.item("end-web-1")).to_contain_text("stop at(20")
        end = self.kept("end-web-1")
        self.assertEqual((end["instance_id"], end["timezone"]), ([instance], "Asia/Tokyo"))
        stop = datetime.datetime.fromisoformat(end["stop"][3:-1]).replace(tzinfo=ZoneInfo("Asia/Tokyo"))
        hours = (stop - datetime.datetime.now(UTC)) / datetime.timedelta(hours=1)
        self.assertTrue(7.9 < hours <= 8, hours)
        expect(self.panel("web 1")).to_contain_text("end-web-1")

    def test_instances_are_kept_until_a_time(self):
        ids = [self.local.launch(REGION, name) for name in ("web-1", "web-2")]
        page = self.tab(timezone_id="Europe/Berlin")
        self.sign_in()
        for name in ("web-1", "web-2"):
            page.get_by_role("checkbox", name=f"Choose {name}", exact=True).check()
        page.get_by_role("button", name="Keep all chosen instances").click()
        dialog = page.get_by_role("dialog", name="Keep 2 instances")
        until = dialog.get_by_label("Keep until")
        expect(until).to_be_focused()
        self.assert_accessible("dialog to keep")
        until.fill("2020-01-01T10:00")
        dialog.get_by_role("button", name="Keep", exact=True).click()
        expect(until).to_have_accessible_description(re.compile("^until must be in the future"))
        day = datetime.date.today() + datetime.timedelta(days=3)
        until.fill(f"{day}T10:00")
        dialog.get_by_role("button", name="Keep", exact=True).click()
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("status").filter(has_text=f"2 instances: kept until {day} 10:00.")).to_be_visible()
        local = datetime.datetime.combine(day, datetime.time(10), ZoneInfo("Europe/Berlin")).astimezone(UTC)
        for instance in ids:
            described = self.local.ec2(REGION).describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
            tags = {tag["Key"]: tag["Value"] for tag in described["Tags"]}
            self.assertEqual(datetime.datetime.fromisoformat(tags["ec2-control-api:keep-until"].replace("Z", "+00:00")), local)
        self.button("Details of", "web-1").click()
        expect(self.panel("web-1").get_by_text("Kept until", exact=True)).to_be_visible()
        expect(self.panel("web-1")).to_contain_text(f"{day} 10:00")
        self.panel("web-1").get_by_role("button", name="Keep web-1").click()
        page.get_by_role("dialog", name="Keep web-1").get_by_role("button", name="Keep no longer").click()
        expect(page.get_by_role("status").filter(has_text="web-1: kept no longer.")).to_be_visible()
        expect(self.panel("web-1").get_by_text("Kept until", exact=True)).to_have_count(0)

    def test_who_is_kept_is_told_where_another_region_fails(self):
        for region, name in ((REGION, "web-1"), (OTHER_REGION, "dublin-1")):
            self.local.launch(region, name)
        page = self.sign_in()

        def refuse(route):
            if route.request.post_data_json["region_name"] == REGION:
                route.continue_()
            else:
                route.fulfill(status=403, json={"Message": "The policy does not permit it", "Error": "Forbidden"})

        page.route("**/ec2/keep", refuse)
        for name in ("web-1", "dublin-1"):
            page.get_by_role("checkbox", name=f"Choose {name}", exact=True).check()
        page.get_by_role("button", name="Keep all chosen instances").click()
        page.get_by_role("dialog").get_by_role("button", name="Keep", exact=True).click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("status").filter(has_text="web-1: kept until ")).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text(
            f"Keeping dublin-1 in {OTHER_REGION} did not work: The policy does not permit it."
        )

    def test_a_deployment_without_schedules_does_not_offer_them(self):
        self.local.launch(REGION, "web-1")
        page = self.page
        page.route("**/schedules", lambda route: route.fulfill(status=404, json={"Message": "No such path"}))
        self.sign_in()
        self.ready("Stop", "web-1")
        expect(page.get_by_role("button", name="Schedules", exact=True)).to_have_count(0)
        page.get_by_role("checkbox", name="Choose web-1", exact=True).check()
        expect(page.get_by_role("button", name="Schedule all chosen instances")).to_have_count(0)
        expect(page.get_by_role("button", name="Keep all chosen instances")).to_have_count(0)
        self.button("Details of", "web-1").click()
        expect(self.panel("web-1").get_by_role("heading", name="When")).to_have_count(0)

    def test_schedules_work_by_keyboard_and_fit_every_width_and_scheme(self):
        self.put("a-rather-long-name-without-any-space-in-it-1", description="x" * 100)
        for scheme, viewport in (("light", DESKTOP), ("dark", DESKTOP), ("dark", PHONE)):
            page = self.tab(viewport=viewport, color_scheme=scheme)
            self.sign_in()
            page.get_by_role("button", name="Schedules", exact=True).press("Enter")
            expect(page.locator("#schedule-list > li")).to_have_count(1)
            page.get_by_role("button", name="New schedule").press("Enter")
            page.keyboard.type("night")
            self.form().locator("#schedule-more summary").press("Enter")
            self.assert_accessible(f"schedules, {scheme} {viewport['width']}")
            self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), viewport["width"])
            for button in page.locator("#schedules").get_by_role("button").all():
                box = button.bounding_box()
                self.assertTrue(0 <= box["x"] and box["x"] + box["width"] <= viewport["width"], (button, box))
        self.field("Or all instances with these tags").focus()
        page.keyboard.type("team=blue")
        self.field("Stop").fill("22:00")
        page.keyboard.press("Enter")
        expect(self.item("night")).to_be_visible()
        page.get_by_role("button", name="Close the schedules").press("Enter")
        expect(page.get_by_role("button", name="Schedules", exact=True)).to_be_focused()
        # Escape closes the panel, and what was typed stays.
        page.keyboard.press("Enter")
        page.get_by_role("button", name="New schedule").press("Enter")
        page.keyboard.type("later")
        page.keyboard.press("Escape")
        expect(page.locator("#schedules")).to_be_hidden()
        expect(page.get_by_role("button", name="Schedules", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(self.field("Name")).to_have_value("later")
        # A failure is told although the panel is closed.
        held = []
        page.route("**/schedules/later", lambda route: held.append(route))
        for label, text in (("Or all instances with these tags", "team=blue"), ("Stop", "22:00")):
            self.field(label).fill(text)
        self.save()
        self.until(lambda: held)
        self.field("Name").press("Escape")
        held.pop().fulfill(status=503, json={"Message": "EventBridge Scheduler does not answer", "Error": "X"})
        expect(page.get_by_role("alert")).to_contain_text("Saving the schedule did not work: EventBridge Scheduler does not answer.")

    def test_what_was_typed_outlives_an_expired_key_and_not_a_sign_out(self):
        self.put("other")
        page = self.open_form()
        self.field("Name").fill("night")
        self.field("Instances").fill("web-1")
        self.field("Stop").fill("22:00")
        page.route("**/schedules/night", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
        self.save()
        expect(page.get_by_role("alert")).to_contain_text("Unauthorized. Enter the key again.")
        page.unroute("**/schedules/night")
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        expect(self.field("Instances")).to_have_value("web-1")
        expect(self.item("other")).to_be_visible()
        self.save()
        expect(self.item("night")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        self.assertNotIn("web-1", page.content())
        self.assertEqual(page.locator("#schedule-title").text_content(), "")
        self.assertEqual(page.locator("#schedule-region option").count(), 0)
        expect(self.form()).to_be_hidden()


class NextTimes(Page):
    """The times that the page computes, against Python's own time zones."""

    def next_times(self, cases):
        """What the page computes for schedules, expressions, times and counts."""
        return self.page.evaluate(
            "cases => cases.map(({ schedule, expression, now, count }) => nextTimes(schedule, expression, now, count))", cases
        )

    def case(self, expression, now, count=3, **schedule):
        now = datetime.datetime.fromisoformat(now).timestamp() * 1000
        return {"schedule": {"enabled": True, **schedule}, "expression": expression, "now": now, "count": count}

    def assert_next(self, expected, *args, **schedule):
        (times,) = self.next_times([self.case(*args, **schedule)])
        if times is not None:
            times = [datetime.datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ") for time in times]
        self.assertEqual(times, expected, (args, schedule))

    def test_next_times_of_days_dates_and_exceptions(self):
        self.page.goto(self.local.url + "/")
        thursday = "2026-11-26T12:00:00+00:00"
        berlin = {"timezone": "Europe/Berlin"}
        self.assert_next(["2026-11-27T07:00Z", "2026-11-30T07:00Z", "2026-12-01T07:00Z"], "08:00", thursday, days="MON-FRI", **berlin)
        self.assert_next(["2026-11-26T18:00Z", "2026-11-27T18:00Z", "2026-11-28T18:00Z"], "19:00", thursday, **berlin)
        self.assert_next(["2026-11-26T18:00Z", "2026-11-29T18:00Z"], "19:00", thursday, 2, skip=["2026-11-27/2026-11-28"], **berlin)
        self.assert_next(["2026-12-24T07:00Z"], "08:00", thursday, start_date="2026-12-24", end_date="2026-12-24", **berlin)
        self.assert_next([], "08:00", thursday, end_date="2026-11-26", **berlin)
        self.assert_next([], "08:00", thursday, enabled=False)
        self.assert_next(["2026-11-27T08:00Z"], "08:00", thursday, acts_until="2026-11-27T20:00:00Z")
        # The same as cron, and other forms of cron, which are left to Scheduler.
        self.assert_next(["2026-11-27T07:00Z", "2026-11-30T07:00Z"], "cron(0 8 ? * MON-FRI *)", thursday, 2, **berlin)
        self.assert_next(["2026-11-26T18:05Z"], "cron(5 19 * * ? *)", thursday, 1, days="MON", **berlin)
        for expression in ("cron(0/15 8-17 ? * WED *)", "cron(0 9 L * ? *)", "cron(0 9 ? * 2#1 *)", "cron(0 9 ? * FRI-MON *)",
                           "cron(0 9 1 * ? *)", "cron(0 9 ? 6 MON *)", "cron(0 9 ? * MON 2027)", "cron(99 9 ? * MON *)"):  # fmt: skip
            self.assert_next(None, expression, thursday)
        self.assert_next(None, "08:00", thursday, timezone="Mars/Olympus")
        # Once.
        self.assert_next(["2026-12-01T18:00Z"], "at(2026-12-01T19:00:00)", thursday, **berlin)
        self.assert_next([], "at(2026-11-26T12:59:00)", thursday, **berlin)
        self.assert_next(None, "at(2027-03-28T02:30:00)", thursday, **berlin)
        # Rates count from the first day, else from when Scheduler got them.
        self.assert_next(["2026-11-26T16:00Z", "2026-11-26T21:00Z"], "rate(5 hours)", thursday, 2, start_date="2026-11-25")
        self.assert_next(["2026-12-01T23:00Z"], "rate(2 days)", thursday, 1, start_date="2026-12-02", **berlin)
        self.assert_next(None, "rate(5 hours)", thursday)
        # An hour that clocks skip does not happen; one that they repeat counts once.
        self.assert_next(["2027-03-27T01:30Z", "2027-03-29T00:30Z"], "02:30", "2027-03-26T12:00:00+00:00", 2, **berlin)
        self.assert_next(["2026-10-25T00:30Z", "2026-10-26T01:30Z"], "02:30", "2026-10-24T12:00:00+00:00", 2, **berlin)

    def test_next_times_are_those_of_the_time_zone_everywhere(self):
        self.page.goto(self.local.url + "/")
        chance = random.Random(20261126)
        zones = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Chatham", "Pacific/Apia",
                 "America/St_Johns", "Africa/Casablanca", "UTC", "Pacific/Kiritimati", "America/Sao_Paulo"]  # fmt: skip
        cases, expected = [], []
        for _ in range(400):
            zone, now = chance.choice(zones), chance.randrange(1_700_000_000, 1_900_000_000)
            time = f"{chance.randrange(24):02}:{chance.randrange(60):02}"
            days = chance.sample(DAYS, chance.randrange(1, 8))
            at = datetime.datetime.fromtimestamp(now, UTC)
            cases.append(self.case(time, at.isoformat(), 4, timezone=zone, days=",".join(days)))
            expected.append(self.by_python(time, days, ZoneInfo(zone), at, 4))
        for case, wanted, computed in zip(cases, expected, self.next_times(cases), strict=True):
            self.assertEqual(computed, wanted, json.dumps(case))

    @staticmethod
    def by_python(time, days, zone, now, count):
        times, day = [], now.astimezone(zone).date()
        while len(times) < count:
            local = datetime.datetime.combine(day, datetime.time.fromisoformat(time), zone)
            instant = local.astimezone(UTC)
            exists = instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
            if DAYS[day.weekday()] in days and exists and instant > now:
                times.append(instant.timestamp() * 1000)
            day += datetime.timedelta(days=1)
        return times
