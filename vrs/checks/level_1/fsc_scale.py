"""What the local methods find, on the scale of the Fourier shell correlation.

Each method has a threshold of its own, and all are coarser than a correlation of 0.143. What a
method gives in a sound map follows from the correlation of its half maps: a certain percentile
lies in a certain ratio to the resolution at which the FSC in the mask falls to 0.5. The distance
from there to 0.143 is that of the map's own FSC.
"""

from dataclasses import dataclass

import numpy as np

from vrs.checks.criteria import Criterion
from vrs.checks.estimates import reported_ratio
from vrs.checks.level_1.shell_curves import SHELL_CURVES
from vrs.checks.local import reported_criterion
from vrs.checks.quantities import Quantity
from vrs.numerics.fsc import FSC_THRESHOLD
from vrs.results import SERIOUS, Paragraph

_MIDDLE = 0.5


@dataclass(frozen=True)
class Scale:
    """How a method reads sound maps, from simulated ones of 2.5 to 8 Å.

    Attributes
    ----------
    percentile : float
        Of its local resolution.
    ratio : float
        Geometric mean, over sound maps, of this percentile to the resolution at which the FSC in
        the mask is 0.5, times that at 0.143 over the reported one.
    least : float
        Reported over calibrated resolution that sound maps exceed.
    severity : str
        Of the warning where a map does not.
    """

    percentile: float
    ratio: float
    least: float
    severity: str = SERIOUS

    @property
    def explanation(self):
        """How the reported resolution is judged, for the explanation of an item."""
        return ("To judge the reported resolution, percentile %g of the local resolution is "
                "converted to the scale of an FSC of 0.143, by its ratio in sound maps and by how "
                "steeply the FSC of these half maps falls." % self.percentile)

    def quantities(self):
        """What is measured: ``calibrated_resolution`` and ``calibrated_ratio``."""
        return (
            Quantity("calibrated_resolution", "Å",
                     "Resolution on the scale of FSC 0.143: percentile %g, times the resolution at "
                     "which the FSC in the mask is 0.143 over that at 0.5, divided by %.2f, what "
                     "sound maps give" % (self.percentile, self.ratio)),
            Quantity("calibrated_ratio", "",
                     "Reported resolution over that one; 0 when there is none"),
        )

    def metrics(self, data, values):
        """Values of these quantities.

        Parameters
        ----------
        data : vrs.inputs.Evidence
            With half maps.
        values : numpy.ndarray, (voxels,)
            Local resolution, Å.

        Returns
        -------
        dict of str to float or None
        """
        curves = data.shared(SHELL_CURVES)
        own, usual = (curves.within_mask(level).resolution for level in (_MIDDLE, FSC_THRESHOLD))
        found = None
        if len(values) and own and usual:
            found = float(np.percentile(values, self.percentile)) / self.ratio * usual / own
        return {"calibrated_resolution": found, "calibrated_ratio": reported_ratio(data, found)}

    def criterion(self, method, service=None):
        """Criterion that the reported resolution is not better than the calibrated one.

        Parameters
        ----------
        method : str
            In the middle of a sentence: "the local correlation".
        service : tuple of Criterion, optional
            By default what the service asks of a local resolution.

        Returns
        -------
        vrs.checks.Criterion
        """
        return Criterion(
            name="calibrated_ratio",
            subject="the reported resolution divided by that of %s, converted to the scale of the "
            "FSC," % method, relation=">=", bound=self.least,
            warning="The reported resolution may be overestimated: in Å, it is {value:.2f} times "
            "that of %s, converted to the scale of the FSC (at least {bound} times expected). "
            "Compare 1.a." % method, needs_resolution=True,
            warning_at_zero="Within the mask the half maps have no resolution with which that of "
            "%s could be compared, so nothing here supports the reported one. Check that the half "
            "maps belong to each other and to the map." % method,
            severity=self.severity,
            service=(reported_criterion(),) if service is None else service)


def calibrated_paragraph(metrics):
    """What the report says of the calibrated resolution."""
    if metrics["calibrated_resolution"] is None:
        return Paragraph("The half maps have no resolution at a correlation of 0.143 with which "
                         "that of this item could be compared.")
    return Paragraph("Converted to the scale of a Fourier shell correlation of 0.143, this is a "
                     "resolution of %.2f Å." % metrics["calibrated_resolution"])
