"""Maps from particle images with known orientations."""

import copy

import numpy as np

from vrs.numerics.projection import CentralSections, Reconstruction

# Images that are placed at a time.
_BATCH = 100


class ParticleReconstruction:
    """A map that grows with the images that are added to it.

    Direct Fourier inversion, see :class:`vrs.numerics.projection.Reconstruction`. The map has
    the box and the sampling of the images. Copies of a particle by symmetry are added as
    particles of their own, with the matrices A·S.

    Parameters
    ----------
    box : int
        Even number of pixels of the images' side.
    sampling : float
        Å/pixel.
    workers : int
    """

    def __init__(self, box, sampling, workers=1):
        self._sections = CentralSections(box, workers=workers)
        self._frequencies = self._sections.frequencies(sampling)
        self._made = Reconstruction(self._sections)

    def add(self, images, rotations, shifts, contrast=None):
        """Add images.

        Parameters
        ----------
        images : numpy.ndarray of float32, (n, box, box)
        rotations : numpy.ndarray, (n, 3, 3)
        shifts : numpy.ndarray, (n, 2)
            Pixels.
        contrast : vrs.images.ctf.Contrast
            Of n particles; none when not given.
        """
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)
            coefficients = self._sections.coefficients(images[part])
            coefficients *= self._sections.shifts(shifts[part])
            ctf = (np.ones(coefficients.shape, np.float32) if contrast is None
                   else contrast.take(part).values(self._frequencies))
            self._made.insert(self._sections.place(rotations[part]), [coefficients], ctf)

    def combined(self, other, sign=1):
        """The map from the images of both.

        Parameters
        ----------
        other : ParticleReconstruction
            Of the same box and sampling.
        sign : int
            -1 takes the images of the other away, which have to be among these.

        Returns
        -------
        ParticleReconstruction
        """
        found = copy.copy(self)
        found._made = self._made.combined(other._made, sign)
        return found

    def volume(self):
        """The map from the images so far.

        Returns
        -------
        numpy.ndarray of float32, (box, box, box)
        """
        return self._made.volume()

    def back_projection(self):
        """The images so far times their CTF, spread along their directions of view.

        The adjoint of :meth:`vrs.images.projector.Projector.slices` times the CTF; see
        :meth:`vrs.numerics.projection.Reconstruction.back_projection`.

        Returns
        -------
        numpy.ndarray of float32, (box, box, box)
        """
        return self._made.back_projection()
