"""Sentences and names that several parts of the plugin share."""

RENDERERS = ("builtin", "chimerax")

CHIMERAX_MISSING = ("ChimeraX is to make the 3D views, but was not found; install it, name its "
                    "program in the variable VRS_CHIMERAX, or choose the built in views.")
