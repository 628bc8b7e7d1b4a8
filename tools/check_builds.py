#!/usr/bin/env python3
"""Fails if cargo commands need more than one build of the AWS SDK, which takes minutes.

    check_builds.py 'test --workspace --no-run' build

Runs the commands and compares the artifacts of aws-sdk-ec2 that cargo reports. With different
features of any dependency, cargo would build the SDK, and report it, once for each set of features.
"""

import json
import subprocess
import sys

CRATE = "aws-sdk-ec2"


def artifacts(command):
    """Runs a cargo command, and returns the libraries of the crate that it uses."""
    words, dashes, more = command.partition(" -- ")
    words = ["cargo", *words.split(), "--locked", "--quiet", "--message-format=json", *f"{dashes}{more}".split()]
    ran = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    if ran.returncode:
        sys.exit(f"cargo {command} failed")
    messages = (json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{"))
    found = {
        file
        for message in messages
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == CRATE.replace("-", "_")
        for file in message["filenames"]
        if file.endswith((".rlib", ".rmeta"))
    }
    if not found:
        sys.exit(f"cargo {command} does not use {CRATE}")
    # A build has a .rlib and an .rmeta, a check only an .rmeta.
    return {file for file in found if file.endswith(".rlib")} or found


def main():
    users = {}
    for command in sys.argv[1:]:
        for file in artifacts(command):
            users.setdefault(file, []).append(f"cargo {command}")
    if len(users) == 1:
        (commands,) = users.values()
        print(f"{CRATE}: one build for {', '.join(commands)}")
        return
    for file, commands in users.items():
        print(f"{file}: {', '.join(commands)}", file=sys.stderr)
    sys.exit(f"{len(users)} builds of {CRATE} instead of one: unify the features in Cargo.toml")


if __name__ == "__main__":
    main()
