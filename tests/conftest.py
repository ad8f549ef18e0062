"""Settings for all tests."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

from pgic_core.lab.conformance import read_demands

# Machines that run these are shared: how long an example takes says nothing.
settings.register_profile("pgic", deadline=None)
settings.load_profile("pgic")

# A shell starts background jobs with interrupts ignored, and children would inherit that: the commands that
# tests interrupt have to start as they do for a user.
signal.signal(signal.SIGINT, signal.default_int_handler)

_passed: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _passed.add(report.nodeid.partition("[")[0])


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """After a whole run: every demand that is called met has a test that ran and passed."""
    config = session.config
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if not whole or config.option.keyword or config.option.markexpr != "not slow" or exitstatus != 0:
        return
    bare = [d.id for d in read_demands() if d.state == "met" and not set(d.tests) & _passed]
    if bare:
        print(f"\nCalled met, but no test of theirs ran and passed: {', '.join(bare)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
