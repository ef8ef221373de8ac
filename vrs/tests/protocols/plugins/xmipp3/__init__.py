"""Stands in for the Xmipp plugin: protocols of the same names and parameters, no programs."""

import pwem


class Plugin(pwem.Plugin):
    """The plugin, as far as choosing an engine looks at it."""

    _homeVar = "XMIPP_HOME"
    _pathVars = ["XMIPP_HOME"]

    @classmethod
    def _defineVariables(cls):
        cls._defineEmVar("XMIPP_HOME", "xmipp")
