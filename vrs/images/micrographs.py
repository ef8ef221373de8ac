"""Which places of a micrograph show good ice, from the micrograph's own statistics.

The micrograph is divided into blocks of a tenth of the particle's diameter. Grey, and the power of
fine and of coarse detail about each block, are compared with those of the micrograph's own good
ice: a region in which they change only as slowly as ice and beam do, the brightest if there are
several, unless hardly any picks lie there. Film, holes and shades are other regions;
contamination, cracks, borders and crystals stand out at the size of particles, where the measure
is what most picks look like. Diffraction by crystalline ice is looked for in local spectra at full
resolution.
"""

from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np
from scipy import fft, ndimage
from scipy.special import expit

from vrs.errors import NotMeasured

BLOCKS = 10  # along the diameter of a particle
FEWEST_PIXELS = 2 * BLOCKS  # of a diameter: blocks need two
_FEWEST_BLOCKS = 25  # along each side of the micrograph
# Deviations at which a place is as likely bad as good, and over which this changes.
_LIMIT, _SOFTNESS = 6.0, 0.5
# Regions grow by blocks within so many deviations, in so many rounds at most.
_INLIERS, _ROUNDS = 3.5, 15
_LEAST_SHARE = 0.02  # of the blocks, in a region
_TWO_MATERIALS = 2.0  # times the deviation of a part: a region of several materials
# Deviations of the logarithm of power cannot be told to be smaller.
_LEAST_SPREAD = 0.03
# Picks per area, over that of the region that has most, below which there is no ice.
_SHUNNED, _FEWEST_TO_SHUN = 0.5, 5
# So many picks tell what picks look like; of fewer, evidence goes to twice that of the usual one.
_FEWEST_PICKS, _FEW_PICKS, _FEW_FACTOR = 10, 3, 2.0
# Hexagonal ice diffracts at 3.90, 3.67 and 3.44 Å, cubic ice at 3.66 Å; vitreous ice has a broad
# ring there, but no spots.
_SPACINGS = (4.0, 3.4)
_TILE = 300.0  # Å
_BESIDE_AXES = 3  # coefficients about the axes, where the detector's stripes are
_FALSE_TILES = 1e-4  # expected number in a micrograph, as data sets have thousands
_FOLDS = 1.4826  # deviation of a normal distribution over its median deviation
# Spectra of micrographs: side of a tile in diameters, tiles along each side at most, and bands
# from the diameter to half of the highest frequency.
_TILE_DIAMETERS, _TILES, _BANDS = 3.0, 8, 5
# Micrographs among which one that is unlike the others is told, and by how many deviations of a
# measure, which cannot be told to be smaller than this (logarithm).
FEWEST_ALIKE = 8
# Micrographs from which on the influence of crowding is taken out.
_FEWEST_CROWDED = 16
# Deviations of the set: crowding and defocus alone change the spectrum by up to 5.8.
_UNLIKE, _UNLIKE_GREY, _LEAST_DIFFERENCE = 6.5, 5.0, 0.1
_LEAST_GREY_DIFFERENCE = 0.05
# Mean grey over its deviation, below which a micrograph was normalised.
_LEAST_GREY = 2.0


@dataclass(frozen=True)
class IceScores:
    """How good each place of a micrograph is.

    Attributes
    ----------
    values : numpy.ndarray of float32, (block rows, block columns)
        From 0 to 1, good ice.
    step : int
        Pixels along a block.
    shape : tuple of int
        Rows and columns of the micrograph.
    diffracting : float or None
        Part of the area with spots of crystalline ice; None where the sampling is too coarse to
        see them or is not known.
    """

    values: np.ndarray
    step: int
    shape: Tuple[int, int]
    diffracting: Optional[float]

    def at(self, points):
        """Scores of coordinates: the mean over the particle, as far as it is inside.

        It is 0 nearer to the border of the micrograph than a quarter of the diameter, where the
        particle is cut in two.

        Parameters
        ----------
        points : numpy.ndarray, (particles, 2)
            Centres x and y, pixels.

        Returns
        -------
        numpy.ndarray of float64, (particles,)
        """
        points = np.reshape(points, (-1, 2)) + 0.5  # from the corner of the first pixel
        y, x = np.mgrid[-(BLOCKS // 2):BLOCKS // 2 + 1, -(BLOCKS // 2):BLOCKS // 2 + 1]
        disc = (x ** 2 + y ** 2 <= (BLOCKS / 2 + 0.25) ** 2).astype(float)
        total = ndimage.convolve(self.values.astype(float), disc, mode="constant")
        area = ndimage.convolve(np.ones(self.values.shape), disc, mode="constant")
        found = ndimage.map_coordinates(total / area, (points / self.step - 0.5).T[::-1], order=1,
                                        mode="nearest")
        beside = np.minimum(points, np.array(self.shape[::-1]) - points).min(axis=1)
        return np.where(beside < BLOCKS * self.step / 4, 0, found.clip(0, 1))


def score_ice(image, diameter, points=(), sampling=None, workers=1):
    """Score the places of a micrograph.

    Parameters
    ----------
    image : numpy.ndarray of float32, (rows, columns)
        Aligned micrograph, protein darker than ice, in which not all pixels are the same.
    diameter : float
        Of the particles, pixels.
    points : numpy.ndarray, (particles, 2), optional
        Picks, x and y in pixels, which tell what the particles look like.
    sampling : float, optional
        Å/pixel; without it, or above 1.6, diffraction is not looked for.
    workers : int
        Threads.

    Returns
    -------
    IceScores

    Raises
    ------
    NotMeasured
        If the diameter is below 20 pixels, the micrograph is not larger than 2.5 diameters along
        each side, or no part of it is even enough to be compared with.
    """
    step = int(round(diameter / BLOCKS))
    if diameter < FEWEST_PIXELS:
        raise NotMeasured("The pixels are too coarse: a particle has %.3g of them across, and %d "
                          "are needed." % (diameter, FEWEST_PIXELS))
    if min(image.shape) < _FEWEST_BLOCKS * step:
        raise NotMeasured("The micrograph, of %d × %d pixels, is too small for particles of %.3g "
                          "pixels; it has to be %g times as large."
                          % (image.shape[::-1] + (diameter, _FEWEST_BLOCKS / BLOCKS)))
    blocks = _Blocks(image, step)
    picks = blocks.inside(points)
    good = _good_ice(blocks, picks)
    scores = 1 - _regions(blocks, good)
    scores *= 1 - _details(blocks, good, picks, scores)
    scores[blocks.dead] = 0
    diffracting = None
    if sampling and 2.1 * sampling < _SPACINGS[1]:
        spots = ice_spots(image, sampling, workers)
        rows, columns = (np.arange(size) * count // size
                         for size, count in zip(scores.shape, spots.shape))
        scores[spots[np.ix_(rows, columns)]] = 0
        diffracting = float(spots.mean())
    return IceScores(scores.astype(np.float32), step, image.shape, diffracting)


class _Blocks:
    """A micrograph in blocks, with the local power of its detail."""

    def __init__(self, image, step):
        rows, columns = (size // step * step for size in image.shape)
        image = image[:rows, :columns] - np.float32(np.median(image))
        self.step = step
        self.grey = _means(image, step)
        within = _means(np.square(image), step) - np.square(self.grey)
        self.dead = within <= 1e-6 * np.median(within)
        self.y, self.x = (np.linspace(-1, 1, size) for size in self.grey.shape)
        if self.dead.any():  # what was not recorded must not reach beyond its border
            nearest = ndimage.distance_transform_edt(self.dead, return_distances=False,
                                                     return_indices=True)
            self.grey, within = self.grey[tuple(nearest)], within[tuple(nearest)]
        # Of short reach, so that strong borders do not look wide.
        self.particle = ndimage.uniform_filter(ndimage.uniform_filter(self.grey, BLOCKS // 2),
                                               BLOCKS // 3)
        self.broad = _prevalent(self.grey)
        self.fine = _log(_prevalent(within))
        self.coarse = _log(_prevalent(np.square(self.grey - self.particle)))

    def inside(self, points):
        """Rows and columns of the blocks of those picks that are inside."""
        places = np.floor(np.reshape(points, (-1, 2))[:, ::-1] / self.step).astype(int)
        found = places[((places >= 0) & (places < self.grey.shape)).all(axis=1)]
        return tuple(found.T)

    def surface(self, values, where):
        """Quadratic surface through the values of some blocks, over all blocks."""
        terms = [np.ones_like(self.x), self.x, self.x ** 2]
        y = [np.ones_like(self.y), self.y, self.y ** 2]
        pairs = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
        rows, columns = np.nonzero(where)
        every = max(1, len(rows) // 4000)
        rows, columns = rows[::every], columns[::every]
        design = np.stack([y[i][rows] * terms[j][columns] for i, j in pairs], axis=1)
        # Bent as little as the blocks allow, and not at all where there are few.
        normal = design.T @ design + np.diag([0, 1e-6, 1e-6, 1e-3, 1e-3, 1e-3]) * len(rows)
        fit = np.linalg.solve(normal, design.T @ values[rows, columns])
        return sum(value * np.outer(y[i], terms[j]) for value, (i, j) in zip(fit, pairs))


def _means(image, step):
    if step == 1:
        return image
    rows, columns = (size // step for size in image.shape)
    return image.reshape(rows, step, columns, step).mean(axis=(1, 3))


def _prevalent(values):
    """What most of the surroundings of a block have, whatever particles lie there."""
    half = _means(np.pad(values, [(0, size % 2) for size in values.shape], mode="edge"), 2)
    found = ndimage.median_filter(half, BLOCKS // 2 * 2 - 1, mode="reflect")
    found = ndimage.gaussian_filter(found, BLOCKS / 8)
    return found.repeat(2, axis=0).repeat(2, axis=1)[:values.shape[0], :values.shape[1]]


def _log(power):
    return np.log(np.maximum(power, 1e-6 * max(np.median(power), 1e-30)))


def _spread(values):
    return _FOLDS * np.median(np.abs(values - np.median(values)))


def _deviations(blocks, good, name):
    """Deviations of all blocks from the good ice, and the deviation there."""
    values = getattr(blocks, name)
    rest = values - blocks.surface(values, good)
    spread = max(_spread(rest[good]), _LEAST_SPREAD if name in ("fine", "coarse") else 1e-30)
    return rest / spread, spread


def _good_ice(blocks, picks):
    """The blocks of good ice: the brightest of the regions, unless it is shunned by picks."""
    regions = _materials(blocks)
    if not regions:
        raise NotMeasured("No part of the micrograph is even enough to be taken as good ice.")
    if len(picks[0]) >= _FEWEST_TO_SHUN and len(regions) > 1:
        alone = [region & (np.sum(regions, axis=0) == 1) for region in regions]
        density = [area[picks].sum() / max(area.sum(), 1) for area in alone]
        regions = [region for region, picked in zip(regions, density)
                   if picked >= _SHUNNED * max(density)]
    return max(regions, key=lambda region: blocks.broad[region].mean())


def _materials(blocks):
    """Regions in which grey and power change slowly, without mixtures of several."""
    alive = ~blocks.dead
    grown = []
    for values in (blocks.broad, blocks.fine, blocks.coarse):
        middle = _otsu(values[alive])
        for start in (values > middle, values <= middle):
            region = _grown(blocks, start & alive)
            if region.sum() >= _LEAST_SHARE * region.size:
                grown.append((_deviations(blocks, region, "broad")[1], region))
    found = []
    for spread, region in sorted(grown, key=lambda one: one[0]):
        for index, (tighter, other) in enumerate(found):
            if (region & other).sum() > 0.5 * min(region.sum(), other.sum()):
                if spread < _TWO_MATERIALS * tighter and region.sum() > other.sum():
                    found[index] = (tighter, region)
                break
        else:
            found.append((spread, region))
    return [region for _, region in found]


def _grown(blocks, region):
    """The region to which a start grows, or shrinks."""
    for _ in range(_ROUNDS):
        if region.sum() < _LEAST_SHARE * region.size:
            break
        within = ~blocks.dead
        for name in ("broad", "fine"):
            within &= np.abs(_deviations(blocks, region, name)[0]) < _INLIERS
        if (within == region).all():
            break
        region = within
    return region


def _otsu(values):
    """Threshold with the least variance on its two sides together (Otsu 1979)."""
    counts, edges = np.histogram(values, 128)
    middles = (edges[1:] + edges[:-1]) / 2
    below, mass = np.cumsum(counts), np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * below / below[-1] - mass) ** 2 / (below * (below[-1] - below))
    return middles[np.nanargmax(np.where(np.isfinite(between), between, -1))]


def _chance(deviations, limit=_LIMIT):
    return expit((deviations - limit) / _SOFTNESS)


def _regions(blocks, good):
    """Chance that a block is in another region than the good ice."""
    return np.maximum(*(_chance(np.abs(_deviations(blocks, good, name)[0]))
                        for name in ("broad", "fine")))


def _details(blocks, good, picks, scores):
    """Chance that a block has, at the size of particles, what particles do not have."""
    smooth, _ = _deviations(blocks, good, "particle")
    steep = np.hypot(*np.gradient(smooth))
    # Ice without anything has the least detail.
    plain = good & (blocks.coarse <= _otsu(blocks.coarse[good]))
    coarse, _ = _deviations(blocks, plain, "coarse")
    sound = tuple(index[scores[picks] > 0.5] for index in picks)
    chance = np.zeros(smooth.shape)
    for evidence, reach in ((-smooth, BLOCKS // 2), (smooth, BLOCKS // 2), (steep, BLOCKS // 2),
                            (coarse, 1)):
        unit = max(_spread(evidence[good]), 1e-30)
        limit = np.median(evidence[good]) / unit + _LIMIT
        # A pick is where its strongest evidence is near.
        near = ndimage.maximum_filter(evidence / unit, reach)[sound]
        if len(near) >= _FEWEST_PICKS:
            limit = max(limit, np.median(near) + _LIMIT * _spread(near))
        elif len(near) >= _FEW_PICKS:
            limit = max(limit, _FEW_FACTOR * np.median(near))
        chance = np.maximum(chance, _chance(evidence / unit, limit))
    return chance


def ice_measures(image, diameter, good, workers=1):
    """What the ice of a micrograph is like, to compare it with that of others.

    Periodograms of tiles of three diameters, of those that show mostly good ice, if there are
    some; of each band of frequencies the mean, and of the tiles the median.

    Parameters
    ----------
    image : numpy.ndarray of float32, (rows, columns)
    diameter : float
        Of the particles, pixels.
    good : IceScores
    workers : int
        Threads.

    Returns
    -------
    numpy.ndarray of float64, (6,)
        Logarithms of the mean power in five bands of equal ratio from 1/diameter to a quarter of
        the sampling frequency, over that beyond, which is mostly noise, and of the grey, NaN if
        the micrograph was normalised.
    """
    side = min(fft.next_fast_len(int(round(_TILE_DIAMETERS * diameter)), real=True), *image.shape)
    frequency = np.hypot(fft.fftfreq(side)[:, None], fft.rfftfreq(side))
    edges = np.append(np.geomspace(1 / diameter, 0.25, _BANDS + 1), 0.5)
    bands = [(frequency >= low) & (frequency < high) for low, high in zip(edges, edges[1:])]
    window = np.outer(*[np.hanning(side)] * 2).astype(np.float32)
    powers, greys, goodness = [], [], []
    for top, left in _tile_corners(image.shape, side):
        tile = image[top:top + side, left:left + side]
        greys.append(tile.mean())
        power = np.square(np.abs(fft.rfft2((tile - greys[-1]) * window, workers=workers)))
        powers.append([power[band].mean() for band in bands])
        goodness.append(good.values[top // good.step:-(-(top + side) // good.step),
                                    left // good.step:-(-(left + side) // good.step)].mean())
    goodness = np.array(goodness)
    chosen = goodness > 0.5 if (goodness > 0.5).any() else goodness >= 0
    logarithms = np.median(np.log(np.maximum(np.array(powers)[chosen], 1e-30)), axis=0)
    grey = float(np.median(np.array(greys)[chosen]))
    grey = np.log(grey) if grey > _LEAST_GREY * image[::4, ::4].std() else np.nan
    return np.append(logarithms[:-1] - logarithms[-1], grey)


def _tile_corners(shape, side):
    """First row and column of tiles spread over a micrograph."""
    rows, columns = (np.linspace(0, size - side, min(max(size // side, 1), _TILES)).astype(int)
                     for size in shape)
    return [(top, left) for top in rows for left in columns]


def unlike_others(measures, particles):
    """Which micrographs of a set have ice that is unlike that of the others.

    Particles change the spectrum too. Of sixteen micrographs or more, a straight line in the
    logarithm of their number is taken off each measure: the median slope between micrographs with
    few and with many particles (Theil's incomplete method; Theil 1950, Proc. Kon. Ned. Akad.
    Wetensch. 53, 386). Its error adds to the deviation of the set, the more, the more the number
    of a micrograph differs from the usual one.

    Parameters
    ----------
    measures : numpy.ndarray, (micrographs, 6)
        Of :func:`ice_measures`.
    particles : numpy.ndarray of int, (micrographs,)
        How many were picked in each, at least one.

    Returns
    -------
    numpy.ndarray of bool, (micrographs,)
        Whether a band differs from the median of the set by more than 6.5 deviations of the set
        (by its median deviation), or the grey by more than 5. The grey counts only if none was
        normalised. None of fewer than eight micrographs.
    """
    measures = np.asarray(measures, float)
    if len(measures) < FEWEST_ALIKE:
        return np.zeros(len(measures), bool)
    least = np.append(np.full(_BANDS, _LEAST_DIFFERENCE), _LEAST_GREY_DIFFERENCE)
    known = np.isfinite(measures).all(axis=0)
    measures = measures[:, known]
    crowding = np.log(particles) - np.median(np.log(particles))
    slope, error = _influence(measures, crowding)
    rest = measures - slope * crowding[:, None]
    rest -= np.median(rest, axis=0)
    spread = np.hypot(np.maximum(_FOLDS * np.median(np.abs(rest), axis=0), least[known]),
                      error * crowding[:, None])
    limits = np.append(np.full(_BANDS, _UNLIKE), _UNLIKE_GREY)[known]
    return (np.abs(rest) > limits * spread).any(axis=1)


def _influence(measures, crowding):
    """Slopes of the measures over the logarithm of the number of particles, and their errors."""
    order, half = np.argsort(crowding, kind="stable"), len(crowding) // 2
    few, many = order[:half], order[-half:]
    run = crowding[many] - crowding[few]
    apart = run > 0
    if len(measures) < _FEWEST_CROWDED or not apart.any():
        return np.zeros((2, measures.shape[1]))
    slopes = (measures[many] - measures[few])[apart] / run[apart, None]
    slope = np.median(slopes, axis=0)
    # The error of a median is sqrt(π/2) times that of the mean.
    return slope, (np.sqrt(np.pi / 2 / np.count_nonzero(apart)) * _FOLDS
                   * np.median(np.abs(slopes - slope), axis=0))


def ice_spots(image, sampling, workers=1):
    """Where crystalline ice diffracts.

    In a tile of noise the power of each Fourier coefficient, over its mean in a ring, follows an
    exponential distribution: the strongest of m exceeds z with the probability
    1 - (1 - exp(-z))^m. Tiles are marked whose strongest coefficient from 4.0 to 3.4 Å exceeds what
    would be expected in one of ten thousand micrographs.

    Parameters
    ----------
    image : numpy.ndarray of float32, (rows, columns)
    sampling : float
        Å/pixel, below 1.6.
    workers : int
        Threads.

    Returns
    -------
    numpy.ndarray of bool, (tile rows, tile columns)
        Tiles of 300 Å that together cover the micrograph, neighbours overlapping where it is no
        multiple of them.
    """
    side = min(fft.next_fast_len(int(round(_TILE / sampling)), real=True), *image.shape)
    frequency = np.hypot(fft.fftfreq(side, sampling)[:, None], fft.rfftfreq(side, sampling))
    ring = (frequency >= 1 / _SPACINGS[0]) & (frequency <= 1 / _SPACINGS[1])
    ring[:, :_BESIDE_AXES] = False
    ring[:_BESIDE_AXES] = ring[1 - _BESIDE_AXES:] = False
    rows, columns = (np.linspace(0, size - side, -(-size // side)).round().astype(int)
                     for size in image.shape)
    limit = np.log(np.count_nonzero(ring) * len(rows) * len(columns) / _FALSE_TILES)
    strongest = np.empty((len(rows), len(columns)))
    for row, start in zip(strongest, rows):
        tiles = np.stack([image[start:start + side, left:left + side] for left in columns])
        power = np.square(np.abs(fft.rfft2(tiles, workers=workers)[:, ring]))
        # The median of an exponential distribution is ln 2 of its mean, and ignores spots.
        row[:] = power.max(axis=1) * np.log(2) / np.maximum(np.median(power, axis=1), 1e-30)
    return strongest > limit
