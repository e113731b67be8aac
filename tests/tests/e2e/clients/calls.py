"""Calls the command line of the pypistats client: calls.py BASE_URL CACHE_DIR.

Standard input holds a JSON list of argument lists; standard output gets a JSON
list of what each printed, or of the error that it ended with. Only the base
URL and the folder of the cache are changed: the client has no settings.
"""

import contextlib
import importlib
import io
import json
import pathlib
import sys

import pypistats
from pypistats import _cache, cli

pypistats.BASE_URL = sys.argv[1]
_cache.CACHE_DIR = pathlib.Path(sys.argv[2])

printed = []
for arguments in json.load(sys.stdin):
    importlib.reload(cli)  # its parser can be used once
    sys.argv = ["pypistats", *arguments]
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            cli.main()
        printed.append(output.getvalue())
    except Exception as error:
        printed.append(f"error: {error}")
json.dump(printed, sys.stdout)
