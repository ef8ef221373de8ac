"""The sections of the report, each from what it tells of to blocks of the document."""
