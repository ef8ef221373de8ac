"""Reading and checking files, and writing maps and models.

Whatever is wrong with a file comes out as one :class:`vrs.errors.InputError`
with a sentence per problem; what is merely odd becomes a note of the report.
"""
