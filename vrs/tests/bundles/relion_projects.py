"""Small projects as versions 3.0, 3.1, 4 and 5 of RELION write them."""

from pathlib import Path

import numpy as np

from vrs.io.maps import write_map
from vrs.tests.protocols import maps

SUCCESS = "RELION_JOB_EXIT_SUCCESS"
# Types of jobs and files by number, up to version 3.1.
_NUMBERS = {"Import": 0, "MotionCorr": 1, "Extract": 5, "Class2D": 8, "Class3D": 9, "Refine3D": 10,
            "MaskCreate": 12, "PostProcess": 15, "Polish": 20, "CtfRefine": 21, "Select": 7,
            "ManualPick": 3, "AutoPick": 4}
_LABELS = {"Import": "relion.import.movies", "MotionCorr": "relion.motioncorr.own",
           "Extract": "relion.extract", "Class2D": "relion.class2d", "Class3D": "relion.class3d",
           "Refine3D": "relion.refine3d", "MaskCreate": "relion.maskcreate",
           "PostProcess": "relion.postprocess", "Polish": "relion.polish",
           "CtfRefine": "relion.ctfrefine", "Select": "relion.select.interactive",
           "ManualPick": "relion.manualpick", "AutoPick": "relion.autopick.log"}


class Project:
    """A project that grows job by job.

    Parameters
    ----------
    folder : path
    version : str
        "3.0", "3.1", "4.0" or "5.0".
    """

    def __init__(self, folder, version):
        self.folder, self.version = Path(folder), version
        self.folder.mkdir(parents=True, exist_ok=True)
        self._processes, self._nodes, self._inputs, self._outputs = [], [], [], []

    @property
    def is_new(self):
        """Whether types have labels."""
        return self.version >= "4"

    def path(self, name):
        """Path of a file."""
        return self.folder / name

    def job(self, name, inputs=(), outputs=(), options=(), old=(), alias="None", note=""):
        """Add a job that finished.

        Parameters
        ----------
        name : str
            "Refine3D/job019".
        inputs, outputs : sequence of str
            Files; a colon and a kind may follow: "mask.mrc:Mask3D".
        options, old : sequence of (str, str)
            By variable, and by question as version 3.0 wrote them.
        """
        kind = name.split("/")[0]
        folder = self.path(name)
        folder.mkdir(parents=True)
        process = "%s/ %s %s %s" % ((name, alias) + (
            (_LABELS[kind], "Succeeded") if self.is_new else (_NUMBERS[kind], 2)))
        nodes, edges_in, edges_out = [], [], []
        for edges, files in ((edges_in, inputs), (edges_out, outputs)):
            for text in files:
                file_name, _, file_kind = text.partition(":")
                nodes.append("%s %s" % (file_name, self._kind(file_kind)))
                edges.append(("%s %s/" % (file_name, name)) if edges is edges_in
                             else "%s/ %s" % (name, file_name))
        self._processes.append(process)
        self._nodes += [node for node in nodes if node not in self._nodes]
        self._inputs += edges_in
        self._outputs += edges_out
        self._write_pipeline(folder / "job_pipeline.star", [process], nodes, edges_in, edges_out)
        self._write_pipeline(self.path("default_pipeline.star"), self._processes, self._nodes,
                             self._inputs, self._outputs)
        if self.version == "3.0":
            lines = ["job_type == %d" % _NUMBERS[kind], "is_continue == false"]
            (folder / "run.job").write_text("\n".join(
                lines + ["%s == %s" % pair for pair in old]) + "\n")
        else:
            head = ("_rlnJobTypeLabel %s" % _LABELS[kind] if self.is_new
                    else "_rlnJobType %d" % _NUMBERS[kind])
            rows = "".join("%s %s \n" % (key, value or '""') for key, value in options)
            (folder / "job.star").write_text(
                "\n# version 30001\n\ndata_job\n\n%s\n_rlnJobIsContinue 0\n \n\n"
                "# version 30001\n\ndata_joboptions_values\n\nloop_ \n_rlnJobOptionVariable #1 \n"
                "_rlnJobOptionValue #2 \n%s \n" % (head, rows))
            (folder / SUCCESS).write_text("")
        (folder / "note.txt").write_text(note)
        (folder / "run.out").write_text("RELION version: %s-commit-abcdef \nPrecision: BASE=double"
                                        "\n" % self.version)
        return folder

    def _kind(self, label):
        if self.is_new:
            return "%s.mrc.relion 1" % (label or "ParticleGroupMetadata")
        return "7" if label == "Mask3D" else "3"

    def _write_pipeline(self, path, processes, nodes, edges_in, edges_out):
        suffix = "Label" if self.is_new else ""
        tables = (("processes", ["ProcessName", "ProcessAlias", "ProcessType" + suffix,
                                 "ProcessStatus" + suffix], processes),
                  ("nodes", ["NodeName", "NodeType" + suffix]
                   + ["NodeTypeLabelDepth"] * self.is_new, nodes),
                  ("input_edges", ["EdgeFromNode", "EdgeProcess"], edges_in),
                  ("output_edges", ["EdgeProcess", "EdgeToNode"], edges_out))
        version = "\n# version 30001\n" if self.version > "3.0" else ""
        text = "%s\ndata_pipeline_general\n\n_rlnPipeLineJobCounter  %d\n \n" % (
            version, len(processes) + 1)
        for name, columns, rows in tables:
            if rows:
                text += "%s\ndata_pipeline_%s\n\nloop_ \n%s\n%s \n \n" % (
                    version, name, "\n".join("_rlnPipeLine%s #%d " % (column, number)
                                             for number, column in enumerate(columns, 1)),
                    " \n".join(rows))
        path.write_text(text)

    def write_star(self, name, blocks):
        """Write pairs (a dict of texts) and loops (columns, rows) by block."""
        version = "\n# version 30001\n" if self.version > "3.0" else ""
        text = ""
        for block, content in blocks.items():
            text += "%s\ndata_%s\n\n" % (version, block)
            if isinstance(content, dict):
                text += "".join("_%s    %s\n" % pair for pair in content.items()) + "\n"
            else:
                columns, rows = content
                text += "loop_ \n" + "".join("_%s #%d \n" % (column, number)
                                             for number, column in enumerate(columns, 1))
                text += "".join(" ".join(map(str, row)) + " \n" for row in rows) + " \n"
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text)

    def write_particles(self, name, count=12, angles=True, classes=1):
        """Write a table of particles, without images."""
        rng = np.random.default_rng(3)
        columns = ["rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY", "rlnImageName",
                   "rlnClassNumber", "rlnAnglePsi"] + ["rlnAngleRot", "rlnAngleTilt"] * angles
        flat = self.version == "3.0"
        shifts = ["rlnOriginX", "rlnOriginY"] if flat else ["rlnOriginXAngst", "rlnOriginYAngst"]
        columns += shifts + (["rlnDetectorPixelSize", "rlnMagnification"] if flat
                             else ["rlnOpticsGroup"])
        rows = []
        for number in range(count):
            row = ["MotionCorr/job002/Movies/mic%d.mrc" % (number % 2), 20 + number, 30 + number,
                   "%06d@Extract/job005/Movies/mic%d.mrcs" % (number + 1, number % 2),
                   1 + number % classes] + list(rng.uniform(0, 90, 1 + 2 * angles))
            rows.append(row + [1.5, -0.5] + ([maps.SAMPLING, 10000] if flat else [1]))
        if flat:
            self.write_star(name, {"": (columns, rows)})
        else:
            optics = (["rlnOpticsGroup", "rlnOpticsGroupName", "rlnVoltage",
                       "rlnSphericalAberration", "rlnAmplitudeContrast", "rlnImagePixelSize",
                       "rlnImageSize", "rlnImageDimensionality"],
                      [[1, "opticsGroup1", 300, 2.7, 0.1, maps.SAMPLING, maps.BOX, 2]])
            self.write_star(name, {"optics": optics, "particles": (columns, rows)})

    def write_map(self, name, volume):
        """Write a map."""
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        write_map(str(self.path(name)), volume.astype(np.float32), maps.SAMPLING)


def whole_project(folder, version="4.0"):
    """A project from the movies to a sharpened map, with refined CTFs and polished particles.

    Returns
    -------
    Project
    """
    project = Project(folder, version)
    ball, halves = maps.blob(), maps.halves()
    mask = (ball > 0.2).astype(np.float32)
    project.job("Import/job001", outputs=["Import/job001/movies.star"])
    project.job("MotionCorr/job002", ["Import/job001/movies.star"],
                ["MotionCorr/job002/corrected_micrographs.star"])
    for number in range(2):
        image = np.random.default_rng(number).normal(size=(1, 128, 96))
        project.write_map("MotionCorr/job002/Movies/mic%d.mrc" % number, image)
    project.job("Extract/job005", ["MotionCorr/job002/corrected_micrographs.star"],
                ["Extract/job005/particles.star"])
    project.job("Class2D/job008", ["Extract/job005/particles.star"],
                ["Class2D/job008/run_it025_data.star", "Class2D/job008/run_it025_optimiser.star"])
    for iteration in (0, 24, 25):
        stem = "Class2D/job008/run_it%03d" % iteration
        project.write_particles(stem + "_data.star", angles=False, classes=2)
        project.write_star(stem + "_model.star", {
            "model_general": {"rlnPixelSize": maps.SAMPLING, "rlnNrClasses": 2},
            "model_classes": (["rlnReferenceImage", "rlnClassDistribution",
                               "rlnEstimatedResolution"],
                              [["%06d@%s_classes.mrcs" % (number, stem), 0.5, 12.0]
                               for number in (1, 2)])})
        project.write_map(stem + "_classes.mrcs", np.stack([ball.sum(0), ball.sum(1)]))
    project.job("Select/job009", ["Class2D/job008/run_it025_optimiser.star"],
                ["Select/job009/particles.star"], alias="Select/good/")
    project.job("MaskCreate/job011", ["Refine3D/job010/run_class001.mrc:DensityMap"],
                ["MaskCreate/job011/mask.mrc:Mask3D"],
                [("fn_in", "Refine3D/job010/run_class001.mrc")])
    project.write_map("MaskCreate/job011/mask.mrc", mask)
    add_refinement(project, "Refine3D/job010", "Select/job009/particles.star", ball, halves)
    _post_process(project, "PostProcess/job012", "Refine3D/job010", ball)
    project.job("CtfRefine/job013", ["Refine3D/job010/run_data.star",
                                     "PostProcess/job012/postprocess.star"],
                ["CtfRefine/job013/particles_ctf_refine.star"])
    project.write_particles("CtfRefine/job013/particles_ctf_refine.star")
    project.job("Polish/job014", ["MotionCorr/job002/corrected_micrographs.star",
                                  "CtfRefine/job013/particles_ctf_refine.star",
                                  "PostProcess/job012/postprocess.star"],
                ["Polish/job014/shiny.star"])
    project.write_particles("Polish/job014/shiny.star")
    return project


def add_refinement(project, name, particles, ball, halves, run="run"):
    """Add a refinement with the files of its end, and some of an earlier iteration."""
    stem = "%s/%s" % (name, run)
    if not project.path(name).exists():
        project.job(name, [particles], [stem + "_data.star:ParticleGroupMetadata",
                                        stem + "_half1_class001_unfil.mrc:DensityMap",
                                        stem + "_class001.mrc:DensityMap"],
                    [("sym_name", "D2"), ("fn_mask", "")], [("Symmetry:", "D2")],
                    note="relion_refine --sym D2 --o %s\n" % stem)
    project.write_particles(stem + "_data.star")
    project.write_particles(stem + "_it003_data.star")
    project.write_map(stem + "_class001.mrc", ball)
    for number, half in enumerate(halves, 1):
        project.write_map("%s_half%d_class001_unfil.mrc" % (stem, number), half)
    project.write_star(stem + "_model.star", {
        "model_general": {"rlnCurrentResolution": 8.5, "rlnPixelSize": maps.SAMPLING},
        "model_classes": (["rlnReferenceImage", "rlnClassDistribution"],
                          [[stem + "_class001.mrc", 1.0]])})
    project.write_star(stem + "_sampling.star", {
        "sampling_general": {"rlnIs3DSampling": 1, "rlnSymmetryGroup": "D2"}})


def _post_process(project, name, refined, ball):
    half = "%s/run_half1_class001_unfil.mrc" % refined
    project.job(name, [half + ":DensityMap", "MaskCreate/job011/mask.mrc:Mask3D"],
                [name + "/postprocess.mrc:DensityMap", name + "/postprocess.star"],
                [("fn_in", half), ("fn_mask", "MaskCreate/job011/mask.mrc"), ("angpix", "-1")],
                [("One of the 2 unfiltered half-maps:", half),
                 ("Solvent mask:", "MaskCreate/job011/mask.mrc"),
                 ("Calibrated pixel size (A)", "-1")])
    project.write_map(name + "/postprocess.mrc", 1.5 * ball)
    project.write_star(name + "/postprocess.star", {
        "general": {"rlnFinalResolution": 6.25, "rlnBfactorUsedForSharpening": -80.0,
                    "rlnUnfilteredMapHalf1": half,
                    "rlnUnfilteredMapHalf2": half.replace("half1", "half2"),
                    "rlnMaskName": "MaskCreate/job011/mask.mrc"},
        "fsc": (["rlnSpectralIndex", "rlnFourierShellCorrelationCorrected"],
                [[0, 1.0], [1, 0.9]])})


def add_picking(project, name):
    """Add a job that picked three particles in each of the two micrographs.

    Parameters
    ----------
    project : Project
    name : str
        "AutoPick/job004" or "ManualPick/job003".
    """
    kind = name.split("/")[0].lower()
    table = "MotionCorr/job002/corrected_micrographs.star"
    micrographs = ["MotionCorr/job002/Movies/mic%d.mrc" % number for number in range(2)]
    blocks = {"micrographs": (["rlnMicrographName", "rlnOpticsGroup"],
                              [[path, 1] for path in micrographs])}
    if project.version > "3.0":
        blocks["optics"] = (["rlnOpticsGroup", "rlnMicrographPixelSize"], [[1, 1.25]])
    project.write_star(table, blocks)
    listed = "%s/%s.star" % (name, kind)
    suffix = "%s/coords_suffix_%s.star" % (name, kind)
    project.job(name, [table], [(listed if project.is_new else suffix) + ":MicrographCoords"],
                [("fn_input_autopick", table)], [("Input micrographs for autopick:", table)])
    points = ["%s/Movies/mic%d_%s.star" % (name, number, kind) for number in range(2)]
    for number, path in enumerate(points):
        project.write_star(path, {"": (["rlnCoordinateX", "rlnCoordinateY"],
                                       [[20 + 10 * row, 40 + number] for row in range(3)])})
    if project.is_new:
        project.write_star(listed, {"coordinate_files": (
            ["rlnMicrographName", "rlnMicrographCoordinates"], list(zip(micrographs, points)))})
    else:
        project.path(suffix).write_text(table + "\n")
