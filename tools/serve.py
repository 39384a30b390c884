"""Serve the built book on this machine only."""

import argparse
import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HTML = Path(__file__).resolve().parent.parent / "_build" / "html"


class Quiet(SimpleHTTPRequestHandler):
    """A handler that does not print a line for every file."""

    def log_message(self, *arguments):
        pass


def server(folder, port):
    """An HTTP server for ``folder`` on localhost; port 0 takes any free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Quiet, directory=str(folder)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="port on localhost (default: 8000)")
    port = parser.parse_args().port
    if not (HTML / "index.html").is_file():
        return "The book has not been built yet. Run: make book"
    try:
        listening = server(HTML, port)
    except OSError as error:
        return f"port: {port} cannot be used ({error.strerror}). Try another one: make serve PORT={port + 1}"
    print(f"The book is at http://localhost:{port} (press Ctrl+C to stop)", flush=True)
    try:
        listening.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
