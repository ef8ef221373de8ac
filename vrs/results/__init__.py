"""Results as data: what checks find, what reports and viewers show.

Nothing here computes or draws; it is the language that the other rooms share.
"""

from vrs.results.content import (Bars, Circle, Figure, Mark, Overlay, Paragraph, Plot, PolarPanel,
                                 PolarPlots, Series, Slice, Slices, Solid, SphereMap, SpherePanel,
                                 Spot, Surface, Table, Trace, Track, Tracks, WholeSpheres)
from vrs.results.encoding import (UNREADABLE, from_json, read_json, read_results, to_json, travels,
                                  write_json)
from vrs.results.items import (INFORMATIVE, MINOR, SERIOUS, CriterionOutcome, Engine, Estimate,
                               FileEntry, InputFile, InputReport, ItemResult, LevelInput,
                               LevelResults, Metric, Note, Reference, ServiceOutcome, Status, plain)
from vrs.results.products import (AtomValues, Curve, MicrographValues, ParticleValues,
                                  ResidueValues, Volume)
