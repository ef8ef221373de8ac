"""Particles: what a table says of them, and their images in batches.

Orientations, shifts and signs are those of RELION whatever program the particles come from. The
matrix A = Rz(psi) Ry(tilt) Rz(rot) of a particle (frame rotations) has as rows the image's x, its
y and the direction of view in the frame of the map. The image's content is displaced from the
centre, pixel n // 2, by minus the shift.
"""

import hashlib
import os
from dataclasses import dataclass, fields, replace
from typing import Optional, Tuple

import numpy as np
from scipy import fft

# Working arrays of a batch, bytes per pixel of the stack and per pixel of the result: the image
# as stored and as float32, and its transform; the cropped transform, the result and a copy of it
# without the images that cannot be used.
_STORED_BYTES, _CROPPED_BYTES = 14, 20
_DIGEST_BYTES = 32
# Powers of what is larger, or of differences smaller than its reciprocal, leave single precision.
LARGEST_VALUE = 1e12


@dataclass(frozen=True)
class OpticsGroup:
    """What a group of particles shares; None is what the table does not say.

    Attributes
    ----------
    name : str
    voltage : float
        kV.
    spherical_aberration : float
        mm.
    amplitude_contrast : float
        Fraction, 0 to 1.
    sampling : float
        Å/pixel of the images.
    image_size : int
        Pixels of the images' side.
    micrograph_sampling : float
        Å/pixel of the micrographs that the coordinates count in.
    beam_tilt : tuple of float
        Along x and y, mrad.
    odd_zernike, even_zernike : tuple of float
        RELION's coefficients of the antisymmetrical and symmetrical aberrations.
    magnification : tuple of tuple of float
        2 × 2 matrix that the frequencies (x, y) of an image are multiplied by.
    phase_flipped, premultiplied : bool
        Whether the images were multiplied by the sign of their CTF, or by their CTF.
    """

    name: str = ""
    voltage: Optional[float] = None
    spherical_aberration: Optional[float] = None
    amplitude_contrast: Optional[float] = None
    sampling: Optional[float] = None
    image_size: Optional[int] = None
    micrograph_sampling: Optional[float] = None
    beam_tilt: Optional[Tuple[float, float]] = None
    odd_zernike: Optional[Tuple[float, ...]] = None
    even_zernike: Optional[Tuple[float, ...]] = None
    magnification: Optional[Tuple[Tuple[float, float], Tuple[float, float]]] = None
    phase_flipped: Optional[bool] = None
    premultiplied: Optional[bool] = None


@dataclass(frozen=True, eq=False)
class ParticleTable:
    """What a table says of particles, one row each; None where it has no such column.

    Attributes
    ----------
    optics : tuple of OpticsGroup
    group : numpy.ndarray of int32, (n,)
        Index of each particle's optics group.
    contrast : numpy.ndarray of int8, (n,)
        1 where the protein is bright, -1 where it is dark, 0 where nothing says which.
    files : tuple of str
        Stacks where they were found; as the table names them where they were not.
    file_names : tuple of str
        The same stacks as the table names them.
    file, frame : numpy.ndarray of int32, (n,)
        Index of each particle's stack and of its image there, from 0.
    defocus : numpy.ndarray of float64, (n, 3)
        U and V in Å, positive for underfocus, and the angle of U from x towards y, degrees.
    phase_shift : numpy.ndarray of float64, (n,)
        Of a phase plate, degrees.
    ctf_b_factor : numpy.ndarray of float64, (n,)
        Å²; the CTF falls like exp(-B s²/4).
    ctf_scale : numpy.ndarray of float64, (n,)
    rotations : numpy.ndarray of float32, (n, 3, 3)
        The matrices A of the three-dimensional assignment.
    shifts : numpy.ndarray of float64, (n, 2)
        x, y in Å, of that assignment; of the alignment in the plane where there is no other.
    psi : numpy.ndarray of float64, (n,)
        Degrees, of the alignment to a class average:
        x_image = [[cos psi, sin psi], [-sin psi, cos psi]] x_class - plane_shift.
    plane_shifts : numpy.ndarray of float64, (n, 2)
        x, y in Å, that go with psi.
    plane_class : numpy.ndarray of int32, (n,)
        Number of the class average, from 1.
    class_number : numpy.ndarray of int32, (n,)
        Of the three-dimensional class, from 1; of the average where there is no other.
    subset : numpy.ndarray of int8, (n,)
        Half that a particle belongs to, 1 or 2; 0 for neither.
    micrograph : numpy.ndarray of int32, (n,)
        Index of each particle's micrograph.
    micrograph_names : tuple of str
    coordinates : numpy.ndarray of float64, (n, 2)
        x, y in pixels of the micrograph as its file stores them.
    """

    optics: Tuple[OpticsGroup, ...]
    group: np.ndarray
    contrast: np.ndarray
    files: Tuple[str, ...] = ()
    file_names: Tuple[str, ...] = ()
    file: Optional[np.ndarray] = None
    frame: Optional[np.ndarray] = None
    defocus: Optional[np.ndarray] = None
    phase_shift: Optional[np.ndarray] = None
    ctf_b_factor: Optional[np.ndarray] = None
    ctf_scale: Optional[np.ndarray] = None
    rotations: Optional[np.ndarray] = None
    shifts: Optional[np.ndarray] = None
    psi: Optional[np.ndarray] = None
    plane_shifts: Optional[np.ndarray] = None
    plane_class: Optional[np.ndarray] = None
    class_number: Optional[np.ndarray] = None
    subset: Optional[np.ndarray] = None
    micrograph: Optional[np.ndarray] = None
    micrograph_names: Tuple[str, ...] = ()
    coordinates: Optional[np.ndarray] = None

    def __post_init__(self):
        for name, column in self._columns().items():
            if len(column) != len(self):
                raise ValueError("column %s has %d rows instead of %d"
                                 % (name, len(column), len(self)))
            column = column.view()
            column.flags.writeable = False
            object.__setattr__(self, name, column)

    def __len__(self):
        return len(self.group)

    @property
    def has_images(self):
        """Whether the table names an image of each particle."""
        return self.file is not None

    @property
    def has_angles(self):
        """Whether there is a three-dimensional assignment."""
        return self.rotations is not None

    @property
    def has_classes(self):
        """Whether the particles are aligned to class averages."""
        return self.psi is not None and self.plane_class is not None

    @property
    def has_ctf(self):
        """Whether all that the CTF needs is known."""
        return self.defocus is not None and all(
            value is not None for group in self.optics
            for value in (group.voltage, group.spherical_aberration, group.amplitude_contrast))

    @property
    def has_halves(self):
        """Whether both half sets are told."""
        return self.subset is not None and {1, 2} <= set(np.unique(self.subset).tolist())

    @property
    def angles(self):
        """rot, tilt and psi of the rotations in degrees, (n, 3); None without."""
        return None if self.rotations is None else euler_angles(self.rotations)

    def take(self, indices):
        """The table of some of its rows.

        Parameters
        ----------
        indices : array_like of int or bool

        Returns
        -------
        ParticleTable
        """
        return replace(self, **{name: column[indices]
                                for name, column in self._columns().items()})

    def stratified_sample(self, count, seed):
        """Rows drawn at random, from each micrograph and half in proportion to its particles.

        Parameters
        ----------
        count : int
        seed : int

        Returns
        -------
        numpy.ndarray of int, (min(count, n),)
            Increasing. Each micrograph and half contributes its share within one particle.
        """
        if count >= len(self):
            return np.arange(len(self))
        rng = np.random.default_rng(seed)
        origin = self.micrograph if self.micrograph is not None else self.file
        keys = [column for column in (self.subset, origin) if column is not None]
        # Every (n / count)-th of the rows, ordered by stratum and at random within it.
        order = np.lexsort([rng.random(len(self))] + keys)
        places = np.floor((np.arange(count) + rng.random()) * len(self) / count).astype(int)
        return np.sort(order[places])

    def _columns(self):
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


class ArrayStack:
    """A stack of images in memory or in a memory map.

    Parameters
    ----------
    images : numpy.ndarray, (n, size, size)
    identity : str
        Tells this stack from others.
    """

    def __init__(self, images, identity):
        self._images, self.identity = images, identity
        self.count, self.size = len(images), images.shape[-1]

    def open(self):
        """The images, (n, size, size)."""
        return self._images


class Particles:
    """Particles and their images.

    Parameters
    ----------
    table : ParticleTable
        With images.
    stacks : sequence
        For each of the table's files an object with ``count`` and ``size`` of its images, an
        ``identity`` (a text that changes when they do), and ``open()``, which gives them as
        an array or memory map (count, size, size) of real numbers: :class:`ArrayStack` or
        ``vrs.io.stacks.Stack``.
    workers : int
        Threads.

    Attributes
    ----------
    table : ParticleTable
    unusable : numpy.ndarray of bool, (n,)
        Particles whose image has values that are not finite or too large for single precision,
        or has the same value everywhere, as far as images were read.
    """

    def __init__(self, table, stacks, workers=1):
        if not table.has_images:
            raise ValueError("the table names no images")
        self.table, self._stacks, self._workers = table, tuple(stacks), workers
        self.unusable = np.zeros(len(table), bool)

    def __len__(self):
        return len(self.table)

    def take(self, indices):
        """Some of the particles, as :meth:`ParticleTable.take`."""
        return Particles(self.table.take(indices), self._stacks, self._workers)

    @property
    def size(self):
        """Side of the smallest images in pixels, the largest box there is."""
        return min(self._stacks[index].size for index in np.unique(self.table.file))

    def sampling(self, box):
        """Å/pixel of each optics group's images after they were cropped to a box.

        Parameters
        ----------
        box : int

        Returns
        -------
        numpy.ndarray of float64, (groups,)
            NaN for groups whose sampling or size is not known.
        """
        return np.array([np.nan if None in (group.sampling, group.image_size)
                         else group.sampling * group.image_size / box
                         for group in self.table.optics])

    def batches(self, box, max_bytes):
        """Images that are brought to a box by cropping their transforms.

        They come file by file and in the order of the file, so that each is read once from
        its beginning to its end, with the grey values and the contrast of the file. Images that
        are constant or not finite are left out and marked in ``unusable``.

        Parameters
        ----------
        box : int
            Pixels, at most :attr:`size`.
        max_bytes : int
            Bound on the memory of a batch, working arrays included; a batch has one
            image at least.

        Yields
        ------
        indices : numpy.ndarray of int, (b,)
            Rows of the table.
        images : numpy.ndarray of float32, (b, box, box)
            The centre n // 2 of an image comes to lie on that of the box, box // 2.
        """
        for rows, images in self._all(box, max_bytes):
            good = ~self.unusable[rows]
            if good.all():
                yield rows, images
            elif good.any():
                yield rows[good], images[good]

    def cached(self, box, path, max_bytes=2 ** 28):
        """The same particles with their images cropped to a box and kept in one file.

        A complete file of the same images at this path is used, any other one is replaced;
        the file appears under its name only when it is complete.

        Parameters
        ----------
        box : int
        path : str
            Of an array file, ``.npy``.
        max_bytes : int
            As in :meth:`batches`.

        Returns
        -------
        Particles
            Their optics groups have the sampling and the size of the cropped images.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        path, order = str(path), self._order()
        digest = self._digest(box)
        shape = (len(self), box, box)
        if not _is_complete(path, shape, digest):
            self._write(path, shape, digest, max_bytes)
        place = np.empty(len(self), np.int32)
        place[order] = np.arange(len(self), dtype=np.int32)
        groups = tuple(group if group.sampling is None or group.image_size is None
                       else replace(group, sampling=sampling, image_size=box)
                       for group, sampling in zip(self.table.optics, self.sampling(box)))
        table = replace(self.table, optics=groups, files=(path,), file_names=(path,),
                        file=np.zeros(len(self), np.int32), frame=place)
        return Particles(table, [ArrayStack(np.load(path, mmap_mode="r"), digest.hex())],
                         self._workers)

    def _order(self):
        return np.lexsort((self.table.frame, self.table.file))

    def _all(self, box, max_bytes):
        """Batches with the unusable images, which are filled with NaN."""
        if box > self.size:
            raise ValueError("a box of %d pixels is larger than the images of %d"
                             % (box, self.size))
        order, count = self._order(), self._batch(box, max_bytes)
        for start in range(0, len(order), count):
            rows = order[start:start + count]
            images = np.empty((len(rows), box, box), np.float32)
            files = self.table.file[rows]
            ends = np.append(np.flatnonzero(np.diff(files)) + 1, len(rows))
            for first, end in zip(np.append(0, ends[:-1]), ends):
                chosen = rows[first:end]
                stored = _read(self._stacks[files[first]].open(), self.table.frame[chosen])
                bad = _unusable(stored)
                self.unusable[chosen] = bad
                with np.errstate(invalid="ignore"):
                    images[first:end] = fourier_cropped(stored, box, self._workers)
                images[first:end][bad] = np.nan
                del stored
            yield rows, images

    def _batch(self, box, max_bytes):
        largest = max(self._stacks[index].size for index in np.unique(self.table.file))
        return max(1, int(max_bytes // (_STORED_BYTES * largest ** 2 + _CROPPED_BYTES * box ** 2)))

    def _digest(self, box):
        digest = hashlib.sha256(b"vrs particles 1 %d" % box)
        for stack in self._stacks:
            digest.update(stack.identity.encode("utf-8", "surrogateescape") + b"\0")
        digest.update(np.ascontiguousarray(self.table.file))
        digest.update(np.ascontiguousarray(self.table.frame))
        return digest.digest()

    def _write(self, path, shape, digest, max_bytes):
        part = "%s.%d.part" % (path, os.getpid())
        try:
            # Not through a memory map, as a full disk would end the process without a word.
            with open(part, "wb") as stream:
                np.lib.format.write_array_header_1_0(
                    stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
                for _, images in self._all(shape[-1], max_bytes):
                    stream.write(images.astype("<f4", copy=False).data)
                stream.write(digest)
            os.replace(part, path)
        finally:
            if os.path.exists(part):
                os.remove(part)


def fourier_cropped(images, box, workers=1):
    """Images on a coarser grid, by cropping their Fourier transforms.

    The physical size stays and so do the grey values; the centre n // 2 is moved onto the
    centre box // 2, by less than a pixel where one of both sizes is odd.

    Parameters
    ----------
    images : numpy.ndarray of float32, (b, n, n)
    box : int
        n at most.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (b, box, box)
    """
    size = images.shape[-1]
    if box == size:
        return images
    transform = fft.rfft2(images, workers=workers)
    negative = box // 2
    cropped = np.empty((len(images), box, box // 2 + 1), np.complex64)
    cropped[:, :box - negative] = transform[:, :box - negative, :box // 2 + 1]
    cropped[:, box - negative:] = transform[:, size - negative:, :box // 2 + 1]
    del transform
    offset = box // 2 - size // 2 * box / size
    if offset:
        phases = np.exp(-2j * np.pi * offset * fft.fftfreq(box)).astype(np.complex64)
        cropped *= phases[:, None]
        cropped *= phases[:box // 2 + 1]
    cropped *= np.float32((box / size) ** 2)
    return fft.irfft2(cropped, s=(box, box), workers=workers, overwrite_x=True)


def euler_angles(rotations):
    """rot, tilt and psi of rotation matrices.

    The reverse of :func:`vrs.numerics.projection.rotation_matrices`; rot is 0 where the
    direction of view is the z axis.

    Parameters
    ----------
    rotations : numpy.ndarray, (n, 3, 3)

    Returns
    -------
    numpy.ndarray of float64, (n, 3)
        Degrees; tilt from 0 to 180, the others from -180 to 180.
    """
    a = np.asarray(rotations, float)
    sine = np.hypot(a[:, 2, 0], a[:, 2, 1])
    tilt = np.arctan2(sine, a[:, 2, 2])
    along_z = sine < 1e-6  # the accuracy of single precision
    rot = np.where(along_z, 0.0, np.arctan2(a[:, 2, 1], a[:, 2, 0]))
    psi = np.where(along_z, np.arctan2(a[:, 0, 1], np.copysign(1, a[:, 2, 2]) * a[:, 0, 0]),
                   np.arctan2(a[:, 1, 2], -a[:, 0, 2]))
    return np.degrees(np.column_stack([rot, tilt, psi]))


def _read(stored, frames):
    """Images of increasing frames as float32, from one reading of the stack."""
    if frames[-1] - frames[0] == len(frames) - 1 and (np.diff(frames) == 1).all():
        frames = slice(int(frames[0]), int(frames[-1]) + 1)
    return np.asarray(stored[frames], np.float32)


def _unusable(images):
    with np.errstate(invalid="ignore"):
        least, most = images.min(axis=(1, 2)), images.max(axis=(1, 2))
        # Comparisons with NaN are False.
        good = (most - least > 1 / LARGEST_VALUE) & (np.maximum(-least, most) < LARGEST_VALUE)
    return ~good


def _is_complete(path, shape, digest):
    try:
        with open(path, "rb") as stream:
            version = np.lib.format.read_magic(stream)
            found, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
            start = stream.tell()
            stream.seek(-_DIGEST_BYTES, os.SEEK_END)
            return (version == (1, 0) and found == shape and not fortran and dtype == "<f4"
                    and stream.tell() - start == 4 * int(np.prod(shape))
                    and stream.read() == digest)
    except (OSError, ValueError):
        return False
