"""The item of level W: the processing workflow."""
