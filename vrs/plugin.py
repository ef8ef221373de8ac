"""The class by which Scipion knows this plugin."""

import pwem
from pyworkflow import VarTypes


class Plugin(pwem.Plugin):
    """Validation of maps; everything it needs comes with pip."""

    # Scipion derives the plugin's folder and name from the module of this class.
    __module__ = "vrs"
    _processingField = ["SPA"]

    @classmethod
    def _defineVariables(cls):
        cls._defineVar("VRS_CHIMERAX", "", var_type=VarTypes.PATH,
                       description="The ChimeraX program, when its pictures are wanted in the "
                                   "validation reports.")

    @classmethod
    def defineBinaries(cls, env):
        """Nothing to install."""
