"""Publications that more than one check refers to."""

from vrs.checks.results import Reference

VALIDATION_LEVELS = Reference(
    "Sorzano2022",
    "C.O.S. Sorzano et al. Image processing tools for the validation of CryoEM maps. "
    "Faraday Discussions 240 (2022) 210-227.", "10.1039/d2fd00059h")
