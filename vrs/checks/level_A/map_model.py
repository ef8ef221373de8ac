"""A.a: how well does the density of the model agree with the map?"""

from dataclasses import dataclass

import gemmi
import numpy as np
from scipy import fft, ndimage

from vrs.checks import MAPPING, TEXT, Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.estimates import reported_ratio
from vrs.checks.level_0.mask import enclosed_mass
from vrs.checks.level_A.archive import percentile_of, percentiles_at, source_of
from vrs.checks.level_A.placement import PLACED_MODEL, model_of, verdict
from vrs.checks.local import PERCENTILES
from vrs.checks.residues import residue_figures, residues_of
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.io.models import atom_positions
from vrs.numerics import fourier, fsc, model_agreement, model_map
from vrs.numerics.interpolation import values_at
from vrs.numerics.magnification import magnification
from vrs.results import SERIOUS, AtomValues, Curve, Mark, Paragraph, Plot, Series, Table
from vrs.results.wording import judged

_THRESHOLDS = ((0.5, "05"), (0.143, "0143"), (0.0, "0"))
# A sound model without its neighbours has 10 % of such residues in a map of 6.6 Å; models of which
# a part is wrong have 27 % and more.
_BAD, _MOST_BAD, _WRONG_PART = 0.5, 10.0, 20.0
_BAD_SHARE = "the fraction of the residues with a correlation below %g" % _BAD
_BAD_WARNING = ("{value:.1f} % of the residues have a correlation with the map below 0.5 (below "
                "{bound} % expected). See whether they lie in weak density, beside it or out of "
                "it.")
_LEAST_RATIO = 0.8
_LEAST_INCLUDED = 0.4
# Mass that the contour encloses over that of the model, which may be a part of the specimen.
_MOST_ENCLOSED = 3.0
# In per cent; where the resolution is worse (Å), outlines decide, which the solvent displaces.
_MOST_MAGNIFIED, _MAGNIFIED_UP_TO = 0.5, 5.0
_WATER = 18.015  # Da, which a residue loses when it joins a chain
# Voxels within this distance of an atom belong to it; it grows with the resolution.
_RADII = (3.0, 10.0)
# Where less is resolved, the density within the largest radius is as good as flat.
_COARSE = Criterion(name="coarse", metric="comparison_resolution", relation=">", bound=_RADII[1],
                    subject="the resolution of comparison", unit="Å")
_CONTOURS = 101  # of the atom inclusion
_SOFT = 2.0  # width of the soft mask, in units of the resolution
_PROTEIN_BACKBONE = frozenset(("N", "CA", "C", "O"))
_MAIN_CHAIN = _PROTEIN_BACKBONE | {"CB"}
_NUCLEIC_BACKBONE = frozenset(("P", "OP1", "OP2", "O1P", "O2P", "O5'", "C5'", "C4'", "O4'",
                               "C3'", "O3'", "C2'", "O2'", "C1'"))
_KINDS = (("cc_mask", "within the mask of the model"), ("cc_box", "in the whole box"),
          ("cc_volume", "where the model's map is highest, in a volume as large as the mask"),
          ("cc_peaks", "where either map is highest, in volumes as large as the mask"),
          ("cc_main_chain", "around the main chain of proteins, with Cβ"),
          ("cc_side_chain", "around all other atoms"))
_MASKED = "map within a soft mask around the model"


@register
class MapModel(Check):
    """Correlations in real and Fourier space, resolutions, and atoms within the contour."""

    id = "A.a"
    title = "Map-model correlation and resolution"
    requires = (MAP, MODEL)
    uses = (PLACED_MODEL,)
    explanation = (
        "A map is calculated from the model at the resolution of the map and compared with it. "
        "Correlations are 1 for maps that are alike and 0 for maps that have nothing in common: "
        "within the mask of the model, in the box, at the strongest density, around chains and "
        "around single residues. The Fourier shell correlation of the two maps shows up to which "
        "resolution the model explains the map; d99 is the resolution beyond which the map "
        "contains nothing that matters, d_model the one at which the model's map has to be cut off "
        "to be most like the map. A reported resolution much better than these is not supported by "
        "the model. The atom inclusion is the fraction of the atoms, without hydrogens, that lie "
        "in density at or above the contour. It and the mean correlation of the residues are "
        "compared with those of the models in the public archive at this resolution; their "
        "contours were recommended by the depositors. The mass that the contour encloses is "
        "compared with the model's, unless the mass of the specimen was given, with which 0.b "
        "compares it. At 5 Å or better, short pieces of the model are displaced one by one to "
        "where they fit best: displacements that grow with the distance from the centre show that "
        "the voxel size is off. If the model does not fit where it lies, the whole map is "
        "searched, and the model is measured where it fits, or else where it correlates best.")
    quantities = (
        Quantity("atom_inclusion", "", "Fraction of the atoms, without hydrogens, within the "
                                       "contour"),
        Quantity("atom_inclusion_archive", "",
                 "Percentiles of the atom inclusion of the models of the public archive at this "
                 "resolution, at the contours that were recommended for them (%s)"
                 % source_of("atom_inclusion"), MAPPING, PERCENTILES),
        Quantity("atom_inclusion_percentile", "",
                 "Percentile of the atom inclusion among the models of the archive at this "
                 "resolution"),
        Quantity("atom_radius", "Å", "Distance from an atom within which voxels belong to it"),
        Quantity("backbone_inclusion", "",
                 "Fraction of the backbone atoms, without hydrogens, within the contour"),
        Quantity("bad_residue_percentage", "%",
                 "Residues with a correlation below 0.5, among those in the box that are not "
                 "water"),
        Quantity("cc_box", "", "Correlation in the whole box"),
        Quantity("cc_main_chain", "", "Correlation around the main chain of proteins, with Cβ"),
        Quantity("cc_mask", "", "Correlation within the mask of the model"),
        Quantity("cc_peaks", "",
                 "Correlation where either map is highest, in volumes as large as the mask"),
        Quantity("cc_side_chain", "", "Correlation around all other atoms"),
        Quantity("cc_volume", "",
                 "Correlation where the model's map is highest, in a volume as large as the mask"),
        Quantity("comparison_resolution", "Å",
                 "Resolution of the model's map for the correlations"),
        Quantity("d99", "Å",
                 "Resolution at which the map can be cut off and still have a correlation of 0.99 "
                 "with itself; map within a soft mask around the model"),
        Quantity("d_fsc_model_0", "Å",
                 "Resolution at which the map-model FSC falls below 0; map within a soft mask "
                 "around the model"),
        Quantity("d_fsc_model_0143", "Å",
                 "Resolution at which the map-model FSC falls below 0.143; map within a soft mask "
                 "around the model"),
        Quantity("d_fsc_model_05", "Å",
                 "Resolution at which the map-model FSC falls below 0.5; map within a soft mask "
                 "around the model"),
        Quantity("d_model", "Å",
                 "Resolution at which the model, at its overall B factor, is most like the map; "
                 "map within a soft mask around the model"),
        Quantity("d_model_b0", "Å", "The same at B = 0; map within a soft mask around the model"),
        Quantity("enclosed_mass_ratio", "",
                 "Mass that the contour encloses over the mass of the model, where the mass of the "
                 "specimen was not given"),
        Quantity("fit", "", "Whether the model fits where it lies, what would make it fit, and "
                 "where it is measured", TEXT),
        Quantity("fit_gain", "",
                 "By how much the correlation of a model that fits rises when it is moved, "
                 "scaled or mirrored; 0 where none of these helps"),
        Quantity("fit_margin", "",
                 "Correlation of map and model where the model lies, minus what a fit needs: 0.3, "
                 "and more than random placements reach"),
        Quantity("mean_residue_correlation", "", "Mean of the correlations of the residues"),
        Quantity("mean_residue_correlation_archive", "",
                 "Percentiles of the same, by Phenix, of the models of the public archive at this "
                 "resolution (%s)" % source_of("residue_correlation"), MAPPING, PERCENTILES),
        Quantity("mean_residue_correlation_percentile", "",
                 "Percentile of the mean correlation of the residues among the models of the "
                 "archive at this resolution"),
        Quantity("magnification", "%",
                 "By how much the model has to grow to fit best: how much too large the voxel size "
                 "is, if the model has its own from elsewhere; at 5 Å or better"),
        Quantity("magnification_certain", "%",
                 "Size of the magnification less three of its standard errors, or 0"),
        Quantity("magnification_error", "%", "Standard error of the magnification"),
        Quantity("model_mass", "kDa",
                 "Mass of the residues of the model, without water: a lower bound of the "
                 "specimen's"),
        Quantity("overall_b_factor", "Å²",
                 "B factor of all atoms with which the model is most like the map; map within a "
                 "soft mask around the model"),
        Quantity("reported_ratio", "",
                 "Reported resolution over that of the map-model FSC at 0.5; 0 when there is none"),
        Quantity("unmasked_d99", "Å",
                 "Resolution at which the map can be cut off and still have a correlation of 0.99 "
                 "with itself; whole map"),
        Quantity("unmasked_d_fsc_model_0", "Å",
                 "Resolution at which the map-model FSC falls below 0; whole map"),
        Quantity("unmasked_d_fsc_model_0143", "Å",
                 "Resolution at which the map-model FSC falls below 0.143; whole map"),
        Quantity("unmasked_d_fsc_model_05", "Å",
                 "Resolution at which the map-model FSC falls below 0.5; whole map"),
        Quantity("unmasked_d_model", "Å",
                 "Resolution at which the model, at its overall B factor, is most like the map; "
                 "whole map"),
        Quantity("unmasked_d_model_b0", "Å", "The same at B = 0; whole map"),
        Quantity("unmasked_overall_b_factor", "Å²",
                 "B factor of all atoms with which the model is most like the map; whole map"),
    )
    references = ("Afonine2018", "Wang2022")
    criteria = (
        Criterion(name="fit_margin", guards=True, relation=">=", bound=0.0,
                  subject="the correlation of map and model where the model lies, minus the least "
                  "that counts as a fit,", warning="{metrics[fit]}", severity=SERIOUS, service=()),
        Criterion(name="fit_gain", guards=True, relation="<=", bound=0.1,
                  subject="the gain in correlation if the model were moved, scaled or mirrored",
                  warning="{metrics[fit]}", severity=SERIOUS, service=()),
        Criterion(name="magnification", metric="magnification_certain", guards=True, relation="<=",
                  subject="the magnification at which the model fits best, as far as it is certain "
                  "(less three standard errors),", bound=_MOST_MAGNIFIED, unit="%",
                  warning="The parts of the model are displaced as if the voxel size were off by "
                  "{metrics[magnification]:+.2f} % (± {metrics[magnification_error]:.2f} %; "
                  "positive: too large; at most {bound} % expected). Calibrate the magnification.",
                  severity=SERIOUS, service=()),
        Criterion(name="bad_residue_percentage", subject=_BAD_SHARE, relation="<",
                  bound=_MOST_BAD, warning=_BAD_WARNING, unit="%", unless=(_COARSE,),
                  service=(Criterion(
                      name="bad_residue_percentage", subject=_BAD_SHARE, relation="<",
                      bound=_MOST_BAD, warning=_BAD_WARNING, unit="%"),)),
        Criterion(name="many_bad_residues", metric="bad_residue_percentage",
                  subject=_BAD_SHARE + " (more means that a part of the model is wrong)",
                  relation="<", bound=_WRONG_PART, unless=(_COARSE,),
                  warning="{value:.1f} % of the residues have a correlation with the map below "
                  "0.5 (below {bound} % where only loops are loose): a whole part of the model is "
                  "wrong or misplaced, or its density is missing.", unit="%", severity=SERIOUS,
                  service=()),
        Criterion(name="reported_ratio", relation=">=", bound=_LEAST_RATIO,
                  subject="the reported resolution divided by that of the map-model FSC at 0.5",
                  warning="The model does not explain the map up to the reported resolution, which "
                  "in Å is {value:.2f} times that of the map-model FSC at 0.5 (at least {bound} "
                  "times expected): the model is wrong in its details or unfinished, or less is "
                  "resolved than is reported. The half maps (1.a) show which.",
                  needs_resolution=True, warning_at_zero="The map-model FSC is "
                  "nowhere above 0.5: the model explains nothing of the map."),
        Criterion(name="atom_inclusion", guards=True, relation=">=", bound=_LEAST_INCLUDED,
                  subject="the fraction of the atoms within the contour",
                  warning="Only a fraction of {value:.2f} of the atoms lies within the contour (at "
                  "least {bound} expected): the threshold is too high to show the macromolecule, "
                  "or the model lies beside the density.", severity=SERIOUS, service=()),
        Criterion(name="enclosed_mass_ratio", guards=True, relation="<=", bound=_MOST_ENCLOSED,
                  subject="the mass that the contour encloses divided by the mass of the model",
                  warning="The contour encloses {value:.1f} times the mass of the model (at most "
                  "{bound} expected): the threshold is too low, or much of the specimen is not "
                  "modelled. Give the mass of the specimen to tell the two apart.", service=()),
    )
    estimates = {"d_fsc_model_05": "map-model FSC 0.5"}
    summary_ok = "The atomic model agrees with the map."
    summary_warnings = "The atomic model does not agree with the map everywhere, or lies elsewhere."

    def compute(self, data):
        spectra = compare_in_fourier_space(data)
        calculated = model_map.model_map(model_of(data), data.map.volume.shape, data.map.sampling,
                                         spectra.resolution, data.run.workers)
        residues = residues_of(model_of(data))
        correlations = compare_in_real_space(data, calculated, spectra.resolution, residues)
        included = atom_inclusion(data.map.volume, data.map.sampling, data.map.threshold,
                                  model_of(data))
        return _findings(data, spectra, correlations, residues, included)


@dataclass
class Spectra:
    """What the transforms of map and model tell.

    Attributes
    ----------
    resolution : float
        Å, at which the maps are to be compared: the reported one, else d_model.
    masked, unmasked : dict of str to float
        d99, d_model, d_model_b0, overall_b_factor, d_fsc_model_05, d_fsc_model_0143,
        d_fsc_model_0; None for an FSC that is never above its threshold.
    curves : dict of str to (numpy.ndarray, numpy.ndarray)
        Frequencies (1/Å) and FSC, "masked" and "unmasked".
    """

    resolution: float
    masked: dict
    unmasked: dict
    curves: dict


def compare_in_fourier_space(data):
    """FSC of map and model and the resolutions that follow, masked and not.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With a model.

    Returns
    -------
    Spectra

    Raises
    ------
    NotMeasured
        If no atom lies in the box of the map.
    """
    shape, sampling = data.map.volume.shape, data.map.sampling
    own = model_map.model_transform(model_of(data), shape, sampling, workers=data.run.workers)
    if not np.any(own):
        raise NotMeasured("No atom of the model lies in the box of the map.")
    bare = model_map.model_transform(model_of(data), shape, sampling, 0.0, data.run.workers)
    transform = fft.rfftn(data.map.volume, workers=data.run.workers)
    unmasked, curve = _resolutions(transform, own, bare, shape, sampling)
    resolution = data.reported.resolution or unmasked["d_model"]
    transform = fft.rfftn(data.map.volume * soft_model_mask(data, resolution),
                          workers=data.run.workers)
    masked, masked_curve = _resolutions(transform, own, bare, shape, sampling)
    return Spectra(resolution, masked, unmasked, {"masked": masked_curve, "unmasked": curve})


def soft_model_mask(data, resolution):
    """Mask around the model whose borders and width grow with the resolution.

    Radii of the atoms are larger by twice the resolution, which is also the deviation of
    the Gaussian that softens the mask.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With a model.
    resolution : float
        Å.

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        0 to 1.
    """
    width = _SOFT * resolution
    mask = model_map.model_mask(model_of(data), data.map.volume.shape, data.map.sampling, width)
    return ndimage.gaussian_filter(mask.astype(np.float32), width / data.map.sampling,
                                   mode="nearest")


def _resolutions(transform, own, bare, shape, sampling):
    """Resolutions by name, and the FSC with its frequencies."""
    shells = model_agreement.thin_shells(transform, own, shape, sampling)
    frequencies, curve = model_agreement.shell_curve(shells, shape, sampling)
    # Shells before have so few coefficients that chance decides.
    start = fsc.first_telling_shell(fourier.shell_counts(shape))
    crossings = {name: fsc.first_crossing(frequencies, curve, threshold, start)
                 for threshold, name in _THRESHOLDS}
    found = {"d_fsc_model_" + name: crossing.resolution for name, crossing in crossings.items()}
    bare_shells = model_agreement.thin_shells(transform, bare, shape, sampling)
    highest = crossings["0"].frequency or frequencies[-1]
    b_factor = model_agreement.overall_b_factor(bare_shells, highest)
    found.update(
        d99=model_agreement.d99(shells), overall_b_factor=b_factor,
        d_model=model_agreement.best_cut_off(bare_shells, b_factor, highest),
        d_model_b0=model_agreement.best_cut_off(bare_shells, 0.0))
    return found, (frequencies, curve)


@dataclass
class Correlations:
    """Correlations of the map with that of the model, NaN where there is none.

    Attributes
    ----------
    overall : dict of str to float
        Of the whole model.
    chains : dict of str to float
    residues : numpy.ndarray of float64, (residues,)
    radius : float
        Å around an atom within which voxels belong to it.
    """

    overall: dict
    chains: dict
    residues: np.ndarray
    radius: float


def compare_in_real_space(data, calculated, resolution, residues):
    """Correlations of the map with the map of the model.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With a model.
    calculated : numpy.ndarray of float32, (z, y, x)
        Map of the model.
    resolution : float
        Å.
    residues : Residues
        Of the model.

    Returns
    -------
    Correlations
    """
    positions = atom_positions(model_of(data))
    atoms = [site.atom for site in model_of(data)[0].all()]
    mean_b = float(np.mean([atom.b_iso for atom in atoms]))
    radius = max(resolution, model_map.image_radius(resolution, max(mean_b, 0.0)))
    radius = float(np.clip(radius, *_RADII))

    def around(chosen):
        return _around(positions[chosen], radius, data, calculated)

    main = _main_chain(model_of(data))
    overall = _five_kinds(data, calculated)
    overall.update(cc_main_chain=around(main), cc_side_chain=around(~main))
    chains = np.array(residues.chains)[residues.of_atom]
    starts = np.flatnonzero(np.diff(residues.of_atom, prepend=-1))
    of_residues = np.full(len(residues.names), np.nan)
    for index, own in zip(residues.of_atom[starts], np.split(positions, starts[1:])):
        of_residues[index] = _around(own, radius, data, calculated)
    return Correlations(overall, {name: around(chains == name)
                                  for name in dict.fromkeys(residues.chains)},
                        of_residues, radius)


def atom_inclusion(volume, sampling, threshold, structure):
    """Which atoms lie in density at or above the contour.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    threshold : float
    structure : gemmi.Structure

    Returns
    -------
    numpy.ndarray of float64, (atoms,)
        1 or 0, by linear interpolation of the map, 0 outside the box; NaN for hydrogens.
    """
    values = values_at(volume, sampling, atom_positions(structure), -np.inf)
    included = (values >= threshold).astype(float)
    included[[site.atom.is_hydrogen() for site in structure[0].all()]] = np.nan
    return included


def model_mass(structure):
    """Mass of the residues of a model, with hydrogens and what is not modelled of them, in kDa.

    Parameters
    ----------
    structure : gemmi.Structure
        Water does not count, and of alternatives the first one does.

    Returns
    -------
    float
        0 where no residue is known.
    """
    mass = 0.0
    for chain in structure[0]:
        for residue in chain.first_conformer():
            kind = gemmi.find_tabulated_residue(residue.name)
            if kind.found() and not kind.is_water():
                mass += kind.weight - _WATER * (kind.is_amino_acid() or kind.is_nucleic_acid())
    return mass / 1000


def inclusion_curve(volume, sampling, thresholds, structure):
    """Fractions of the atoms, and of those of the backbone, within each of many contours.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    thresholds : numpy.ndarray, (n,)
        Increasing.
    structure : gemmi.Structure

    Returns
    -------
    all_atoms, backbone : numpy.ndarray of float64, (n,)
        Without hydrogens; NaN where there is no such atom.
    """
    values = values_at(volume, sampling, atom_positions(structure), -np.inf)
    heavy = ~np.array([site.atom.is_hydrogen() for site in structure[0].all()], bool)
    found = []
    for chosen in (heavy, heavy & _backbone(structure)):
        own = np.sort(values[chosen])
        below = np.searchsorted(own, thresholds)  # those exactly at the contour are within
        found.append(1 - below / len(own) if len(own) else np.full(len(thresholds), np.nan))
    return tuple(found)


def _inclusion_plot(data):
    thresholds = np.linspace(0, float(data.map.volume.max()), _CONTOURS)
    curves = inclusion_curve(data.map.volume, data.map.sampling, thresholds, model_of(data))
    return Plot("Atom inclusion: fraction of the atoms, without hydrogens, in density at or above "
                "the contour. At a contour that shows the macromolecule, nearly all of the "
                "backbone is within it.",
                "Fraction of the atoms within the contour, falling as the contour rises.",
                "Contour (density, arbitrary units)", "Fraction within",
                [Series(name, thresholds, curve, style) for name, curve, style in zip(
                    ("all atoms", "backbone"), curves, ("line", "dashed"))],
                marks=[Mark(data.map.threshold, "threshold, %.4g" % data.map.threshold)])


def _five_kinds(data, calculated):
    mask = model_map.model_mask(model_of(data), data.map.volume.shape, data.map.sampling)
    size = int(np.count_nonzero(mask))
    found = {"cc_mask": _correlation(data.map.volume, calculated, mask),
             "cc_box": _correlation(data.map.volume, calculated)}
    np.greater_equal(calculated, _highest(calculated, size), out=mask)
    found["cc_volume"] = _correlation(data.map.volume, calculated, mask)
    mask |= data.map.volume >= _highest(data.map.volume, size)
    found["cc_peaks"] = _correlation(data.map.volume, calculated, mask)
    return found


def _highest(volume, count):
    """Value that the voxel after the highest ones, so many, has."""
    place = max(volume.size - count - 1, 0)
    return np.partition(volume.ravel(), place)[place]


def _correlation(one, other, mask=None):
    """Pearson correlation over a mask, plane by plane; NaN where there is no voxel."""
    sums = np.zeros(6)
    for z in range(len(one)):
        chosen = slice(None) if mask is None else mask[z]
        a, b = one[z][chosen].ravel().astype(float), other[z][chosen].ravel().astype(float)
        sums += a.size, a.sum(), b.sum(), a @ a, b @ b, a @ b
    return _pearson(*sums)


def _around(positions, radius, data, calculated):
    """Correlation within a radius of some atoms; NaN where they are outside the box."""
    if len(positions) == 0:
        return np.nan
    region, inside = model_map.spheres(positions, radius, data.map.volume.shape, data.map.sampling)
    a, b = (volume[region][inside].astype(float) for volume in (data.map.volume, calculated))
    return _pearson(a.size, a.sum(), b.sum(), a @ a, b @ b, a @ b)


def _pearson(count, sum_a, sum_b, square_a, square_b, product):
    """Correlation from sums; 0 where a map does not vary: it supports nothing there."""
    if count == 0:
        return np.nan
    spread_a, spread_b = (square - total ** 2 / count for square, total in (
        (square_a, sum_a), (square_b, sum_b)))
    # What rounding leaves of a constant map is no variation.
    if spread_a <= 1e-9 * square_a or spread_b <= 1e-9 * square_b:
        return 0.0
    return float((product - sum_a * sum_b / count) / np.sqrt(spread_a * spread_b))


def _main_chain(structure):
    return np.array([_is_amino_acid(site.residue) and site.atom.name in _MAIN_CHAIN
                     for site in structure[0].all()], bool)


def _backbone(structure):
    return np.array([site.atom.name in (_PROTEIN_BACKBONE if _is_amino_acid(site.residue)
                                        else _NUCLEIC_BACKBONE)
                     and _is_polymer(site.residue) for site in structure[0].all()], bool)


def _is_amino_acid(residue):
    return gemmi.find_tabulated_residue(residue.name).is_amino_acid()


def _is_polymer(residue):
    return (_is_amino_acid(residue)
            or gemmi.find_tabulated_residue(residue.name).is_nucleic_acid())


def _findings(data, spectra, correlations, residues, included):
    metrics = _metrics(data, spectra, correlations, included)
    water = np.array([residue.is_water() for chain in model_of(data)[0] for residue in chain], bool)
    without_water = np.where(water, np.nan, correlations.residues)
    known = without_water[np.isfinite(without_water)]
    metrics["bad_residue_percentage"] = 100 * np.mean(known < _BAD) if known.size else None
    metrics.update(_beside_archive(metrics["atom_inclusion"], known, data.reported.resolution))
    of_residues = residues.values(
        "residue_cc", "Correlation of map and model around the residue", "", without_water)
    inclusion = residues.values(
        "residue_inclusion", "Fraction of the atoms of the residue within the contour", "",
        np.where(water, np.nan, residues.mean(included)))
    content = [_method(data, spectra, correlations), _correlation_table(metrics),
               _chain_table(correlations, residues, included), _resolution_table(spectra),
               _curve_plot(data, spectra), _inclusion_plot(data)]
    if known.size:
        content += residue_figures(residues, of_residues, "Correlation", "low", ("limit", _BAD))
    frequencies, curve = spectra.curves["masked"]
    return Findings(metrics, content, [
        of_residues, inclusion,
        Curve("map_model_fsc", "FSC of the %s and the model" % _MASKED, frequencies, curve),
        AtomValues("residue_cc", correlations.residues[residues.of_atom],
                   "Correlation of map and model around the residue", "Correlation")])


def _metrics(data, spectra, correlations, included):
    metrics = dict(correlations.overall, **spectra.masked)
    metrics.update({"unmasked_" + name: value for name, value in spectra.unmasked.items()})
    placement = data.shared(PLACED_MODEL).placement
    metrics.update(fit=verdict(placement), fit_margin=placement.margin,
                   fit_gain=None if placement.problem else placement.gain)
    metrics.update(_magnification(data, placement, spectra.resolution))
    mass = model_mass(model_of(data))
    metrics.update(model_mass=mass, enclosed_mass_ratio=(
        enclosed_mass(data.map) / mass if mass and data.map.mass is None else None))
    metrics["reported_ratio"] = reported_ratio(data, spectra.masked["d_fsc_model_05"])
    metrics["comparison_resolution"] = spectra.resolution
    metrics["atom_radius"] = correlations.radius
    backbone = included[_backbone(model_of(data))]
    for name, values in (("atom_inclusion", included), ("backbone_inclusion", backbone)):
        known = values[np.isfinite(values)]
        metrics[name] = known.mean() if known.size else None
    return metrics


def _beside_archive(included, correlations, resolution):
    """Atom inclusion and mean correlation of the residues, compared with the archive's."""
    mean = correlations.mean() if correlations.size else None
    metrics = {"mean_residue_correlation": mean}
    for name, kind, value in (("atom_inclusion", "atom_inclusion", included),
                              ("mean_residue_correlation", "residue_correlation", mean)):
        metrics[name + "_archive"] = percentiles_at(kind, resolution)
        metrics[name + "_percentile"] = percentile_of(kind, value, resolution)
    return metrics


def _magnification(data, placement, resolution):
    if placement.problem or resolution > _MAGNIFIED_UP_TO:
        return {}
    found = magnification(data.map.volume, data.map.sampling, model_of(data), resolution,
                          data.run.seed, data.run.workers)
    if found is None:
        return {}
    growth, error = 100 * found.growth, 100 * found.error
    return {"magnification": growth, "magnification_error": error,
            "magnification_certain": max(abs(growth) - 3 * error, 0.0)}


def _method(data, spectra, correlations):
    source = ("the reported resolution" if data.reported.resolution else
              "as none was reported, that at which the model is most like the map")
    outside = int(np.count_nonzero(np.isnan(correlations.residues)))
    text = ("Correlations are at %.2f Å, %s; voxels within %.1f Å of an atom belong to it."
            % (spectra.resolution, source, correlations.radius))
    if outside:
        text += " %d residue%s outside the box of the map and not counted." % (
            outside, " lies" if outside == 1 else "s lie")
    return Paragraph(text)


def _correlation_table(metrics):
    rows = [["Correlation " + where, _shown(metrics[name], 3)] for name, where in _KINDS]
    rows += [["Residues with a correlation below %g (%%)" % _BAD,
              _shown(metrics["bad_residue_percentage"], 1, _MOST_BAD)],
             ["Fraction of the atoms within the contour",
              _shown(metrics["atom_inclusion"], 3, _LEAST_INCLUDED)],
             ["Percentile of that in the archive", _shown(metrics["atom_inclusion_percentile"], 0)],
             ["Mean correlation of the residues", _shown(metrics["mean_residue_correlation"], 3)],
             ["Percentile of that in the archive",
              _shown(metrics["mean_residue_correlation_percentile"], 0)],
             ["Fraction of the backbone atoms within the contour",
              _shown(metrics["backbone_inclusion"], 3)],
             ["Mass of the model (kDa), a lower bound of the specimen's",
              _shown(metrics["model_mass"], 1)],
             ["Mass that the contour encloses over that of the model",
              _shown(metrics["enclosed_mass_ratio"], 2, _MOST_ENCLOSED)]]
    if "magnification" in metrics:
        rows.append(["Magnification at which it fits best (%)", "%+.2f ± %.2f" % (
            metrics["magnification"], metrics["magnification_error"])])
    return Table(["Measure", "Value"], rows, "Agreement of model and map.")


def _chain_table(correlations, residues, included):
    chains = np.array(residues.chains)[residues.of_atom]
    rows = []
    for name, value in correlations.chains.items():
        own = included[chains == name]
        own = own[np.isfinite(own)]
        rows.append([name, str(residues.chains.count(name)), _shown(value, 3),
                     _shown(own.mean() if own.size else None, 3)])
    return Table(["Chain", "Residues", "Correlation", "Atoms within the contour"], rows,
                 "Agreement of the chains with the map.")


def _resolution_table(spectra):
    names = (("d99", "d99 (Å)", 2), ("d_model", "d_model (Å)", 2),
             ("d_model_b0", "d_model at B = 0 (Å)", 2), ("d_fsc_model_05", "FSC 0.5 (Å)", 2),
             ("d_fsc_model_0143", "FSC 0.143 (Å)", 2), ("d_fsc_model_0", "FSC 0 (Å)", 2),
             ("overall_b_factor", "Overall B factor (Å²)", 0))
    return Table(["Measure", "Masked", "Unmasked"],
                 [[label, _shown(spectra.masked[name], digits),
                   _shown(spectra.unmasked[name], digits)] for name, label, digits in names],
                 "Resolutions from the comparison with the model, with and without a soft mask "
                 "around it.")


def _curve_plot(data, spectra):
    series = [Series(name, *(values[1:] for values in spectra.curves[name]), style)
              for name, style in (("masked", "line"), ("unmasked", "dashed"))]
    marks = [Mark(1 / data.reported.resolution, "reported")] if data.reported.resolution else []
    ends = np.array([0, series[0].x[-1]])
    series.append(Series("0.5", ends, np.full(2, 0.5), "dashed"))
    return Plot("Fourier shell correlation of map and model.",
                "Correlation of map and model against spatial frequency, with and without a mask.",
                "Spatial frequency (1/Å)", "FSC", series, marks=marks)


def _shown(value, digits, *bounds):
    return ("–" if value is None or not np.isfinite(value)
            else judged(value, ".%df" % digits, *bounds))
