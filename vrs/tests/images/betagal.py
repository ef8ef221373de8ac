"""Real particles of beta-galactosidase, their classes and a map of it."""

import os
from types import SimpleNamespace

import gemmi
import mrcfile
import numpy as np

from vrs.images.ctf import Contrast
from vrs.numerics.ctf import Optics
from vrs.tests.images.test_gallery import D2

SAMPLING = 3.54
GROUP = D2
_FOLDER = "particles/relion5_betagal/"


def load_map(test_data):
    """The map within 64³ voxels."""
    return mrcfile.read(test_data("map_model/betagal_8bk7/betaGal.mrc"))[18:82, 18:82, 18:82]


def load_averages(test_data):
    return mrcfile.read(test_data(_FOLDER + "Class2D_run_it025_classes.mrcs")).astype(np.float32)


def load_particles(test_data):
    """Images, contrast, classes (from 1), in-plane angles and shifts in pixels."""
    document = gemmi.cif.read(str(test_data(_FOLDER + "particles_21-25.star")))
    block = next(block for block in document if block.name == "particles")
    stacks, images = {}, []
    for name in block.find_values("_rlnImageName"):
        frame, path = name.split("@")
        path = os.path.basename(path)
        if path not in stacks:
            stacks[path] = mrcfile.read(test_data(_FOLDER + path))
        images.append(stacks[path][int(frame) - 1])

    def columns(*names):
        return np.array([[float(value) for value in block.find_values("_rln" + name)]
                         for name in names]).T

    contrast = Contrast((Optics(200.0, 1.4, 0.1),), np.zeros(len(images), int),
                        columns("DefocusU", "DefocusV", "DefocusAngle"))
    return SimpleNamespace(
        images=np.array(images, np.float32), contrast=contrast,
        classes=columns("ClassNumber")[:, 0].astype(int), psi=columns("AnglePsi")[:, 0],
        shifts=columns("OriginXAngst", "OriginYAngst") / SAMPLING)
