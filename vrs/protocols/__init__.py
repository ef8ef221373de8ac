"""The protocols of this plugin: one per level, the import of entries and the report."""

from vrs.protocols.entry import ProtVrsImportEntry
from vrs.protocols.level_0 import ProtVrsLevel0
from vrs.protocols.level_1 import ProtVrsLevel1
from vrs.protocols.level_a import ProtVrsLevelA
from vrs.protocols.level_w import ProtVrsLevelW
from vrs.protocols.report import ProtVrsReport
