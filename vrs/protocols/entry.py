"""Importing an entry of EMDB."""

import json
import os
import shutil

from pwem.objects import AtomStruct, Transform
from pwem.protocols import EMProtocol
from pyworkflow.protocol import params

from vrs.errors import InputError
from vrs.inputs.half_maps import read_halves
from vrs.io.archive import to_emdb_id
from vrs.io.entries import CACHE, choose_model, fetch_files, keep_usable
from vrs.io.maps import read_map, write_map
from vrs.io.models import read_model
from vrs.io.problems import collected, to_number
from vrs.objects import VrsArchivedVolume
from vrs.protocols.emdb_entries import open_archive


class ProtVrsImportEntry(EMProtocol):
    """Fetches an entry of the Electron Microscopy Data Bank: the map, its half maps if they are
    public, and the model that is fitted to it, if there is one. The map knows the contour level
    and the resolution of the entry, so that its validation need not be told them. What was
    fetched is kept and not fetched again."""

    _label = "import EMDB entry"
    _possibleOutputs = {"outputVolume": VrsArchivedVolume, "outputModel": AtomStruct}

    def _defineParams(self, form):
        form.addSection(label="Input")
        form.addParam("emdbId", params.StringParam, default="", important=True,
                      label="EMDB entry",
                      help="The number of the entry in the Electron Microscopy Data Bank, for "
                           "instance EMD-1234. The entry must have been released.")
        form.addParam("withHalves", params.BooleanParam, default=True, label="With half maps?",
                      help="Fetch the two half maps too, if they are public. The items of level 1 "
                           "and some of level A need them.")
        form.addParam("withModel", params.BooleanParam, default=True, label="With atomic model?",
                      help="Fetch an atomic model that is fitted to the map too, if there is one. "
                           "The items of level A need it.")
        form.addParam("pdbId", params.StringParam, default="", condition="withModel",
                      expertLevel=params.LEVEL_ADVANCED, label="PDB id of the model",
                      help="Which of the entry's models to use, for instance 1ABC. If left empty, "
                           "the first one that is fitted to the map.")
        form.addParam("samplingRate", params.FloatParam, allowsNull=True,
                      expertLevel=params.LEVEL_ADVANCED, label="Voxel size (Å)",
                      help="Only where the one in the archive's file is wrong.")
        group = form.addGroup("Source", expertLevel=params.LEVEL_ADVANCED)
        group.addParam("cacheFolder", params.FolderParam, default="",
                       expertLevel=params.LEVEL_ADVANCED, label="Folder for downloads",
                       help="Downloaded files are kept here and reused, also by other projects and "
                            "by the command 'vrs entry'. If left empty: %s in Scipion's folder for "
                            "user data." % CACHE)
        group.addParam("offline", params.BooleanParam, default=False,
                       expertLevel=params.LEVEL_ADVANCED, label="Offline?",
                       help="Use only that folder, without network access.")
        group.addParam("server", params.StringParam, default="", condition="not offline",
                       expertLevel=params.LEVEL_ADVANCED, label="Server",
                       help="Address of a server to ask instead of www.ebi.ac.uk and "
                            "ftp.ebi.ac.uk, with the same paths. If left empty, the variable "
                            "VRS_ARCHIVE, if it is set, else those two.")

    # --------------------------- STEPS ---------------------------------------
    def _insertAllSteps(self):
        self._insertFunctionStep(self.importStep, needsGPU=False)

    def importStep(self):
        """Fetch the entry and hand on what it has."""
        archive = self._archive()
        archived = archive.entry(to_emdb_id(self.emdbId.get()))
        self.info("%s, %s" % (archived.emdb_id, archived.title))
        pdb_id = choose_model(archived, self.pdbId.get("")) if self.withModel else ""
        fetched = fetch_files(archive, archived, pdb_id, self.withHalves.get(),
                              self.withModel.get())
        maps, fetched = keep_usable(fetched, self._read)
        for remark in fetched.remarks:
            self.info("Note: %s" % remark)
        outputs = {"outputVolume": self._create_volume(fetched, maps)}
        if fetched.model:
            # Other programs may want to write to it, and the folder of what was fetched
            # may be emptied.
            path = shutil.copy(fetched.model, self._getExtraPath())
            outputs["outputModel"] = AtomStruct(path)
        self._defineOutputs(**outputs)

    # --------------------------- INFORMATION ---------------------------------
    def _validate(self):
        problems = []
        with collected(problems):
            if not self.emdbId.get("").strip():
                raise InputError("Give the number of the entry, EMD-1234 for instance.")
            to_emdb_id(self.emdbId.get())
        with collected(problems):
            if self.samplingRate.get() is not None:
                to_number(self.samplingRate.get(), "The voxel size", "give it in Å, or leave it "
                          "empty", positive=True)
        with collected(problems):
            self._archive()
        return problems

    def _summary(self):
        if not hasattr(self, "outputVolume"):
            return ["The entry has not been fetched yet."]
        volume = self.outputVolume
        lines = ["*%s*: %s" % (volume.getEmdbId(), volume.getTitle())]
        if volume.getThreshold() is not None:
            lines.append("Recommended contour level: %g" % volume.getThreshold())
        else:
            lines.append("The entry recommends no contour level.")
        if volume.getResolution() is not None:
            lines.append("Stated resolution: %g Å" % volume.getResolution())
        with open(volume.getEntryFile(), encoding="utf-8") as handle:
            return lines + json.load(handle)["remarks"]

    def _methods(self):
        if not hasattr(self, "outputVolume"):
            return []
        model = getattr(self, "outputModel", None)
        parts = ["the map"] + ["its half maps"] * self.outputVolume.hasHalfMaps()
        parts += ["the atomic model %s" % os.path.basename(model.getFileName())] if model else []
        return ["%s (%s) was taken from the Electron Microscopy Data Bank [Turner2024]: %s." % (
            self.outputVolume.getEmdbId(), self.outputVolume.getTitle(), ", ".join(parts))]

    def _citations(self):
        return ["Turner2024"]

    # --------------------------- HELPERS -------------------------------------
    def _archive(self):
        return open_archive(self.cacheFolder.get(""), self.server.get(""), self.offline.get(),
                            self.info)

    def _read(self, fetched):
        """The map and its half maps as MapFiles, if all that was fetched is of use."""
        problems, maps = [], [None]
        with collected(problems):
            maps = [read_map(fetched.map, self.samplingRate.get())]
        with collected(problems):
            maps += read_halves(fetched.halves, maps[0], self.samplingRate.get())
        with collected(problems):
            if fetched.model:
                read_model(fetched.model)
        if problems:
            raise InputError(problems)
        return maps

    def _create_volume(self, fetched, maps):
        """The map with its half maps, as copies that Scipion can read."""
        paths = []
        for given, name in zip(maps, ("map", "half_map_1", "half_map_2")):
            paths.append(self._getExtraPath("%s_%s.mrc" % (
                fetched.archived.emdb_id.replace("EMD-", "emd_"), name)))
            write_map(paths[-1], given.volume, maps[0].sampling, given.origin)
        entry_file = self._getExtraPath("entry.json")
        with open(entry_file, "w", encoding="utf-8") as handle:
            json.dump(fetched.front_page(), handle, indent=1, ensure_ascii=False)
        volume = VrsArchivedVolume(paths[0])
        volume.setSamplingRate(maps[0].sampling)
        origin = Transform()
        origin.setShifts(*maps[0].origin)
        volume.setOrigin(origin)
        volume.setHalfMaps(paths[1:])
        volume.setEntry(fetched.archived, entry_file)
        volume.setOriginals([fetched.map] + fetched.halves)
        volume.setObjComment("%s: %s" % (fetched.archived.emdb_id, fetched.archived.title))
        return volume
