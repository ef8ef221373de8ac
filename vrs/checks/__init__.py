"""The validation measures, one module per item, and what they share.

``run_check`` computes one item, ``checks_of_level`` lists those of a level and
``get_check`` finds one by its id. Nothing here knows of Scipion or of drawing.
"""

from vrs.checks.check import Check, Findings, NotApplicable, NotMeasured, run_check
from vrs.checks.content import (Bars, Figure, Mark, Paragraph, Plot, Series, Slice, Slices,
                                SphereMap, Spot, Surface, Table, Trace)
from vrs.checks.criteria import Criterion, CriterionOutcome, Overrides
from vrs.checks.inputs import ValidationInput
from vrs.checks.registry import all_checks, checks_of_level, get_check, register
from vrs.checks.results import (Curve, Engine, Estimate, FileEntry, InputFile, InputReport,
                                ItemResult, LevelInput, LevelResults, Metric, Note, Reference,
                                ResidueValues, Status)
