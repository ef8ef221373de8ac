"""Fixtures for tests of permissions, which root would never notice."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

_NOBODY = 65534


@pytest.fixture
def ordinary_user():
    """A context in which permissions count even if the tests run as root."""
    @contextmanager
    def context():
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(_NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
    return context


@pytest.fixture
def open_folder():
    """A folder that everybody may look into, unlike pytest's own."""
    path = tempfile.mkdtemp()
    os.chmod(path, 0o755)
    yield Path(path)
    os.chmod(path, 0o755)
    shutil.rmtree(path)
