"""The details of instances in the console: panels beside the list."""

from harness import KEY, REGION
from playwright.sync_api import expect
from tab import PHONE, Page


class Details(Page):
    def fact(self, name, title):
        """The value of a fact in the details of an instance."""
        term = self.page.get_by_role("term").filter(has_text=title).and_(self.page.get_by_text(title, exact=True))
        return self.panel(name).locator("dt").and_(term).locator("xpath=following-sibling::dd[1]")

    def test_two_instances_are_compared_in_two_panels_beside_the_list(self):
        for name in ("web-1", "web-2", "web-3"):
            self.local.launch(REGION, name)
        page = self.sign_in()
        self.ready("Stop", "web-1")
        self.button("Details of", "web-1").click()
        expect(self.panel("web-1").get_by_role("heading", name="web-1")).to_be_focused()
        # Not kept: the next one takes its place.
        self.button("Details of", "web-2").click()
        expect(page.locator(".panel h2")).to_have_text(["web-2"])
        keep = page.get_by_role("button", name="Keep open the details of web-2")
        keep.click()
        expect(keep).to_have_attribute("aria-pressed", "true")
        self.button("Details of", "web-1").click()
        expect(page.locator(".panel h2")).to_have_text(["web-2", "web-1"])
        left, right = (panel.bounding_box() for panel in page.locator(".panel").all())
        self.assertEqual((left["y"], left["height"]), (right["y"], right["height"]), "side by side")
        self.button("Details of", "web-3").click()
        expect(page.locator(".panel h2")).to_have_text(["web-2", "web-3"])
        # An opened one gets the focus again, and is not opened twice.
        self.button("Details of", "web-2").click()
        expect(self.panel("web-2").get_by_role("heading", name="web-2")).to_be_focused()
        expect(page.locator(".panel")).to_have_count(2)
        # The list goes on beside them.
        self.button("Stop", "web-3").click()
        self.confirm("Stop")
        expect(self.fact("web-3", "State")).to_have_text("stopped")
        self.assert_accessible("two panels")
        page.get_by_role("button", name="Close the details of web-3").focus()
        page.keyboard.press("Escape")
        expect(self.button("Details of", "web-3")).to_be_focused()
        page.get_by_role("button", name="Close the details of web-2").click()
        expect(self.button("Details of", "web-2")).to_be_focused()
        expect(page.locator(".panel")).to_have_count(0)

    def test_a_panel_says_why_and_who(self):
        answer = self.context.request.post(
            f"{self.local.url}/ec2/create",
            headers={"x-api-key": KEY, "Idempotency-Key": "order-1"},
            data={"region_name": REGION, "image_id": "ami-1e749f67", "tag:Name": "db-1", "tag:env": "production"},
        )
        instance = answer.json()["InstanceId"]
        self.local.ec2(REGION).stop_instances(InstanceIds=[instance])
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = self.sign_in()
        self.ready("Start", "db-1")
        self.button("Details of", "db-1").click()
        expect(self.fact("db-1", "Reason")).to_contain_text("User initiated")
        expect(self.fact("db-1", "Lifecycle")).to_have_text("on-demand")
        expect(self.fact("db-1", "Launched by")).to_have_text("demo")
        tags = {tag["Key"]: tag["Value"] for tag in answer.json()["Tags"]}
        expect(self.fact("db-1", "Request")).to_contain_text(tags["ec2-control-api:request"])
        expect(self.fact("db-1", "env")).to_contain_text("production")
        # The reason why an action is unavailable stands there, without a tip.
        panel = self.panel("db-1")
        start, stop, _, terminate = panel.locator(".call").all()
        expect(stop).to_contain_text("Not possible while it is stopped.")
        expect(terminate).to_contain_text(
            f"The policy of this deployment does not permit TerminateInstances of {instance}"
        )
        expect(start).to_contain_text("Possible now.")
        panel.get_by_role("button", name=f"Copy ID {instance}").click()
        expect(page.locator("#live")).to_have_text("Copied.")
        self.assertEqual(page.evaluate("navigator.clipboard.readText()"), instance)
        panel.get_by_role("button", name="Copy Private IP").click()
        address = self.row("db-1").locator("td[data-label='Private IP']").inner_text()
        page.wait_for_function("address => navigator.clipboard.readText().then((text) => text === address)", arg=address)

    def test_console_output_is_shown_and_refreshed_on_demand(self):
        self.local.launch(REGION, "web-1")
        page = self.sign_in()
        self.ready("Stop", "web-1")
        self.button("Details of", "web-1").click()
        panel = self.panel("web-1")
        self.assertEqual(self.count_requests("/ec2/console-output"), 0)
        outputs = iter(["[    0.0] Linux\n<b>login:", None])

        def answer(route):
            route.fulfill(status=200, json={"InstanceId": "i-1", "Timestamp": "2026-03-02T09:00:00+00:00", "Output": next(outputs)})

        page.route("**/ec2/console-output?*", answer)
        panel.get_by_role("button", name="Show the console output of web-1").click()
        text = panel.get_by_role("group", name="Console output")
        expect(text).to_have_text("[    0.0] Linux\n<b>login:")
        self.assert_accessible("console output")
        refresh = panel.get_by_role("button", name="Refresh the console output of web-1")
        refresh.click()
        expect(panel).to_contain_text("EC2 has none yet.")
        expect(text).to_have_count(0)
        page.unroute("**/ec2/console-output?*")
        page.route("**/ec2/console-output?*", lambda route: route.fulfill(status=403, json={"Message": "Not permitted"}))
        refresh.click()
        expect(page.get_by_role("alert")).to_contain_text("The console output of web-1 could not be read: Not permitted.")
        page.unroute("**/ec2/console-output?*")
        refresh.click()  # the emulator's own
        expect(text).to_contain_text("Linux version")
        expect(page.get_by_role("alert")).to_have_count(0)

    def test_a_panel_does_not_hide_what_gets_the_focus(self):
        for number in range(25):
            self.local.launch(REGION, f"node-{number}")
        page = self.sign_in()
        self.ready("Stop", "node-24")
        self.button("Details of", "node-0").click()
        for _ in range(40):
            page.keyboard.press("Shift+Tab")
            bottom = page.evaluate("document.activeElement.getBoundingClientRect().bottom")
            top_of_panel = page.locator(".panel").bounding_box()["y"]
            inside = page.evaluate("document.activeElement.closest('.panel') !== null")
            self.assertTrue(inside or bottom <= top_of_panel, (bottom, top_of_panel))
        # On a phone it is below the list.
        page = self.tab(viewport=PHONE)
        self.sign_in()
        self.button("Details of", "node-0").click()
        self.assertEqual(page.locator("#panels").evaluate("panels => getComputedStyle(panels).position"), "static")
        expect(self.panel("node-0").get_by_role("heading", name="node-0")).to_be_in_viewport()
