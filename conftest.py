"""Fixtures for all tests."""

import os
import signal
from pathlib import Path

import pytest

# Where the tests run in the background of a shell, commands would inherit that nobody can
# interrupt them.
signal.signal(signal.SIGINT, signal.default_int_handler)

_DATA = Path(os.environ.get("VRS_TEST_DATA", Path(__file__).parent.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def test_data():
    """Path of a file of the public test data; skips the test when it is absent."""
    def find(*parts):
        path = _DATA.joinpath(*parts)
        if not path.exists():
            pytest.skip("needs the public test data (set VRS_TEST_DATA): %s" % path)
        return path
    return find
