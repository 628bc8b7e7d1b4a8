"""The console and the API reference in Chromium, against the function and moto."""

import json
import os
import re
import subprocess
import sys
import urllib.parse

from harness import HOSTILE, KEY, OTHER_REGION, REGION
from playwright.sync_api import expect
from tab import DESKTOP, PHONE, Page


class Console(Page):
    def test_a_wrong_key_is_refused_and_the_right_one_lists_both_regions(self):
        self.local.launch(REGION, "web-1")
        self.local.launch(OTHER_REGION, "dublin-1")
        page = self.sign_in("not-the-key")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("Invalid api key. Enter the key again.")
        expect(alert).to_contain_text("Request ID")
        expect(page.get_by_label("API key or token")).to_be_focused()
        self.assertEqual(page.evaluate("sessionStorage.length"), 0)
        self.sign_in()
        expect(page.get_by_role("rowheader")).to_have_text(["dublin-1", "web-1"])
        expect(alert).to_have_count(0)
        expect(page.locator("#region-summary")).to_contain_text(REGION)
        expect(page.locator("#region-summary")).to_contain_text(OTHER_REGION)
        expect(self.row("dublin-1")).to_contain_text(f"{OTHER_REGION}a")

    def test_the_key_stays_in_the_tab_and_is_forgotten_on_sign_out(self):
        self.local.launch(REGION, "web-1")
        page = self.sign_in()
        self.state("web-1", "running")
        page.reload()
        self.state("web-1", "running")
        self.assertEqual((page.evaluate("localStorage.length"), self.context.cookies()), (0, []))
        other = self.context.new_page()
        self.watch(other)
        other.goto(self.local.url + "/")
        expect(other.get_by_label("API key or token")).to_be_visible()
        other.close()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("API key or token")).to_be_focused()
        self.assertEqual(page.evaluate("sessionStorage.length"), 0)
        self.assertNotIn("web-1", page.content())
        self.assertEqual(page.get_by_label("API key or token").input_value(), "")
        page.reload()
        expect(page.get_by_label("API key or token")).to_be_visible()

    def test_search_filters_and_order_apply_to_the_list(self):
        first = self.local.launch(REGION, "web-1", env="staging")
        self.local.launch(REGION, "web-10", "t3.nano")
        self.local.launch(OTHER_REGION, "web-9", team="blue")
        self.local.ec2(REGION).stop_instances(InstanceIds=[first])
        page = self.sign_in()
        expect(page.get_by_role("rowheader")).to_have_text(["web-1", "web-9", "web-10"])
        search = page.get_by_role("searchbox")
        for text, names in [
            ("blue", ["web-9"]), ("env=STAGING", ["web-1"]), ("nano", ["web-10"]), (first, ["web-1"]), (OTHER_REGION, ["web-9"]),
            ("web t3.nano", ["web-10"]), ("nothing like it", []), ("", ["web-1", "web-9", "web-10"]),
        ]:  # fmt: skip
            search.fill(text)
            expect(page.get_by_role("rowheader")).to_have_text(names)
        expect(page.locator("#count")).to_contain_text("3 instances")
        stopped = page.get_by_role("button", name="stopped 1")
        stopped.click()
        expect(stopped).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_role("rowheader")).to_have_text(["web-1"])
        expect(page.locator("#count")).to_contain_text("1 of 3 instances")
        stopped.click()
        head = page.get_by_role("columnheader", name="Type")
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "ascending")
        expect(page.get_by_role("rowheader").last).to_have_text("web-10")
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "descending")
        expect(page.get_by_role("rowheader").first).to_have_text("web-10")

    def test_the_choice_of_regions_is_kept_in_the_tab(self):
        self.local.launch(REGION, "web-1")
        self.local.launch(OTHER_REGION, "dublin-1")
        page = self.sign_in()
        expect(page.get_by_role("rowheader")).to_have_count(2)
        page.locator("#region-summary").click()
        box = page.get_by_role("checkbox", name=f"{OTHER_REGION} 1 running")
        box.uncheck()
        expect(page.get_by_role("rowheader")).to_have_text(["web-1"])
        page.reload()
        expect(page.get_by_role("rowheader")).to_have_text(["web-1"])

    def test_state_changes_are_shown_without_reloading(self):
        instance = self.local.launch(REGION, "web-1")
        page = self.sign_in()
        self.ready("Stop", "web-1").click()
        expect(page.get_by_role("dialog", name="Stop web-1?")).to_be_visible()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        self.assertEqual(self.local.state(REGION, instance), "running")
        self.button("Stop", "web-1").click()
        self.confirm("Stop")
        self.state("web-1", "stopped")
        self.assertEqual(self.local.state(REGION, instance), "stopped")
        expect(page.get_by_role("status").filter(has_text="web-1 is stopped.")).to_be_attached()
        self.ready("Start", "web-1").click()
        self.state("web-1", "running")
        self.assertEqual(self.local.state(REGION, instance), "running")
        # A change by somebody else is seen, too.
        self.local.ec2(REGION).terminate_instances(InstanceIds=[instance])
        self.state("web-1", "terminated")
        self.assertEqual([request.is_navigation_request() for request in self.requests].count(True), 1)

    def test_a_reboot_is_requested_once(self):
        self.local.launch(REGION, "web-1")
        page = self.sign_in()
        self.ready("Reboot", "web-1").click()
        with page.expect_response("**/ec2/reboot") as answer:
            self.confirm("Reboot")
        self.assertEqual(answer.value.status, 200)
        expect(page.get_by_role("status").filter(has_text="web-1: reboot accepted.")).to_be_attached()
        self.assertEqual([request.method for request in self.requests].count("POST"), 1)

    def test_terminating_needs_the_name_or_the_id_of_a_nameless_instance(self):
        named, nameless = self.local.launch(REGION, "web  1"), self.local.launch(REGION, None)
        page = self.sign_in()
        for name, wanted, wrong in [("web 1", "web 1", "web-1"), (nameless, nameless, "web 1")]:
            self.ready("Terminate", name).click()
            sure = page.get_by_role("dialog").get_by_role("button", name="Terminate", exact=True)
            typed = page.get_by_role("dialog").get_by_label("To confirm, type")
            expect(typed).to_be_focused()
            expect(sure).to_be_disabled()
            typed.fill(wrong)
            expect(sure).to_be_disabled()
            page.keyboard.press("Enter")
            typed.fill(wanted)
            expect(sure).to_be_enabled()
            self.assertEqual(self.local.state(REGION, nameless), "running")
            sure.click()
            expect(page.get_by_role("dialog")).to_have_count(0)
        for instance in (named, nameless):
            expect(page.get_by_role("row").filter(has_text=instance).locator(".state")).to_have_text("terminated")
            self.assertEqual(self.local.state(REGION, instance), "terminated")

    def test_a_forbidden_action_is_disabled_with_the_reason(self):
        instance = self.local.launch(REGION, "db-1", env="production")
        page = self.sign_in()
        why = f"The policy of this deployment does not permit TerminateInstances of {instance}"
        button = self.button("Terminate", "db-1")
        expect(button).to_have_accessible_description(why)
        expect(button).to_have_attribute("aria-disabled", "true")
        button.focus()
        expect(page.get_by_role("tooltip")).to_have_text(why)
        page.keyboard.press("Escape")
        expect(page.get_by_role("tooltip")).to_have_count(0)
        button.click(force=True)
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("tooltip")).to_have_text(why)
        # An impossible action says so; a possible and permitted one is available.
        expect(self.button("Start", "db-1")).to_have_accessible_description("Not possible while it is running.")
        self.ready("Stop", "db-1")
        self.assertEqual(self.local.state(REGION, instance), "running")
        # Permissions are loaded once, and again when the tags have changed.
        self.assertEqual(self.count_requests("/ec2/permissions"), 1)
        self.local.ec2(REGION).delete_tags(Resources=[instance], Tags=[{"Key": "env"}])
        page.get_by_role("button", name="Refresh").click()
        self.ready("Terminate", "db-1")

    def test_everything_works_by_keyboard(self):
        instance = self.local.launch(REGION, "web-1")
        page = self.tab()
        page.goto(self.local.url + "/")
        page.keyboard.type(KEY)  # the field has the focus
        page.keyboard.press("Enter")
        self.ready("Stop", "web-1")

        def tab_to(locator):
            for _ in range(60):
                page.keyboard.press("Tab")
                if locator.evaluate("element => element === document.activeElement"):
                    # The focus must be visible.
                    outline = locator.evaluate("element => getComputedStyle(element).outlineStyle")
                    self.assertNotEqual(outline, "none")
                    return
            self.fail(f"Tab does not lead to {locator}")

        tab_to(page.locator("#region-summary"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("checkbox").first).to_be_visible()
        tab_to(page.get_by_role("searchbox"))
        page.keyboard.type("web")
        tab_to(self.button("Stop", "web-1"))
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
        page.keyboard.press("Escape")
        expect(self.button("Stop", "web-1")).to_be_focused()
        page.keyboard.press("Enter")
        tab_to(dialog.get_by_role("button", name="Stop"))
        page.keyboard.press("Enter")
        self.state("web-1", "stopped")
        expect(self.button("Stop", "web-1")).to_be_focused()
        tab_to(self.button("Details of", "web-1"))
        page.keyboard.press("Enter")
        expect(self.panel("web-1").get_by_role("heading", name="web-1", exact=True)).to_be_focused()
        page.keyboard.press("Escape")
        expect(self.button("Details of", "web-1")).to_be_focused()
        self.assertEqual(self.local.state(REGION, instance), "stopped")

    def test_nothing_overflows_at_320_pixels(self):
        self.local.launch(REGION, "a-rather-long-name-without-any-space-in-it-1", env="production")
        self.local.launch(REGION, HOSTILE)
        page = self.tab(viewport=PHONE, has_touch=True)
        self.sign_in()
        name = "a-rather-long-name-without-any-space-in-it-1"
        self.ready("Stop", name)
        wide = "document.documentElement.scrollWidth"
        self.assertEqual(page.evaluate(wide), 320)
        for button in page.get_by_role("button").all():
            box = button.bounding_box()
            self.assertTrue(0 <= box["x"] and box["x"] + box["width"] <= 320, (button, box))
        self.button("Terminate", name).tap(force=True)  # disabled
        expect(page.get_by_role("tooltip")).to_be_visible()
        box = page.get_by_role("tooltip").bounding_box()
        self.assertTrue(0 <= box["x"] and box["x"] + box["width"] <= 320, box)
        self.button("Details of", name).tap()
        overflow = self.panel(name).evaluate("panel => panel.scrollWidth - panel.clientWidth")
        self.assertEqual(overflow, 0)
        for button in self.panel(name).get_by_role("button").all():
            box = button.bounding_box()
            self.assertTrue(0 <= box["x"] and box["x"] + box["width"] <= 320, (button, box))
        self.assertEqual(page.evaluate(wide), 320)

    def test_buttons_have_room_for_fingers_on_a_touch_screen(self):
        self.local.launch(REGION, "web-1")
        page = self.tab(viewport=PHONE, has_touch=True, is_mobile=True)
        self.sign_in()
        self.ready("Stop", "web-1")
        page.get_by_role("button", name="Launch", exact=True).tap()
        page.get_by_role("button", name="Schedules", exact=True).tap()
        expect(page.locator("#schedules")).to_be_visible()
        for control in page.locator("main").get_by_role("button").all():
            box = control.bounding_box()
            self.assertGreaterEqual(box["height"], 40, control)
        self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), PHONE["width"])

    def test_axe_reports_no_violation(self):
        self.local.launch(REGION, "db-1", env="production", team="data")
        stopped = self.local.launch(REGION, "web-1")
        self.local.ec2(REGION).stop_instances(InstanceIds=[stopped])
        for scheme in ("light", "dark"):
            for viewport in (DESKTOP, PHONE):
                what = f"{scheme} {viewport['width']}"
                page = self.tab(viewport=viewport, color_scheme=scheme)
                page.goto(self.local.url + "/")
                self.assert_accessible(f"signing in, {what}")
                self.sign_in("wrong")
                expect(page.get_by_role("alert")).to_be_visible()
                self.assert_accessible(f"refused, {what}")
                self.sign_in()
                self.ready("Stop", "db-1")
                # By key: a tooltip belongs to the focus of the keyboard, or to the pointer.
                page.locator("#region-summary").press("Enter")
                expect(self.button("Terminate", "db-1")).to_be_disabled()
                self.button("Terminate", "db-1").focus()
                expect(page.get_by_role("tooltip")).to_be_visible()
                self.assert_accessible(f"list, {what}")
                page.get_by_role("button", name="running 1").click()
                self.button("Stop", "db-1").click()
                self.assert_accessible(f"stop, {what}")
                page.keyboard.press("Escape")
                self.button("Details of", "db-1").click()
                self.assert_accessible(f"details, {what}")
                page.keyboard.press("Escape")
                page.get_by_role("button", name="running 1").click()
                self.ready("Terminate", "web-1").click()
                self.assert_accessible(f"terminate, {what}")

    def test_markup_in_tags_is_shown_as_text(self):
        self.local.launch(REGION, HOSTILE, note="</dd><script>document.title='owned'</script>")
        page = self.sign_in()
        expect(page.get_by_role("rowheader")).to_have_text([HOSTILE])
        page.get_by_role("button", name="Details of").first.click()
        expect(page.locator(".panel h2")).to_have_text(HOSTILE)
        expect(page.locator(".panel")).to_contain_text("</dd><script>document.title='owned'</script>")
        page.keyboard.press("Escape")
        page.locator("#rows").get_by_role("button", name="Terminate").click()
        expect(page.locator("#confirm-word")).to_have_text(HOSTILE)
        self.assertEqual(page.locator("main img, main script, dialog img, dialog script").count(), 0)

    def test_five_thousand_instances_are_searched_at_each_key_press(self):
        def instance(n):
            return {
                "id": f"i-{n:017x}", "name": f"node-{n}", "instance-state": ["running", "stopped"][n % 2], "instance-type": "t3.micro",
                "private-ip": f"10.0.{n // 250}.{n % 250}", "public-ip": None, "availability-zone": f"{REGION}a",
                "launch-time": "2026-01-01T00:00:00Z", "tags": {"Name": f"node-{n}", "team": f"team-{n % 40}", "note": "x" * 60},
            }  # fmt: skip

        def listed(route):
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(route.request.url).query))
            page = int(query.get("next_token", 0))
            rows = [instance(n) for n in range(page * 1000, page * 1000 + 1000)] if query["region_name"] == REGION else []
            headers = {"x-next-token": str(page + 1)} if rows and page < 4 else {}
            route.fulfill(status=200, headers=headers, json=rows)

        def permitted(route):
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(route.request.url).query))
            ids = query["instance_id"].split(",")
            self.assertLessEqual(len(ids), 200)
            permissions = [{"id": instance_id, "permitted": [], "refused": {}} for instance_id in ids]
            route.fulfill(status=200, json=permissions)

        self.local.launch(REGION, "web-1")
        for team in range(40):
            self.local.put_schedule(f"team-{team}", region_name=REGION, stop="19:00", days="MON-FRI", **{"tag:team": f"team-{team}"})
        self.page.route("**/ec2/list?*", listed)
        self.page.route("**/ec2/permissions?*", permitted)
        page = self.sign_in()
        table = page.get_by_role("table")
        expect(table).to_have_attribute("aria-rowcount", "5001")
        rows = page.locator("#rows tr")
        expect(rows).to_have_count(25)
        expect(rows.first).to_have_attribute("aria-rowindex", "2")
        # From a key press until the browser has laid out the result. The time depends on the
        # machine: it is printed, for docs/console.md.
        took = """async () => {
          const search = document.getElementById("search"), took = [];
          const texts = ["n", "no", "nod", "node", "node-", "node-4", "node-49", "node-499", "node-4999", "", "team-7", "z"];
          for (const text of [...texts, ...texts, ...texts]) {
            await new Promise((resolve) => setTimeout(resolve, 200)); // as typed: what is due in between is done
            const began = performance.now();
            search.value = text;
            search.dispatchEvent(new Event("input", { bubbles: true }));
            document.body.offsetHeight;
            took.push(performance.now() - began);
          }
          return took.sort((a, b) => a - b);
        }"""

        def measure(what):
            times = page.evaluate(took)
            print(f"5,000 rows, {what}: a key press takes {times[len(times) // 2]:.0f} ms, {times[-1]:.0f} ms at most", file=sys.stderr)

        measure("the list alone")
        page.get_by_role("searchbox").fill("node-1")
        for name in ("node-1", "node-10"):
            self.button("Details of", name).click()
            page.get_by_role("button", name=f"Keep open the details of {name}", exact=True).click()
        page.get_by_role("button", name="Schedules", exact=True).click()
        page.get_by_label("Only of the instances in the list").check()
        page.get_by_role("button", name="Launch", exact=True).click()
        expect(page.locator("#schedules-count")).to_have_text("40 of 40")
        measure("all panels open")
        page.get_by_role("searchbox").fill("node-4999")
        expect(page.get_by_role("rowheader")).to_have_text(["node-4999"])
        expect(table).to_have_attribute("aria-rowcount", "2")
        page.get_by_role("searchbox").fill("team=team-7")
        expect(table).to_have_attribute("aria-rowcount", "126")
        page.get_by_role("button", name="Next").click()
        expect(rows.first).to_have_attribute("aria-rowindex", "27")
        for _ in range(3):
            page.get_by_role("button", name="Next").click()
        expect(page.locator("#page")).to_have_text("Page 5 of 5")
        expect(rows).to_have_count(25)
        expect(page.get_by_role("button", name="Next")).to_have_attribute("aria-disabled", "true")
        self.assertLess(page.evaluate("document.querySelectorAll('*').length"), 2500)

    def test_errors_are_explained(self):
        self.local.launch(REGION, "web-1")
        page = self.sign_in()
        self.ready("Stop", "web-1")
        alert = page.get_by_role("alert")

        def refused(status, message, **headers):
            answer = {"Message": message, "Error": "X"}
            return lambda route: route.fulfill(status=status, json=answer, headers={"x-request-id": "8f5e-1", **headers})

        for status, message, advice in [
            (403, "The policy of this deployment does not permit StopInstances", "Whoever runs this deployment decides that"),
            (429, "Request limit exceeded.", "try again in a few seconds"),
            (503, "AWS has no capacity", "Try again later."),
            (409, "The instance is not in a state", "Its state may have changed"),
        ]:
            page.route("**/ec2/stop", refused(status, message))
            self.button("Stop", "web-1").click()
            self.confirm("Stop")
            expect(alert).to_contain_text(f"Stop web-1 did not work: {message}")
            expect(alert).to_contain_text(advice)
            expect(alert).to_contain_text("Request ID: 8f5e-1")
            page.unroute("**/ec2/stop")
            self.ready("Stop", "web-1")
        page.route("**/ec2/stop", lambda route: route.abort())
        self.button("Stop", "web-1").click()
        self.confirm("Stop")
        expect(alert).to_contain_text("The API can't be reached.")
        page.get_by_role("button", name="Dismiss this message").click()
        expect(alert).to_have_count(0)
        page.unroute("**/ec2/stop")
        # An error response of the gateway itself may not be JSON.
        page.route("**/ec2/list?*", lambda route: route.fulfill(status=503, body="<html>", headers={"apigw-requestid": "g-1"}))
        page.get_by_role("button", name="Refresh").click()
        expect(alert.first).to_contain_text("did not work: The API answered with status 503. Try again later. Request ID: g-1")
        page.unroute("**/ec2/list?*")
        page.get_by_role("button", name="Refresh").click()
        expect(alert).to_have_count(0)
        page.route("**/regions", lambda route: route.fulfill(
            status=200, json=[], headers={"warning": '299 - "stop sending them", 299 - "and that"'}))  # fmt: skip
        page.get_by_role("button", name="Refresh").click()
        expect(page.locator(".note.warning").last).to_contain_text("The API warns: stop sending them; and that")
        page.unroute("**/regions")
        # A key that is no longer accepted is asked for again.
        page.route("**/regions", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
        page.get_by_role("button", name="Refresh").click()
        expect(alert).to_contain_text("Unauthorized. Enter the key again.")
        expect(page.get_by_label("API key or token")).to_be_visible()
        self.assertEqual(page.evaluate("sessionStorage.getItem('ec2-control-api:key')"), None)

    def test_a_copied_call_works_in_a_shell_and_does_not_contain_the_key(self):
        instance = self.local.launch(REGION, "it's")
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = self.sign_in()

        def run():
            # Filled once the page has announced it.
            text = page.evaluate("navigator.clipboard.readText()")
            self.assertIn("$KEY", text)
            self.assertNotIn(KEY, text)
            environment = {**os.environ, "KEY": KEY}
            done = subprocess.run(["bash", "-euc", text], env=environment, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

        self.ready("Stop", "it's")
        page.get_by_role("button", name="Copy list as curl").click()
        expect(page.get_by_role("status").filter(has_text="Copied.").first).to_be_attached()
        self.assertEqual([instance["name"] for instance in run()], ["it's"])
        page.get_by_role("searchbox").fill("it's")
        page.get_by_role("button", name="Copy list as curl").click()
        note = page.get_by_role("status").filter(has_text="It lists more than the search finds.")
        expect(note).to_contain_text("It wants the key in the shell's variable KEY.")
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("status").filter(has_text="The link shows the same to others")).to_be_visible()
        self.assertEqual(page.evaluate("navigator.clipboard.readText()"), page.url)
        self.assertIn("search=it%27s", page.url)
        self.button("Details of", "it's").click()
        page.get_by_role("button", name="Copy the curl call: Stop it's").click()
        expect(page.locator("#live")).to_have_text("Copied.")
        self.assertEqual(run()["InstanceId"], instance)
        self.assertEqual(self.local.state(REGION, instance), "stopped")

    def test_a_hidden_tab_sends_no_requests(self):
        self.local.launch(REGION, "web-1")
        page = self.page
        page.add_init_script("Object.defineProperty(document, 'hidden', { get: () => window.unseen ?? false })")
        page.clock.install()
        self.sign_in()
        self.ready("Stop", "web-1")
        before = self.count_requests("/ec2/list")
        with page.expect_request("**/ec2/list?*"):
            page.clock.fast_forward(31_000)
        self.assertEqual(self.count_requests("/ec2/list"), before + 1)
        show = "unseen => { window.unseen = unseen; document.dispatchEvent(new Event('visibilitychange')); }"
        page.wait_for_load_state("networkidle")
        page.evaluate(show, True)
        page.clock.fast_forward(600_000)
        page.clock.run_for(10_000)
        self.assertEqual(self.count_requests("/ec2/list"), before + 1)
        with page.expect_request("**/ec2/list?*"):
            page.evaluate(show, False)


class Reference(Page):
    def open_reference(self, path="/docs"):
        self.page.goto(self.local.url + path)
        expect(self.page.locator("section > details").first).to_be_visible()
        return self.page

    def operation(self, name):
        return self.page.locator(f"#{name}")

    def test_the_reference_shows_every_operation_with_all_its_parameters(self):
        document = self.context.request.get(self.local.url + "/openapi.json").json()
        page = self.open_reference()
        shown = 0
        for item in document["paths"].values():
            for method, operation in item.items():
                if method not in ("get", "put", "post", "delete", "head"):
                    continue
                shown += 1
                names = [parameter["name"] for parameter in item.get("parameters", []) + operation.get("parameters", [])]
                schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
                body = document["components"]["schemas"].get(schema.get("$ref", "").split("/")[-1], {})
                names += body.get("properties", {})
                element = self.operation(operation["operationId"])
                element.locator("summary").first.click()
                expect(element.get_by_role("heading", name="Responses")).to_be_visible()
                found = element.locator("dt > code").all_text_contents()
                self.assertEqual([name for name in names if name not in found], [], operation["operationId"])
                statuses = element.locator(".response > summary > strong").all_text_contents()
                self.assertEqual(statuses, list(operation["responses"]), operation["operationId"])
        expect(page.locator("section > details")).to_have_count(shown)

    def test_the_reference_says_types_members_and_examples(self):
        page = self.open_reference()
        expect(page.locator("#about")).to_contain_text("x-api-key")
        create = self.operation("ec2-create")
        create.locator("summary").first.click()
        for member, note in (
            ("region_name", "text, required"), ("InstanceType", "list of text"), ("MinCount", "whole number, 1 to 1000"), ("tag:KEY", "text"),
        ):  # fmt: skip
            term = create.locator("dt").filter(has=page.get_by_text(member, exact=True))
            expect(term.locator(".quiet")).to_contain_text(note)
        create.locator("summary").filter(has_text="200").click()
        expect(create.get_by_text("application/json: Instance or list of Instance or DryRun")).to_be_visible()
        create.locator(".example summary").filter(has_text="Several instances").click()
        expect(create.locator(".example[open] pre")).to_contain_text('"InstanceType": "t3.micro"')
        listed = self.operation("ec2-list")
        listed.locator("summary").first.click()
        expect(listed.get_by_text("text, in the query, required")).to_be_visible()
        stop = self.operation("ec2-stop")
        stop.locator("summary").first.click()
        stop.locator("summary").filter(has_text="207").click()
        expect(stop.get_by_text("FailedInstance", exact=True)).to_be_visible()
        limits = self.operation("ec2-limits")
        limits.locator("summary").first.click()
        limits.locator("summary").filter(has_text="200").click()
        expect(limits.get_by_text("list of text or null, required")).to_be_visible()
        expect(limits.get_by_text("whole number, at least 0 or null, required")).to_be_visible()
        health = self.operation("meta-health")
        health.locator("summary").first.click()
        expect(health.get_by_text("It needs no authentication.")).to_be_visible()

    def test_the_reference_is_searched_and_linked(self):
        page = self.open_reference("/docs#ec2-limits")
        expect(self.operation("ec2-limits").get_by_text("DefaultInstanceType", exact=True)).to_have_count(0)
        self.operation("ec2-limits").locator("summary").filter(has_text="200").click()
        expect(self.operation("ec2-limits").get_by_text("DefaultInstanceType", exact=True).first).to_be_visible()
        shown = page.locator("section > details:visible > summary > code")
        page.get_by_role("searchbox").fill("post KeyName")
        expect(shown).to_have_text(["/ec2/create"])
        expect(page.get_by_role("status")).to_have_text(re.compile("^1 of [0-9]+ operations$"))
        # Another link in the same tab.
        page.evaluate("location.hash = '#ec2-stop'")
        expect(self.operation("ec2-stop").get_by_role("heading", name="Responses")).to_be_visible()
        expect(page.get_by_role("searchbox")).to_have_value("")
        self.operation("ec2-start").locator("summary").first.click()
        self.until(lambda: page.url.endswith("/docs#ec2-start"))

    def test_the_reference_is_served_with_a_trailing_slash(self):
        page = self.open_reference("/docs/")
        page.get_by_role("link", name="Console", exact=True).click()
        expect(page.get_by_label("API key or token")).to_be_visible()

    def test_a_failed_load_of_the_document_is_reported(self):
        self.page.route("**/openapi.json", lambda route: route.fulfill(status=503, json={}))
        self.page.goto(self.local.url + "/docs")
        expect(self.page.get_by_role("status")).to_have_text("The document could not be loaded. Reload this page to try again.")
        self.until(lambda: self.complaints)
        self.assertIn("status 503", self.complaints.pop())

    def test_axe_reports_no_violation_of_the_reference(self):
        for scheme, viewport in (("light", DESKTOP), ("dark", PHONE)):
            page = self.tab(viewport=viewport, color_scheme=scheme)
            self.open_reference()
            for name in ("ec2-create", "ec2-stop"):
                operation = self.operation(name)
                operation.locator("summary").first.click()
                operation.locator("summary").filter(has_text="400").click()
                operation.locator(".response[open] .example summary").first.click()
                expect(operation.locator(".example[open] pre")).to_be_visible()
            self.assert_accessible(f"reference, {scheme}")
            self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), viewport["width"])
