#!/usr/bin/env python3
"""Makes the pictures in docs/images: `make screenshots`."""

import os

import harness
from harness import KEY, OTHER_REGION, REGION, ROOT

PICTURES = {
    "console-light": {"viewport": {"width": 1280, "height": 470}, "color_scheme": "light"},
    "console-dark": {"viewport": {"width": 1280, "height": 470}, "color_scheme": "dark"},
    "console-320": {"viewport": {"width": 320, "height": 640}, "color_scheme": "light"},
}
INSTANCES = [
    (REGION, "web-1", "t3.micro", {"team": "blue", "env": "production"}),
    (REGION, "web-2", "t3.micro", {"team": "blue", "env": "production"}),
    (REGION, "build-runner", "c7g.xlarge", {"team": "platform"}),
    (REGION, "db-primary", "r6g.large", {"team": "data", "env": "production"}),
    (REGION, "staging-web", "t3.small", {"team": "blue", "env": "staging"}),
    (OTHER_REGION, "dublin-web", "t3.micro", {"team": "green", "env": "production"}),
    (OTHER_REGION, "dublin-cache", "t4g.small", {"team": "green"}),
]


def main():
    os.environ["no_proxy"] = "*"
    with harness.local() as local, harness.browser() as browser:
        for region, name, kind, tags in INSTANCES:
            instance = local.launch(region, name, kind, **tags)
            if name in ("build-runner", "staging-web"):
                local.ec2(region).stop_instances(InstanceIds=[instance])
        for name, options in PICTURES.items():
            page = browser.new_context(**options).new_page()
            page.goto(local.url + "/")
            page.get_by_label("API key or token").fill(KEY)
            page.get_by_role("button", name="Sign in").click()
            page.locator("#rows button:not([aria-disabled])", has_text="Start").first.wait_for()
            if name == "console-light":
                page.get_by_role("button", name="Terminate db-primary").focus()
            page.screenshot(path=ROOT / f"docs/images/{name}.png")


if __name__ == "__main__":
    main()
