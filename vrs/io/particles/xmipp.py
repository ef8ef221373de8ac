"""Tables of particles as Xmipp writes them."""

import numpy as np

from vrs.io.particles.relion import IMAGE_NAME, RelionDraft

# Columns of Xmipp and those of RELION that mean the same; sampling and shifts count in pixels of
# the images. Longer names come first, as one may be part of another.
_XMIPP = {
    "ctfSphericalAberration": "rlnSphericalAberration", "ctfQ0": "rlnAmplitudeContrast",
    "ctfDefocusAngle": "rlnDefocusAngle", "ctfDefocusU": "rlnDefocusU",
    "ctfDefocusV": "rlnDefocusV", "ctfVoltage": "rlnVoltage", "samplingRate": "rlnImagePixelSize",
    "image": IMAGE_NAME, "angleRot": "rlnAngleRot", "angleTilt": "rlnAngleTilt",
    "anglePsi": "rlnAnglePsi", "shiftX": "rlnOriginX", "shiftY": "rlnOriginY",
    "micrograph": "rlnMicrographName", "xcoor": "rlnCoordinateX", "ycoor": "rlnCoordinateY",
    "ref": "rlnClassNumber"}
_XMIPP_UNREAD = {"flip": "mirrored images", "ctfVPPphaseshift": "the phase shift of a phase plate"}
COLUMNS = frozenset(_XMIPP) | frozenset(_XMIPP_UNREAD) | {"enabled"}


class XmippDraft(RelionDraft):
    """From the blocks of Xmipp's metadata, whose columns mean the same under other names."""

    def __init__(self, path, blocks):
        blocks = {name: {_XMIPP.get(column, column): values for column, values in columns.items()}
                  for name, columns in blocks.items()}
        super().__init__(path, blocks)
        for name, words in _XMIPP_UNREAD.items():
            if np.asarray(self.columns.get(name, 0) != 0).any():
                self.problems.append("%s has %s (column %s), which cannot be read; save the "
                                     "particles as a STAR file of RELION." % (path, words, name))
        off = np.count_nonzero(np.asarray(self.columns.get("enabled", 1)) < 0)
        if off:
            self.notes.append("%d of the %d particles %s disabled in the table; they are used."
                              % (off, self.count, "is" if off == 1 else "are"))

    def table(self, images_folder, most_stacks=None):
        found = super().table(images_folder, most_stacks)
        # What is said of columns is said under their own names.
        for sentences in (self.problems, self.notes):
            for own, name in _XMIPP.items():
                sentences[:] = [sentence.replace(name, own) for sentence in sentences]
        return found
