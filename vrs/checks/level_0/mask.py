"""0.b: does the threshold select one connected macromolecule?"""

import numpy as np

from vrs.checks import (Check, Criterion, Findings, Mark, Metric, Paragraph, Plot, Series, Table,
                        register)
from vrs.checks.references import VALIDATION_LEVELS
from vrs.checks.sections import maximum_variance_slices
from vrs.numerics.masks import label_components

# Volume of protein per mass, and mean mass of a residue.
_VOLUME_PER_KDA = 1207.0
_KDA_PER_RESIDUE = 0.110
_MASS_FRACTION = 0.95
_LISTED_COMPONENTS = 100


@register
class MaskAnalysis(Check):
    """Connected components of the thresholded map; mass at many thresholds."""

    id = "0.b"
    title = "Mask analysis"
    needs = "map, threshold"
    explanation = (
        "At a good threshold nearly all voxels of the map belong to one connected body, and what "
        "remains are tiny specks of noise. The raw mask holds the voxels at or above the "
        "threshold. The constructed mask is its largest connected component, dilated by 2 Å; it "
        "should contain most of the raw mask. The overlap is the part of the raw mask that the "
        "constructed one contains, from 0 to 1. The molecular mass that a threshold encloses is "
        "its volume divided by 1.207 Å³ per dalton, at 110 Da per residue; compared with the mass "
        "of the specimen it tells whether the threshold is sensible.")
    references = (VALIDATION_LEVELS,)
    criteria = (
        Criterion("components_95", "components_95",
                  "the number of connected components that hold 95 % of the raw mask", "<=", 5,
                  "It takes {value} connected components to hold 95 % of the raw mask (at most "
                  "{bound}); at this threshold the map falls apart, where a lower one may keep it "
                  "together, or noise is taken in, where a higher one may leave it out."),
        Criterion("remaining_mean_volume", "remaining_mean_volume",
                  "the mean volume of the remaining components", "<", 5.0,
                  "The components beyond those that hold 95 % of the raw mask have a mean volume "
                  "of {value:.1f} Å³ (below {bound} Å³ expected); there may be noise or artefacts "
                  "at this threshold.",
                  "Å³"),
        Criterion("overlap", "overlap", "the overlap of raw and constructed mask", ">", 0.75,
                  "The constructed mask contains only {value:.2f} of the raw mask (more than "
                  "{bound} expected)."),
    )
    summary_ok = "The threshold selects one connected body."
    summary_warnings = "There may be a problem with the threshold: the mask is not one clean body."

    def compute(self, data):
        raw, constructed = data.raw_mask, data.constructed_mask
        sizes = np.sort(label_components(raw)[1])[::-1]
        metrics = component_metrics(sizes, data.sampling ** 3)
        n_constructed = np.count_nonzero(constructed)
        metrics.update(
            constructed_voxels=Metric(n_constructed, "voxels", "Size of the constructed mask"),
            constructed_volume=Metric(n_constructed * data.sampling ** 3, "Å³",
                                      "Volume of the constructed mask"),
            overlap=Metric(np.count_nonzero(raw & constructed) / sizes.sum(), "",
                           "Part of the raw mask that the constructed mask contains"))
        masses = mass_table(data.volume, data.sampling)
        content = [
            _components_table(sizes, metrics["components_95"].value, data.sampling ** 3),
            _remaining_paragraph(sizes, metrics),
            maximum_variance_slices(
                raw, data.sampling, "Slices of maximum variance of the raw mask.",
                "Three sections of the thresholded map, along X, Y and Z.", "mask"),
            _mass_plot(masses, data.threshold), _mass_table(masses)]
        return Findings(metrics, content)


def component_metrics(sizes, voxel_volume):
    """Metrics of the connected components of a mask.

    Parameters
    ----------
    sizes : numpy.ndarray of int, (components,)
        Voxels of each, largest first.
    voxel_volume : float
        Å³.

    Returns
    -------
    dict of str to Metric
    """
    total = int(sizes.sum())
    needed = int(np.searchsorted(np.cumsum(sizes), _MASS_FRACTION * total)) + 1
    rest = sizes[needed:]
    mean_rest = rest.mean() if rest.size else None
    return {
        "components": Metric(sizes.size, "", "26-connected components of the raw mask"),
        "raw_voxels": Metric(total, "voxels", "Size of the raw mask"),
        "raw_volume": Metric(total * voxel_volume, "Å³", "Volume of the raw mask"),
        "components_95": Metric(needed, "", "Components, largest first, that hold 95 % of the raw "
                                "mask"),
        "remaining_mean_voxels": Metric(mean_rest, "voxels", "Mean size of the remaining "
                                        "components"),
        "remaining_mean_volume": Metric(None if mean_rest is None else mean_rest * voxel_volume,
                                        "Å³", "Mean volume of the remaining components"),
    }


def mass_table(volume, sampling, rows=24):
    """Mass enclosed by thresholds between zero and the maximum of the map.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    rows : int
        The thresholds are k·maximum/(rows + 1) for k = 1 to rows.

    Returns
    -------
    list of (float, int, float, float)
        Threshold, voxels above it, mass in kDa, number of residues.
    """
    maximum = float(volume.max())
    table = []
    for k in range(1, rows + 1):
        threshold = k * maximum / (rows + 1)
        voxels = int(np.count_nonzero(volume > threshold))
        table.append((threshold, voxels) + mass_of(voxels, sampling))
    return table


def mass_of(voxels, sampling):
    """Protein mass that fills a number of voxels.

    Parameters
    ----------
    voxels : int
    sampling : float
        Å/voxel.

    Returns
    -------
    mass : float
        kDa: volume / (1207 Å³/kDa).
    residues : float
        At 110 Da each.
    """
    mass = voxels * sampling ** 3 / _VOLUME_PER_KDA
    return mass, mass / _KDA_PER_RESIDUE


def _components_table(sizes, needed, voxel_volume):
    shown = sizes[:min(needed, _LISTED_COMPONENTS)]
    percentages = 100 * shown / sizes.sum()
    rows = [["%d" % size, "%.2f" % (size * voxel_volume), "%.2f" % part, "%.2f" % cumulated]
            for size, part, cumulated in zip(shown, percentages, np.cumsum(percentages))]
    return Table(["Voxels", "Volume (Å³)", "Part (%)", "Cumulated (%)"], rows,
                 "Connected components of the raw mask, largest first, up to 95 %% of it or %d "
                 "components." % _LISTED_COMPONENTS)


def _remaining_paragraph(sizes, metrics):
    needed = metrics["components_95"].value
    rest = sizes[needed:]
    if rest.size == 0:
        return Paragraph("No component remains beyond these.")
    return Paragraph(
        "The mean size of the %d remaining components is %.2f voxels (%.2f Å³); they have %d to "
        "%d voxels." % (rest.size, metrics["remaining_mean_voxels"].value,
                        metrics["remaining_mean_volume"].value, rest[-1], rest[0]))


def _mass_plot(masses, threshold):
    thresholds, _, kilodaltons, _ = (np.array(column) for column in zip(*masses))
    return Plot(
        caption="Mass enclosed at different thresholds; the line marks the one in use.",
        alt="Curve of the enclosed molecular mass, falling as the threshold rises.",
        x_label="Threshold", y_label="Enclosed mass (kDa)", log_y=True,
        series=[Series("Enclosed mass", thresholds, np.where(kilodaltons > 0, kilodaltons, np.nan),
                       "points")],
        marks=[Mark(threshold, "threshold")])


def _mass_table(masses):
    rows = [["%.4g" % threshold, "%d" % voxels, "%.2f" % mass, "%.0f" % residues]
            for threshold, voxels, mass, residues in masses]
    return Table(["Threshold", "Voxels", "Mass (kDa)", "Residues"], rows,
                 "Voxels above different thresholds, and the protein mass and number of residues "
                 "that this volume can hold.")
