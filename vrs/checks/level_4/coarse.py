"""Images with as few pixels as a low resolution takes, for what compares particles with a map."""

from dataclasses import dataclass

import numpy as np

from vrs.checks.particle_images import Sample
from vrs.images.particles import fourier_cropped
from vrs.images.projector import Projector

# Pixels of the side of a box per shell that is compared; two would do without any margin.
_PIXELS = 2.6


@dataclass(frozen=True, eq=False)
class Coarse:
    """How the images of a sample look at a low resolution.

    Attributes
    ----------
    sample : vrs.checks.particle_images.Sample
    last : int
        Last shell, in wave numbers, that is compared.
    box : int
        Pixels of the side.
    """

    sample: Sample
    last: int
    box: int

    @classmethod
    def of(cls, sample, resolution):
        """Images that show a resolution.

        Parameters
        ----------
        sample : vrs.checks.particle_images.Sample
        resolution : float
            Å; that of the sample where it is worse.

        Returns
        -------
        Coarse
        """
        last = sample.shell(resolution)
        return cls(sample, last, min(2 * int(np.ceil(_PIXELS * last / 2)), sample.box))

    @property
    def sampling(self):
        """Å/pixel."""
        return self.sample.sampling * self.sample.box / self.box

    @property
    def diameter(self):
        """Of the particle, pixels; no more than leaves room for the soft edge of its disc."""
        return min(self.sample.size / self.sampling, self.box - 4.0)

    def images(self, batch):
        """The images of a batch, numpy.ndarray of float32, (b, box, box)."""
        return fourier_cropped(batch.images, self.box, self.sample.workers)

    def shifts(self, batch):
        """The shifts of a batch, pixels, (b, 2)."""
        return batch.shifts * (self.box / self.sample.box)

    def projector(self, evidence, volume):
        """Projector of a volume in the box of the map, see :class:`Projector`."""
        return Projector(volume, evidence.map.sampling, self.box, self.sampling,
                         self.sample.workers)
