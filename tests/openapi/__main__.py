"""Runs the tests of this folder: `.venv/bin/python tests/openapi [MODULE...]`."""

import sys
import unittest

loader = unittest.TestLoader()
names = sys.argv[1:]
suite = loader.loadTestsFromNames(names) if names else loader.discover(sys.path[0])
result = unittest.TextTestRunner(verbosity=2).run(suite)
failed = len(result.failures + result.errors)
print(f"{result.testsRun - failed} passed, {failed} failed")
sys.exit(not result.wasSuccessful() or not result.testsRun)
