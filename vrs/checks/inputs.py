"""The input that checks share."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional

import numpy as np

from vrs.errors import InputError
from vrs.numerics import masks


@dataclass
class ValidationInput:
    """A map and what is known of it; masks are made when first asked for.

    Attributes
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
        The map; not to be written to.
    sampling : float
        Å/voxel.
    threshold : float
        Contour level that shows the macromolecule.
    resolution : float or None
        Reported resolution, Å.
    mask : numpy.ndarray of bool, (z, y, x), optional
        The user's own mask, used instead of the constructed one.
    half1, half2 : numpy.ndarray of float32, (z, y, x), optional
        Half maps in the box of the map, from level 1 on; not to be written to.
    model : gemmi.Structure, optional
        Atomic model in the frame of the map: the first voxel is at the origin.
    model_problem : str
        Why the items on the model do not apply, when it does not fit the map.
    multimodel : int
        How often the model is to be refined from displaced starts (A.c): 0 for not at all,
        else at least 2.
    workflow : vrs.io.workflows.Workflow, optional
        How the map was obtained.
    workers : int
        Threads for Fourier transforms.
    seed : int
        Seed of every random choice.

    Raises
    ------
    InputError
        If no voxel reaches the threshold.
    """

    volume: np.ndarray
    sampling: float
    threshold: float
    resolution: Optional[float] = None
    mask: Optional[np.ndarray] = None
    workers: int = 1
    seed: int = 0
    half1: Optional[np.ndarray] = None
    half2: Optional[np.ndarray] = None
    model: Any = None
    model_problem: str = ""
    multimodel: int = 0
    workflow: Any = None

    def __post_init__(self):
        maximum = float(self.volume.max())
        if self.threshold > maximum:
            raise InputError("The threshold, %g, is above the maximum of the map, %g; give a "
                             "lower one." % (self.threshold, maximum))

    @property
    def box(self):
        """Box size (x, y, z) in voxels."""
        return self.volume.shape[::-1]

    @cached_property
    def raw_mask(self):
        """Voxels at or above the threshold, bool (z, y, x)."""
        return self.volume >= self.threshold

    @cached_property
    def constructed_mask(self):
        """Largest component of the raw mask, dilated by 2 Å; bool (z, y, x)."""
        return masks.hard_mask(self.volume, self.threshold, self.sampling)

    @property
    def hard_mask(self):
        """The user's mask, else the constructed one; bool (z, y, x)."""
        return self.constructed_mask if self.mask is None else self.mask

    @cached_property
    def soft_mask(self):
        """The hard mask with soft borders, float32 (z, y, x) in [0, 1]."""
        return masks.soft_mask(self.hard_mask)
