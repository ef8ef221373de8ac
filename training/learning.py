"""What the three trainings share: examples on the device, turns of the cube, averaged weights."""

import time

import numpy as np
import torch

from training.simulation import DEVICE


class Ring:
    """The newest examples, on the device.

    Parameters
    ----------
    size : int
        Examples kept.
    **kinds
        Name of a tensor: (shape of one example, dtype).
    """

    def __init__(self, size, **kinds):
        self.size, self.count, self._next = size, 0, 0
        self._data = {key: torch.zeros((size,) + tuple(shape), dtype=dtype, device=DEVICE)
                      for key, (shape, dtype) in kinds.items()}

    def add(self, **items):
        """Add examples; the oldest ones go."""
        number = len(next(iter(items.values())))
        at = (torch.arange(number, device=DEVICE) + self._next) % self.size
        for key, values in items.items():
            self._data[key][at] = values.to(self._data[key].dtype)
        self._next = (self._next + number) % self.size
        self.count = min(self.size, self.count + number)

    def draw(self, number):
        """Random examples, a dict of tensors."""
        at = torch.randint(0, self.count, (number,), device=DEVICE)
        return {key: values[at] for key, values in self._data.items()}


class Clock:
    """Time budget of a training: ``done()`` goes from 0 to 1."""

    def __init__(self, seconds):
        self.start, self.seconds = time.time(), seconds
        self._report = 0.05

    def done(self):
        """Part of the time that is over, at most 1."""
        return min(1.0, (time.time() - self.start) / self.seconds)

    def report(self, text):
        """Print a text about every tenth of the time."""
        if self.done() > self._report:
            self._report += 0.1
            print("%4.0f s, %s" % (time.time() - self.start, text), flush=True)


class Average:
    """Exponential average of a network's weights and batch statistics, ``state``."""

    def __init__(self, network, keep=0.999):
        self._keep, self._network, self._steps = keep, network, 0
        self.state = {key: value.detach().clone() for key, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self):
        """After each step of the optimiser."""
        self._steps += 1
        keep = min(self._keep, self._steps / (self._steps + 10))
        for key, value in self._network.state_dict().items():
            if value.dtype.is_floating_point:
                self.state[key].lerp_(value, 1 - keep)
            else:
                self.state[key].copy_(value)


def rate_now(rate, step, done, warm_up):
    """Learning rate: linear warm-up over steps, then a cosine to nearly 0 over the time."""
    return rate * min(1, (step + 1) / warm_up) * (0.502 + 0.498 * np.cos(np.pi * done))


def step(optimiser, loss, network, rate, norm):
    """One step at a learning rate, with gradients of a bounded norm."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), norm)
    optimiser.step()


def seeded(seed):
    """Seed torch's generator and return numpy's."""
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


def cube_turn(boxes, rng, mirrored=False):
    """Turn the last three axes by one of the 24 rotations of the cube.

    Parameters
    ----------
    boxes : torch.Tensor, (..., s, s, s)
        All are turned alike.
    rng : numpy.random.Generator
    mirrored : bool
        Whether to draw from all 48 symmetries.

    Returns
    -------
    torch.Tensor
    """
    axes, flips = rng.permutation(3), rng.integers(0, 2, 3)
    odd = np.linalg.det(np.eye(3)[axes]) < 0
    if not mirrored and (flips.sum() % 2 == 1) != odd:
        flips[0] = 1 - flips[0]
    first = boxes.dim() - 3
    boxes = boxes.permute(*range(first), *(int(axis) + first for axis in axes))
    turned = [first + i for i in range(3) if flips[i]]
    return torch.flip(boxes, turned) if turned else boxes


def autocast():
    """bfloat16 where it pays, on accelerators; float32 on a CPU."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=DEVICE.type == "cuda")
