"""Reading and checking what the user gives, and writing maps.

Whatever is wrong with an input comes out as one :class:`vrs.errors.InputError`
with a sentence per problem; what is merely odd becomes a note of the report.
"""

from vrs.io.inputs import LoadedInput, check_output_folder, read_input
from vrs.io.maps import MapFile, is_plain, read_map, sha256, write_map
