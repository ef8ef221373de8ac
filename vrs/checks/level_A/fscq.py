"""A.b: does the model agree with the map as well as the half maps agree with each other?"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import fft

from vrs.checks import (Bars, Criterion, Findings, Mark, Metric, NotMeasured, Paragraph, Reference,
                        Table, register)
from vrs.checks.level_A.engines import with_model
from vrs.checks.level_A.model_check import ModelCheck
from vrs.checks.local import percentile_table, percentiles, spread, spread_criterion
from vrs.checks.residues import residue_figures, residues_of
from vrs.engines.external import Companion, ExternalEngine
from vrs.io.models import atom_positions
from vrs.numerics.interpolation import values_at
from vrs.numerics.local_fsc import local_resolution
from vrs.numerics.masks import dilate
from vrs.numerics.model_map import model_transform

HALF_CUTOFF, MODEL_CUTOFF = 0.5, 0.67
# What a perfect model would reach where the halves reach 0.5: sqrt(2·0.5 / (1 + 0.5)).
REFERENCE_CUTOFF = 0.816
_BOX = 20
_FLAG, _BEYOND = 0.5, 1.5
_CHANCE = 2 / 3
_AROUND = 2.0
_BINS = 60


@register
class FscQ(ModelCheck):
    """Local resolution of map and model beside that of the half maps."""

    id = "A.b"
    title = "FSC-Q"
    needs = "map, atomic model, two half maps"
    explanation = (
        "Around each atom two local resolutions are measured by Fourier shell correlation: that to "
        "which the map agrees with the model, and that to which the half maps agree with each "
        "other. FSC-Q is their difference in Å, and FSC-Qr the difference divided by the "
        "resolution of the half maps. Near 0 the model explains all that the data show. Positive "
        "values say that the model fits worse than the data allow, as an atom at a wrong place "
        "does; negative ones that it fits better than the half maps agree, as a model does that "
        "was fitted to noise. The map is here the mean of the half maps, because filters and masks "
        "that only the final map went through would look like errors of the model. The values "
        "belong to a neighbourhood of a few Å rather than to single atoms, so that atoms with "
        "neighbours that have not been modelled suffer with them.")
    references = (Reference(
        "RamirezAportela2021",
        "E. Ramírez-Aportela, D. Maluenda, Y.C. Fonseca, P. Conesa, R. Marabini, J.B. Heymann, "
        "J.M. Carazo, C.O.S. Sorzano. FSC-Q: a CryoEM map-to-atomic model quality validation "
        "based on the local Fourier shell correlation. Nature Communications 12 (2021) 42.",
        "10.1038/s41467-020-20295-w"),)
    criteria = (
        Criterion("beyond_percentage", "beyond_percentage",
                  "the part of the atoms with an FSC-Qr beyond ±%g" % _BEYOND, "<", 10.0,
                  "{value:.1f} % of the atoms have an FSC-Qr beyond ±1.5 (below {bound} % is "
                  "usual): the model fits the map much worse there than the data allow.", "%"),
        Criterion("no_signal_percentage", "no_signal_percentage",
                  "the part of the atoms where the half maps hardly agree", "<", 10.0,
                  "{value:.1f} % of the atoms are where the half maps agree no better than noise "
                  "(below {bound} % is usual): the data do not support them.", "%"),
        spread_criterion(0.1, "Å"),
    )
    summary_ok = "The model fits the map nearly as well as the half maps allow."
    summary_warnings = "The model fits the map worse than the half maps would allow."

    def not_applicable(self, data):
        """The reason why it does not apply: a model that does not fit, or no half maps."""
        if data.half1 is None:
            return data.model_problem or "It needs the two half maps."
        return super().not_applicable(data)

    def compute(self, data):
        local = _Local(data)
        if not local.signal.any():
            raise NotMeasured("The half maps agree no better than noise around the model.")
        mean = (data.half1 + data.half2) / 2
        reference = local.compare(local.resolution(mean, _model_map(data, None), REFERENCE_CUTOFF))
        # All atoms alike: what stands in the place of B factors is often something else.
        model = _model_map(data, 0.0)
        resolution = local.resolution(mean, model, MODEL_CUTOFF)
        judged = local.compare(resolution)
        del mean
        published = local.compare(local.resolution(data.volume, model, MODEL_CUTOFF))
        return _findings(data, judged, resolution - local.halves, published, reference)


def _findings(data, judged, volume, published=None, reference=None):
    """Findings from a comparison and a map of FSC-Q, and from other comparisons if made."""
    known = np.isfinite(judged.differences)
    if not known.any():
        raise NotMeasured("The half maps agree no better than noise around the model.")
    residues = residues_of(data.model)
    by_residue = residues.values("fscq", "Mean FSC-Q of the atoms", "Å",
                                 residues.mean(judged.differences))
    metrics = _metrics(judged, published, reference)
    content = [Paragraph(_sentence(metrics)), _comparison_table(judged, published, reference),
               percentile_table(metrics["percentiles"],
                                "Percentiles of the FSC-Q of the atoms."),
               _histogram(judged.differences[known])]
    content += residue_figures(residues, by_residue, "FSC-Q", "far", ("flag", _FLAG))
    return Findings(
        metrics, content, residues=[by_residue],
        volumes={"fscq": (volume, "FSC-Q around the atoms of the model (Å), 0 elsewhere")},
        atoms={"fscq_model": (judged.differences, "FSC-Q of the atoms (Å)")})


def _model_map(data, b_factor):
    """Map of the model with a B factor of all atoms, or with their own."""
    shape = data.volume.shape
    transform = model_transform(data.model, shape, data.sampling, b_factor, data.workers)
    return fft.irfftn(transform, s=shape, workers=data.workers, overwrite_x=True)


def _input_for_xmipp(data):
    # Left alone, the protocol would centre the model and seek its place in the map again.
    around = surroundings(atom_positions(data.model), data.volume.shape, data.sampling)
    return with_model(data, (data.half1 + data.half2) / 2, mask=around,
                      halves=(data.half1, data.half2), model_map=_model_map(data, 0.0), box=_BOX)


def _findings_of_xmipp(data, volume, relative_volume):
    if volume.shape != data.volume.shape or relative_volume.shape != data.volume.shape:
        raise NotMeasured("Xmipp returned a box of %d x %d x %d voxels, while the map has %d x %d "
                          "x %d." % (volume.shape[::-1] + data.box))
    if not volume.any():
        raise NotMeasured("Xmipp gives no FSC-Q to any place of the map.")
    positions = atom_positions(data.model)
    differences, relative = (values_at(found, data.sampling, positions)
                             for found in (volume, relative_volume))
    # Xmipp does not keep the resolution of the halves, which tells where there is signal.
    local = _Local(data)
    halves = values_at(local.halves, data.sampling, positions)
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
        self._positions = atom_positions(data.model)
        self._around = surroundings(self._positions, data.volume.shape, data.sampling)
        self.halves = self.resolution(data.half1, data.half2, HALF_CUTOFF)
        # Noise agrees by chance at hardly more than the length of the box; outside the map
        # nothing is known.
        self.signal = self._at_atoms(self.halves) < _CHANCE * _BOX * data.sampling

    def resolution(self, volume1, volume2, cutoff):
        """Local resolution of two maps around the atoms, Å; 0 elsewhere."""
        return local_resolution(volume1, volume2, self._around, self._data.sampling, cutoff, _BOX,
                                self._data.workers)

    def compare(self, resolution):
        """FSC-Q at the atoms from the local resolution of a map and a model."""
        difference = resolution - self.halves
        relative = np.divide(difference, self.halves, out=np.zeros_like(difference),
                             where=self._around)
        return _Comparison(*[np.where(self.signal, self._at_atoms(values), np.float32(np.nan))
                             for values in (resolution, difference, relative)])

    def _at_atoms(self, values):
        return values_at(values, self._data.sampling, self._positions)


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
    found = percentiles(differences, "Å", "Percentiles of the FSC-Q of the atoms")
    return {
        "mean_fscqr": Metric(np.mean(relative), "", "Mean FSC-Qr of the atoms"),
        "mean_fscq": Metric(np.mean(differences), "Å", "Mean FSC-Q of the atoms"),
        "percentiles": found,
        "spread": spread(found),
        "beyond_percentage": Metric(100 * np.mean(np.abs(relative) > _BEYOND), "%",
                                    "Atoms with an FSC-Qr beyond ±%g" % _BEYOND),
        "worse_percentage": Metric(100 * np.mean(differences > _FLAG), "%",
                                   "Atoms with an FSC-Q above %g Å" % _FLAG),
        "better_percentage": Metric(100 * np.mean(differences < -_FLAG), "%",
                                    "Atoms with an FSC-Q below -%g Å" % _FLAG),
        "no_signal_percentage": Metric(100 * np.mean(~known), "%",
                                       "Atoms where the half maps agree no better than noise, or "
                                       "outside the map"),
        "mean_fscqr_of_map": Metric(_mean_relative(published), "",
                                    "Mean FSC-Qr with the map itself"),
        "mean_fscqr_of_reference": Metric(
            _mean_relative(reference), "", "Mean FSC-Qr with the B factors of the model and "
            "a cutoff of %g for map and model" % REFERENCE_CUTOFF),
    }


def _mean_relative(comparison):
    return None if comparison is None else np.nanmean(comparison.relative)


def _sentence(metrics):
    return ("The mean FSC-Q of the atoms is %.2f Å, the mean FSC-Qr %.2f. At %.1f %% of the atoms "
            "the model fits worse than the half maps agree by more than %g Å, at %.1f %% better by "
            "more than that: these are the ones to be looked at. At %.1f %% of the atoms the half "
            "maps agree no better than noise; these have no value."
            % (metrics["mean_fscq"].value, metrics["mean_fscqr"].value,
               metrics["worse_percentage"].value, _FLAG, metrics["better_percentage"].value,
               metrics["no_signal_percentage"].value))


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


def _histogram(differences):
    """Histogram whose outer bars gather what lies beyond the percentiles 0.1 and 99.9."""
    low, high = np.percentile(differences, (0.1, 99.9))
    counts, edges = np.histogram(np.clip(differences, low, high), _BINS)
    return Bars("Histogram of the FSC-Q of the atoms.",
                "Distribution of the FSC-Q over the atoms of the model.", "FSC-Q (Å)", "Atoms",
                edges, counts, [Mark(-_FLAG, "-%g Å" % _FLAG), Mark(_FLAG, "%g Å" % _FLAG)])
