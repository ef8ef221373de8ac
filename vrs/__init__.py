"""Validation of cryo-EM maps as a Scipion plugin.

The Scipion side (``vrs.Plugin``) is loaded only when somebody asks for it: the
checks and the readers then work, and start fast, without the workflow engine.
"""

__version__ = "0.1.0"
_references = ["Sorzano2022"]


def __getattr__(name):
    # Scipion looks the plugin class up as an attribute of this module.
    if name == "Plugin":
        from vrs.plugin import Plugin
        return Plugin
    raise AttributeError("module 'vrs' has no attribute %r" % name)
