"""The trained networks that come with the package (ONNX, run by onnxruntime on the CPU)."""

import json
from pathlib import Path

import numpy as np

MODELS = Path(__file__).parent / "models"
_BATCH = 1024


class Network:
    """A trained network.

    Parameters
    ----------
    name : str
        Of the file ``<name>.onnx`` in ``vrs/engines/models``.
    workers : int
        Threads.

    Raises
    ------
    FileNotFoundError
        If the package has no network of that name.
    """

    def __init__(self, name, workers=1):
        # Imported late, as listing the items should not wait for it.
        import onnxruntime

        path = MODELS / (name + ".onnx")
        if not path.exists():
            raise FileNotFoundError("The installed package lacks the network %s (%s); install it "
                                    "again." % (name, path))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = workers
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    @property
    def metadata(self):
        """What was stored with the network, a dict of decoded JSON values by key."""
        stored = self._session.get_modelmeta().custom_metadata_map
        return {key: json.loads(value) for key, value in stored.items()}

    def predict(self, boxes, output=None):
        """Run the network on many boxes.

        Parameters
        ----------
        boxes : numpy.ndarray of float32, (n, ...)
            In the shape that the network's card states; at least one.
        output : str, optional
            Name of an output, as the card states it; the first one where absent.

        Returns
        -------
        numpy.ndarray of float32, (n, ...)
        """
        name = output or self._session.get_outputs()[0].name
        outputs = [self._session.run([name], {self._input: boxes[start:start + _BATCH]})[0]
                   for start in range(0, len(boxes), _BATCH)]
        return np.concatenate(outputs)
