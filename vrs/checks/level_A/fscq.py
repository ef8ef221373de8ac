"""A.b: does the model agree with the map as well as the half maps agree with each other?"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import fft

from vrs.checks import MAPPING, Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.level_1.half_map_engines import require_box
from vrs.checks.level_A.model_engines import with_model
from vrs.checks.level_A.placement import PLACED_MODEL, model_of
from vrs.checks.local import (PERCENTILES, clipped_histogram, percentile_table, percentiles, spread,
                              spread_criterion)
from vrs.checks.residues import residue_figures, residues_of
from vrs.engines.external import Companion, ExternalEngine
from vrs.inputs.half_maps import HALF_MAPS
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.io.models import atom_positions
from vrs.numerics.interpolation import values_at
from vrs.numerics.local_fsc import fsc_resolution
from vrs.numerics.masks import dilate
from vrs.numerics.model_map import model_transform
from vrs.results import SERIOUS, AtomValues, Mark, Paragraph, Table, Volume, plain
from vrs.results.wording import judged

HALF_CUTOFF, MODEL_CUTOFF = 0.5, 0.67
# What a perfect model would reach where the halves reach 0.5: sqrt(2·0.5 / (1 + 0.5)).
REFERENCE_CUTOFF = 0.816
_BOX = 20
_FLAG, _BEYOND = 0.5, 1.5
# Percentage of atoms beyond, the service's only rule, and the mean FSC-Qr. The mean was at most
# 0.32 for sound models in simulated maps of 2.5 to 5 Å, and at least 0.53 up to 4.5 Å for models
# shaken by 1 Å, out of register or with wrong rotamers, of which 1 to 60 % were beyond.
_MOST_BEYOND, _MOST_MEAN = 10.0, 0.45
_CHANCE = 2 / 3
_AROUND = 2.0


@register
class FscQ(Check):
    """Local resolution of map and model beside that of the half maps."""

    id = "A.b"
    title = "Map-model fit by atom (FSC-Q method)"
    requires = (MAP, MODEL, HALF_MAPS)
    uses = (PLACED_MODEL,)
    explanation = (
        "Around each atom two local resolutions are measured by Fourier shell correlation: the one "
        "up to which the map agrees with the model, and the one up to which the half maps agree "
        "with each other. FSC-Q is their difference in Å, and FSC-Qr the difference divided by the "
        "resolution of the half maps. Near 0 the model explains all that the data show. Positive "
        "values mean that the model fits worse than the data allow, as for a misplaced atom; "
        "negative ones that it fits better than the half maps agree, which suggests overfitting. "
        "The map is here the mean of the half maps, because filters and masks that only the final "
        "map went through would look like errors of the model. The values belong to a "
        "neighbourhood of a few Å rather than to single atoms, so atoms next to parts that were "
        "not modelled get poor values too.")
    quantities = (
        Quantity("better_percentage", "%", "Atoms with an FSC-Q below -0.5 Å"),
        Quantity("beyond_percentage", "%", "Atoms with an FSC-Qr beyond ±1.5"),
        Quantity("mean_fscq", "Å", "Mean FSC-Q of the atoms"),
        Quantity("mean_fscqr", "", "Mean FSC-Qr of the atoms"),
        Quantity("mean_fscqr_of_map", "", "Mean FSC-Qr with the map itself"),
        Quantity("mean_fscqr_of_reference", "",
                 "Mean FSC-Qr with the B factors of the model and a cutoff of 0.816 for map and "
                 "model"),
        Quantity("no_signal_percentage", "%",
                 "Atoms where the half maps agree no better than noise, or outside the map"),
        Quantity("percentiles", "Å", "Percentiles of the FSC-Q of the atoms", MAPPING, PERCENTILES),
        Quantity("spread", "Å", "Percentile 97.5 minus percentile 2.5"),
        Quantity("worse_percentage", "%", "Atoms with an FSC-Q above 0.5 Å"),
    )
    references = ("RamirezAportela2021",)
    criteria = (
        Criterion(name="beyond_percentage",
                  subject="the fraction of the atoms with an FSC-Qr beyond "
                          "±%g" % _BEYOND, relation="<",
                  bound=_MOST_BEYOND,
                  warning="{value:.1f} % of the atoms have an FSC-Qr beyond ±1.5 (below {bound} % "
                  "is usual): the model fits the map much worse there than the data allow. Check "
                  "their positions and the register, and look for unmodelled neighbours.",
                  unit="%", severity=SERIOUS),
        Criterion(name="mean_fscqr", subject="the mean FSC-Qr of the atoms", relation="<=",
                  bound=_MOST_MEAN,
                  warning="The mean FSC-Qr of the atoms is {value:.2f} (at most {bound} expected): "
                  "the map shows details that the model does not explain. Look for displaced "
                  "atoms, side chains that point elsewhere, and amino acids out of register.",
                  severity=SERIOUS, service=()),
        Criterion(name="no_signal_percentage",
                  subject="the fraction of the atoms where the half maps agree no better than "
                          "noise", relation="<",
                  bound=10.0,
                  warning="{value:.1f} % of the atoms are where the half maps agree no better "
                  "than noise (below {bound} % is usual): the data do not support them. Remove "
                  "them, or do not interpret them.", unit="%"),
        spread_criterion(0.1, "Å"),
    )
    summary_ok = "The model fits the map nearly as well as the half maps allow."
    summary_warnings = "The model fits the map worse than the half maps would allow."

    def compute(self, data):
        local = _Local(data)
        if not local.signal.any():
            raise NotMeasured("The half maps agree no better than noise around the model.")
        mean = data.half_maps.mean
        reference = local.compare(local.resolution(mean, _model_map(data, None), REFERENCE_CUTOFF))
        # All atoms alike: what stands in the place of B factors is often something else.
        model = _model_map(data, 0.0)
        resolution = local.resolution(mean, model, MODEL_CUTOFF)
        judged = local.compare(resolution)
        del mean
        published = local.compare(local.resolution(data.map.volume, model, MODEL_CUTOFF))
        return _findings(data, judged, resolution - local.halves, published, reference)


def _findings(data, judged, volume, published=None, reference=None):
    """Findings from a comparison and a map of FSC-Q, and from other comparisons if made."""
    known = np.isfinite(judged.differences)
    if not known.any():
        raise NotMeasured("The half maps agree no better than noise around the model.")
    residues = residues_of(model_of(data))
    by_residue = residues.values("fscq", "Mean FSC-Q of the atoms", "Å",
                                 residues.mean(judged.differences), "FscQ")
    metrics = _metrics(judged, published, reference)
    content = [Paragraph(_sentence(metrics)), _comparison_table(judged, published, reference),
               percentile_table(metrics["percentiles"], "Å",
                                "Percentiles of the FSC-Q of the atoms."),
               clipped_histogram(
                   judged.differences[known], "Histogram of the FSC-Q of the atoms.",
                   "Distribution of the FSC-Q over the atoms of the model.", "FSC-Q (Å)", "Atoms",
                   [Mark(-_FLAG, "-%g Å" % _FLAG), Mark(_FLAG, "%g Å" % _FLAG)])]
    content += residue_figures(residues, by_residue, "FSC-Q", "far", ("flag", _FLAG))
    return Findings(metrics, content, [
        by_residue,
        Volume("fscq", volume, "FSC-Q around the atoms of the model (Å), 0 elsewhere", "FSC-Q",
               "Å", "signed", (-_BEYOND, _BEYOND)),
        AtomValues("fscq_model", judged.differences, "FSC-Q of the atoms (Å)", "FSC-Q", "Å")])


def _model_map(data, b_factor):
    """Map of the model with a B factor of all atoms, or with their own."""
    shape = data.map.volume.shape
    transform = model_transform(model_of(data), shape, data.map.sampling, b_factor,
                                data.run.workers)
    return fft.irfftn(transform, s=shape, workers=data.run.workers, overwrite_x=True)


def _input_for_xmipp(data):
    # Left alone, the protocol would centre the model and seek its place in the map again.
    around = surroundings(atom_positions(model_of(data)), data.map.volume.shape,
                          data.map.sampling)
    halves = data.half_maps.both
    return with_model(data, data.half_maps.mean, mask=around, halves=halves,
                      model_map=_model_map(data, 0.0), box=_BOX)


def _findings_of_xmipp(data, volume, relative_volume):
    for found in (volume, relative_volume):
        require_box(data, found, "Xmipp")
    if not volume.any():
        raise NotMeasured("Xmipp gives no FSC-Q anywhere in the map.")
    positions = atom_positions(model_of(data))
    differences, relative = (values_at(found, data.map.sampling, positions)
                             for found in (volume, relative_volume))
    # Xmipp does not keep the resolution of the halves, which tells where there is signal.
    local = _Local(data)
    halves = values_at(local.halves, data.map.sampling, positions)
    comparison = _Comparison(*(np.where(local.signal, values, np.float32(np.nan)) for values in (
        halves + differences, differences, relative)))
    findings = _findings(data, comparison, volume)
    findings.content.append(Paragraph(
        "The map of the model, from atoms without B factors at their places, was given to Xmipp. "
        "Atoms have the values of Xmipp's maps at their places, unless the half maps agree no "
        "better than noise there by the built-in engine."))
    return findings


FscQ.external = (ExternalEngine(
    name="xmipp", label="Xmipp", package="scipion-em-xmipp", plugin="xmipp3",
    protocol="XmippProtValFit", map_parameter="inputVolume", model_parameter="inputPDBObj",
    model_map_parameter="pdbMap_", mask_parameter="inputMask",
    outputs=("diferencia.map", "diferencia_norm.map"),
    files=("bin/xmipp_image_operate", "bin/xmipp_pdb_label_from_volume"),
    companions=(Companion("scipion-em-bsoft", "bsoft", ("bin/blocres",)),),
    prepare=_input_for_xmipp, findings=_findings_of_xmipp),)


@dataclass
class _Comparison:
    """Values by atom, NaN where the halves agree no better than noise.

    Attributes
    ----------
    resolutions, differences, relative : numpy.ndarray of float32, (atoms,)
        Resolution of map and model (Å), FSC-Q (Å) and FSC-Qr.
    """

    resolutions: np.ndarray
    differences: np.ndarray
    relative: np.ndarray


class _Local:
    """Local resolutions around the atoms of a model.

    Attributes
    ----------
    halves : numpy.ndarray of float32, (z, y, x)
        Local resolution of the half maps, Å; 0 where no atom is near.
    signal : numpy.ndarray of bool, (atoms,)
        Whether the halves agree there better than noise.
    """

    def __init__(self, data):
        self._data = data
        self._positions = atom_positions(model_of(data))
        self._around = surroundings(self._positions, data.map.volume.shape, data.map.sampling)
        self.halves = self.resolution(data.half_maps.first, data.half_maps.second, HALF_CUTOFF)
        # Noise agrees by chance at hardly more than the length of the box; outside the map
        # nothing is known.
        self.signal = self._at_atoms(self.halves) < _CHANCE * _BOX * data.map.sampling

    def resolution(self, volume1, volume2, cutoff):
        """Local resolution of two maps around the atoms, Å; 0 elsewhere."""
        return fsc_resolution(volume1, volume2, self._around, self._data.map.sampling, cutoff,
                              _BOX, self._data.run.workers)

    def compare(self, resolution):
        """FSC-Q at the atoms from the local resolution of a map and a model."""
        difference = resolution - self.halves
        relative = np.divide(difference, self.halves, out=np.zeros_like(difference),
                             where=self._around)
        return _Comparison(*[np.where(self.signal, self._at_atoms(values), np.float32(np.nan))
                             for values in (resolution, difference, relative)])

    def _at_atoms(self, values):
        return values_at(values, self._data.map.sampling, self._positions)


def surroundings(positions, shape, sampling):
    """Voxels near atoms.

    Parameters
    ----------
    positions : numpy.ndarray, (atoms, 3)
        x, y, z in Å.
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.

    Returns
    -------
    numpy.ndarray of bool, shape
        Those that interpolation at the atoms takes, and 2 Å more.
    """
    corners = np.floor(positions[:, ::-1] / sampling).astype(int)
    near = np.zeros(shape, bool)
    for step in itertools.product((0, 1), repeat=3):
        places = corners + step
        inside = ((places >= 0) & (places < shape)).all(axis=1)
        near[tuple(places[inside].T)] = True
    return dilate(near, _AROUND, sampling)


def _metrics(judged, published, reference):
    known = np.isfinite(judged.differences)
    differences, relative = judged.differences[known], judged.relative[known]
    found = percentiles(differences)
    return plain({
        "mean_fscqr": np.mean(relative),
        "mean_fscq": np.mean(differences),
        "percentiles": found,
        "spread": spread(found),
        "beyond_percentage": 100 * np.mean(np.abs(relative) > _BEYOND),
        "worse_percentage": 100 * np.mean(differences > _FLAG),
        "better_percentage": 100 * np.mean(differences < -_FLAG),
        "no_signal_percentage": 100 * np.mean(~known),
        "mean_fscqr_of_map": _mean_relative(published),
        "mean_fscqr_of_reference": _mean_relative(reference),
    })


def _mean_relative(comparison):
    return None if comparison is None else np.nanmean(comparison.relative)


def _sentence(metrics):
    return ("The mean FSC-Q of the atoms is %.2f Å, the mean FSC-Qr %s. At %.1f %% of the atoms "
            "the model fits worse than the half maps agree by more than %g Å, at %.1f %% better by "
            "more than that: look at these first. At %.1f %% of the atoms the half maps agree no "
            "better than noise; these have no value."
            % (metrics["mean_fscq"], judged(metrics["mean_fscqr"], ".2f", _MOST_MEAN),
               metrics["worse_percentage"], _FLAG, metrics["better_percentage"],
               metrics["no_signal_percentage"]))


def _comparison_table(judged, published, reference):
    rows = [("Mean of the half maps, model with equal atoms (judged)", MODEL_CUTOFF, judged),
            ("Map itself, model with equal atoms (as published)", MODEL_CUTOFF, published),
            ("Mean of the half maps, model with its B factors", REFERENCE_CUTOFF, reference)]
    return Table(
        ["Compared with each other", "Cutoff", "Median resolution (Å)", "Mean FSC-Q (Å)",
         "Mean FSC-Qr"],
        [[name, "%g" % cutoff, "%.2f" % np.nanmedian(comparison.resolutions),
          "%.2f" % np.nanmean(comparison.differences), "%.2f" % np.nanmean(comparison.relative)]
         for name, cutoff, comparison in rows if comparison is not None],
        "Map and model by different definitions; the half maps are always compared at a "
        "correlation of %g. Where they reach it, a perfect model with perfect B factors correlates "
        "with their mean to %g." % (HALF_CUTOFF, REFERENCE_CUTOFF))
