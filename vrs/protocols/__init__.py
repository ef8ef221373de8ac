"""The protocols of this plugin: all levels at once or one by one, imports and the report."""

from vrs.protocols.entry import ProtVrsImportEntry
from vrs.protocols.levels import (ProtVrsLevel0, ProtVrsLevel1, ProtVrsLevel2, ProtVrsLevel3,
                                  ProtVrsLevel4, ProtVrsLevel5, ProtVrsLevelA, ProtVrsLevelO,
                                  ProtVrsLevelW, ProtVrsValidateMap)
from vrs.protocols.particles import ProtVrsImportParticles
from vrs.protocols.report import ProtVrsReport
