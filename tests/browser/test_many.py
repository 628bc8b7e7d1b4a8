"""Actions of the console on many instances at once."""

from harness import OTHER_REGION, REGION
from playwright.sync_api import expect
from tab import PHONE, Page


class Many(Page):
    def choose(self, name):
        return self.page.get_by_role("checkbox", name=f"Choose {name}", exact=True)

    def act(self, action):
        self.page.get_by_role("button", name=f"{action} all chosen instances").click()
        return self.page.get_by_role("dialog", name=action)

    def posts(self):
        return [(request.url.rpartition("/")[2], request.post_data_json) for request in self.requests if request.method == "POST"]

    def test_a_range_is_stopped_in_one_call_for_each_region(self):
        ids = {name: self.local.launch(REGION, name) for name in ("web-1", "web-2", "web-3", "web-5")}
        ids["web-4"] = self.local.launch(OTHER_REGION, "web-4")
        page = self.sign_in()
        self.ready("Stop", "web-1")
        bar = page.get_by_role("group", name="All chosen instances")
        expect(bar).to_have_count(0)
        self.choose("web-1").check()
        self.choose("web-4").click(modifiers=["Shift"])
        expect(page.locator("#rows input:checked")).to_have_count(4)
        expect(bar).to_contain_text("4 chosen")
        self.choose("web-2").uncheck()
        # Chosen instances that a filter hides are meant, too, and the page says so.
        page.get_by_role("searchbox").fill("web-1")
        expect(bar).to_contain_text("3 chosen, 2 of them not shown")
        page.get_by_role("searchbox").fill("")
        dialog = self.act("Stop")
        places = {"web-1": REGION, "web-3": REGION, "web-4": OTHER_REGION}
        meant = [f"{name} ({ids[name]}, {place})" for name, place in places.items()]
        expect(dialog.get_by_role("listitem")).to_have_text(meant)
        self.assert_accessible("dialog of many")
        self.confirm("Stop")
        results = page.get_by_role("region", name="Stop: 3 of 3 accepted")
        expect(results.get_by_role("listitem")).to_have_count(3)
        expect(results).to_contain_text(f"web-1 ({ids['web-1']}, {REGION}): running \u2192 stop")
        for name in ("web-1", "web-3", "web-4"):
            self.state(name, "stopped")
        self.state("web-2", "running")
        posts = sorted(self.posts(), key=lambda post: post[1]["region_name"])
        self.assertEqual(posts, [
            ("stop", {"region_name": OTHER_REGION, "instance_id": ids["web-4"]}),
            ("stop", {"region_name": REGION, "instance_id": f"{ids['web-1']},{ids['web-3']}"}),
        ])  # fmt: skip
        expect(bar).to_have_count(0)
        self.assert_accessible("results of many")
        page.get_by_role("button", name="Close the results").click()
        expect(results).to_have_count(0)

    def test_many_are_terminated_only_once_their_number_is_typed(self):
        free = [self.local.launch(REGION, f"web-{n}") for n in (1, 2)]
        protected = self.local.launch(REGION, "db-1", env="production")
        page = self.sign_in()
        self.ready("Terminate", "web-1")
        page.get_by_role("checkbox", name="Choose all that match").check()
        dialog = self.act("Terminate")
        # A forbidden one would refuse the whole call: it is left out, with the reason.
        expect(dialog.get_by_role("heading")).to_have_text("Terminate 2 instances?")
        expect(dialog).to_contain_text(f"db-1 ({protected}, {REGION}): The policy of this deployment does not permit TerminateInstances of {protected}")
        sure = dialog.get_by_role("button", name="Terminate", exact=True)
        typed = page.get_by_label("To confirm, type the number 2")
        expect(typed).to_be_focused()
        for wrong in ("", "3", "two"):
            typed.fill(wrong)
            page.keyboard.press("Enter")
            expect(sure).to_be_disabled()
        self.assertEqual(self.local.state(REGION, free[0]), "running")
        typed.fill("2")
        page.keyboard.press("Enter")
        expect(page.get_by_role("region", name="Terminate: 2 of 2 accepted")).to_be_visible()
        for instance in free:
            self.assertEqual(self.local.state(REGION, instance), "terminated")
        self.assertEqual(self.local.state(REGION, protected), "running")
        expect(self.choose("db-1")).to_be_checked()
        # Nothing that is possible: nothing to confirm.
        dialog = self.act("Start")
        expect(dialog).to_contain_text("That is possible for none of the chosen instances now.")
        expect(dialog.get_by_role("button", name="Start", exact=True)).to_be_disabled()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Choose none").click()
        expect(page.get_by_role("group", name="All chosen instances")).to_have_count(0)

    def test_an_error_in_one_region_is_shown_at_its_instances(self):
        self.local.launch(REGION, "web-1")
        self.local.launch(OTHER_REGION, "web-2")
        page = self.sign_in()
        self.ready("Stop", "web-1")

        def refuse(route):
            if route.request.post_data_json["region_name"] == REGION:
                answer = {"Message": "EC2 has refused it", "Error": "X"}
                route.fulfill(status=409, json=answer, headers={"x-request-id": "8f5e-1"})
            else:
                route.continue_()

        page.route("**/ec2/stop", refuse)
        page.get_by_role("checkbox", name="Choose all that match").check()
        self.act("Stop")
        self.confirm("Stop")
        results = page.get_by_role("region", name="Stop: 1 of 2 accepted, 1 did not work")
        expect(results.get_by_role("listitem").first).to_contain_text("EC2 has refused it. Its state may have changed")
        expect(results.get_by_role("listitem").first).to_contain_text("Request ID: 8f5e-1")
        expect(results.get_by_role("listitem").last).to_contain_text("web-2")
        # What did not work stays chosen.
        expect(self.choose("web-1")).to_be_checked()
        expect(self.choose("web-2")).not_to_be_checked()

    def test_choosing_works_by_keyboard_at_320_pixels(self):
        for n in range(3):
            self.local.launch(REGION, f"node-{n}")
        page = self.tab(viewport=PHONE, color_scheme="dark")
        self.sign_in()
        self.ready("Stop", "node-0")
        self.choose("node-0").focus()
        page.keyboard.press("Space")
        expect(page.get_by_role("group", name="All chosen instances")).to_contain_text("1 chosen")
        expect(page.get_by_role("checkbox", name="Choose all that match")).to_have_js_property("indeterminate", True)
        self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), 320)
        self.assert_accessible("chosen on a phone")
        page.get_by_role("button", name="Stop all chosen instances").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Stop all chosen instances")).to_be_focused()
