"""The sets of the bench: sound ones, and faulty ones with one fault each."""

import fnmatch
import zlib
from dataclasses import dataclass
from typing import Tuple

from benchmarks.verdicts.faults import FAULTS
from benchmarks.verdicts.structures import STRUCTURES


class Declared:
    """What follows from the name, the structure and the fault of a set, among ``faults``."""

    faults = FAULTS

    @property
    def seed(self):
        """Seed of all that is random in it."""
        return zlib.crc32(self.name.encode())

    @property
    def part(self):
        """"setting" or "reporting"."""
        return STRUCTURES[self.structure].part

    @property
    def finds(self):
        """Who should notice its fault."""
        return self.faults[self.fault].finds if self.fault else ()


@dataclass(frozen=True)
class VerdictSet(Declared):
    """A set of which everything is known.

    Attributes
    ----------
    structure : str
        Key of ``structures.STRUCTURES``.
    resolution : float
        Å, where the FSC in the mask falls to 0.143, to within the noise of the FSC; what is
        reported of a sound set is what its half maps give.
    sampling : float
        Å/voxel.
    variant : str
        What is special of it, or its fault; a part of its name.
    fault : str
        Key of ``faults.FAULTS``; empty where it is sound.
    margin : float
        Å from the atoms to the sides of the box.
    box : int
        Voxels of the side, in place of the margin; 0 without.
    sharpening : str
        "usual", "none" or "over".
    views : str
        "uniform", "mild" (a third within 45° of an axis), "cone20", "cone35", "top", "side"
        or "edge".
    micelle, zeroed, focused : bool
        Detergent around the middle; solvent of the map set to zero; a half left blurred.
    overstated : float
        Factor of the reported resolution.
    other : str
        Structure of the other half maps, or of the other model.
    model : bool
        Whether a model is given.
    expected : tuple of str
        Items of which a minor warning is right though the set is sound.
    """

    structure: str
    resolution: float
    sampling: float
    variant: str = "plain"
    fault: str = ""
    margin: float = 25.0
    box: int = 0
    sharpening: str = "usual"
    views: str = "uniform"
    micelle: bool = False
    zeroed: bool = False
    focused: bool = False
    overstated: float = 1.0
    other: str = ""
    model: bool = True
    expected: Tuple[str, ...] = ()

    @property
    def name(self):
        """Structure, resolution and variant: "serpin-3.5-plain"."""
        return "%s-%g-%s" % (self.structure, self.resolution, self.variant)

    @property
    def levels(self):
        """The levels that are assessed: those that its fault, if it has one, concerns."""
        if self.fault:
            return FAULTS[self.fault].levels if self.model else "01"
        return "01A"

    # All items of its levels are computed.
    items = None


# Usual voxel sizes by resolution, Å.
_VOXELS = {2.5: 1.0, 3.0: 1.15, 3.5: 1.3, 4.0: 1.45, 4.5: 1.6, 5.0: 1.8, 6.0: 2.1, 7.0: 2.4,
           8.0: 2.6}


def _sound(structure, resolution, variant="plain", **options):
    return VerdictSet(structure, resolution, _VOXELS[resolution], variant, **options)


# The fall-off of maps that end at 4 Å or before exceeds 300 Å² without sharpening.
_BLUNT = dict(sharpening="none", expected=("0.d", "0.f"))
_TIGHT = dict(margin=11.0, expected=("0.a",))
_FILAMENT = dict(box=96, expected=("0.a",))
SOUND = (
    _sound("dbp", 3.5),
    _sound("dbp", 3.0, "wide", margin=45.0),
    _sound("dbp", 5.0, "unsharpened", **_BLUNT),
    _sound("dbp", 8.0),
    _sound("serpin", 2.5),
    _sound("serpin", 3.5, "unsharpened", sharpening="none"),
    _sound("serpin", 4.0, "tight", **_TIGHT),
    _sound("serpin", 6.0),
    _sound("propeller", 3.0),
    _sound("propeller", 4.0, "zeroed", zeroed=True),
    _sound("propeller", 5.0, "mild", views="mild"),
    _sound("rcc1", 2.5, "unsharpened", sharpening="none"),
    _sound("rcc1", 3.5),
    _sound("rcc1", 4.5, "tight", **_TIGHT),
    _sound("rcc1", 8.0, "wide", margin=50.0),
    _sound("desulfurase", 3.5, "focused", focused=True),
    _sound("desulfurase", 4.0),
    _sound("desulfurase", 6.0, "unsharpened", **_BLUNT),
    _sound("desulfurase2", 3.5, "mild", views="mild"),
    _sound("desulfurase2", 4.0, "focused", focused=True),
    _sound("desulfurase2", 7.0),
    _sound("kinase", 3.0, "mild", views="mild"),
    _sound("kinase", 3.5, "zeroed", zeroed=True),
    _sound("kinase", 4.0, "wide", margin=45.0),
    _sound("kinase", 5.0),
    _sound("trimer", 2.5),
    _sound("trimer", 3.5, "tight", **_TIGHT),
    _sound("trimer", 4.5, "mild", views="mild"),
    _sound("importin", 3.5),
    _sound("importin", 4.5, "micelle", micelle=True),
    _sound("importin", 6.0, "zeroed", zeroed=True),
    _sound("hprk", 3.5, "mild", views="mild"),
    _sound("hprk", 4.0, "unsharpened", **_BLUNT),
    _sound("hprk", 7.0, "tight", **_TIGHT),
    _sound("neuroligin", 3.0),
    _sound("neuroligin", 3.5, "focused", focused=True),
    _sound("neuroligin", 4.0, "micelle", micelle=True),
    _sound("neuroligin", 5.0, "unsharpened", **_BLUNT),
    _sound("interleukin", 3.5, "zeroed", zeroed=True),
    _sound("interleukin", 4.0, "focused", focused=True),
    _sound("interleukin", 5.0, "wide", margin=45.0),
    _sound("tolb", 3.0, "zeroed", zeroed=True),
    _sound("tolb", 3.5),
    _sound("tolb", 4.0, "mild", views="mild"),
    _sound("channel", 3.0, "micelle", micelle=True),
    _sound("channel", 3.5, "micelle-unsharpened", micelle=True, sharpening="none"),
    _sound("channel", 4.5, "micelle-zeroed", micelle=True, zeroed=True),
    _sound("beta", 3.5, margin=14.0, expected=("0.a",)),
    _sound("beta", 4.5),
    _sound("beta", 8.0, "unsharpened", **_BLUNT),
    _sound("filament", 3.5, **_FILAMENT),
    _sound("filament", 4.5, "unsharpened", sharpening="none", box=96,
           expected=("0.a", "0.d", "0.f")),
    _sound("filament", 6.0, "zeroed", zeroed=True, **_FILAMENT),
    _sound("complex", 3.5),
    _sound("complex", 4.5, "unsharpened", **_BLUNT),
    _sound("complex", 6.0, "tight", **_TIGHT),
    _sound("complex2", 3.0),
    _sound("complex2", 4.0, "mild", views="mild"),
)


# Of the resolution that the half maps give.
_OVERSTATED = {"overstated20": 0.8, "overstated40": 0.6}


def _faulty(fault, structure, resolution, **options):
    options.setdefault("sampling", _VOXELS[resolution])
    options.setdefault("overstated", _OVERSTATED.get(fault, 1.0))
    return VerdictSet(structure, resolution, variant=fault, fault=fault, **options)


FAULTY = (
    _faulty("overstated20", "dbp", 3.5),
    _faulty("overstated20", "serpin", 4.0),
    _faulty("overstated20", "complex2", 3.5),
    _faulty("overstated20", "trimer", 5.0),
    _faulty("overstated40", "propeller", 4.5, sampling=1.3),
    _faulty("overstated40", "kinase", 5.0, sampling=1.4),
    _faulty("overstated40", "channel", 6.0, micelle=True, sampling=1.6),
    _faulty("overstated40", "rcc1", 4.0, sampling=1.15),
    _faulty("halves_masked", "serpin", 3.5),
    _faulty("halves_masked", "interleukin", 4.0),
    _faulty("halves_masked", "beta", 4.5),
    _faulty("halves_shared", "importin", 4.0),
    _faulty("halves_shared", "hprk", 4.0),
    _faulty("halves_shared", "complex", 4.5),
    _faulty("halves_identical", "tolb", 4.0),
    _faulty("halves_identical", "dbp", 4.0),
    _faulty("halves_other", "rcc1", 4.0, other="serpin"),
    _faulty("halves_other", "trimer", 3.5, other="propeller"),
    _faulty("half2_shifted", "kinase", 3.5),
    _faulty("half2_shifted", "desulfurase", 4.0),
    _faulty("halves_shifted", "neuroligin", 3.5),
    _faulty("halves_shifted", "complex", 4.0),
    _faulty("cone20", "dbp", 3.5, views="cone20"),
    _faulty("cone20", "tolb", 4.0, views="cone20"),
    _faulty("cone20", "importin", 3.5, views="cone20"),
    _faulty("cone35", "propeller", 3.5, views="cone35"),
    _faulty("cone35", "neuroligin", 4.0, views="cone35"),
    _faulty("cone35", "hprk", 4.5, views="cone35"),
    _faulty("top", "interleukin", 4.0, views="top"),
    _faulty("top", "kinase", 4.0, views="top"),
    _faulty("side", "trimer", 4.0, views="side"),
    _faulty("side", "rcc1", 4.0, views="side"),
    _faulty("edge", "desulfurase", 4.5, views="edge"),
    _faulty("edge", "serpin", 4.0, views="edge"),
    _faulty("mirrored", "importin", 3.5, model=False),
    _faulty("mirrored", "dbp", 4.0, model=False),
    _faulty("mirrored", "kinase", 3.5, model=False),
    _faulty("mirrored", "interleukin", 3.0),
    _faulty("mirrored", "neuroligin", 4.0),
    _faulty("voxel1", "propeller", 3.0),
    _faulty("voxel1", "tolb", 3.5),
    _faulty("voxel2", "hprk", 3.5),
    _faulty("voxel2", "neuroligin", 3.5),
    _faulty("voxel4", "desulfurase", 4.0),
    _faulty("voxel4", "rcc1", 3.5),
    _faulty("threshold_low", "serpin", 3.5),
    _faulty("threshold_low", "channel", 4.0, micelle=True),
    _faulty("threshold_high", "complex2", 3.5),
    _faulty("threshold_high", "dbp", 3.0),
    _faulty("oversharpened", "kinase", 3.5, sharpening="over"),
    _faulty("oversharpened", "trimer", 3.5, sharpening="over"),
    _faulty("oversharpened", "importin", 4.5, sharpening="over"),
    _faulty("inverted", "tolb", 3.5),
    _faulty("inverted", "complex", 4.5, model=False),
    _faulty("inverted_all", "neuroligin", 3.5),
    _faulty("inverted_all", "hprk", 4.0, model=False),
    _faulty("shift1", "serpin", 3.0),
    _faulty("shift1", "interleukin", 3.5),
    _faulty("shift2", "importin", 3.5),
    _faulty("shift2", "propeller", 4.0),
    _faulty("shift2", "complex2", 4.0),
    _faulty("shake05", "rcc1", 3.0),
    _faulty("shake05", "dbp", 3.5),
    _faulty("shake10", "kinase", 3.5),
    _faulty("shake10", "trimer", 4.0),
    _faulty("shake15", "serpin", 3.5),
    _faulty("shake15", "hprk", 4.0),
    _faulty("register", "tolb", 3.5),
    _faulty("register", "desulfurase", 3.0, margin=20.0),
    _faulty("register", "importin", 4.0),
    _faulty("register_third", "kinase", 3.0),
    _faulty("register_third", "interleukin", 3.0),
    _faulty("other_model", "neuroligin", 3.5, other="kinase"),
    _faulty("other_model", "dbp", 4.0, other="interleukin"),
    _faulty("other_model", "rcc1", 5.0, other="tolb"),
    _faulty("mirrored_model", "propeller", 3.5),
    _faulty("mirrored_model", "tolb", 4.0),
    _faulty("rotamers", "serpin", 3.0),
    _faulty("rotamers", "channel", 3.0, micelle=True),
    _faulty("domain", "importin", 4.0),
    _faulty("domain", "hprk", 3.5),
    _faulty("domain", "complex2", 3.5),
)
SETS = {one.name: one for one in SOUND + FAULTY}


def matching(patterns=("*",), part="", sets=None):
    """Sets whose names match a pattern such as ``serpin*`` or ``*-mirrored``.

    Parameters
    ----------
    patterns : sequence of str
        Also "sound" and "faulty".
    part : str
        "setting", "reporting" or empty for both.
    sets : dict of str to VerdictSet, optional
        By their names; ``SETS`` when not given.

    Returns
    -------
    list of VerdictSet
    """
    return [one for one in (sets or SETS).values() if part in ("", one.part)
            and any(_fits(one, pattern) for pattern in patterns)]


def _fits(one, pattern):
    return (pattern == ("faulty" if one.fault else "sound")
            or fnmatch.fnmatchcase(one.name, pattern))
