"""Tests of what Scipion runs are left out where it is not installed, and the run says so."""

from vrs.scipion import is_installed

_OF_SCIPION = ["protocols", "viewers", "wizards", "cli/test_queue.py", "cli/test_validate.py",
               "cli/test_window.py"]

collect_ignore = [] if is_installed() else _OF_SCIPION


def pytest_report_header():
    return [] if is_installed() else "without Scipion; left out: " + ", ".join(_OF_SCIPION)
