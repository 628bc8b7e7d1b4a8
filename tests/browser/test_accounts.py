"""Other accounts in the console: the emulator has a second one, `sandbox`, with an instance."""

import functools
import re
import urllib.parse

from harness import IMAGE, KEY, OTHER_REGION, OWN_ACCOUNT, REGION, SANDBOX
from playwright.sync_api import expect
from tab import DESKTOP, PHONE, Page


class Accounts(Page):
    def setUp(self):
        super().setUp()
        self.sandbox_web = self.local.launch_in_sandbox(REGION, "sandbox-web")
        self.local.launch(REGION, "web-1")

    @staticmethod
    def answer(route, **response):
        route.fulfill(**response)

    def names(self, *names):
        expect(self.page.get_by_role("rowheader")).to_have_text(list(names))

    def box(self, name):
        return self.page.locator("#account-box").get_by_role("checkbox", name=name)

    def open_accounts(self):
        page = self.sign_in()
        self.names("web-1")
        expect(page.locator("#account-summary")).to_have_text("Accounts: own")
        page.locator("#account-summary").click()
        return page

    def test_accounts_are_chosen_as_regions_are_and_are_part_of_the_link(self):
        self.local.launch(OTHER_REGION, "dublin-1")
        page = self.sign_in()
        self.names("dublin-1", "web-1")
        page.locator("#account-summary").click()
        # Only the own account is asked until another is chosen.
        self.assertFalse(any("account=" in request.url for request in self.requests))
        expect(page.get_by_role("columnheader", name="Account")).to_have_count(0)
        self.box(f"sandbox {SANDBOX}").check()
        self.names("dublin-1", "sandbox-web", "web-1")
        expect(page.get_by_role("columnheader", name="Account")).to_have_count(1)
        expect(self.row("sandbox-web")).to_contain_text("sandbox")
        expect(self.row("web-1").locator("td[data-label=Account]")).to_have_text("own")
        self.assert_accessible("two accounts")
        self.box("own").uncheck()
        self.names("sandbox-web")
        page.locator("#region-summary").click()
        expect(page.get_by_role("checkbox", name=f"{REGION} 1 running")).to_be_checked()
        expect(page.get_by_role("checkbox", name=f"{OTHER_REGION} none")).to_be_checked()
        self.assertEqual(urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).fragment)["accounts"], ["sandbox"])
        link = page.url
        page = self.tab()
        page.goto(link)
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        self.names("sandbox-web")
        expect(page.locator("#account-summary")).to_have_text("Accounts: sandbox")
        # Another link in the same tab.
        page.evaluate(f"location.hash = 'accounts=-,sandbox&regions={REGION}'")
        self.names("sandbox-web", "web-1")
        page.reload()
        self.names("sandbox-web", "web-1")
        # What is not shown of a link is told.
        page.evaluate(f"location.hash = 'accounts=staging,-&regions={REGION}'")
        warning = "The link is about accounts that are not shown to your key: staging."
        expect(page.get_by_role("status").filter(has_text=warning)).to_be_visible()
        self.names("web-1")
        page.get_by_role("button", name="Sign out").click()
        self.assertEqual(page.evaluate("sessionStorage.length"), 0)

    def test_all_accounts_are_one_list_of_each_region(self):
        page = self.open_accounts()
        self.box("All 2 accounts").check()
        expect(self.box("own")).not_to_be_checked()
        self.names("sandbox-web", "web-1")
        expect(self.row("sandbox-web")).to_contain_text("sandbox")
        lists = [request.url for request in self.requests if "/ec2/list" in request.url]
        self.assertIn("account=all", lists[-1])
        page.get_by_role("searchbox").fill("sandbox")
        self.names("sandbox-web")
        self.ready("Stop", "sandbox-web").click()
        expect(page.get_by_role("dialog")).to_contain_text(f"in {REGION} of the account sandbox will be shut down")
        self.confirm("Stop")
        self.state("sandbox-web", "stopped")
        self.box("sandbox").check()
        expect(self.box("All 2 accounts")).not_to_be_checked()
        expect(page.locator("#account-summary")).to_have_text("Accounts: sandbox")

    def test_the_number_of_an_account_is_as_good_as_its_name_in_a_link(self):
        accounts = [{"name": None, "id": OWN_ACCOUNT}, {"name": "sandbox", "id": SANDBOX}]
        page = self.page
        page.route("**/accounts", functools.partial(self.answer, status=200, json=accounts))
        page.goto(f"{self.local.url}/#accounts={SANDBOX},{OWN_ACCOUNT}&regions={REGION}")
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        self.names("sandbox-web", "web-1")
        expect(page.locator("#account-summary")).to_have_text("Accounts: own, sandbox")
        page.wait_for_function("accounts => location.hash.includes(accounts)", arg=f"accounts={OWN_ACCOUNT}%2Csandbox")
        expect(self.row("web-1").locator("td[data-label=Account]")).to_have_text("own")
        self.button("Details of", "sandbox-web").click()
        expect(self.panel("sandbox-web").get_by_text(f"sandbox {SANDBOX}", exact=True)).to_be_visible()

    def test_an_account_that_is_not_shown_is_never_taken_for_the_own_one(self):
        accounts = [{"name": "staging", "id": "210987654321"}]
        page = self.page
        page.route("**/accounts", functools.partial(self.answer, status=200, json=accounts))
        page.goto(f"{self.local.url}/#accounts=all&regions={REGION}")
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        self.names("sandbox-web", "web-1")
        expect(self.row("sandbox-web").locator("td[data-label=Account]")).to_have_text(SANDBOX)
        self.button("Details of", "sandbox-web").click()
        expect(self.panel("sandbox-web").locator(".call").first).to_contain_text(f'"account":"{SANDBOX}"')
        with page.expect_request("**/ec2/stop") as stop:
            self.ready("Stop", "sandbox-web").click()
            expect(page.get_by_role("dialog")).to_contain_text(f"of the account {SANDBOX} will be shut down")
            self.confirm("Stop")
        self.assertEqual(stop.value.post_data_json["account"], SANDBOX)
        self.state("sandbox-web", "stopped")

    def test_a_link_about_accounts_that_are_not_shown_lists_nothing_until_one_is_chosen(self):
        both = [{"name": None, "id": OWN_ACCOUNT}, {"name": "sandbox", "id": SANDBOX}]
        for status, accounts in ((200, both), (403, {"Message": "The policy does not permit it"})):
            page = self.tab()
            page.route("**/accounts", functools.partial(self.answer, status=status, json=accounts))
            for _ in range(2):  # and after the page is loaded again
                page.goto(f"{self.local.url}/#accounts=blue&regions={REGION}")
                if page.get_by_label("API key or token").is_visible():
                    page.get_by_label("API key or token").fill(KEY)
                    page.get_by_role("button", name="Sign in").click()
                warning = "The link is about accounts that are not shown to your key: blue. Nothing is listed until you choose an account."
                expect(page.get_by_role("status").filter(has_text=warning)).to_be_visible()
                expect(page.locator("#account-summary")).to_have_text("Accounts: choose some")
                expect(page.get_by_role("rowheader")).to_have_count(0)
                self.assertFalse(any("/ec2/list" in request.url or "/regions" in request.url for request in self.requests))
                page.reload()
            self.assert_accessible("no account is chosen")
            self.box("own").check()
            self.names("web-1")
            expect(page.locator("#region-summary")).to_have_text(f"Regions: {REGION}")
            # Another link in the same tab.
            page.evaluate(f"location.hash = 'accounts=green&regions={REGION}'")
            expect(page.get_by_role("rowheader")).to_have_count(0)
            expect(page.get_by_role("status").filter(has_text="not shown to your key: green.")).to_be_visible()

    def test_regions_stay_chosen_while_no_account_is(self):
        self.local.launch(OTHER_REGION, "dublin-1")
        page = self.sign_in()
        self.names("dublin-1", "web-1")
        page.locator("#region-summary").click()
        page.get_by_role("checkbox", name=OTHER_REGION).uncheck()
        self.names("web-1")
        page.locator("#account-summary").click()
        self.box("own").uncheck()
        expect(page.get_by_role("rowheader")).to_have_count(0)
        expect(page.locator("#region-summary")).to_have_text(f"Regions: {REGION}")
        self.box(f"sandbox {SANDBOX}").check()
        self.names("sandbox-web")
        expect(page.get_by_role("checkbox", name=OTHER_REGION)).not_to_be_checked()

    def test_an_answer_about_accounts_that_were_chosen_before_is_dropped(self):
        page = self.open_accounts()
        held = []

        def hold_first(route):
            if held:
                route.continue_()
            else:
                held.append(route)

        page.route("**/regions?account=sandbox", hold_first)
        with page.expect_request("**/regions?account=sandbox"):
            self.box(f"sandbox {SANDBOX}").check()
        self.box(f"sandbox {SANDBOX}").uncheck()
        page.locator("#region-summary").click()
        expect(page.get_by_role("checkbox", name=f"{REGION} 1 running")).to_be_checked()
        self.box(f"sandbox {SANDBOX}").check()
        expect(page.get_by_role("checkbox", name=f"{REGION} 2 running")).to_be_checked()
        with page.expect_response("**/regions?account=sandbox"):
            held[0].fulfill(json=[])
        expect(page.get_by_role("checkbox", name=f"{REGION} 2 running")).to_be_checked()
        self.names("sandbox-web", "web-1")

    def test_signing_in_works_with_a_link_about_an_account_whose_role_is_broken(self):
        page = self.page
        broken = {"Message": "The role of the account sandbox can't be assumed", "Error": "X"}
        page.route("**/regions?account=sandbox", functools.partial(self.answer, status=502, json=broken))
        page.goto(f"{self.local.url}/#accounts=sandbox&regions={REGION}")
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        alert = page.get_by_role("alert").filter(has_text="Counting the instances of the regions did not work: The role of")
        expect(alert).to_be_visible()
        expect(page.locator("#account-summary")).to_have_text("Accounts: sandbox")
        page.locator("#account-summary").click()
        self.box("own").check()
        self.names("sandbox-web", "web-1")
        page.unroute("**/regions?account=sandbox")
        page.route("**/regions?account=sandbox", functools.partial(self.answer, status=401, json={"message": "Unauthorized"}))
        page.get_by_role("button", name="Sign out").click()
        page.goto(f"{self.local.url}/#accounts=sandbox&regions={REGION}")
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("Unauthorized. Enter the key again.")
        expect(page.get_by_label("API key or token")).to_be_visible()

    def test_signing_in_works_where_the_accounts_can_not_be_listed(self):
        page = self.page
        broken = {"Message": "AWS does not answer", "Error": "X"}
        page.route("**/accounts", functools.partial(self.answer, status=504, json=broken))
        page.goto(self.local.url)
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        alert = page.get_by_role("alert").filter(has_text="listing the accounts did not work: AWS does not answer.")
        expect(alert).to_contain_text("Only the own account is shown, until you reload the page")
        self.names("web-1")
        page.unroute("**/accounts")
        page.reload()
        expect(page.locator("#account-summary")).to_have_text("Accounts: own")

    def test_a_key_that_no_answer_has_accepted_does_not_sign_in(self):
        page = self.page
        page.goto(self.local.url)
        for path in ("**/accounts", "**/regions"):
            page.route(path, lambda route: route.abort())
        key = page.get_by_label("API key or token")
        key.fill("perhaps-a-key")
        page.get_by_role("button", name="Sign in").click()
        alert = page.get_by_role("alert").filter(has_text="Signing in did not work: The API can't be reached.")
        expect(alert).to_be_visible()
        expect(key).to_have_value("perhaps-a-key")
        self.assertIsNone(page.evaluate("() => sessionStorage.getItem('ec2-control-api:key')"))

    def test_a_link_about_all_accounts_is_not_taken_for_the_own_one(self):
        page = self.page
        page.route("**/accounts", functools.partial(self.answer, status=403, json={"Message": "No.", "Error": "Forbidden"}))
        page.goto(f"{self.local.url}/#accounts=all&regions={REGION}")
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        note = page.get_by_role("status").filter(has_text="The link is about accounts that are not shown to your key: all.")
        expect(note).to_contain_text("Nothing is listed until you choose an account.")
        self.assertIn("accounts=all", page.url)

    def test_a_schedule_in_an_account_that_is_not_shown_stays_there(self):
        body = {"region_name": REGION, "account": "sandbox", "instance_id": "i-0123456789abcdef0", "stop": "19:00"}
        url = f"{self.local.url}/schedules/elsewhere"
        self.assertEqual(self.context.request.put(url, headers={"x-api-key": KEY}, data=body).status, 201)
        page = self.page
        accounts = [{"name": None, "id": OWN_ACCOUNT}, {"name": "staging", "id": "210987654321"}]
        page.route("**/accounts", functools.partial(self.answer, status=200, json=accounts))
        page.goto(self.local.url)
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Schedules", exact=True).click()
        page.get_by_role("button", name="Change: elsewhere").click()
        account = page.locator("#schedule-account")
        expect(account).to_have_value(SANDBOX)
        page.locator("#schedule-stop").fill("20:00")
        page.locator("#schedule-save").click()
        expect(page.locator("#schedule-form")).to_be_hidden()
        kept = self.context.request.get(url, headers={"x-api-key": KEY}).json()
        self.assertEqual((kept["account"], kept["stop"]), (SANDBOX, "20:00"))

    def test_at_most_eight_regions_are_listed_at_the_same_time(self):
        page = self.page
        regions = [{"name": f"us-test-{number}", "instances": {"running": 1}} for number in range(20)]
        page.route("**/regions", functools.partial(self.answer, status=200, json=regions))
        held = []
        page.route("**/ec2/list?*", lambda route: held.append(route))
        page.goto(self.local.url)
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_function("() => document.querySelectorAll('#regions input:checked').length === 20")
        for number in range(12):
            # Each answer lets one more be sent.
            self.until(lambda: len(held) >= 8 + number)
            self.assertEqual(len(held), 8 + number)
            held[number].fulfill(json=[])
        self.until(lambda: len(held) == 20)
        for route in held[12:]:
            route.fulfill(json=[])

    def test_what_is_done_is_done_in_the_account_of_the_row(self):
        page = self.open_accounts()
        self.box(f"sandbox {SANDBOX}").check()
        self.ready("Stop", "sandbox-web")
        self.button("Details of", "sandbox-web").click()
        panel = self.panel("sandbox-web")
        expect(panel.get_by_text(f"sandbox {SANDBOX}", exact=True)).to_be_visible()
        expect(panel.locator(".call").first).to_contain_text('"account":"sandbox"')
        panel.get_by_role("button", name="Show the console output of sandbox-web").click()
        expect(panel).to_contain_text("Linux version")
        for name in ("web-1", "sandbox-web"):
            page.get_by_role("checkbox", name=f"Choose {name}", exact=True).check()
        page.get_by_role("button", name="Stop all chosen instances").click()
        place = rf"\(i-[0-9a-f]+, {REGION} of the"
        expect(page.get_by_role("dialog")).to_contain_text(re.compile(rf"sandbox-web {place} account sandbox\)"))
        expect(page.get_by_role("dialog")).to_contain_text(re.compile(rf"web-1 {place} own account\)"))
        self.confirm("Stop")
        expect(page.locator("#bulk-results")).to_contain_text("Stop: 2 of 2 accepted")
        self.state("sandbox-web", "stopped")
        self.state("web-1", "stopped")
        bodies = [request.post_data_json for request in self.requests if request.url.endswith("/ec2/stop")]
        self.assertEqual({body.get("account") for body in bodies}, {None, "sandbox"})

    def test_a_launch_is_in_the_chosen_account(self):
        page = self.open_accounts()
        page.get_by_role("button", name="Launch", exact=True).click()
        form = page.locator("#launch")
        form.get_by_label("Account", exact=True).select_option("sandbox")
        form.get_by_label("Region", exact=True).select_option(REGION)
        form.get_by_label("Image", exact=True).fill(IMAGE)
        form.get_by_label("Name", exact=True).fill("sandbox-2")
        page.get_by_role("button", name="Dry run").click()
        page.get_by_role("button", name="Launch 1 instance").click()
        expect(page.locator("#launch-status")).to_contain_text(f"Launched in {REGION} of the account sandbox: i-")
        # Its account is listed from then on.
        self.names("sandbox-2", "sandbox-web", "web-1")
        expect(page.get_by_role("columnheader", name="Account")).to_have_count(1)

    def test_an_account_that_fails_is_named_and_the_others_are_shown(self):
        page = self.open_accounts()

        def refuse(route):
            route.fulfill(status=502, json={"Message": "The role of the account sandbox can't be assumed", "Error": "X"})

        page.route("**/regions?account=sandbox", refuse)
        page.route("**/ec2/list?*account=sandbox*", refuse)
        self.box(f"sandbox {SANDBOX}").check()
        expect(page.get_by_role("alert").filter(has_text="Counting the instances of the account sandbox")).to_be_visible()
        expect(page.get_by_role("alert").filter(has_text=f"Listing {REGION} of the account sandbox")).to_be_visible()
        self.names("web-1")
        page.unroute("**/regions?account=sandbox")
        page.unroute("**/ec2/list?*account=sandbox*")
        page.get_by_role("button", name="Refresh").click()
        self.names("sandbox-web", "web-1")
        expect(page.get_by_role("alert")).to_have_count(0)

    def test_one_account_offers_no_choice(self):
        for status, accounts in (
            (404, {"Message": "No such path"}),
            (403, {"Message": "The policy does not permit it"}),
            (200, [{"name": None, "id": OWN_ACCOUNT}]),
        ):
            page = self.tab()
            answer = functools.partial(self.answer, status=status, json=accounts)
            page.route("**/accounts", answer)
            self.sign_in()
            self.names("web-1")
            expect(page.locator("#account-box")).to_be_hidden()
            page.get_by_role("button", name="Launch", exact=True).click()
            expect(page.locator("#launch").get_by_label("Account", exact=True)).to_be_hidden()
            self.assertFalse(any("account" in request.url for request in self.requests if not request.url.endswith("/accounts")))

    def test_the_choice_of_accounts_fits_every_width_and_scheme(self):
        for scheme, viewport in (("light", DESKTOP), ("dark", PHONE)):
            page = self.tab(viewport=viewport, color_scheme=scheme)
            self.open_accounts()
            self.box(f"sandbox {SANDBOX}").focus()
            page.keyboard.press("Space")
            self.names("sandbox-web", "web-1")
            self.assert_accessible(f"accounts, {scheme} {viewport['width']}")
            self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), viewport["width"])
