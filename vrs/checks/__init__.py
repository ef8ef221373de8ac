"""The validation measures, one module per item, and what they share.

``run_check`` computes one item, ``checks_of_level`` lists those of a level and
``get_check`` finds one by its id. Nothing here knows of Scipion or of drawing.
"""

from vrs.checks.check import Check, Findings, run_check
from vrs.checks.criteria import SERVICE, Criterion, Overrides
from vrs.checks.quantities import LIST, MAPPING, NUMBER, TEXT, VECTOR, Quantity
from vrs.checks.registry import all_checks, checks_of_level, get_check, register, shared_of_level
from vrs.checks.requirements import AskedFor, resolution
from vrs.checks.shared import Shared, SharedOutcome
from vrs.errors import NotApplicable, NotMeasured
