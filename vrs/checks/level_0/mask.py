"""0.b: does the threshold select one connected macromolecule?"""

import numpy as np

from vrs.checks import Check, Criterion, Findings, Quantity, register
from vrs.inputs.map import COVERED, MAP
from vrs.numerics.contour import VOLUME_PER_KDA
from vrs.numerics.masks import label_components
from vrs.numerics.statistics import skewness_and_kurtosis
from vrs.results import SERIOUS, Mark, Paragraph, Plot, Series, Table, plain
from vrs.results.sections import maximum_variance_slices
from vrs.results.wording import judged

# Mean mass of a residue.
_KDA_PER_RESIDUE = 0.110
_MASS_FRACTION = 0.95
# Of the raw mask.
_LARGE = 0.05
_LISTED_COMPONENTS = 100
# Of the small components, in units of the cube of the resolution. Specks of noise have about 0.1,
# parts of a flexible periphery that hang together only below the threshold 1.5 to 4.
_SMALL = 10.0
# Enclosed over real mass. Contours at which 80 % of the atoms are seen enclose 0.2 to 0.7 of the
# mass in maps of 2.5 to 4.5 Å, more at low resolution, and up to twice as much with a micelle.
_ENCLOSED = (0.1, 2.5)


# What the public validation service asks of the components and of the masks.
_SERVICE = (
    Criterion(name="components_95",
              subject="the number of connected components that hold 95 % of the raw mask",
              relation="<=", bound=5,
              warning="It takes {value} connected components to hold 95 % of the raw mask (at most "
              "{bound}); at this threshold the map falls apart (try a lower one), or noise is "
              "included (try a higher one)."),
    Criterion(name="remaining_mean_volume",
              subject="the mean volume of the remaining components", relation="<", bound=5.0,
              warning="The components beyond those that hold 95 % of the raw mask have a mean "
              "volume of {value:.1f} Å³ (below {bound} Å³ expected); there may be noise or "
              "artefacts at this threshold.", unit="Å³"),
    Criterion(name="overlap", subject="the overlap of raw and constructed mask", relation=">",
              bound=0.75,
              warning="The constructed mask contains only {value:.2f} of the raw mask (more than "
              "{bound} expected)."),
)


@register
class MaskAnalysis(Check):
    """Connected components of the thresholded map; mass at many thresholds."""

    id = "0.b"
    title = "Mask analysis"
    requires = (MAP,)
    explanation = (
        "At a good threshold most voxels of the map belong to one connected body, and what "
        "remains are specks of noise, smaller than what the resolution can show. The raw mask "
        "holds the voxels at or above the threshold. The constructed mask is its largest connected "
        "component, dilated by 2 Å; it should contain most of the raw mask. The overlap is the "
        "fraction of the raw mask that the constructed one contains, from 0 to 1. How many "
        "components hold 95 % of the raw mask depends on how many specks of noise rise above the "
        "threshold; what counts is how many large ones there are. The mass that a threshold "
        "encloses is its volume divided by 1.207 Å³ per dalton, at 110 Da per residue. Where the "
        "mass of the specimen was given, the comparison shows whether the threshold is sensible: a "
        "contour that shows most atoms of a detailed map encloses about half of the mass, because "
        "flexible parts and the space between atoms lie below it. A macromolecule fills a small "
        "part of its box and is denser than what surrounds it, so the densities have a long upper "
        "tail: their skewness is 1 to 10, and negative where the map is inverted.")
    quantities = (
        Quantity("components", "", "26-connected components of the raw mask"),
        Quantity("components_95", "", "Components, largest first, that hold 95 % of the raw mask"),
        Quantity("constructed_volume", "Å³", "Volume of the constructed mask"),
        Quantity("constructed_voxels", "voxels", "Size of the constructed mask"),
        Quantity("large_components", "", "Components that hold 5 % of the raw mask or more each"),
        Quantity("mass_ratio", "",
                 "Mass that the threshold encloses over the mass of the specimen; no value where "
                 "this was not given"),
        Quantity("overlap", "", "Fraction of the raw mask that the constructed mask contains"),
        Quantity("raw_percentage", "%", "Fraction of the box that the raw mask occupies"),
        Quantity("raw_volume", "Å³", "Volume of the raw mask"),
        Quantity("raw_voxels", "voxels", "Size of the raw mask"),
        Quantity("remaining_mean_volume", "Å³", "Mean volume of the remaining components"),
        Quantity("remaining_mean_voxels", "voxels", "Mean size of the remaining components"),
        Quantity("remaining_relative_volume", "R³", "Mean volume of the remaining components, "
                 "relative to the third power of the reported resolution"),
        Quantity("skewness", "", "Skewness of the densities of all voxels"),
    )
    references = ("Sorzano2022",)
    criteria = (
        Criterion(name="pieces", metric="large_components",
                  subject="the number of connected components that each hold at least 5 % of the "
                  "raw mask", relation="<=", bound=5,
                  warning="The map falls into {value} large pieces at this threshold (at most "
                  "{bound} expected). Lower the threshold if that joins them; if they are separate "
                  "bodies, give a mask of your own.", service=_SERVICE),
        Criterion(name="remaining", metric="remaining_relative_volume",
                  subject="the mean volume of the small components (those beyond 95 % of the raw "
                  "mask), divided by the cube of the reported resolution,", relation="<",
                  bound=_SMALL,
                  warning="The small components (those beyond 95 % of the raw mask) have a mean "
                  "volume of {value:.1f} times the cube of the reported resolution (below {bound} "
                  "expected), more than noise and loose ends of the macromolecule have: other "
                  "bodies, contaminants or artefacts show at this threshold. Look at the slices of "
                  "the raw mask.",
                  needs_resolution=True, service=()),
        Criterion(name="overlap",
                  subject="the fraction of the raw mask that the constructed mask contains",
                  relation=">", bound=COVERED,
                  warning="The constructed mask contains only {value:.2f} of the raw mask (more "
                  "than {bound} expected): noise is above the threshold, or the map falls apart. "
                  "Choose another threshold, or give a mask of your own.", service=()),
        Criterion(name="raw_percentage", subject="the fraction of the box that the raw mask "
                                                 "occupies",
                  relation="<", bound=50.0,
                  warning="The raw mask occupies {value:.0f} % of the box (below {bound} % "
                  "expected): the threshold is far too low and takes in the background, or the map "
                  "is inverted.", unit="%", severity=SERIOUS, service=()),
        Criterion(name="mass_ratio", subject="the enclosed mass divided by the mass of the "
                  "specimen, where this was given,", relation="within", bound=_ENCLOSED,
                  warning="The threshold encloses {value:.2f} times the mass of the specimen "
                  "(between {bound} expected). It is too high if it encloses too little, and too "
                  "low if it encloses too much; or the mass or the voxel size is wrong.",
                  severity=SERIOUS, service=()),
        Criterion(name="skewness", subject="the skewness of the densities", relation=">",
                  bound=-1.0,
                  warning="The density looks inverted: its strongest values lie below the "
                  "background (skewness {value:.1f}, above {bound} expected). Multiply the map by "
                  "-1; until then, items that expect a bright macromolecule mean nothing.",
                  severity=SERIOUS, service=()),
    )
    summary_ok = "The threshold selects one connected body."
    summary_warnings = "There may be a problem with the threshold or the sign of the map."

    def compute(self, data):
        raw, constructed = data.map.raw_mask, data.map.constructed_mask
        sizes = np.sort(label_components(raw)[1])[::-1]
        metrics = component_metrics(sizes, data.map.sampling ** 3)
        n_constructed = np.count_nonzero(constructed)
        metrics.update(
            constructed_voxels=n_constructed,
            constructed_volume=n_constructed * data.map.sampling ** 3,
            raw_percentage=100 * metrics["raw_voxels"] / raw.size,
            large_components=int(np.count_nonzero(sizes >= _LARGE * sizes.sum())),
            remaining_relative_volume=_relative(metrics["remaining_mean_volume"],
                                                data.reported.resolution),
            skewness=skewness_and_kurtosis(data.map.volume)[0],
            overlap=np.count_nonzero(raw & constructed) / sizes.sum(),
            mass_ratio=_mass_ratio(data.map))
        masses = mass_table(data.map.volume, data.map.sampling)
        content = [
            _components_table(sizes, metrics["components_95"], data.map.sampling ** 3),
            _remaining_paragraph(sizes, metrics),
            maximum_variance_slices(
                raw, data.map.sampling, "Slices of maximum variance of the raw mask.",
                "Three sections of the thresholded map, along X, Y and Z.", "mask"),
            _mass_paragraph(metrics, data.map), _mass_plot(masses, data.map), _mass_table(masses)]
        return Findings(metrics, content)


def _relative(volume, resolution):
    return volume / resolution ** 3 if volume is not None and resolution else None


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
    return plain({
        "components": sizes.size,
        "raw_voxels": total,
        "raw_volume": total * voxel_volume,
        "components_95": needed,
        "remaining_mean_voxels": mean_rest,
        "remaining_mean_volume": None if mean_rest is None else mean_rest * voxel_volume,
    })


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
    mass = voxels * sampling ** 3 / VOLUME_PER_KDA
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
    needed = metrics["components_95"]
    rest = sizes[needed:]
    if rest.size == 0:
        return Paragraph("No component remains beyond these.")
    return Paragraph(
        "The mean size of the %d remaining components is %.2f voxels (%.2f Å³); they have %d to "
        "%d voxels." % (rest.size, metrics["remaining_mean_voxels"],
                        metrics["remaining_mean_volume"], rest[-1], rest[0]))


def enclosed_mass(evidence):
    """Mass that the threshold encloses, were all of it protein, kDa.

    Parameters
    ----------
    evidence : vrs.inputs.map.MapEvidence
    """
    return mass_of(int(np.count_nonzero(evidence.raw_mask)), evidence.sampling)[0]


def _mass_ratio(evidence):
    return enclosed_mass(evidence) / evidence.mass if evidence.mass else None


def _mass_paragraph(metrics, evidence):
    text = "The threshold encloses %.4g kDa" % enclosed_mass(evidence)
    if evidence.mass is None:
        return Paragraph(text + "; the mass of the specimen was not given to compare with.")
    return Paragraph(text + ", %s times the %.4g kDa of the specimen that were given." % (
        judged(metrics["mass_ratio"], ".2f", *_ENCLOSED), evidence.mass))


def _mass_plot(masses, evidence):
    thresholds, _, kilodaltons, _ = (np.array(column) for column in zip(*masses))
    series = [Series("enclosed mass", thresholds, np.where(kilodaltons > 0, kilodaltons, np.nan),
                     "points")]
    if evidence.mass:
        series.append(Series("mass of the specimen", thresholds[[0, -1]],
                             np.full(2, evidence.mass), "dashed"))
    return Plot(
        caption="Mass enclosed at different thresholds; the line marks the one in use.",
        alt="Curve of the enclosed molecular mass, falling as the threshold rises.",
        x_label="Threshold", y_label="Enclosed mass (kDa)", log_y=True,
        series=series, marks=[Mark(evidence.threshold, "threshold")])


def _mass_table(masses):
    rows = [["%.4g" % threshold, "%d" % voxels, "%.2f" % mass, "%.0f" % residues]
            for threshold, voxels, mass, residues in masses]
    return Table(["Threshold", "Voxels", "Mass (kDa)", "Residues"], rows,
                 "Voxels above different thresholds, and the protein mass and number of residues "
                 "that this volume can hold.")
