"""The description of the input that opens a report."""

from vrs.checks.content import Paragraph, Surface
from vrs.checks.results import InputReport
from vrs.checks.sections import central_slices, maximum_variance_slices, projections


def describe_input(data, file_name, sha256, notes=(), mask_file_name="", mask_sha256=""):
    """Describe a map and the masks made from it.

    Parameters
    ----------
    data : ValidationInput
    file_name, sha256 : str
        The map's file as the user knows it.
    notes : iterable of Note
        Findings of the reader.
    mask_file_name, mask_sha256 : str
        The user's own mask, if there is one.

    Returns
    -------
    report : InputReport
        Its isosurface refers to a file named ``"map"``, which the caller adds to
        ``files`` with those of the volumes.
    volumes : dict of str to (numpy.ndarray, str)
        ``"hard_mask"`` (bool) and ``"soft_mask"`` (float32) to be stored, with
        descriptions.
    """
    report = InputReport(
        file_name=file_name, sha256=sha256, shape=list(data.box), sampling=float(data.sampling),
        threshold=float(data.threshold), resolution=data.resolution,
        mask_file_name=mask_file_name, mask_sha256=mask_sha256, notes=list(notes),
        content=_map_content(data) + _mask_content(data))
    return report, {
        "hard_mask": (data.hard_mask, "Mask with hard borders"),
        "soft_mask": (data.soft_mask, "Mask with soft borders"),
    }


def _map_content(data):
    volume, sampling = data.volume, data.sampling
    return [
        Paragraph("In sections of a sound map the noise around the macromolecule has no structure: "
                  "no streaks, no rings, no isolated bright or dark spots."),
        central_slices(volume, sampling, "Central slices of the map.",
                       "Three sections through the centre of the box, along X, Y and Z."),
        maximum_variance_slices(volume, sampling, "Slices of maximum variance of the map.",
                                "The section of largest variance along each of X, Y and Z."),
        Paragraph("Streaks in the projections speak for directions that weigh too much, and dark "
                  "halos around or within the macromolecule for a wrong correction of the CTF or "
                  "a biased reconstruction."),
        projections(volume, sampling, "Projections of the map.",
                    "The map summed up along X, Y and Z."),
        Paragraph("The isosurface joins all points at the threshold. Specks around the "
                  "macromolecule or a ragged surface mean noise at this level."),
        Surface(caption="Isosurface of the map at threshold %g." % data.threshold,
                alt="The surface of the map at the threshold, seen along X, Y and Z.",
                volume="map", level=float(data.threshold)),
    ]


def _mask_content(data):
    if data.mask is None:
        origin = ("The mask with hard borders holds the voxels at or above the threshold, of these "
                  "the largest connected component, dilated by 2 Å.")
    else:
        origin = ("The mask with hard borders is the one that the user gave. It takes the place of "
                  "the constructed mask in every item but 0.b.")
    return [
        Paragraph(origin),
        maximum_variance_slices(
            data.hard_mask, data.sampling, "Mask with hard borders, slices of maximum variance.",
            "The section of largest variance of the mask along each of X, Y and Z.", "mask"),
        Paragraph("The mask with soft borders is the same one convolved with a Gaussian, so that "
                  "it falls from 1 to 0 within a few voxels."),
        maximum_variance_slices(
            data.soft_mask, data.sampling, "Mask with soft borders, slices of maximum variance.",
            "The section of largest variance of the soft mask along each of X, Y and Z.", "mask"),
    ]
