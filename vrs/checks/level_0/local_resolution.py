"""0.e: which resolution does each place of the map look like?"""

import math

import numpy as np
from scipy import fft, ndimage

from vrs.checks import LIST, Check, Criterion, NotMeasured, Quantity, register, resolution
from vrs.checks.local import (LOCAL_RESOLUTION, onto_grid, reported_criterion, resolution_findings,
                              spread_criterion)
from vrs.engines.external import EngineInput, ExternalEngine
from vrs.engines.networks import Network
from vrs.inputs.map import MAP
from vrs.numerics.fourier import filter_in_place, low_pass, raised_cosine
from vrs.numerics.guinier import fit_guinier, guinier_profile
from vrs.numerics.interpolation import lattice_step, spread_over
from vrs.numerics.resample import fourier_resample, resized_shape
from vrs.numerics.statistics import skewness_and_kurtosis
from vrs.results import Paragraph

_HIGH_RANGE_UP_TO = 4.0
# Å; worse ones, times the bound of the criterion, are no better than what noise reads at best.
_TELLING = 8.0
# In units of the squared resolution: fading beyond the first, which the networks did not learn
# from, is brought to the second, where it is so even that a line explains this part of it.
_MOST_FADING, _USUAL_FADING, _EVEN_FADING = -15.0, -4.0, 0.95
# What brings found local resolutions to the distribution of true ones, on validation maps: above
# this spread of a map (percentile 90 minus 10, over the median) deviations from the median grow by
# up to a factor, reached at so much more spread, and all move by this part of the excess.
_EVEN, _RAMP, _GROWTH, _SHIFT = 0.1, 0.15, 1.7, 0.2
_SPACING = 2.0
_MOST_BOXES = 60000
# Noise, white or filtered, stays within; maps of molecules have a skewness of 0.9 to 7.
_NOISE_SKEWNESS, _NOISE_KURTOSIS = 0.25, 1.0
# A tile reaches this far beyond the boxes in it; the outer half is faded to zero, so that
# resampling it as if it were periodic leaves no ringing where boxes are read.
_FADED_BORDER = 8.0
_LIMIT_WIDTH = 0.04
_TILE = 96.0
_CHUNK = 1024


@register
class LocalResolution(Check):
    """Resolution of the surroundings of each voxel as a trained network reads it."""

    id = "0.e"
    title = "Local resolution (DeepRes method)"
    requires = (MAP, resolution(2, 13))
    explanation = (
        "Proteins look different at each resolution. A neural network that was trained on maps "
        "simulated from atomic structures reads the resolution from a small box around each voxel "
        "of the mask; it needs no half maps, and the grey scale of the map does not matter. A map "
        "that was never sharpened can be used as it is; one with an extreme fall-off may come out "
        "1 to 2 Å worse than it is, and the value after sharpening is then given as well; for "
        "other maps that were not sharpened it is up to a fifth too coarse, which the criterion "
        "allows for. There are two networks: one for boxes of 6.5 Å (reported resolution of 4 Å or "
        "better; it distinguishes 1.5 to 6 Å) and one for boxes of 13 Å (2.5 to 13 Å). A place "
        "without signal gets the worst value of the range. As a network's values vary less than "
        "the truth, those of an uneven map are spread about their median. For maps limited by "
        "noise, the resolution corresponds to a Fourier shell correlation of 0.143. The percentile "
        "of the reported resolution is the percentage of the mask with a local resolution at least "
        "as good.")
    quantities = (
        Quantity("finest_ratio", "", "Reported resolution divided by the percentile 2.5 of the "
                 "local resolution; no value beyond 8 Å"),
        Quantity("network_range", "Å", "Range of resolutions that the network distinguishes", LIST),
        Quantity("sampled_voxels", "",
                 "Voxels at which the network was run; those in between are interpolated"),
        Quantity("sharpened_median", "Å",
                 "Median local resolution after correction of the map's strong fall-off"),
    ) + LOCAL_RESOLUTION
    references = ("RamirezAportela2019",)
    criteria = (
        Criterion(name="finest_ratio", relation=">=", bound=0.8,
                  subject="the reported resolution divided by the finest local resolution "
                  "(percentile 2.5)",
                  warning="The reported resolution in Å is {value:.2f} times the finest local "
                  "resolution (at least {bound} times expected): that is too optimistic for this "
                  "map, or the map was filtered to a lower resolution.",
                  service=(reported_criterion(),)),
        spread_criterion(0.01, "Å"))
    estimates = {"percentiles.50": "DeepRes, median"}
    within_mask = True
    undecided = ("Beyond %g Å the network's values do not tell the reported resolution from noise, "
                 "which reads 10 to 13 Å." % _TELLING)
    summary_ok = "The local resolution agrees with the reported resolution."
    summary_warnings = "The local resolution is worse than the reported resolution."

    def compute(self, data):
        if looks_like_noise(data.map.volume):
            raise NotMeasured("The grey values of the map are distributed as those of noise, about "
                              "as far below the mean as above it: it holds no density that could "
                              "be measured.")
        network = Network(network_name(data.reported.resolution), data.run.workers)
        local, sampled = local_resolution(data.map.volume, data.map.hard_mask, data.map.sampling,
                                          network, data.run.workers)
        findings = _findings(data, local, network.metadata["range"])
        _add_sharpened(findings, data, network)
        findings.metrics["sampled_voxels"] = sampled
        return findings


def _add_sharpened(findings, data, network):
    """For a map that fades strongly, what the network reads when it is sharpened."""
    sharpened, removed = level_fall_off(data.map.volume, data.map.sampling,
                                        data.reported.resolution, data.run.workers)
    if not removed:
        return
    local, _ = local_resolution(sharpened, data.map.hard_mask, data.map.sampling, network,
                                data.run.workers)
    median = float(np.median(local[data.map.hard_mask]))
    findings.metrics["sharpened_median"] = median
    findings.content.append(Paragraph(
        "The amplitudes of this map fade extremely and evenly, more than those of maps that were "
        "never sharpened usually do, and the network cannot distinguish this from missing detail. "
        "After correction by a B-factor of %.0f Å², which leaves the usual fall-off for this "
        "resolution, the median is %.2f Å instead of %.2f Å. The half maps show which of the two "
        "is right."
        % (removed, median, findings.metrics["percentiles"]["50"])))


def _findings(data, local, network_range):
    """Findings from the local resolution, which is 0 where it has no value."""
    findings = resolution_findings(data, local, "local_resolution", network_range[0])
    findings.metrics["network_range"] = network_range
    reported = data.reported.resolution
    findings.metrics["finest_ratio"] = (reported / findings.metrics["percentiles"]["2.5"]
                                        if reported <= _TELLING else None)
    return findings


def _input_for_xmipp(data):
    high = network_name(data.reported.resolution) == "deepres_high"
    return EngineInput(data.map.volume, data.map.sampling, data.map.hard_mask,
                       {"range": int(high)})


def _findings_of_xmipp(data, found):
    """Findings from the protocol's values, which are on a grid of its own."""
    known = found > 0
    if not known.any():
        raise NotMeasured("Xmipp returned no local resolution.")
    local = np.where(data.map.hard_mask, onto_grid(found[known], known, data.map.volume.shape), 0)
    high = network_name(data.reported.resolution) == "deepres_high"
    return _findings(data, local, [1.5, 6.0] if high else [2.5, 13.0])


LocalResolution.external = (ExternalEngine(
    name="xmipp", label="Xmipp", package="scipion-em-xmipp", plugin="xmipp3",
    protocol="XmippProtDeepRes", map_parameter="inputVolume", mask_parameter="Mask",
    outputs=("deepRes_resolution.vol",), files=("bin/xmipp_deepRes_resolution", "models/deepRes"),
    prepare=_input_for_xmipp, findings=_findings_of_xmipp),)


def network_name(resolution):
    """The network for a reported resolution in Å: ``deepres_high`` or ``deepres_low``."""
    return "deepres_high" if resolution <= _HIGH_RANGE_UP_TO else "deepres_low"


def looks_like_noise(volume):
    """Whether grey values are distributed like Gaussian noise.

    The density of a molecule is one-sided: skewness and excess kurtosis of the map are far
    from the zero of noise. Noise so smooth that a box holds few independent values, or whose
    surroundings were set to zero, can escape.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
        Not constant.

    Returns
    -------
    bool
    """
    skewness, kurtosis = skewness_and_kurtosis(volume)
    return bool(abs(skewness) < _NOISE_SKEWNESS and abs(kurtosis) < _NOISE_KURTOSIS)


def level_fall_off(volume, sampling, resolution, workers=1):
    """Bring a map that fades strongly to the fading that is usual for its resolution.

    Where the Guinier plot is a straight line with B below -15 R², B is raised to -4 R². A map
    that ends sharply before R has no such line and stays as it is.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    resolution : float
        R, Å.
    workers : int

    Returns
    -------
    volume : numpy.ndarray of float32, (z, y, x)
        The same array when there is nothing to do.
    removed : float
        B-factor taken back, Å²; 0 or negative.
    """
    resolution = max(resolution, 2 * sampling)
    transform = fft.rfftn(volume, workers=workers)
    try:
        fit = fit_guinier(*guinier_profile(transform, volume.shape, sampling), resolution)
    except ValueError:
        return volume, 0.0
    if fit.r_squared < _EVEN_FADING or fit.b_factor >= _MOST_FADING * resolution ** 2:
        return volume, 0.0
    removed = fit.b_factor - _USUAL_FADING * resolution ** 2
    filter_in_place(transform, volume.shape, sampling, lambda squared: np.exp(
        -removed / 4 * np.minimum(squared, 1 / resolution ** 2)))
    return fft.irfftn(transform, s=volume.shape, workers=workers, overwrite_x=True), removed


def local_resolution(volume, mask, sampling, network, workers=1):
    """Local resolution within a mask.

    The network is run at voxels on a lattice, 2 Å apart or more (so many that there are at
    most 60,000), each box being cut around the voxel from the map resampled to the network's
    sampling. Lattice values are averaged with their neighbours in the mask, interpolated, and
    spread as :func:`with_true_spread` says.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    mask : numpy.ndarray of bool, (z, y, x)
    sampling : float
        Å/voxel.
    network : vrs.engines.networks.Network
        With ``range``, ``sampling`` and ``box`` in its metadata.
    workers : int

    Returns
    -------
    local : numpy.ndarray of float32, (z, y, x)
        Å, 0 outside the mask.
    sampled : int
        Voxels at which the network was run.
    """
    step = lattice_step(mask, _MOST_BOXES, max(1, round(_SPACING / sampling)))
    lattice = mask[::step, ::step, ::step]
    voxels = step * np.argwhere(lattice)
    values = np.zeros(lattice.shape, np.float32)
    values[lattice] = predict(volume, voxels, sampling, network, workers)
    local = spread_over(_smooth(values, lattice)[lattice], lattice, step, mask)
    local[mask] = with_true_spread(local[mask], network.metadata["range"])
    return local, len(voxels)


def with_true_spread(values, limits):
    """Let the local resolutions of a map vary as much as true ones do.

    A network that answers with the most likely value varies less than what it estimates, and the
    median of maps of uneven resolution comes out too fine. The order of the values stays, and maps
    of even resolution hardly change.

    Parameters
    ----------
    values : numpy.ndarray of float32, (voxels,)
        As the network reads them, Å.
    limits : sequence of float
        Finest and coarsest resolution that it distinguishes, Å.

    Returns
    -------
    numpy.ndarray of float32, (voxels,)
    """
    low, median, high = np.percentile(values, (10, 50, 90))
    excess = max((high - low) / median - _EVEN, 0)
    growth = 1 + (_GROWTH - 1) * min(excess / _RAMP, 1)
    moved = median + growth * (values - median) + _SHIFT * excess * median
    return np.clip(moved, *limits).astype(np.float32)


def predict(volume, voxels, sampling, network, workers=1):
    """Resolution at voxels as the network reads it.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    voxels : numpy.ndarray of int, (n, 3)
        z, y, x.
    sampling : float
        Å/voxel.
    network : vrs.engines.networks.Network
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (n,)
        Å.
    """
    metadata = network.metadata
    # The networks do not mind the scale, but squares of extreme values would not fit.
    scale = max(float(volume.max()), -float(volume.min()), np.finfo(np.float32).tiny)
    tile = max(1, int(_TILE * metadata["sampling"] / sampling))
    tiles = voxels // tile
    found = np.zeros(len(voxels), np.float32)
    for corner in np.unique(tiles, axis=0):
        members = np.flatnonzero((tiles == corner).all(axis=1))
        resampled, positions = _resampled_tile(volume, voxels[members], sampling, metadata,
                                               workers)
        windows = np.lib.stride_tricks.sliding_window_view(resampled, (metadata["box"],) * 3)
        for start in range(0, len(members), _CHUNK):
            here = slice(start, start + _CHUNK)
            boxes = windows[tuple(positions[here].T)] / np.float32(scale)
            found[members[here]] = network.predict(boxes)
    return found


def _resampled_tile(volume, voxels, sampling, metadata, workers):
    """The surroundings of some voxels at the network's sampling, and where their boxes begin."""
    half = metadata["box"] // 2
    reach = half * metadata["sampling"] + _FADED_BORDER
    margin = math.ceil(reach / sampling) + 1
    first, last = voxels.min(axis=0) - margin, voxels.max(axis=0) + margin
    axes = [np.arange(a, b + 1) for a, b in zip(first, last)]
    # A box in a map is periodic, as its Fourier transform is.
    tile = volume[np.ix_(*(axis % size for axis, size in zip(axes, volume.shape)))]
    fade = _FADED_BORDER / 2 / sampling
    for dimension, size in enumerate(tile.shape):
        distance = np.minimum(np.arange(size), np.arange(size)[::-1])
        window = 1 - raised_cosine(distance, 0, fade)
        tile = tile * np.expand_dims(window.astype(np.float32),
                                     [d for d in range(3) if d != dimension])
    shape = resized_shape(tile.shape, sampling, metadata["sampling"])
    positions = np.rint((voxels - first) * np.divide(shape, tile.shape)).astype(int)
    # What is finer than the network's range could only mislead it.
    resampled = low_pass(fourier_resample(tile, shape, workers), metadata["sampling"],
                         1 / metadata["range"][0] - _LIMIT_WIDTH / 2, _LIMIT_WIDTH, workers)
    return resampled, positions - half


def _smooth(values, lattice):
    """Mean of each lattice value and its neighbours in the mask."""
    weights = ndimage.uniform_filter(lattice.astype(np.float32), 3, mode="constant")
    sums = ndimage.uniform_filter(values, 3, mode="constant")
    return np.divide(sums, weights, out=np.zeros_like(values), where=lattice)
