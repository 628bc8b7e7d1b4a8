#!/usr/bin/env python3
"""Fails when a binary needs a newer C library than Lambda's provided.al2023 has: it would not start there.

The names of the versions it needs are text in the binary, whatever architecture it is for.
"""

import re
import sys

AL2023 = (2, 34)  # https://docs.aws.amazon.com/linux/al2023/release-notes/all-packages-AL2023.html

with open(sys.argv[1], "rb") as file:
    versions = {(int(major), int(minor)) for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", file.read())}
if not versions:
    sys.exit(f"{sys.argv[1]} names no version of glibc: is it the function's binary?")
major, minor = max(versions)
print(f"{sys.argv[1]} needs glibc {major}.{minor}")
if (major, minor) > AL2023:
    sys.exit(f"Lambda's provided.al2023 has glibc {AL2023[0]}.{AL2023[1]}: build with Zig (the default), not with plain cargo")
