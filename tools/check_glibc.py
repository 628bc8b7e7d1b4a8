#!/usr/bin/env python3
"""Fails if a binary needs a newer glibc than Lambda's provided.al2023 has.

Finds the names of symbol versions in the binary, which are text on every architecture.
"""

import re
import sys
from pathlib import Path

# https://docs.aws.amazon.com/linux/al2023/release-notes/all-packages-AL2023.html
AL2023 = (2, 34)

binary = Path(sys.argv[1]).read_bytes()
versions = {(int(major), int(minor)) for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", binary)}
if not versions:
    sys.exit(f"{sys.argv[1]} names no version of glibc: is it the function?")
major, minor = max(versions)
print(f"{sys.argv[1]} needs glibc {major}.{minor}")
if (major, minor) > AL2023:
    sys.exit(f"provided.al2023 has glibc {AL2023[0]}.{AL2023[1]}: link with Zig, as `make build` does")
