"""What `make` calls: the book's build and its server. Nothing here is for a reader to import."""

import os
import sys

# Where it is installed, jsonschema imports rfc3987_syntax to check web addresses, and that builds a grammar for three seconds
# at each start. Our notebooks have no address to check; without the module jsonschema leaves that one check out.
sys.modules.setdefault("rfc3987_syntax", None)

# A relative folder is meant from here; lessons run in other folders.
for name in ("RNNLIB_DATA", "RNNLIB_CACHE"):
    if os.environ.get(name):
        os.environ[name] = os.path.abspath(os.path.expanduser(os.environ[name]))
