"""The list of the console: its layout, and what it says when it is empty."""

from harness import OTHER_REGION, REGION
from playwright.sync_api import expect
from tab import DESKTOP, PHONE, Page


class List(Page):
    def test_actions_are_in_view_at_every_width(self):
        stopped = self.local.launch(REGION, "a-name-of-a-usual-length", "m7i-flex.12xlarge", env="production")
        self.local.ec2(REGION).stop_instances(InstanceIds=[stopped])
        self.local.launch(OTHER_REGION, "web-1")
        for width in (1600, 1200, 1000, 860, PHONE["width"]):
            page = self.tab(viewport={"width": width, "height": 800})
            self.sign_in()
            self.ready("Stop", "web-1")
            list_box = page.locator("#scroll").bounding_box()
            for row in page.locator("#rows tr").all():
                for button in row.get_by_role("button").all():
                    box = button.bounding_box()
                    right = box["x"] + box["width"]
                    self.assertTrue(list_box["x"] <= box["x"] and right <= list_box["x"] + list_box["width"], (width, box, list_box))
                    # Not covered by another element either.
                    button.evaluate("button => button.scrollIntoView({ block: 'center' })")
                    self.assertTrue(self.is_on_top(button), (width, button))
            if width >= 1200:
                self.assertEqual(page.locator("#scroll").evaluate("list => list.scrollWidth - list.clientWidth"), 0, width)

    def test_a_start_that_falls_back_says_why(self):
        instance = self.local.launch(REGION, "web-1")
        self.local.ec2(REGION).stop_instances(InstanceIds=[instance])
        page = self.sign_in()
        self.ready("Start", "web-1")
        reason = "Server.InsufficientInstanceCapacity: Insufficient capacity to satisfy instance request"

        def fallen_back(route):
            rows = route.fetch().json()
            for row in rows:
                row.update({"instance-state": "stopped", "state-reason": reason})
            route.fulfill(status=200, json=rows)

        page.route("**/ec2/list?*", fallen_back)
        self.button("Start", "web-1").click()
        alert = page.get_by_role("alert")
        # One look may be older than the start.
        expect(alert).to_contain_text(f"web-1 does not run, it is stopped. EC2 says: {reason}")
        # In view wherever the page is scrolled to.
        self.button("Details of", "web-1").click()
        page.set_viewport_size({"width": 1280, "height": 400})
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        expect(alert).to_be_in_viewport(ratio=0.9)
        page.set_viewport_size(DESKTOP)
        self.assertGreaterEqual(self.count_requests("/ec2/list"), 3)
        page.get_by_role("button", name="Dismiss this message").click()
        page.unroute("**/ec2/list?*")
        page.get_by_role("button", name="Refresh").click()
        self.state("web-1", "running")
        # A stop by the caller is not a start that failed.
        self.ready("Stop", "web-1").click()
        self.confirm("Stop")
        self.state("web-1", "stopped")
        self.ready("Start", "web-1").click()
        self.state("web-1", "running")
        self.ready("Stop", "web-1").click()
        self.confirm("Stop")
        self.state("web-1", "stopped")
        page.get_by_role("button", name="Refresh").click()
        page.get_by_role("button", name="Refresh").click()
        expect(alert).to_have_count(0)

    def test_a_list_without_instances_says_what_to_do(self):
        page = self.sign_in()
        empty = page.locator("#empty")
        expect(empty).to_contain_text("Nothing is launched yet in the regions of this deployment")
        page.get_by_role("button", name="Choose other regions").click()
        expect(page.get_by_role("checkbox").first).to_be_focused()
        self.assert_accessible("nothing launched")
        # Instances in another region are named.
        self.local.launch(OTHER_REGION, "dublin-1")
        page.get_by_role("checkbox", name=f"{REGION} none").check()
        page.get_by_role("button", name="Refresh").click()
        expect(empty).to_contain_text(f"There are none here. There are instances in {OTHER_REGION} (1).")
        page.get_by_role("checkbox", name=f"{OTHER_REGION} 1 running").check()
        expect(empty).to_be_hidden()
        # Filters that leave nothing can be cleared.
        page.get_by_role("button", name="running 1").click()
        page.get_by_role("searchbox").fill("no such instance")
        expect(empty).to_contain_text("No instance matches")
        page.get_by_role("button", name="Clear search and filters").click()
        expect(page.get_by_role("rowheader")).to_have_text(["dublin-1"])
        expect(page.get_by_role("searchbox")).to_have_value("")
        expect(page.get_by_role("searchbox")).to_be_focused()
        expect(page.get_by_role("button", name="running 1")).to_have_attribute("aria-pressed", "false")
