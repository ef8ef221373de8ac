"""Conventions of tables, which every item has tested, are tried on few particles here."""

import pytest

from vrs.checks import particle_images


@pytest.fixture(scope="module", autouse=True)
def few_tested():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(particle_images, "_TESTED", 50)
        yield
