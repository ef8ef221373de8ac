"""Publications that more than one check refers to."""

from vrs.checks.results import Reference

VALIDATION_LEVELS = Reference(
    "Sorzano2022",
    "C.O.S. Sorzano et al. Image processing tools for the validation of CryoEM maps. "
    "Faraday Discussions 240 (2022) 210-227.", "10.1039/d2fd00059h")

ROSENTHAL = Reference(
    "Rosenthal2003",
    "P.B. Rosenthal, R. Henderson. Optimal determination of particle orientation, absolute "
    "hand, and contrast loss in single-particle electron cryomicroscopy. Journal of "
    "Molecular Biology 333 (2003) 721-745.", "10.1016/j.jmb.2003.07.013")

CHEN = Reference(
    "Chen2013",
    "S. Chen et al. High-resolution noise substitution to measure overfitting and validate "
    "resolution in 3D structure determination by single particle electron cryomicroscopy. "
    "Ultramicroscopy 135 (2013) 24-35.", "10.1016/j.ultramic.2013.06.004")
