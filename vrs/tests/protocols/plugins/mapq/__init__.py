"""Stands in for the MapQ plugin: a protocol of the same name and parameters, no programs."""

import pwem


class Plugin(pwem.Plugin):
    """The plugin, as far as choosing an engine looks at it."""

    _homeVar = "MAPQ_HOME"
    _pathVars = ["MAPQ_HOME"]

    @classmethod
    def _defineVariables(cls):
        cls._defineEmVar("MAPQ_HOME", "mapq")
