"""A web server on this computer that answers as the archives do, and misbehaves on demand."""

import contextlib
import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EMDB_ID = "EMD-25107"
METADATA = "/emdb/api/entry/" + EMDB_ID
FILES = "/pub/databases/emdb/structures/%s/" % EMDB_ID
MAP = FILES + "map/emd_25107.map.gz"
HALVES = [FILES + "other/emd_25107_half_map_%d.map.gz" % number for number in (1, 2)]
MODEL = "/pdbe/entry-files/download/7sgd.cif"


class Server:
    """Serves files by their paths.

    Attributes
    ----------
    url : str
    files : dict of str to bytes
        What to serve, by path.
    faults : dict of str to list
        What happens to the next requests for a path, one after the other: a number is
        sent as status, "cut" breaks off half-way, "cut early" before anything was sent,
        bytes are sent instead of the file, and a function that is given the request's
        handler and the file answers itself.
    requests : list of (str, str or None)
        Paths that were asked for, with the range.
    ranges : bool
        Whether parts of files can be had.
    tag : str
        Version of all files.
    """

    def __init__(self, url):
        self.url = url
        self.files, self.faults, self.requests = {}, {}, []
        self.ranges, self.tag = True, '"v1"'

    def count(self, path):
        """How often a file was asked for."""
        return sum(asked == path for asked, _ in self.requests)


@contextlib.contextmanager
def serving():
    """Run a server; gives the :class:`Server`."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    http.state = Server("http://127.0.0.1:%d" % http.server_port)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield http.state
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        state = self.server.state
        asked = self.headers.get("Range")
        state.requests.append((self.path, asked))
        faults = state.faults.get(self.path)
        fault = faults.pop(0) if faults else None
        data = fault if isinstance(fault, bytes) else state.files.get(self.path)
        if callable(fault):
            fault(self, data)
            return
        if isinstance(fault, int) or data is None:
            self.send_error(fault or 404)
            return
        start = 0
        if asked and state.ranges and self.headers.get("If-Range") == state.tag:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked).group(1))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
        self.send_header("ETag", state.tag)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = {"cut": start + (len(data) - start) // 2, "cut early": start}.get(
            fault if isinstance(fault, str) else "", len(data))
        self.wfile.write(data[start:end])

    def log_message(self, *_):
        """Keep quiet."""


def metadata(sizes, resolution="3.97", level=0.5, halves=True, models=("FULLOVERLAP",)):
    """What EMDB's web service answers, without what nobody reads here.

    The form is that of EMD-25107.

    Parameters
    ----------
    sizes : int
        Of map and half maps, in thousands of bytes.
    resolution, level : str, float or None
        Absent when None.
    halves : bool
    models : sequence of str
        How each model stands to the map; the first one is 7sgd, then 7sge ...
    """
    contour = {"instance_type": "contour", "primary": True, "source": "AUTHOR"}
    main = {"file": "emd_25107.map.gz", "format": "CCP4", "size_kbytes": sizes,
            "contour_list": {"contour": [dict(contour, **({} if level is None
                                                          else {"level": level}))]}}
    half = [{"file": path.rsplit("/", 1)[1], "format": "CCP4", "instance_type": "half_map",
             "size_kbytes": sizes, "contour_list": {"contour": [contour]}} for path in HALVES]
    reconstruction = {"algorithm": "BACK PROJECTION", "resolution_method": "FSC 0.143 CUT-OFF"}
    if resolution is not None:
        reconstruction["resolution"] = {"res_type": "BY AUTHOR", "units": "Å",
                                        "valueOf_": resolution}
    references = [{"instance_type": "pdb_reference", "pdb_id": "7sg" + letter,
                   "relationship": {"in_frame": frame}} for letter, frame in zip("def", models)]
    return {
        "emdb_id": EMDB_ID, "version": "3.0.3.0",
        "admin": {
            "title": "Lassa virus glycoprotein construct",
            "authors_list": {"author": [{"instance_type": "author", "valueOf_": "Antanasijevic A"},
                                        {"instance_type": "author", "valueOf_": "Ward AB"}]},
            "current_status": {"code": {"valueOf_": "REL"}, "date": "2022-10-12T00:00:00"},
            "key_dates": {"deposition": "2021-10-05T00:00:00",
                          "map_release": "2022-10-12T00:00:00", "update": "2022-10-12T00:00:00"}},
        "crossreferences": {"pdb_list": {"pdb_reference": references}} if models else {
            "pdb_list": None},
        "interpretation": {"half_map_list": {"half_map": half}} if halves else {},
        "map": main,
        "structure_determination_list": {"structure_determination": [
            {"method": "singleParticle", "aggregation_state": "particle",
             "image_processing": [{"final_reconstruction": reconstruction}]}]}}


def fill(server, volumes, model, **changes):
    """Put an entry on a server.

    Parameters
    ----------
    server : Server
    volumes : list of bytes
        Files of the map and the two half maps, unpacked.
    model : bytes
    changes
        As for :func:`metadata`.
    """
    described = metadata(len(volumes[0]) // 1000, **changes)
    server.files[METADATA] = json.dumps(described).encode()
    for path, volume in zip([MAP] + HALVES, volumes):
        server.files[path] = gzip.compress(volume, 1)
    server.files[MODEL] = model
