"""A protocol that gives each atom the density at its place, by the header of the map."""

import gemmi
import mrcfile
import numpy as np
from pwem.protocols import EMProtocol
from pyworkflow.protocol import params


class ProtMapQ(EMProtocol):
    """Writes the model with a column of values."""

    _label = "compute q-scores"

    def _defineParams(self, form):
        form.addSection("Input")
        form.addParam("inputVol", params.PointerParam, pointerClass="Volume", label="Map")
        form.addParam("pdbs", params.MultiPointerParam, pointerClass="AtomStruct", label="Models")
        form.addParam("sigma", params.FloatParam, allowsNull=True, label="Sigma")
        form.addParallelSection(threads=4, mpi=0)

    def _insertAllSteps(self):
        self._insertFunctionStep(self.writeStep)

    def writeStep(self):
        model, = [pointer.get() for pointer in self.pdbs]
        with mrcfile.open(self.inputVol.get().getFileName(), permissive=True) as mrc:
            header, volume = mrc.header, mrc.data
            sampling = float(mrc.voxel_size.x)
            first = sampling * np.array([header.nxstart, header.nystart, header.nzstart]) + [
                header.origin.x, header.origin.y, header.origin.z]
        document = gemmi.cif.read(model.getFileName())
        sites = document[0].find("_atom_site.", ["Cartn_x", "Cartn_y", "Cartn_z"])
        places = [tuple(float(text) for text in row) for row in sites]
        sites.loop.add_columns(["_atom_site.Q-score"], "?")
        for row, place in zip(document[0].find(["_atom_site.Q-score"]), places):
            voxel = np.rint((np.array(place) - first) / sampling).astype(int)
            row[0] = "%.5f" % (self.sigma.get() * volume[tuple(voxel[::-1])])
        document.write_file(self._getExtraPath("pdb_1.cif__Q__map.mrc.cif"))
