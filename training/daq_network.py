"""The network of item A.g, as a PyTorch module.

A box is read in spherical harmonics about its middle: shells of density, then layers that
mix channels separately for each degree and apply a rectifier on points of the sphere. As
everything between treats all directions alike, turning the density turns the channels,
and their mean and deviation over the sphere hardly change: the network need not learn
each amino acid in every orientation, which ordinary 3D convolutions must.
"""

import numpy as np
import torch
from scipy.special import sph_harm_y
from torch import nn

from vrs.checks.level_A import daq

DEGREE = 6
SHELLS = (0.0, 0.8, 1.6, 2.4, 3.2, 4.0, 4.8, 5.6)
WIDTH = 0.5  # of the Gaussian shells, Å
POINTS = 96
# In real maps the network is surer than it should be: its logits are divided by this.
TEMPERATURE = 1.5
_FLOOR = 0.05  # a box weaker than this part of the map's strong density is not made stronger


def harmonics(directions):
    """Real spherical harmonics up to DEGREE.

    Parameters
    ----------
    directions : numpy.ndarray, (n, 3)
        x, y, z, of any length; those of length 0 have degree 0 only.

    Returns
    -------
    numpy.ndarray, (n, (DEGREE + 1)²)
    """
    x, y, z = directions.T
    length = np.linalg.norm(directions, axis=1)
    polar = np.arccos(np.divide(z, length, out=np.ones_like(z), where=length > 0))
    azimuth = np.arctan2(y, x)
    values = []
    for degree in range(DEGREE + 1):
        for order in range(-degree, degree + 1):
            complex_value = sph_harm_y(degree, abs(order), polar, azimuth)
            part = complex_value.imag if order < 0 else complex_value.real
            value = part * (np.sqrt(2) if order else 1)
            values.append(value if degree == 0 else np.where(length > 0, value, 0))
    return np.stack(values, axis=1)


def sphere_points(count):
    """Points spread evenly over the sphere on a spiral, (count, 3)."""
    z = 1 - (2 * np.arange(count) + 1) / count
    azimuth = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    ring = np.sqrt(1 - z ** 2)
    return np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), z], axis=1)


def sphere_slopes(directions):
    """Slopes of the harmonics towards east and north at points that are not poles.

    Returns
    -------
    numpy.ndarray, (2, n, (DEGREE + 1)²)
    """
    x, y, z = directions.T
    east = np.stack([-y, x, 0 * z], axis=1) / np.hypot(x, y)[:, None]
    step = 1e-4
    return np.stack([(harmonics(directions + step * along) - harmonics(directions - step * along))
                     / (2 * step) for along in (east, np.cross(directions, east))])


def box_basis():
    """Shells times harmonics on the points of a box that lie in its sphere.

    Returns
    -------
    inside : numpy.ndarray of int
        These points among the BOX³.
    basis : numpy.ndarray, (points, shells, harmonics)
    """
    axis = np.arange(daq.BOX) - daq.BOX // 2
    z, y, x = (part.ravel().astype(float) for part in np.meshgrid(axis, axis, axis, indexing="ij"))
    places = np.stack([x, y, z], axis=1)
    radius = np.linalg.norm(places, axis=1)
    shells = np.exp(-0.5 * ((radius[:, None] - SHELLS) / WIDTH) ** 2)
    inside = np.flatnonzero(radius <= daq.BOX / 2 + 0.3)
    shells = shells[inside] / np.sqrt((shells[inside] ** 2).sum(axis=0))
    return inside, shells[:, :, None] * harmonics(places[inside])[:, None, :]


class DegreeMixing(nn.Module):
    """Mixing of channels, with weights of their own for each degree."""

    def __init__(self, inputs, outputs):
        super().__init__()
        degrees = np.repeat(np.arange(DEGREE + 1), 2 * np.arange(DEGREE + 1) + 1)
        self.register_buffer("degrees", torch.from_numpy(degrees), persistent=False)
        self.weight = nn.Parameter(torch.randn(DEGREE + 1, inputs, outputs)
                                   / np.sqrt(inputs))

    def forward(self, coefficients):
        """(harmonics, n, inputs) to (harmonics, n, outputs)."""
        return torch.bmm(coefficients, self.weight[self.degrees])


class SphereLayer(nn.Module):
    """Channels of one layer to those of the next, on points of the sphere."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.mixing = DegreeMixing(inputs, outputs)
        self.normalise = nn.BatchNorm1d(outputs)

    def forward(self, coefficients, to_points):
        """(harmonics, n, inputs) to (points, n, outputs)."""
        mixed = self.mixing(coefficients)
        values = torch.matmul(to_points, mixed.flatten(1)).view(
            to_points.shape[0], mixed.shape[1], mixed.shape[2])
        return torch.relu(self.normalise(values.flatten(0, 1)).view_as(values))


class Twist(nn.Module):
    """Channels that change sign with the hand of the density, which nothing else here sees.

    For pairs of mixtures a and b of the channels, direction · (∇a × ∇b) on the sphere.
    """

    def __init__(self, inputs, pairs):
        super().__init__()
        self.mixing = DegreeMixing(inputs, 2 * pairs)
        self.normalise = nn.BatchNorm1d(pairs)

    def forward(self, coefficients, to_slopes):
        """(harmonics, n, inputs) to (points, n, pairs)."""
        mixed = self.mixing(coefficients)
        slopes = torch.matmul(to_slopes, mixed.flatten(1)).view(
            2, to_slopes.shape[1], mixed.shape[1], 2, -1)
        east, north = slopes[0], slopes[1]
        values = east[:, :, 0] * north[:, :, 1] - north[:, :, 0] * east[:, :, 1]
        values = self.normalise(values.flatten(0, 1)).view_as(values)
        return values / (1 + torch.abs(values))


class Network(nn.Module):
    """Boxes, (n, 11, 11, 11), to logits of amino acid, atom and secondary structure."""

    def __init__(self, widths=(48, 80, 112), pairs=24, dense=192, dropout=0.1):
        super().__init__()
        inside, basis = box_basis()
        self.shape = basis.shape
        self.register_buffer("inside", torch.from_numpy(inside), persistent=False)
        self.register_buffer("basis", torch.from_numpy(
            basis.reshape(basis.shape[0], -1)).half(), persistent=False)
        points = harmonics(sphere_points(POINTS))
        self.register_buffer("to_slopes", torch.from_numpy(
            sphere_slopes(sphere_points(POINTS))).float(), persistent=False)
        self.register_buffer("to_points", torch.from_numpy(points).float(), persistent=False)
        self.register_buffer("to_harmonics", torch.from_numpy(np.linalg.pinv(points)).float(),
                             persistent=False)
        self.layers = nn.ModuleList(SphereLayer(*sizes) for sizes in (
            (len(SHELLS), widths[0]), (widths[0], widths[1]), (widths[1] + pairs, widths[2])))
        self.twist = Twist(widths[0], pairs)
        pooled = 2 * sum(widths) + 1
        self.dense = nn.Sequential(
            nn.BatchNorm1d(pooled), nn.Linear(pooled, dense), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(dense, dense), nn.ReLU(), nn.Dropout(dropout))
        self.heads = nn.ModuleList(nn.Linear(dense, len(names)) for names in (
            daq.AMINO_ACIDS, daq.ATOMS, daq.SECONDARY_STRUCTURES))

    def forward(self, boxes):
        """Three tensors of logits."""
        flat = boxes.flatten(1)[:, self.inside]
        strength = torch.sqrt((flat ** 2).mean(dim=1, keepdim=True) + _FLOOR ** 2)
        shells, size = self.shape[1:]
        coefficients = ((flat / strength) @ self.basis.float()).view(-1, shells, size)
        coefficients = coefficients.permute(2, 0, 1)
        pooled = [torch.log(strength)]
        for layer in self.layers:
            values = layer(coefficients, self.to_points)
            mean = values.mean(dim=0)
            pooled += [mean, torch.sqrt(((values - mean) ** 2).mean(dim=0) + 1e-4)]
            if layer is self.layers[1]:
                values = torch.cat([values, self.twist(coefficients, self.to_slopes)], dim=2)
            if layer is not self.layers[2]:
                coefficients = torch.matmul(self.to_harmonics, values.flatten(1)).view(
                    size, values.shape[1], values.shape[2])
        features = self.dense(torch.cat(pooled, dim=1))
        return tuple(head(features) for head in self.heads)


class Probabilities(nn.Module):
    """The network with a tempered softmax behind each head, their 29 values joined: as exported."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, boxes):
        """(n, 11, 11, 11) to (n, 29)."""
        return torch.cat([torch.softmax(part / TEMPERATURE, dim=1)
                          for part in self.network(boxes)], dim=1)
