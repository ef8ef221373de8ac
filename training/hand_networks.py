"""The two networks of the hand check, as PyTorch modules.

Both read normalised density at 1 Å/voxel and answer on every second voxel, each
answer from a box of 17³. Mirror images are dealt with by construction, so that no
training can bias the hand: the helix network gives a box and its mirror image the
same probability, the hand network opposite ones.
"""

import torch
from torch import nn

FIELD = 17   # voxels that one answer is read from
STRIDE = 2


def trunk(widths=(16, 32, 48, 64)):
    """Convolutions from density to one logit per answer, without padding."""
    a, b, c, d = widths
    return nn.Sequential(
        nn.Conv3d(1, a, 5, stride=STRIDE), nn.BatchNorm3d(a), nn.ReLU(),
        nn.Conv3d(a, b, 3), nn.BatchNorm3d(b), nn.ReLU(),
        nn.Conv3d(b, c, 3), nn.BatchNorm3d(c), nn.ReLU(),
        nn.Conv3d(c, d, 3), nn.BatchNorm3d(d), nn.ReLU(),
        nn.Conv3d(d, d, 1), nn.ReLU(), nn.Conv3d(d, 1, 1))


class _WithMirror(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = trunk()

    def both(self, boxes):
        """Logits of boxes and, at the same places, of their mirror images."""
        mirrored = torch.flip(boxes, (4,))
        if self.training:  # one batch, so that both see the same batch statistics
            plain, other = self.trunk(torch.cat((boxes, mirrored))).chunk(2)
        else:
            plain, other = self.trunk(boxes), self.trunk(mirrored)
        return plain, torch.flip(other, (4,))


class HelixNetwork(_WithMirror):
    """Logit of lying in an alpha helix of either hand."""

    def forward(self, boxes):
        """(n, 1, z, y, x), odd sides from 17 on, to (n, 1, ...) of (side - 15) / 2."""
        plain, mirrored = self.both(boxes)
        return (plain + mirrored) / 2


class HandNetwork(_WithMirror):
    """Logit of a left-handed helix, which is a mirrored alpha helix."""

    def forward(self, boxes):
        """As :meth:`HelixNetwork.forward`."""
        plain, mirrored = self.both(boxes)
        return (plain - mirrored) / 2


class Probability(nn.Module):
    """A network with a sigmoid behind it, as it is exported."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, boxes):
        """Probabilities instead of logits."""
        return torch.sigmoid(self.network(boxes))
