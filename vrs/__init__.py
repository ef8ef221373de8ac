"""Validation of cryo-EM maps as a Scipion plugin.

``vrs.validate`` runs it in process. The Scipion side (``vrs.Plugin``) is loaded only when
somebody asks for it: the rest works, and starts fast, without the workflow engine.
"""

__version__ = "0.2.0"
_references = ["Sorzano2022"]


def __getattr__(name):
    # Scipion looks the plugin class up as an attribute of this module.
    if name == "Plugin":
        from vrs.plugin import Plugin
        return Plugin
    if name == "validate":
        from vrs.library import validate
        return validate
    raise AttributeError("module 'vrs' has no attribute %r" % name)
