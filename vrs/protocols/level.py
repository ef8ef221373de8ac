"""What the protocols of all levels share."""

import os
import tempfile

from pwem.objects import FSC, AtomStruct, SetOfFSCs, Volume, VolumeMask
from pwem.protocols import EMProtocol
from pyworkflow.protocol import params

from vrs import inputs, levels
from vrs.checks import Overrides, all_checks, checks_of_level, get_check
from vrs.engines.external import BUILTIN, refusal
from vrs.inputs.workflow import WORKFLOW
from vrs.io.maps import file_state
from vrs.io.problems import collected
from vrs.objects import SetOfVrsItemResults, VrsItemResult
from vrs.protocols import forms, sets, workflows
from vrs.protocols.emdb_entries import entry_notes, missing_resolution, read_entry, recommended
from vrs.protocols.external import ExternalRun, why_unavailable
from vrs.report import score
from vrs.validation import RESULTS, Validation

_VALIDATION_LEVELS = "Sorzano2022"
_COMING = "The others follow as they are computed."
_STOPPED = "The run ended too early; start it again with Continue to go on."


class ProtVrsLevel(EMProtocol):
    """Runs the checks of one level on a map, or of all that are given, each as a step.

    A check that fails is reported as not measured and the rest goes on. What a
    check found is written when it is done, so that a run that was interrupted
    goes on from there.

    Attributes
    ----------
    LEVEL : str
        The level, "0" for instance; empty for all that what is given allows.
    """

    _label = None
    # The maps that checks make become outputs too.
    _possibleOutputs = {"outputResults": SetOfVrsItemResults, "hardMask": VolumeMask,
                        "softMask": VolumeMask}
    LEVEL = ""
    IS_VALIDATION = True  # it does not belong to the workflow that led to a map

    def _defineParams(self, form):
        form.addSection(label="Input")
        if not self.LEVEL:
            forms.define_job(form)
        forms.define_map(form)
        forms.define_kinds(form, self.needed_kinds(), self.offered_kinds())
        forms.define_mask(form)
        checks = [check for level in self._possible_levels()
                  for check in checks_of_level(level.id) if check.external]
        if checks:
            group = form.addGroup("What computes the items", expertLevel=params.LEVEL_ADVANCED)
            for check in checks:
                self._define_engines(group, check)
        group = form.addGroup("Rarely needed", expertLevel=params.LEVEL_ADVANCED)
        group.addParam("criteriaFile", params.FileParam, default="",
                       expertLevel=params.LEVEL_ADVANCED, label="Criteria file",
                       help="A JSON file with bounds of your own for what counts as good, such as "
                            '{"0.a.decentering": 25}; they replace the usual ones, and the report '
                            "says so. The word service stands for the rules of the public "
                            "validation service.")
        group.addParam("sourceFile", params.FileParam, default="",
                       expertLevel=params.LEVEL_ADVANCED, label="Original file of the map",
                       help="If the map in the project is a copy made for Scipion, give the file "
                            "that it was made from: the report then describes that file.")
        form.addParallelSection(threads=2, mpi=0)

    @staticmethod
    def _define_engines(group, check):
        group.addParam(engine_parameter(check.id), params.EnumParam, default=0,
                       choices=["built-in"] + [engine.label for engine in check.external],
                       expertLevel=params.LEVEL_ADVANCED,
                       label="%s %s" % (check.id, check.title),
                       help="What computes %s. The built-in method is always available; any other "
                            "needs its Scipion plugin and programs (%s) and runs as a protocol of "
                            "its own." % (check.title, ", ".join(
                                engine.package for engine in check.external)))

    # --------------------------- EVIDENCE ------------------------------------
    @classmethod
    def _possible_levels(cls):
        return [levels.get_level(cls.LEVEL)] if cls.LEVEL else levels.all_levels()

    @classmethod
    def needed_kinds(cls):
        """The kinds of evidence that cannot be left out, beside the map."""
        return list(levels.get_level(cls.LEVEL).needed) if cls.LEVEL else []

    @classmethod
    def offered_kinds(cls):
        """All kinds of evidence that it can take, beside the map."""
        return list(dict.fromkeys(
            kind for level in cls._possible_levels() for kind in level.added + level.optional))

    def chosen_threshold(self):
        """The threshold that was given, else that of the map's entry; None without."""
        return self.threshold.get(recommended(self.inputVolume.get())[0])

    def chosen_resolution(self):
        """The resolution that was given, else that of the map's entry; None without."""
        if not self.hasResolution:
            return None
        return self.resolution.get(recommended(self.inputVolume.get())[1])

    def project_evidence(self, kind):
        """File of evidence that is made from the project, None until it was made."""
        path = workflows.exported_file(self)
        return path if kind is WORKFLOW and os.path.exists(path) else None

    def _levels(self):
        """Ids of the levels that are assessed."""
        if self.LEVEL:
            return [self.LEVEL]
        names = [level.id for level in levels.levels_for(forms.given_values(self))]
        if forms.source_of(self, WORKFLOW) == forms.OF_PROJECT:
            names = sorted({"W", *names}, key=levels.order)
        return names

    def _load(self):
        """Read the evidence."""
        if self._workflow_is_made():
            workflows.export(self)
        self._export_sets()
        evidence = inputs.load(
            forms.given_values(self), inputs.Run(workers=max(1, self.numberOfThreads.get())),
            {"reported", "map", *(kind.name for kind in self.offered_kinds())})
        return workflows.annotated(evidence, self, self._workflow_is_made())

    def _export_sets(self):
        """Write the sets of the project that were chosen as the tables that are read."""
        for option, chosen in forms.chosen_sets(self):
            sets.export_if_needed(chosen, sets.exported_file(self, option), option)

    def _workflow_is_made(self):
        return (WORKFLOW in self.offered_kinds()
                and forms.source_of(self, WORKFLOW) == forms.OF_PROJECT)

    def _validation(self):
        """The validation, whose evidence is read at most once in a run."""
        if getattr(self, "_kept_validation", None) is None:
            self._kept_validation = Validation(self._getExtraPath(), self._levels(), self._load,
                                               self._overrides, self.criteriaFile.get(""))
        return self._kept_validation

    # --------------------------- STEPS ---------------------------------------
    def _insertAllSteps(self):
        self._export_sets()
        # Scipion repeats finished steps only when what they were given has changed.
        given, engines = self._state(), {}
        validation = self._validation()
        self._insertFunctionStep(self.describeInputStep, given, needsGPU=False)
        for shared in validation.shared():
            self._insertFunctionStep(self.shareStep, shared.name, given, needsGPU=False)
        for check in validation.checks():
            engine = self._engine_of(check)
            engines[check.id] = engine.name if engine else BUILTIN
            self._insertFunctionStep(self.checkStep, check.id, engines[check.id], given,
                                     needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, given, engines, needsGPU=False)

    def describeInputStep(self, given):
        """Describe the input and store the masks."""
        workflows.forget(self)
        volume = self.inputVolume.get()
        return self._validation().describe(
            forms.plain_name(volume), entry_notes(volume, self.chosen_threshold(),
                                                  self.chosen_resolution()), read_entry(volume))

    def shareStep(self, name, given):
        """Compute what several items need."""
        validation = self._validation()
        return validation.share(next(shared for shared in validation.shared()
                                     if shared.name == name))

    def checkStep(self, item, engine_name, given):
        """Run one check."""
        check = get_check(item)
        engine = self._engine_of(check)
        return self._validation().compute(
            check, ExternalRun(engine, item, self) if engine else None, self._following(item))

    def createOutputStep(self, given, engines):
        """Put the results together and hand them on."""
        results, path = self._validation().finish()
        items = [item for result in results for item in result.items]
        outputs = {"outputResults": self._create_set(items, str(path))}
        for part in [results[0].input] + items:
            for entry in part.files:
                if entry.name != "map":
                    outputs[_output_name(entry.name)] = self._create_output(entry)
        for item in items:
            if item.curves:
                short = item.id.replace(".", "")
                outputs["fscs" + short] = self._create_fscs(item.curves, short)
        self._defineOutputs(**outputs)
        for output in outputs.values():
            self._defineSourceRelation(self.inputVolume, output)
        return str(path)  # Continue repeats the step when this is gone

    # --------------------------- INFORMATION ---------------------------------
    def _validate(self):
        if self.inputVolume.get() is None:
            return []  # Scipion says so itself
        problems = missing_resolution(self.inputVolume.get(), self.chosen_resolution(),
                                      self.hasResolution.get())
        with collected(problems):
            given = forms.given_values(self)
            problems += self._nothing_chosen(given)
            with tempfile.TemporaryDirectory(prefix="vrs_") as folder:
                for option, chosen in forms.chosen_sets(self):
                    given[option.name] = os.path.join(folder, sets.name_of(option))
                    sets.export_beginning(chosen, given[option.name], option)
                inputs.probe(given)
        with collected(problems):
            self._overrides()
        for check in self._possible_checks():
            engine = self._engine_of(check)
            reason = why_unavailable(engine) if engine else None
            if reason:
                problems.append(refusal(check.id, engine, reason))
        return problems

    def _summary(self):
        if not self.is_complete():
            return [self.progress() or "The validation has not finished yet."]
        lines = [str(item) for item in self.outputResults]
        passed, evaluable = self.outputResults.getScore()
        return lines + ["*%d of %d* items passed." % (passed, evaluable)] * bool(evaluable)

    def _methods(self):
        if not self.is_complete():
            return []
        # Those with a reason do not apply or could not be measured.
        items = "; ".join(_with_citations(item.getItemId()) for item in self.outputResults
                          if not item.getReason())
        return ["The map was validated at level %s [%s] by: %s." % (
            ", ".join(self._levels()), _VALIDATION_LEVELS, items or "none of its items")]

    def _citations(self):
        return [_VALIDATION_LEVELS] + [key for check in self._possible_checks()
                                       for key in check.references]

    def _possible_checks(self):
        return [check for level in self._possible_levels() for check in checks_of_level(level.id)]

    # --------------------------- RESULTS -------------------------------------
    # The working folder must be that of the project.
    def is_complete(self):
        """Whether the last run came to its end, so that its outputs are what was asked for."""
        return self.isFinished() and hasattr(self, "outputResults")

    def results_file(self):
        """Where the results of all items are once they are done."""
        return self._getExtraPath(RESULTS)

    def result_of(self, item):
        """The result of an item that is done, else None.

        Parameters
        ----------
        item : str
            Its id.

        Returns
        -------
        vrs.results.ItemResult or None
        """
        return self._validation().result(item)

    def items_done(self):
        """The ids of the items that are done in a run that need not have come to its end.

        Returns
        -------
        list of str or None
            None when the input was not even described.
        """
        if self.inputVolume.get() is None:
            return None
        return self._validation().items_done()

    def results_so_far(self):
        """The results of the items that are done.

        Returns
        -------
        list of vrs.results.LevelResults

        Raises
        ------
        OSError
            When the input was not even described.
        """
        return self._validation().results()

    def checks(self):
        """The checks that it runs, in order."""
        return self._validation().checks()

    def progress(self):
        """How far a run has come that is not complete, in a sentence or two.

        Returns
        -------
        str
            Empty when the input was not even described.
        """
        done = self.items_done()
        if done is None:
            return ""
        all_items = self.checks()
        text = "Items done: %d of %d." % (len(done), len(all_items))
        if not self.isActive():
            return text + " " + _STOPPED
        return text + " " + _COMING if len(done) < len(all_items) else text

    # --------------------------- HELPERS -------------------------------------
    def _state(self):
        """What was given, and the state of its files."""
        given = forms.given_values(self)
        volume = self.inputVolume.get()
        paths = [option.name for option in inputs.all_options() if option.is_path]
        files = [given[name] for name in paths if given.get(name)] + [self.criteriaFile.get("")]
        return [forms.plain_name(volume), volume.getSamplingRate(), sorted(
            (name, str(value)) for name, value in given.items()), self._levels()] + [
                [path, file_state(path)] for path in files]

    def _nothing_chosen(self, given):
        """A sentence where its level takes one kind at least of several, and has none."""
        kinds = levels.get_level(self.LEVEL).alternatives if self.LEVEL else ()
        if not kinds or any(kind.is_given(given) for kind in kinds):
            return []
        return ["Choose at least one of these: %s." % ", ".join(kind.words for kind in kinds)]

    def _following(self, item):
        """The items after one that are not done and that no external engine computes."""
        checks = self.checks()
        place = [check.id for check in checks].index(item)
        done = self.items_done()
        return [check for check in checks[place + 1:]
                if check.id not in done and self._engine_of(check) is None]

    def _engine_of(self, check):
        """The external engine that was chosen for a check, None for the built-in one."""
        if not check.external:
            return None
        choice = self.getAttributeValue(engine_parameter(check.id))
        return check.external[choice - 1] if choice else None

    def _overrides(self):
        path = self.criteriaFile.get("")
        return Overrides.read(path, all_checks()) if path else Overrides()

    def _create_set(self, items, results_file):
        results = SetOfVrsItemResults.create(self._getPath())
        results.setLevel(levels.printed(items))
        results.setResultsFile(results_file)
        results.setScore(*score(items))
        for item in items:
            result = VrsItemResult()
            result.setResult(item)
            results.append(result)
        return results

    def _create_fscs(self, curves, suffix):
        fscs = SetOfFSCs.create(self._getPath(), suffix=suffix)
        for curve in curves:
            # Scipion's viewer has little room for names.
            fsc = FSC(objLabel=curve.name.replace("_", " "), objComment=curve.description)
            fsc.setData(curve.frequencies.tolist(), curve.values.tolist())
            fscs.append(fsc)
        return fscs

    def _create_output(self, entry):
        if entry.path.endswith(".cif"):
            model = AtomStruct(self._getExtraPath(entry.path))
            model.setObjComment(entry.description)
            return model
        source = self.inputVolume.get()
        volume = self._possibleOutputs.get(_output_name(entry.name), Volume)()
        volume.setFileName(self._getExtraPath(entry.path))
        volume.setSamplingRate(source.getSamplingRate())
        volume.setObjComment(entry.description)
        if source.hasOrigin():
            volume.setOrigin(source.getOrigin().clone())
        return volume


def engine_parameter(item):
    """The level's parameter that chooses the engine of an item.

    Its value is 0 for the built-in engine, else 1 + the position in the check's engines.
    """
    return "engine" + item.replace(".", "")


def _with_citations(item):
    check = get_check(item)
    keys = "".join(" [%s]" % key for key in check.references if key != _VALIDATION_LEVELS)
    return "%s %s%s" % (item, check.title, keys)


def _output_name(name):
    """``hard_mask`` as Scipion would call it, ``hardMask``."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
