"""What the console shows: the link to it, filters by tag, columns, and CSV."""

import csv
import io
import urllib.parse

from harness import KEY, OTHER_REGION, REGION
from playwright.sync_api import expect
from tab import PHONE, Page


class View(Page):
    def names(self, *names):
        expect(self.page.get_by_role("rowheader")).to_have_text(list(names))

    def fragment(self):
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.page.url).fragment)

    def test_a_link_shows_the_same_and_holds_no_key(self):
        self.local.launch(REGION, "web-1", team="blue")
        self.local.launch(REGION, "web-2", team="blue", env="a&b=c,d")
        self.local.launch(OTHER_REGION, "web-3", team="blue", env="a&b=c,d")
        self.local.launch(REGION, "db-1", team="red", env="a&b=c,d")
        page = self.sign_in()
        self.names("db-1", "web-1", "web-2", "web-3")
        self.button("Details of", "web-2").click()
        self.panel("web-2").get_by_role("button", name="Show only instances with env=a&b=c,d").click()
        self.names("db-1", "web-2", "web-3")
        page.get_by_role("searchbox").fill("web")
        page.get_by_role("button", name="running 2").click()
        page.locator("#column-box summary").click()
        page.get_by_role("checkbox", name="Zone").uncheck()
        page.get_by_role("checkbox", name="Launched by").check()
        head = page.get_by_role("columnheader", name="Name")
        head.get_by_role("button").click()
        self.names("web-3", "web-2")
        page.locator("#region-summary").click()
        page.get_by_role("checkbox", name=f"{OTHER_REGION} 1 running").uncheck()
        self.names("web-2")
        page.wait_for_function("() => location.hash.includes('regions=us-east-1&')")
        shown = self.fragment()
        self.assertEqual(shown.pop("columns"), ["name,id,state,type,private,public,launched,caller"])
        self.assertEqual(shown, {
            "regions": [REGION], "search": ["web"], "state": ["running"], "tag:env": ["a&b=c,d"], "sort": ["-name"]})  # fmt: skip
        link = page.url
        self.assertNotIn(KEY, link)
        # A colleague opens it in another tab.
        page = self.tab()
        page.goto(link)
        page.get_by_label("API key or token").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        self.names("web-2")
        expect(page.get_by_role("searchbox")).to_have_value("web")
        expect(page.get_by_role("button", name="running 1")).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
        expect(page.get_by_role("columnheader", name="Zone")).to_have_count(0)
        expect(page.get_by_role("columnheader", name="Launched by")).to_have_count(1)
        # Another link in the same tab, with nonsense in it.
        page.evaluate("location.hash = 'regions=nowhere-1,us-east-1,eu-west-1&state=happy&columns=x&sort=-y&tag:team=blue'")
        self.names("web-1", "web-2", "web-3")
        expect(page.get_by_role("columnheader", name="Zone")).to_have_count(1)
        # Signing out forgets what was shown.
        page.get_by_role("button", name="Sign out").click()
        self.assertEqual(page.url, self.local.url + "/")

    def test_filters_by_tag_are_chips_that_can_be_removed(self):
        self.local.launch(REGION, "web-1", team="blue", env="test")
        self.local.launch(REGION, "web-2", team="red", env="test")
        self.local.launch(REGION, "web-3", team="green")
        page = self.sign_in()
        chips = page.get_by_role("group", name="Only with these tags")
        expect(chips).to_have_count(0)
        self.button("Details of", "web-1").click()
        self.panel("web-1").get_by_role("button", name="Show only instances with team=blue").click()
        self.names("web-1")
        # Different keys: all of them; one key: any of its values.
        self.panel("web-1").get_by_role("button", name="Show only instances with env=test").click()
        self.names("web-1")
        page.get_by_role("button", name="Remove the filter team=blue").click()
        self.names("web-1", "web-2")
        expect(page.get_by_role("button", name="Remove the filter env=test")).to_be_focused()
        self.button("Details of", "web-2").click()
        self.panel("web-2").get_by_role("button", name="Show only instances with team=red").click()
        self.names("web-2")
        page.wait_for_function("() => location.hash.includes('red')")
        page.evaluate("location.hash += '&tag:team=blue'")
        self.names("web-1", "web-2")
        self.assert_accessible("chips")
        for name in ("env=test", "team=red", "team=blue"):
            page.get_by_role("button", name=f"Remove the filter {name}").click()
        self.names("web-1", "web-2", "web-3")
        expect(page.get_by_role("searchbox")).to_be_focused()

    def test_csv_is_what_is_shown_and_never_a_formula(self):
        self.local.launch(REGION, "=HYPERLINK(1)", note="a;=1")
        self.local.launch(REGION, 'say "hi", @you', note="\uff1d1 -2")
        self.local.launch(REGION, "hidden", note="x")
        self.local.launch(REGION, "plain a-b@c", note="-")
        page = self.sign_in()
        page.evaluate("location.hash = 'columns=name,type,tagList&tag:note=a;%3D1&tag:note=%EF%BC%9D1+-2&tag:note=-'")
        expect(page.get_by_role("rowheader")).to_have_count(3)
        with page.expect_download() as download:
            page.get_by_role("button", name="Save as CSV").click()
        self.assertRegex(download.value.suggested_filename, r"^instances-\d{4}-\d\d-\d\d\.csv$")
        with open(download.value.path(), newline="", encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.endswith("\r\n"))
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        self.assertEqual(header, ["Name", "Type", "Tags"])
        self.assertEqual(sorted(rows), sorted([
            ["'=HYPERLINK(1)", "t3.micro", "Name==HYPERLINK(1);note=a;'=1"],
            ["say \"hi\", '@you", "t3.micro", "Name=say \"hi\", '@you;note=\uff1d1 '-2"],
            ["plain a-b@c", "t3.micro", "Name=plain a-b@c;note=-"],
        ]))  # fmt: skip

    def test_columns_can_be_chosen_at_320_pixels(self):
        self.local.launch(REGION, "web-1", team="blue")
        page = self.tab(viewport=PHONE)
        self.sign_in()
        self.ready("Stop", "web-1")
        page.locator("#column-box summary").click()
        for name in ("Tags", "Reason", "Launched by", "Region"):
            page.get_by_role("checkbox", name=name, exact=True).check()
        expect(self.row("web-1")).to_contain_text("team=blue")
        self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), 320)
        self.assert_accessible("columns on a phone")
