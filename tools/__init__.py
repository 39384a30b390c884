"""What `make` calls: the book's build and its server. Nothing here is for a reader to import."""

import sys

# Where it is installed, jsonschema imports rfc3987_syntax to check web addresses, and that builds a grammar for three seconds
# at each start. Our notebooks have no address to check; without the module jsonschema leaves that one check out.
sys.modules.setdefault("rfc3987_syntax", None)
