"""A.d: do the amplitudes of the map fall off like those of the model?"""

import numpy as np
from scipy import fft

from vrs.checks import Check, Criterion, Findings, NotMeasured, Quantity, register, resolution
from vrs.checks.level_A.placement import FITTING_MODEL, PLACED_MODEL, model_of
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.numerics import fourier, fsc, guinier, model_map
from vrs.results import Plot, Series, Table, plain

_COARSEST = 10.0
# The bump that the backbone of proteins and nucleic acids makes lies at 4 to 5 Å.
_BUMP = 5.0
_FEWEST = 8
_LEAST = 0.5


@register
class MapModelGuinier(Check):
    """Correlation of the Guinier profiles of the map and of the model's map."""

    id = "A.d"
    title = "Map-model Guinier"
    requires = (MAP, MODEL, resolution(), FITTING_MODEL)
    uses = (PLACED_MODEL,)
    explanation = (
        "The Guinier profile is the logarithm of the mean amplitude against the square of the "
        "spatial frequency. Those of the map and of a map calculated from the model are compared "
        "up to the reported resolution. As both fall off, they correlate even if the model is "
        "wrong. More telling is what remains between 10 Å and the reported resolution when the "
        "linear fall-off is taken away: the profile of a macromolecule has bumps where its "
        "secondary structure repeats, which atoms at random places do not have. This needs a "
        "resolution of 5 Å or better. A profile has no phases: it cannot show where the model "
        "lies, or distinguish one protein from another with a similar fold. The difference of the "
        "B factors says how much faster the map falls off than the model's map: a large one means "
        "that the B factors of the model or the sharpening of the map are not what they should be.")
    quantities = (
        Quantity("correlation", "", "Correlation of the Guinier profiles of map and model"),
        Quantity("delta_b", "Å²",
                 "B factor of the map minus that of the model's map; negative where the map falls "
                 "off faster"),
        Quantity("detrended_correlation", "",
                 "The same between 10 Å and the reported resolution, without linear fall-off; no "
                 "value for resolutions worse than 5 Å"),
        Quantity("map_b_factor", "Å²", "B factor of the fall-off of the map"),
        Quantity("model_b_factor", "Å²", "B factor of the fall-off of the model's map"),
    )
    references = ("Rosenthal2003",)
    criteria = (
        Criterion(name="correlation", subject="the correlation of the Guinier profiles",
                  relation=">=", bound=_LEAST,
                  warning="The correlation of the Guinier profiles of map and model is only "
                  "{value:.2f} (at least {bound} expected): the amplitudes of the map do not fall "
                  "off like those of the model. Check sharpening and filtering of the map."),
        Criterion(name="detrended_correlation",
                  subject="the correlation of the Guinier profiles without their fall-off, at 5 Å "
                  "or better,", relation=">=", bound=_LEAST,
                  warning="Without their fall-off, the correlation of the Guinier profiles of map "
                  "and model is only {value:.2f} (at least {bound} expected): the map lacks the "
                  "bumps that the model gives, or the model is not a macromolecule. Check the "
                  "reported resolution and the model.", service=()),
    )
    summary_ok = "The amplitudes of the map are those expected from the model."
    summary_warnings = "The amplitudes of the map are not those expected from the model."

    def compute(self, data):
        x, of_map, of_model = profiles(data)
        used = _range(x, of_map, of_model, _first(data), data.reported.resolution)
        if np.count_nonzero(used) < _FEWEST:
            raise NotMeasured(
                "Only %d Fourier shells with signal lie up to the reported resolution; at least "
                "%d are needed." % (np.count_nonzero(used), _FEWEST))
        metrics = plain({
            "correlation": np.corrcoef(of_map[used], of_model[used])[0, 1],
            "detrended_correlation": detrended_correlation(x, of_map, of_model,
                                                           data.reported.resolution)})
        metrics.update(_b_factors(x, of_map, of_model, data.reported.resolution))
        return Findings(metrics, [_table(metrics), _plot(x, of_map, of_model, used)])


def profiles(data):
    """Guinier profiles of the map and of the density of its model.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With a model.

    Returns
    -------
    x, of_map, of_model : numpy.ndarray of float64, (shells,)
        As of :func:`vrs.numerics.guinier.guinier_profile`.
    """
    shape, sampling = data.map.volume.shape, data.map.sampling
    own = model_map.model_transform(model_of(data), shape, sampling, workers=data.run.workers)
    of_model = guinier.guinier_profile(own, shape, sampling)[1]
    del own
    x, of_map = guinier.guinier_profile(fft.rfftn(data.map.volume, workers=data.run.workers), shape,
                                        sampling)
    return x, of_map, of_model


def detrended_correlation(x, of_map, of_model, resolution):
    """Correlation of two Guinier profiles between 10 Å and a resolution, without their lines.

    Parameters
    ----------
    x, of_map, of_model : numpy.ndarray of float64, (shells,)
        From :func:`profiles`.
    resolution : float
        Å.

    Returns
    -------
    float or None
        None for resolutions worse than 5 Å and for fewer than eight shells.
    """
    used = _range(x, of_map, of_model, 1 / _COARSEST ** 2, resolution)
    if resolution > _BUMP or np.count_nonzero(used) < _FEWEST:
        return None
    lines = np.stack([x[used], np.ones(np.count_nonzero(used))], axis=1)
    rest = [y[used] - lines @ np.linalg.lstsq(lines, y[used], rcond=None)[0]
            for y in (of_map, of_model)]
    return np.corrcoef(*rest)[0, 1]


def _range(x, of_map, of_model, first, resolution):
    margin = 1e-9  # shells at the very ends belong to the range, whatever the rounding
    return ((x >= (1 - margin) * first) & (x <= (1 + margin) / resolution ** 2)
            & np.isfinite(of_map) & np.isfinite(of_model))


def _first(data):
    """Squared frequency (1/Å²) of the first shell with enough coefficients for a mean."""
    shape = data.map.volume.shape
    shell = fsc.first_telling_shell(fourier.shell_counts(shape))
    return fourier.shell_frequencies(shape, data.map.sampling)[shell] ** 2


def _b_factors(x, of_map, of_model, resolution):
    values = []
    for y in (of_map, of_model):
        try:
            values.append(guinier.fit_guinier(x, y, resolution).b_factor)
        except ValueError:  # too few shells: the resolution is about 15 Å or worse
            values.append(None)
    difference = None if None in values else values[0] - values[1]
    return plain({"map_b_factor": values[0],
            "model_b_factor": values[1],
            "delta_b": difference})


def _table(metrics):
    rows = (("Correlation", "correlation", "%.3f"),
            ("Correlation from 10 Å on, without fall-off", "detrended_correlation", "%.3f"),
            ("B factor of the map (Å²)", "map_b_factor", "%.1f"),
            ("B factor of the model's map (Å²)", "model_b_factor", "%.1f"),
            ("Difference ΔB (Å²)", "delta_b", "%.1f"))
    return Table(["Measure", "Value"],
                 [[label, "–" if metrics[name] is None else form % metrics[name]]
                  for label, name, form in rows],
                 "Agreement of the Guinier profiles of map and model.")


def _plot(x, of_map, of_model, used):
    # Grey values of maps are arbitrary: the model's profile is brought to the map's level.
    shift = np.mean(of_map[used]) - np.mean(of_model[used])
    return Plot("Guinier profiles of the map and of the map of the model, scaled to the same mean.",
                "Logarithm of the mean amplitudes of map and model against squared frequency.",
                "1/d² (1/Å²)", "ln of the mean amplitude",
                [Series("map", x[used], of_map[used]),
                 Series("model", x[used], of_model[used] + shift, "dashed")])
