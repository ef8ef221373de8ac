"""Viewers of the results of levels."""

from pyworkflow.viewer import DESKTOP_TKINTER, Viewer

from vrs.objects import SetOfVrsItemResults
from vrs.protocols.level import ProtVrsLevel
from vrs.results import UNREADABLE
from vrs.validation import RESULTS

_NOTHING_YET = "There are no results yet. Try again later; items appear as they finish."
_NOTHING = "This run has no results: it was not started, or it failed; see its Output Log."
_MISSING = "The results file %s is missing; run this level again."
_DAMAGED = ("The results file %s cannot be read (%s). Run this level again with Restart, since "
            "Continue keeps what is there.")


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
        if isinstance(obj, ProtVrsLevel):
            window = self._window_of_run(obj)
        else:
            window = results_window(self, obj.getResultsFile() or RESULTS)
        if window:
            window.open()
        return window

    def _window_of_run(self, run):
        if not run.is_complete() and run.items_done() is not None:
            return results_window(self, run.results_file(), self._latest(run))
        if hasattr(run, "outputResults"):
            return results_window(self, run.outputResults.getResultsFile() or RESULTS)
        self.infoMessage(_NOTHING_YET if run.isActive() else _NOTHING, "No results").show()
        return None

    def _latest(self, run):
        """Gives a run with the status that Scipion's window knows by then."""
        def latest():
            known = [other for other in self.getProject().runs or ()
                     if other.getObjId() == run.getObjId()]
            return known[0] if known else run
        return latest


def results_window(viewer, path, run=None):
    """The window of the results of a level, to be opened.

    Parameters
    ----------
    viewer : pyworkflow.viewer.Viewer
        Whose window it belongs to.
    path : path
    run : callable, optional
        Gives the run of the level, when that is not complete.

    Returns
    -------
    ResultsWindow or None
        None when the results cannot be read; the user was told.
    """
    from vrs.viewers.results_window import ResultsWindow
    try:
        return ResultsWindow(path, viewer.getParent(), run)
    except FileNotFoundError:
        sentence = _MISSING % path
    except UNREADABLE as error:
        sentence = _DAMAGED % (path, error)
    viewer.errorMessage(sentence, "No results").show()
    return None
