"""Runs the tests of this folder: `.venv/bin/python tests/browser [--failfast] [MODULE...]`."""

import os
import sys
import unittest
from pathlib import Path

import tab

os.environ["no_proxy"] = "*"
names = [name for name in sys.argv[1:] if name != "--failfast"]
loader = unittest.TestLoader()
suite = loader.loadTestsFromNames(names) if names else loader.discover(Path(__file__).parent)
with tab.stack:
    result = unittest.TextTestRunner(verbosity=2, failfast="--failfast" in sys.argv).run(suite)
sys.exit(not result.wasSuccessful() or not result.testsRun)
