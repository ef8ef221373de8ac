"""The protocol that writes the report."""

import os

from pwem.protocols import EMProtocol
from pyworkflow.protocol import params

from vrs import results as stored
from vrs.constants import CHIMERAX_MISSING, RENDERERS
from vrs.engines.chimerax import find_chimerax
from vrs.io.maps import file_state
from vrs.io.problems import collected
from vrs.levels import grade, printed
from vrs.objects import VrsReport
from vrs.protocols.provenance import provenance
from vrs.report import read_results, score, write_report


class ProtVrsReport(EMProtocol):
    """Writes one report, as PDF, HTML and JSON, on the levels of a map that were validated."""

    _label = "validation report"
    _possibleOutputs = {"outputReport": VrsReport}
    IS_VALIDATION = True

    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputResults", params.MultiPointerParam, minNumObjects=1, important=True,
                      pointerClass="SetOfVrsItemResults", label="Results of the levels",
                      help="The results of one or several levels, all on the same map.")
        form.addParam("title", params.StringParam, default="", label="Title",
                      help="The name of the map on the front page. If left empty, the title of its "
                           "EMDB entry, or the name of its file.")
        form.addParam("renderer", params.EnumParam, default=0, choices=["Built in", "ChimeraX"],
                      label="3D views made by", expertLevel=params.LEVEL_ADVANCED,
                      help="ChimeraX is used when it is chosen and installed; name its program in "
                           "the variable VRS_CHIMERAX where it is not found.")

    # --------------------------- STEPS ---------------------------------------
    def _insertAllSteps(self):
        # A level that ran again has new results in the same file.
        files = self._results_files()
        self._insertFunctionStep(self.writeReportStep, files, self.title.get(""),
                                 self.renderer.get(), [file_state(path) for path in files],
                                 needsGPU=False)

    def writeReportStep(self, results_files, title, renderer, states):
        """Write the three forms and hand them on."""
        paths = write_report(results_files, self._getExtraPath(), provenance(self), title=title,
                             renderer=RENDERERS[renderer])
        results = [result for path in results_files for result in stored.read_results(path)]
        items = [item for level in results for item in level.items]
        report = VrsReport()
        report.setVerdict(grade(items), printed(items), *score(items))
        report.setPaths(*(os.path.relpath(path) for path in (paths.json, paths.pdf, paths.html)))
        self._defineOutputs(outputReport=report)
        for pointer in self.inputResults:
            self._defineSourceRelation(pointer, report)
        return sorted(report.getFiles())  # Continue repeats the step when one of them is gone

    # --------------------------- INFORMATION ---------------------------------
    def _validate(self):
        problems, chosen = [], [pointer.get() for pointer in self.inputResults]
        if None in chosen:
            problems.append("Some of the levels have no results yet; wait until they finish, or "
                            "run them first.")
        elif chosen:  # else Scipion asks for some itself
            with collected(problems):
                read_results(self._results_files())
        if RENDERERS[self.renderer.get()] == "chimerax" and find_chimerax() is None:
            problems.append(CHIMERAX_MISSING)
        return problems

    def _summary(self):
        if not hasattr(self, "outputReport"):
            return ["The report has not been written yet."]
        report = self.outputReport
        return ["Levels assessed: *%s*; *%d of %d* items passed."
                % ((report.getAssessed(),) + report.getScore()),
                "Document: %s" % report.getPdf()]

    def _methods(self):
        return ["The results are put together as in [Sorzano2022]."]

    def _citations(self):
        return ["Sorzano2022"]

    # --------------------------- HELPERS -------------------------------------
    def _results_files(self):
        return [pointer.get().getResultsFile() for pointer in self.inputResults]
