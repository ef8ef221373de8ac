"""Protocols that write recorded outputs, or fail."""

import os
import shutil

from pwem.objects import Volume
from pwem.protocols import EMProtocol
from pyworkflow.object import Float
from pyworkflow.protocol import params


class XmippProtDeepRes(EMProtocol):
    """Leaves a recorded local resolution."""

    _label = "local deepRes"

    def _defineParams(self, form):
        form.addSection("Input")
        form.addParam("inputVolume", params.PointerParam, pointerClass="Volume", label="Map")
        form.addParam("Mask", params.PointerParam, pointerClass="VolumeMask", label="Mask")
        form.addParam("range", params.EnumParam, choices=["2.5-13", "1.5-6"], default=0,
                      label="Range")

    def _insertAllSteps(self):
        self._insertFunctionStep(self.copyStep)

    def copyStep(self):
        assert self.inputVolume.get().getDim() == self.Mask.get().getDim()
        assert self.range == 0
        path = self._getExtraPath("deepRes_resolution.vol")
        shutil.copyfile(os.environ["VRS_RECORDED_RESOLUTION"], path)
        volume = Volume(location=path)
        volume.setSamplingRate(1)
        self._defineOutputs(resolution_Volume=volume)


class XmippProtDeepHand(EMProtocol):
    """Fails."""

    _label = "deep hand"

    def _defineParams(self, form):
        form.addSection("Input")
        form.addParam("inputVolume", params.PointerParam, pointerClass="Volume", label="Map")
        form.addParam("threshold", params.FloatParam, label="Threshold")

    def _insertAllSteps(self):
        self._insertFunctionStep(self.failStep)

    def failStep(self):
        raise RuntimeError("no hand at threshold %g" % self.threshold.get())


class XmippProtDeepMicrographScreen(EMProtocol):
    """Gives each coordinate its x, over 1000, as its score."""

    _label = "deep micrograph cleaner"

    def _defineParams(self, form):
        form.addSection("Input")
        form.addParam("inputCoordinates", params.PointerParam, pointerClass="SetOfCoordinates",
                      label="Coordinates")
        form.addParam("threshold", params.FloatParam, default=-1, label="Threshold")
        form.addHidden(params.USE_GPU, params.BooleanParam, default=True, label="GPU")

    def _insertAllSteps(self):
        self._insertFunctionStep(self.scoreStep)

    def scoreStep(self):
        assert self.threshold == -1 and not self.useGpu
        given = self.inputCoordinates.get()
        scored = self._createSetOfCoordinates(given.getMicrographs())
        scored.setBoxSize(given.getBoxSize())
        for one in given.iterItems():
            one._xmipp_goodRegionScore = Float(one.getX() / 1000)
            scored.append(one)
        self._defineOutputs(outputCoordinates_Full=scored)
