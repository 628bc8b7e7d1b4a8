#!/usr/bin/env python3
"""Makes the pictures in docs/images: `make screenshots`."""

import os

import harness
from harness import IMAGE, KEY, OTHER_REGION, REGION, ROOT

WIDE, PHONE = {"width": 1280, "height": 720}, {"width": 320, "height": 640}
INSTANCES = [
    (REGION, "web-1", "t3.micro", {"team": "blue", "env": "production"}),
    (REGION, "web-2", "t3.micro", {"team": "blue", "env": "production"}),
    (REGION, "build-runner", "c7g.xlarge", {"team": "platform"}),
    (REGION, "db-primary", "r6g.large", {"team": "data", "env": "production"}),
    (REGION, "staging-web", "t3.small", {"team": "blue", "env": "staging"}),
    (OTHER_REGION, "dublin-web", "t3.micro", {"team": "green", "env": "production"}),
    (OTHER_REGION, "dublin-cache", "t4g.small", {"team": "green"}),
]


OFFICE_HOURS = {
    "start": "08:00", "stop": "19:00", "days": "MON-FRI", "timezone": "Europe/Berlin", "skip": ["2026-12-24/2026-12-26"],
    "region_name": REGION, "tag:team": "blue", "hibernate": "prefer", "description": "Office hours of Berlin",
}  # fmt: skip


def chosen_and_details(page):
    """Two instances are chosen; the details of two others are compared."""
    for name in ("web-1", "web-2"):
        page.get_by_role("checkbox", name=f"Choose {name}", exact=True).check()
    page.get_by_role("button", name="Details of staging-web").click()
    page.get_by_role("button", name="Keep open the details of staging-web").click()
    page.get_by_role("button", name="Details of db-primary").click()
    page.get_by_role("heading", name="db-primary").wait_for()
    page.evaluate("scrollTo(0, 0)")


def reason_of_a_button(page):
    """A policy forbids to terminate an instance."""
    page.get_by_role("button", name="Terminate db-primary").focus()


def launch_form(page):
    """A launch that was tried as a dry run."""
    page.get_by_role("button", name="Launch", exact=True).click()
    form = page.locator("#launch")
    for label, value in {"Name": "web-3", "Image": IMAGE, "Type": "t3.small", "Tags": "team=blue\nenv=staging"}.items():
        form.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Dry run").click()
    page.locator("#launch-status", has_text="would permit").wait_for()


def schedules(page):
    """A schedule, and the form that changes it."""
    page.get_by_role("button", name="Schedules", exact=True).click()
    page.get_by_role("button", name="Change: office-hours").click()
    page.locator("#schedule-next li").first.wait_for()


def nothing(page):
    """The list as it is after the sign-in."""


PICTURES = {
    "console-light": ({"viewport": {**WIDE, "height": 1290}, "color_scheme": "light"}, chosen_and_details),
    "console-dark": ({"viewport": {**WIDE, "height": 470}, "color_scheme": "dark"}, reason_of_a_button),
    "console-launch": ({"viewport": WIDE, "color_scheme": "light"}, launch_form),
    "console-schedules": ({"viewport": {**WIDE, "height": 1000}, "color_scheme": "light", "timezone_id": "America/New_York"}, schedules),
    "console-320": ({"viewport": PHONE, "color_scheme": "light"}, nothing),
}


def main():
    os.environ["no_proxy"] = "*"
    with harness.local() as local, harness.browser() as browser:
        for region, name, kind, tags in INSTANCES:
            instance = local.launch(region, name, kind, **tags)
            if name in ("build-runner", "staging-web"):
                local.ec2(region).stop_instances(InstanceIds=[instance])
        local.put_schedule("office-hours", **OFFICE_HOURS)
        for name, (options, act) in PICTURES.items():
            page = browser.new_context(**options).new_page()
            page.goto(local.url + "/")
            page.get_by_label("API key or token").fill(KEY)
            page.get_by_role("button", name="Sign in").click()
            page.locator("#rows button:not([aria-disabled])", has_text="Start").first.wait_for()
            act(page)
            page.screenshot(path=ROOT / f"docs/images/{name}.png")


if __name__ == "__main__":
    main()
