"""What the protocols of all levels share."""

import os

from pwem.objects import FSC, AtomStruct, SetOfFSCs, Volume, VolumeMask
from pwem.protocols import EMProtocol
from pyworkflow.protocol import params

from vrs.checks import (FileEntry, LevelResults, Overrides, all_checks, checks_of_level,
                        get_check, run_check)
from vrs.checks.input_data import describe_input
from vrs.checks.references import VALIDATION_LEVELS
from vrs.checks.results import from_json, to_json
from vrs.engines.external import BUILTIN, refusal
from vrs.errors import InputError
from vrs.io.headers import SAME_SAMPLING, read_header
from vrs.io.inputs import read_input
from vrs.io.maps import sha256, trace, write_map
from vrs.io.models import write_coloured
from vrs.io.problems import collected
from vrs.objects import SetOfVrsItemResults, VrsArchivedVolume, VrsItemResult
from vrs.protocols.archived import entry_notes, missing_numbers, read_entry, recommended
from vrs.protocols.external import ExternalRun, why_unavailable
from vrs.report import score

NO_MASK, MASK_OBJECT, MASK_FILE = range(3)
SEED = 0
RESULTS = "results.json"
_COMING = "The others follow as they are computed."
_STOPPED = "The run ended too early; start it again with Continue to go on."


class ProtVrsLevel(EMProtocol):
    """Runs the checks of a level on a map, each as a step.

    A check that fails is reported as not measured and the rest goes on. What a
    check found is written when it is done, so that a run that was interrupted
    goes on from there.

    Attributes
    ----------
    LEVEL : str
        The level, "0" for instance.
    """

    _label = None
    # The maps that checks make become outputs too.
    _possibleOutputs = {"outputResults": SetOfVrsItemResults, "hardMask": VolumeMask,
                        "softMask": VolumeMask}
    LEVEL = ""

    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("inputVolume", params.PointerParam, pointerClass="Volume", important=True,
                      label="Map", help="The map to be validated, as it is deposited or to be "
                                        "deposited; if there is a choice, the one that was not "
                                        "masked.")
        form.addParam("threshold", params.FloatParam, important=True, allowsNull=True,
                      label="Threshold",
                      help="Contour level that shows the whole macromolecule and no noise, as one "
                           "recommends it for viewing the map. For a map that was imported as an "
                           "EMDB entry it may be left empty: then the level that the entry "
                           "recommends is taken.")
        form.addParam("hasResolution", params.BooleanParam, default=True,
                      label="Is the resolution known?",
                      help="Without it the items that need it do not apply.")
        form.addParam("resolution", params.FloatParam, condition="hasResolution", allowsNull=True,
                      label="Reported resolution (Å)",
                      help="The resolution that is, or is going to be, published for the whole "
                           "map; the validation asks whether it is true. For a map that was "
                           "imported as an EMDB entry it may be left empty: then the resolution "
                           "that the entry states is taken.")
        self._define_added(form)
        self._define_mask(form.addGroup("Mask"))
        checks = [check for check in checks_of_level(self.LEVEL) if check.external]
        if checks:
            group = form.addGroup("What computes the items", expertLevel=params.LEVEL_ADVANCED)
            for check in checks:
                self._define_engines(group, check)
        group = form.addGroup("Rarely needed", expertLevel=params.LEVEL_ADVANCED)
        group.addParam("criteriaFile", params.FileParam, default="",
                       expertLevel=params.LEVEL_ADVANCED, label="Criteria file",
                       help="A JSON file with bounds of your own for what counts as good, such as "
                            '{"0.a.decentering": 25}; they replace the usual ones, and the report '
                            "says so.")
        group.addParam("sourceFile", params.FileParam, default="",
                       expertLevel=params.LEVEL_ADVANCED, label="Original file of the map",
                       help="Where the map of the project is a copy that somebody made for "
                            "Scipion, the file that it was made from: the report then describes "
                            "that one.")
        form.addParallelSection(threads=2, mpi=0)

    @staticmethod
    def _define_mask(group):
        group.addParam("maskFrom", params.EnumParam, default=NO_MASK,
                       choices=["Made from the threshold", "A mask of the project", "A file"],
                       label="Mask to use",
                       help="The mask tells where the macromolecule is. It is made from the map "
                            "and the threshold. A mask of your own takes its place in every item "
                            "but 0.b, which judges the threshold. It must have the box of the "
                            "map, and its voxels of 0.5 or more count as inside.")
        group.addParam("inputMask", params.PointerParam, pointerClass="VolumeMask",
                       allowsNull=True, condition="maskFrom == %d" % MASK_OBJECT,
                       label="Mask of the project",
                       help="A mask of this project, in the box of the map.")
        group.addParam("maskFile", params.FileParam, allowsNull=True,
                       condition="maskFrom == %d" % MASK_FILE, label="Mask file",
                       help="A mask in the box of the map: MRC or CCP4, compressed or not.")

    @staticmethod
    def _define_engines(group, check):
        group.addParam(engine_parameter(check.id), params.EnumParam, default=0,
                       choices=["built-in"] + [engine.label for engine in check.external],
                       expertLevel=params.LEVEL_ADVANCED,
                       label="%s %s" % (check.id, check.title),
                       help="What computes %s. The built-in method is always there; any other "
                            "needs its Scipion plugin and programs (%s) and runs as a protocol "
                            "of its own." % (check.title, ", ".join(
                                engine.package for engine in check.external)))

    # --------------------------- WHAT A LEVEL ADDS ---------------------------
    def _define_added(self, form):
        """Parameters for what the level takes on top of the map."""

    def _added(self):
        """Further arguments of ``read_input``; InputError when something is not chosen."""
        return {}

    def _prepare(self, loaded):
        """What has to be done once with the input, before any check."""

    def _describe_added(self, loaded):
        """The LevelInput of what it takes on top of the map, None without."""
        return None

    # --------------------------- STEPS ---------------------------------------
    def _insertAllSteps(self):
        # Scipion repeats finished steps only when what they were given has changed.
        given, engines = self._given(), {}
        self._insertFunctionStep(self.describeInputStep, given, needsGPU=False)
        for check in checks_of_level(self.LEVEL):
            engine = self._engine_of(check)
            engines[check.id] = engine.name if engine else BUILTIN
            self._insertFunctionStep(self.checkStep, check.id, engines[check.id], given,
                                     needsGPU=False)
        self._insertFunctionStep(self.createOutputStep, given, engines, needsGPU=False)

    def describeInputStep(self, given):
        """Describe the input and store the masks."""
        if self._is_done("input"):
            self._forget()
        loaded = self._input()
        report, volumes = describe_input(loaded.data, *identity(loaded.map_file), loaded.notes,
                                         *identity(loaded.mask_file))
        volume = self.inputVolume.get()
        report.notes += entry_notes(volume, report.threshold, report.resolution)
        report.entry = read_entry(volume)
        report.files = [FileEntry("map", os.path.relpath(self._volumeFile(), self._getExtraPath()),
                                  "The map")] + self._store_arrays(volumes)
        self._write("added", self._describe_added(loaded))
        return self._write("input", report)

    def checkStep(self, item, engine_name, given):
        """Run one check."""
        check = get_check(item)
        engine = self._engine_of(check)
        result, arrays = run_check(check, self._input().data, self._overrides(),
                                    ExternalRun(engine, item, self) if engine else None)
        result.files = self._store_arrays(arrays)
        return self._write(item, result)

    def createOutputStep(self, given, engines):
        """Put the results together and hand them on."""
        items = [self._read(check.id) for check in checks_of_level(self.LEVEL)]
        results = self._put_together(items)
        report, path = results.input, self.results_file()
        results.write(path)
        outputs = {"outputResults": self._create_set(items, path)}
        for part in [report] + items:
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
        return path  # Continue repeats the step when this is gone

    # --------------------------- INFORMATION ---------------------------------
    def _validate(self):
        if self.inputVolume.get() is None:
            return []  # Scipion says so itself
        problems = []
        for check_part in (self._input, self._overrides):
            try:
                check_part()
            except InputError as error:
                problems.extend(error.problems)
        for check in checks_of_level(self.LEVEL):
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
            self.LEVEL, VALIDATION_LEVELS.key, items or "none of its items")]

    def _citations(self):
        return [VALIDATION_LEVELS.key] + [
            reference.key for check in checks_of_level(self.LEVEL)
            for reference in check.references]

    # --------------------------- RESULTS -------------------------------------
    # The working folder must be that of the project.
    def is_complete(self):
        """Whether the last run came to its end, so that its outputs are what was asked for."""
        return self.isFinished() and hasattr(self, "outputResults")

    def results_file(self):
        """Where the results of all items are once they are done."""
        return self._getExtraPath(RESULTS)

    def results_of(self, item):
        """The result of an item that is done, else None.

        Parameters
        ----------
        item : str
            Its id.

        Returns
        -------
        vrs.checks.ItemResult or None
        """
        return self._read(item) if self._is_done(item) else None

    def items_done(self):
        """The ids of the items that are done in a run that need not have come to its end.

        Returns
        -------
        list of str or None
            None when the input was not even described.
        """
        if not self._is_done("input"):
            return None
        return [check.id for check in checks_of_level(self.LEVEL) if self._is_done(check.id)]

    def results_so_far(self):
        """The results of the items that are done.

        Returns
        -------
        vrs.checks.LevelResults

        Raises
        ------
        OSError
            When the input was not even described.
        """
        return self._put_together([self._read(item) for item in self.items_done() or ()])

    def progress(self):
        """How far a run has come that is not complete, in a sentence or two.

        Returns
        -------
        str
            Empty when the input was not even described.
        """
        done, all_items = self.items_done(), checks_of_level(self.LEVEL)
        if done is None:
            return ""
        text = "Items done: %d of %d." % (len(done), len(all_items))
        if not self.isActive():
            return text + " " + _STOPPED
        return text + " " + _COMING if len(done) < len(all_items) else text

    # --------------------------- HELPERS -------------------------------------
    def _given(self):
        volume = self.inputVolume.get()
        added = self._added()
        files = [self._original_file(), self._mask_file(), self.criteriaFile.get("")] + [
            path for paths in added.values()
            for path in ([paths] if isinstance(paths, str) else paths)]
        return [self._volumeFile(), volume.getSamplingRate(), self._chosen_threshold(),
                self._reported_resolution(), sorted(added.items())] + [
                    [path, trace(path)] for path in files]

    def _engine_of(self, check):
        """The external engine that was chosen for a check, None for the built-in one."""
        if not check.external:
            return None
        choice = self.getAttributeValue(engine_parameter(check.id))
        return check.external[choice - 1] if choice else None

    def _volumeFile(self):
        return plain_name(self.inputVolume.get())

    def _chosen_threshold(self):
        return self.threshold.get(recommended(self.inputVolume.get())[0])

    def _reported_resolution(self):
        if not self.hasResolution:
            return None
        return self.resolution.get(recommended(self.inputVolume.get())[1])

    def _mask_file(self):
        if self.maskFrom == MASK_OBJECT:
            mask = self.inputMask.get()
            return plain_name(mask) if mask else ""
        return self.maskFile.get("") if self.maskFrom == MASK_FILE else ""

    def _original_file(self):
        """The file that the user knows: Scipion's import makes a link to it."""
        return self.sourceFile.get("") or original_files(self.inputVolume.get())[0]

    def _input(self):
        """The input, read at most once in a run."""
        if getattr(self, "_loaded", None) is not None:
            return self._loaded
        problems = missing_numbers(self.inputVolume.get(), self._chosen_threshold(),
                                   self._reported_resolution(), self.hasResolution.get())
        if self.maskFrom != NO_MASK and not self._mask_file():
            problems.append("Choose the mask, or none.")
        with collected(problems):
            added = self._added()
        if problems:
            raise InputError(problems)
        loaded = read_input(
            self._original_file(), self._chosen_threshold(), self._reported_resolution(),
            sampling=self._given_sampling(), mask_path=self._mask_file() or None,
            workers=max(1, self.numberOfThreads.get()), seed=SEED, **added)
        if self._stepsExecutor is not None:  # the graphical interface must not keep whole maps
            self._prepare(loaded)
            self._loaded = loaded
        return loaded

    def _given_sampling(self):
        """The voxel size where it is not simply the one of the file, else None."""
        sampling = self.inputVolume.get().getSamplingRate()
        in_file = read_header(self._original_file()).sampling
        same = in_file is not None and abs(in_file / sampling - 1) <= SAME_SAMPLING
        return None if same else sampling

    def _overrides(self):
        path = self.criteriaFile.get("")
        return Overrides.read(path, all_checks()) if path else Overrides()

    def _store_arrays(self, arrays):
        """Write maps, and models coloured by values of their atoms."""
        loaded = self._input()
        entries = []
        for name, (array, description) in arrays.items():
            file_name = name + (".cif" if array.ndim == 1 else ".mrc")
            if array.ndim == 1:
                write_coloured(self._getExtraPath(file_name), loaded.model_file.structure, array)
            else:
                write_map(self._getExtraPath(file_name), array, loaded.data.sampling,
                          loaded.map_file.origin)
            entries.append(FileEntry(name, file_name, description))
        return entries

    def _put_together(self, items):
        return LevelResults(self.LEVEL, self._read("input"), items, SEED,
                            self.criteriaFile.get(""), self._read("added"))

    def _forget(self):
        """Remove what an earlier run found with other input."""
        for part in self.items_done() + ["input"]:
            os.remove(self._part_file(part))

    def _is_done(self, part):
        return os.path.exists(self._part_file(part))

    def _part_file(self, part):
        return self._getExtraPath("part_%s.json" % part)

    def _write(self, part, result):
        # Whoever follows the run must never see half a file.
        path = self._part_file(part)
        with open(path + ".new", "w") as handle:
            handle.write(to_json(result))
        os.replace(path + ".new", path)
        return path

    def _read(self, part):
        with open(self._part_file(part)) as handle:
            return from_json(handle.read())

    def _create_set(self, items, results_file):
        results = SetOfVrsItemResults.create(self._getPath())
        results.setLevel(self.LEVEL)
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


def plain_name(image):
    """File of a Scipion volume, without the index and the format that may be with its name."""
    return image.getFileName().split("@")[-1].replace(":mrc", "")


def original_file(path):
    """The file that the user knows: Scipion's imports make links to it."""
    if not os.path.islink(path):
        return path
    return os.path.join(os.path.dirname(path), os.readlink(path))  # some links are relative


def original_files(volume):
    """Files of a map and of its half maps, if it has some, as the user knows them.

    Parameters
    ----------
    volume : pwem.objects.Volume

    Returns
    -------
    list of str
        The map first.
    """
    fetched = volume.getOriginals() if isinstance(volume, VrsArchivedVolume) else []
    copies = [plain_name(volume)] + [path for path in (volume.getHalfMaps() or "").split(",")
                                     if path]
    return fetched or [original_file(path) for path in copies]


def _with_citations(item):
    check = get_check(item)
    keys = "".join(" [%s]" % reference.key for reference in check.references
                   if reference.key != VALIDATION_LEVELS.key)
    return "%s %s%s" % (item, check.title, keys)


def _output_name(name):
    """``hard_mask`` as Scipion would call it, ``hardMask``."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def identity(map_file):
    """Name and SHA-256 of a file, both empty without one."""
    if map_file is None:
        return "", ""
    return os.path.basename(map_file.path), sha256(map_file.path)
