"""Particle images: arrays only, whatever files they come from."""
