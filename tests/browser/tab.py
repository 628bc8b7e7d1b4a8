"""A tab with a page of the function, for the tests of this folder."""

import contextlib
import time
import unittest

import harness
from axe_playwright_python.sync_playwright import Axe
from harness import KEY
from playwright.sync_api import expect

# The function, moto and Chromium: started by the first test, closed by __main__.py.
stack = contextlib.ExitStack()
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 320, "height": 640}
# Longer than the fast poll interval of the console (2 s), shorter than the slow one (30 s).
expect.set_options(timeout=15_000)


class Page(unittest.TestCase):
    """A tab, with the checks that end each test.

    Each test also fails if the page logs a warning or an error (such as a violation of its policy),
    calls another origin, or has the key in a URL.
    """

    local = browser = None

    @classmethod
    def setUpClass(cls):
        if Page.local is None:
            Page.local = stack.enter_context(harness.local())
            Page.browser = stack.enter_context(harness.browser())

    def setUp(self):
        self.local.reset()
        self.context = None
        self.tab()

    def tab(self, **options):
        """Opens a tab in place of the present one, such as with another size or colour scheme."""
        if self.context:
            self.context.close()
        self.context = self.browser.new_context(viewport=options.pop("viewport", DESKTOP), **options)
        self.page = self.context.new_page()
        self.complaints, self.requests = [], []
        self.watch(self.page)
        return self.page

    def watch(self, page):
        page.on("request", lambda request: self.requests.append(request))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self.on_console)

    def on_console(self, message):
        # "Failed to load resource" is Chromium's own line for a response other than 2xx.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def tearDown(self):
        urls = [request.url for request in self.requests]
        foreign = [url for url in urls if not url.startswith((self.local.url + "/", "data:", f"blob:{self.local.url}/"))]
        with_key = [url for url in urls if KEY in url]
        title = self.page.title()
        self.context.close()
        self.assertEqual(self.complaints, [])
        self.assertEqual(foreign, [])
        self.assertEqual(with_key, [])
        self.assertNotEqual(title, "owned")

    def sign_in(self, key=KEY):
        self.page.goto(self.local.url + "/")
        self.page.get_by_label("API key or token").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        return self.page

    def row(self, name):
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("rowheader", name=name, exact=True))

    def state(self, name, state):
        expect(self.row(name).locator(".state")).to_have_text(state)

    def button(self, action, name):
        return self.page.get_by_role("button", name=f"{action} {name}", exact=True)

    def ready(self, action, name):
        """Waits until the button is available. Returns it."""
        button = self.button(action, name)
        expect(button).not_to_have_attribute("aria-disabled", "true")
        return button

    def panel(self, name):
        """The details of an instance."""
        return self.page.locator("section.panel").filter(has=self.page.get_by_role("heading", name=name, exact=True))

    def until(self, condition):
        """Waits for a condition of this test itself. The page goes on meanwhile."""
        deadline = time.monotonic() + 15
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            self.page.wait_for_timeout(20)

    def confirm(self, action):
        self.page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()

    def is_on_top(self, button):
        """Whether no other element covers a button where it is now."""
        return button.evaluate("""button => {
          const { x, y, width, height } = button.getBoundingClientRect();
          return document.elementFromPoint(x + width / 2, y + height / 2) === button;
        }""")

    def count_requests(self, path):
        return sum(path in request.url for request in self.requests)

    def assert_accessible(self, what):
        """Fails if axe reports a violation in the page as shown."""
        # Touch targets of at least 24 pixels: a rule of WCAG 2.2 that axe leaves out by default.
        rules = {"rules": {"target-size": {"enabled": True}}}
        violations = Axe().run(self.page, options=rules).response["violations"]
        found = [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in violations]
        self.assertEqual(found, [], what)
