"""Runs the tests of this folder: `.venv/bin/python tests/browser [--failfast] [MODULE...]`."""

import os
import sys
import unittest

import tab

os.environ["no_proxy"] = "*"
names = [name for name in sys.argv[1:] if name != "--failfast"]
loader = unittest.TestLoader()
suite = loader.loadTestsFromNames(names) if names else loader.discover(sys.path[0])
with tab.stack:
    result = unittest.TextTestRunner(verbosity=2, failfast="--failfast" in sys.argv).run(suite)
sys.exit(not result.wasSuccessful() or not result.testsRun)
