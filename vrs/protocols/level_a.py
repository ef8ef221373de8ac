"""Level A: an atomic model."""

from pyworkflow.protocol import params

from vrs.checks.level_A.multimodel import to_refinements
from vrs.checks.level_A.placement import describe_model, place_model
from vrs.checks.results import InputFile
from vrs.errors import InputError
from vrs.io.problems import collected
from vrs.protocols.half_maps import define_half_maps, described_files, half_files
from vrs.protocols.level import ProtVrsLevel, identity, original_file

MODEL_OBJECT, MODEL_FILE = range(2)


class ProtVrsLevelA(ProtVrsLevel):
    """Validates a map and an atomic model by each other: does the model lie in the map, residue
    by residue? It needs the map, a threshold and the model; with two half maps it also tells
    where the model says more than the map does."""

    _label = "validate atomic model (level A)"
    LEVEL = "A"

    def _define_added(self, form):
        group = form.addGroup("Atomic model")
        group.addParam("modelFrom", params.EnumParam, default=MODEL_OBJECT,
                       label="Model to use",
                       choices=["A structure of the project", "A file"],
                       help="The atomic model that was built into the map or fitted to it. Where "
                            "in the box it lies is found out; it need not be moved.")
        group.addParam("inputModel", params.PointerParam, pointerClass="AtomStruct",
                       allowsNull=True, condition="modelFrom == %d" % MODEL_OBJECT,
                       label="Structure",
                       help="The model as an atomic structure of this project.")
        group.addParam("modelFile", params.FileParam, allowsNull=True,
                       condition="modelFrom == %d" % MODEL_FILE, label="Model file",
                       help="The model as mmCIF or PDB file, compressed or not.")
        group.addParam("multimodel", params.IntParam, default=0,
                       expertLevel=params.LEVEL_ADVANCED, label="Refinements of the model (A.c)",
                       help="How often the model is refined against the map from displaced "
                            "starts, to see whether the map fixes where it lies: 5 is usual, 0 "
                            "leaves it out. It takes long: minutes for a model of 2,000 residues, "
                            "an hour or more for the largest.")
        define_half_maps(form, "Those of the map, if it has some")

    def _given(self):
        return super()._given() + [self.multimodel.get()]

    def _added(self):
        problems, paths = [], {}
        with collected(problems):
            to_refinements(self.multimodel.get())
        with collected(problems):
            paths["model_path"] = self._model_file()
        with collected(problems):
            paths["half_paths"] = half_files(self)
        if problems:
            raise InputError(problems)
        return paths

    def _prepare(self, loaded):
        data = loaded.data
        self._placement = place_model(data, loaded.model_file.structure, loaded.map_file.origin)
        data.model, data.model_problem = self._placement.structure, self._placement.problem
        data.multimodel = self.multimodel.get()

    def _describe_added(self, loaded):
        files = [InputFile("Model", *identity(loaded.model_file))] + described_files(loaded)
        return describe_model(self._placement, files, loaded.model_file.notes)

    def _model_file(self):
        if self.modelFrom == MODEL_OBJECT:
            structure = self.inputModel.get()
            path = original_file(structure.getFileName()) if structure else ""
        else:
            path = self.modelFile.get("")
        if not path:
            raise InputError("Choose the atomic model.")
        return path
