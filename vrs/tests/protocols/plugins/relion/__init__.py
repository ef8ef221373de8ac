"""Stands in for the RELION plugin: a protocol of the same name and parameters, no programs."""
