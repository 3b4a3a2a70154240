"""The test runner of all suites: compares failures with those that are known, and why.

A run is wrong if a test fails that is not listed in exclusions.py, if a listed one passes or is not
found (the exclusion is stale), or if fewer tests pass than when it was written.
"""

from __future__ import annotations

import os
import sys
import unittest
from collections.abc import Iterator
from typing import Any

from django.test.runner import DiscoverRunner
from exclusions import SUITES

NAME = os.environ["TINTYPE_SUITE"]
EXPECTED = SUITES[NAME]


class Judged(unittest.TextTestResult):
    """Remembers how each test ended, and shows tracebacks only of tests that should pass."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.passed.add(test.id())

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self.failed.add(test.id())

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self.failed.add(test.id())

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self.failed.add(test.id())

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.failed.add(test.id())

    def wasSuccessful(self) -> bool:
        return self.failed <= EXPECTED.may_fail

    def printErrorList(self, flavour: str, errors: Any) -> None:
        # A subtest is not a test of its own: its parent is named.
        def name(test: Any) -> str:
            return str(getattr(test, "test_case", test).id())

        told = [(test, text) for test, text in errors if name(test) not in EXPECTED.may_fail]
        super().printErrorList(flavour, told)


class Judge(DiscoverRunner):
    def __init__(self, **options: Any) -> None:
        # The suites' output is shown only for failures.
        super().__init__(**{**options, "buffer": True})
        self.not_found = set(EXPECTED.not_run)

    def get_resultclass(self) -> type[unittest.TextTestResult]:
        return Judged

    def build_suite(self, *args: Any, **kwargs: Any) -> unittest.TestSuite:
        suite = super().build_suite(*args, **kwargs)
        kept = [test for test in _tests(suite) if test.id() not in EXPECTED.not_run]
        self.not_found -= {test.id() for test in _tests(suite)}
        return type(suite)(kept)

    def suite_result(self, suite: unittest.TestSuite, result: Any, **kwargs: Any) -> int:
        wrong = [f"failed: {test}" for test in sorted(result.failed - EXPECTED.may_fail)]
        wrong += [
            f"excluded without need: {test} passes now, or is not there any more"
            for test in sorted(EXPECTED.may_fail - result.failed | self.not_found)
        ]
        passed = len(result.passed - result.failed)
        if passed < EXPECTED.passing:
            wrong.append(f"{passed} tests passed, where {EXPECTED.passing} should")
        print(
            f"{NAME}: {passed} passed, {len(EXPECTED.may_fail)} excluded, "
            f"{len(EXPECTED.not_run)} left out, {len(result.skipped)} skipped by the suite itself"
        )
        for line in wrong:
            print(f"{NAME}: {line}", file=sys.stderr)
        return len(wrong)


def _tests(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _tests(test)
        else:
            yield test
