"""Particle images and their orientations, arrays only."""
