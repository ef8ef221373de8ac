"""Data types that the protocols of this plugin pass on."""

import os

from pwem.objects import EMObject, EMSet, Volume
from pyworkflow.object import Float, Integer, String


class VrsArchivedVolume(Volume):
    """A map of a public archive, which knows what the archive says of it.

    Its file is a copy that Scipion can read. Those that were fetched are kept elsewhere
    and may be gone by now.
    """

    def __init__(self, location=None, **kwargs):
        super().__init__(location, **kwargs)
        self._emdbId = String()
        self._title = String()
        self._threshold = Float()
        self._resolution = Float()
        self._entryFile = String()
        self._originals = String()

    def setEntry(self, archived, entry_file):
        """Take over what the archive says.

        Parameters
        ----------
        archived : vrs.io.archive.ArchiveEntry
        entry_file : str
            JSON file with what the front page of a report says of the entry.
        """
        self._emdbId.set(archived.emdb_id)
        self._title.set(archived.title)
        self._threshold.set(archived.threshold)
        self._resolution.set(archived.resolution)
        self._entryFile.set(entry_file)

    def getEmdbId(self):
        """Id of the entry, "EMD-1234" for instance."""
        return self._emdbId.get()

    def getTitle(self):
        """Title of the entry."""
        return self._title.get()

    def getThreshold(self):
        """Contour level that the entry recommends, None if it recommends none."""
        return self._threshold.get()

    def getResolution(self):
        """Resolution that the entry states, Å; None if it states none."""
        return self._resolution.get()

    def getEntryFile(self):
        """JSON file with what the front page of a report says of the entry."""
        return self._entryFile.get()

    def setOriginals(self, paths):
        """Set the files that were fetched: the map, and the half maps if there are some."""
        self._originals.set("\n".join(paths))

    def getOriginals(self):
        """The files that were fetched, the map first; empty when they are gone."""
        paths = self._originals.get("").splitlines()
        return paths if all(map(os.path.exists, paths)) else []

    def getFiles(self):
        """Every file that belongs to the map."""
        return set(super().getFiles()) | {self.getEntryFile()}


class VrsItemResult(EMObject):
    """What became of one validation item; the results file has the whole of it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._itemId = String()
        self._title = String()
        self._level = String()
        self._status = String()
        self._warnings = Integer(0)
        self._reason = String()

    def setResult(self, result):
        """Take over a :class:`vrs.checks.ItemResult`."""
        self._itemId.set(result.id)
        self._title.set(result.title)
        self._level.set(result.level)
        self._status.set(result.printed_status())
        self._warnings.set(len(result.warnings))
        self._reason.set(result.reason)

    def getItemId(self):
        """Id of the item, "0.a" for instance."""
        return self._itemId.get()

    def getTitle(self):
        """Title as printed."""
        return self._title.get()

    def getLevel(self):
        """Level it belongs to."""
        return self._level.get()

    def getStatus(self):
        """Status as printed."""
        return self._status.get()

    def getWarnings(self):
        """Number of warnings."""
        return self._warnings.get()

    def getReason(self):
        """Why it does not apply or could not be measured, else empty."""
        return self._reason.get("")

    def __str__(self):
        return "%s %s: %s" % (self.getItemId(), self.getTitle(), self.getStatus())


class SetOfVrsItemResults(EMSet):
    """The items of one level, with the file that holds their full results."""

    ITEM_TYPE = VrsItemResult

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._level = String()
        self._resultsFile = String()
        self._passed = Integer(0)
        self._evaluable = Integer(0)

    def setLevel(self, level):
        """Set the levels, "0, 1" for instance."""
        self._level.set(level)

    def getLevel(self):
        """The levels, "0, 1" for instance."""
        return self._level.get()

    def setResultsFile(self, path):
        """Set the file written by :meth:`vrs.checks.LevelResults.write`."""
        self._resultsFile.set(path)

    def getResultsFile(self):
        """The file that :meth:`vrs.checks.LevelResults.read` reads."""
        return self._resultsFile.get()

    def setScore(self, passed, evaluable):
        """Set how many items passed of those that could be judged."""
        self._passed.set(passed)
        self._evaluable.set(evaluable)

    def getScore(self):
        """Items that passed and items that could be judged."""
        return self._passed.get(), self._evaluable.get()

    def getFiles(self):
        """Every file that belongs to the set."""
        return set(super().getFiles()) | {self.getResultsFile()}

    def __str__(self):
        return "SetOfVrsItemResults (levels %s; %d of %d items passed)" % (
            (self.getLevel(),) + self.getScore())


class VrsReport(EMObject):
    """A validation report in its three forms."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._grade = String()
        self._assessed = String()
        self._passed = Integer(0)
        self._evaluable = Integer(0)
        self._json = String()
        self._pdf = String()
        self._html = String()

    def setVerdict(self, grade, assessed, passed, evaluable):
        """Set the levels that were assessed, in short and in print, and the score."""
        self._grade.set(grade)
        self._assessed.set(assessed)
        self._passed.set(passed)
        self._evaluable.set(evaluable)

    def getGrade(self):
        """The levels that were assessed in short, "0" or "1A" for instance."""
        return self._grade.get()

    def getAssessed(self):
        """The levels that were assessed in print, "0, 1, A" for instance."""
        return self._assessed.get() or self.getGrade()  # of earlier versions

    def getScore(self):
        """Items that passed and items that could be judged."""
        return self._passed.get(), self._evaluable.get()

    def setPaths(self, json, pdf, html):
        """Set where the three forms are."""
        self._json.set(json)
        self._pdf.set(pdf)
        self._html.set(html)

    def getJson(self):
        """Path of the machine readable form."""
        return self._json.get()

    def getPdf(self):
        """Path of the document."""
        return self._pdf.get()

    def getHtml(self):
        """Path of the same in one HTML file."""
        return self._html.get()

    def getFiles(self):
        """Every file that belongs to the report."""
        return {self.getJson(), self.getPdf(), self.getHtml()}

    def __str__(self):
        return "VrsReport (levels %s; %d of %d items passed)" % (
            (self.getAssessed(),) + self.getScore())
