"""A protocol that makes classes of a recorded table."""

import os

import numpy as np
from pwem.objects import Transform
from pwem.protocols import EMProtocol
from pyworkflow.protocol import params

from vrs.io.particles import read_particles
from vrs.io.star import read_star
from vrs.protocols.particles import plane_matrices


class ProtRelionClassify2D(EMProtocol):
    """Makes classes of the table that ``VRS_RECORDED_CLASSES`` names."""

    _label = "2D classification"

    def _defineParams(self, form):
        form.addSection("Input")
        form.addParam("inputParticles", params.PointerParam, pointerClass="SetOfParticles",
                      label="Particles")
        form.addParam("numberOfClasses", params.IntParam, default=3, label="Classes")
        form.addParam("doCTF", params.BooleanParam, default=True, label="CTF")

    def _insertAllSteps(self):
        self._insertFunctionStep(self.classifyStep)

    def classifyStep(self):
        path = os.environ["VRS_RECORDED_CLASSES"]
        table, _ = read_particles(path)
        numbers = np.asarray(read_star(path)["particles"]["rlnImageId"], int)
        matrices = plane_matrices(table)
        rows = {int(number): row for row, number in enumerate(numbers)}

        def update(particle, _):
            row = rows[particle.getObjId()]
            particle.setClassId(int(table.plane_class[row]))
            particle.setTransform(Transform(matrices[row]))

        classes = self._createSetOfClasses2D(self.inputParticles.get())
        classes.classifyItems(updateItemCallback=update, itemDataIterator=iter(numbers))
        self._defineOutputs(outputClasses=classes)
