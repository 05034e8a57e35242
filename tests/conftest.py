"""Rules for the whole suite: its servers, and that nothing is skipped."""

from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.servers",
    "tests.store_servers",
    "tests.cloud_servers",
    "tests.program_servers",
    "tests.rules_table",
]

# How long an example takes says how busy the machine is, and nothing more.
settings.register_profile("tiered", deadline=None)
settings.load_profile("tiered")

T = TypeVar("T")
Wrapper = Generator[None, T, T]
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Wrapper[pytest.TestReport]:
    return fail_skipped((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Wrapper[pytest.CollectReport]:
    return fail_skipped((yield))


def fail_skipped(report: Report) -> Report:
    """A skipped test has failed: what it would have shown is not known.

    One that is expected to fail did run, so it may.
    """
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        report.outcome = "failed"
        report.longrepr = f"no test may be skipped here ({reason})"
    return report
