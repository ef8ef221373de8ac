"""Viewers of the results of levels."""

from pyworkflow.viewer import DESKTOP_TKINTER, Viewer

from vrs.objects import SetOfVrsItemResults
from vrs.protocols.level import ProtVrsLevel

# What reading results raises that are not there or damaged.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)
_UNFINISHED = "The validation has not finished yet."
_MISSING = "The results file %s is missing; run this level again."
_DAMAGED = "The results file %s cannot be read (%s); run this level again."


class VrsItemResultsViewer(Viewer):
    """Shows the items of a level with their status, quantities and figures."""

    _environments = [DESKTOP_TKINTER]
    _targets = [SetOfVrsItemResults, ProtVrsLevel]
    _name = "validation items"

    def visualize(self, obj, **kwargs):
        """Open the window; it is returned.

        Parameters
        ----------
        obj : SetOfVrsItemResults or ProtVrsLevel
        """
        results = getattr(obj, "outputResults", obj)
        if not isinstance(results, SetOfVrsItemResults):
            self.errorMessage(_UNFINISHED, "No results").show()
            return None
        window = results_window(self, results.getResultsFile() or "results.json")
        if window:
            window.open()
        return window


def results_window(viewer, path):
    """The window of the results of a level, to be opened.

    Parameters
    ----------
    viewer : pyworkflow.viewer.Viewer
        Whose window it belongs to.
    path : path

    Returns
    -------
    ResultsWindow or None
        None when the results cannot be read; the user was told.
    """
    from vrs.viewers.results_window import ResultsWindow
    try:
        return ResultsWindow(path, viewer.getParent())
    except FileNotFoundError:
        sentence = _MISSING % path
    except UNREADABLE as error:
        sentence = _DAMAGED % (path, error)
    viewer.errorMessage(sentence, "No results").show()
    return None
