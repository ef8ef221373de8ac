"""Viewers of the maps, models and curves that levels emit, which need no other program."""

import os
from pathlib import Path

from pwem.objects import AtomStruct, SetOfFSCs, Volume, VolumeMask
from pyworkflow.viewer import DESKTOP_TKINTER, Viewer

from vrs.errors import InputError
from vrs.protocols.forms import plain_name
from vrs.results import UNREADABLE, Plot, Series
from vrs.validation import RESULTS
from vrs.viewers import programs
from vrs.viewers.results import results_window

_LIMITS = (0.143, 0.5)
_MISSING = "The model %s is missing; run its level again with Restart."


class VrsMapViewer(Viewer):
    """Shows any map section by section. Where ChimeraX is there, double clicks on a map go to
    it, and only those on a mask come here."""

    _environments = [DESKTOP_TKINTER]
    _targets = [VolumeMask, Volume]
    _name = "sections"

    @classmethod
    def can_handle_this(cls, classHierarchy, instance=None):
        """As any viewer, and after those for the very class where ChimeraX is there."""
        return _after_chimerax(super().can_handle_this(classHierarchy, instance), classHierarchy)

    def visualize(self, obj, **kwargs):
        """Open the window; it is returned.

        Parameters
        ----------
        obj : Volume
        """
        from vrs.viewers.map_slices import MapSlices
        from vrs.viewers.map_window import MapWindow
        path = Path(plain_name(obj))
        try:
            slices = MapSlices(path, obj.getSamplingRate(), self._scale(path))
        except InputError as error:
            self.errorMessage(str(error), "No map").show()
            return None
        description = obj.getObjComment()
        title = path.name
        if description and description != path.name:  # imports give it that one
            title = "%s (%s)" % (description, path.name)
        window = MapWindow(slices, title, self.formWindow)
        window.open()
        return window

    @staticmethod
    def _scale(path):
        """How the values are shown, where a level made the map."""
        from vrs.viewers.pages import ResultPages
        results = results_beside(path)
        try:
            return ResultPages(results).scale_of(path) if results else None
        except UNREADABLE:
            return None  # the map can be looked at without them


class VrsModelViewer(Viewer):
    """Shows the item that coloured a model. Double clicks go to ChimeraX where there is one."""

    _environments = [DESKTOP_TKINTER]
    _targets = [AtomStruct]
    _name = "validation item"

    @classmethod
    def can_handle_this(cls, classHierarchy, instance=None):
        """As any viewer, and after those for the very class where ChimeraX is there."""
        return _after_chimerax(super().can_handle_this(classHierarchy, instance), classHierarchy)

    @classmethod
    def can_handle_this_instance(cls, instance):
        """Whether a level made the model."""
        return results_beside(instance.getFileName()) is not None

    def visualize(self, obj, **kwargs):
        """Open the window of the level; it is returned.

        Parameters
        ----------
        obj : AtomStruct
        """
        path = obj.getFileName()
        if not os.path.isfile(path):
            self.errorMessage(_MISSING % path, "No model").show()
            return None
        window = results_window(self, results_beside(path))
        if window:
            window.select(window.pages.owner_of(path))
            window.open()
        return window


class VrsFscViewer(Viewer):
    """Shows the Fourier shell correlations of an item, with cross hairs."""

    _environments = [DESKTOP_TKINTER]
    _targets = [SetOfFSCs]
    _name = "curves"

    @classmethod
    def can_handle_this_instance(cls, instance):
        """Whether a level made the curves."""
        run = Path(instance.getFileName() or "").parent
        return (run / "extra" / RESULTS).is_file()

    def visualize(self, obj, **kwargs):
        """Open the window; it is returned.

        Parameters
        ----------
        obj : SetOfFSCs
        """
        from vrs.report.artist_process import OrderedPicture
        from vrs.viewers.picture_window import CurvesWindow
        plot = fsc_plot(curves_of(obj))
        window = CurvesWindow(OrderedPicture(plot.caption, shown=plot), plot.caption,
                              self.formWindow)
        window.open()
        return window


def curves_of(fscs):
    """Names, frequencies (1/Å) and correlations of a set of Fourier shell correlations.

    Parameters
    ----------
    fscs : SetOfFSCs

    Returns
    -------
    list of (str, list of float, list of float)
    """
    # The set gives the same object again and again, with other values in it.
    return [(fsc.getObjLabel(), list(fsc.getData()[0]), list(fsc.getData()[1])) for fsc in fscs]


def fsc_plot(curves):
    """A figure of Fourier shell correlations with the usual limits.

    Parameters
    ----------
    curves : list of (str, sequence of float, sequence of float)
        Names, frequencies (1/Å) and correlations.

    Returns
    -------
    Plot
    """
    series = [Series(name, x, y) for name, x, y in curves]
    last = max([max(x) for _, x, _ in curves] or [1.0])
    series += [Series("%g" % limit, [0, last], [limit, limit], "dashed") for limit in _LIMITS]
    return Plot("Fourier shell correlations.", "Correlations against spatial frequency.",
                "Spatial frequency (1/Å)", "Fourier shell correlation", series)


def results_beside(path):
    """The results file of the level that made a file, None when none did.

    Parameters
    ----------
    path : path

    Returns
    -------
    pathlib.Path or None
    """
    results = Path(path or "").parent / RESULTS
    return results if path and results.is_file() else None


def _after_chimerax(target, hierarchy):
    """A target that puts a viewer after those for the very class where ChimeraX is there, else
    one that puts it among them."""
    if target is None:
        return None
    return hierarchy[-1] if programs.chimerax() else target
