"""Synthetic data of known truth: an idealised protein, its density, half maps and map."""

from vrs.simulation.example import write_example
from vrs.simulation.particle_example import write_particle_example
