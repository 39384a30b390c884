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
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    if not (HTML / "index.html").is_file():
        return "There is no book yet: run  make book  first."
    try:
        listening = server(HTML, port)
    except OSError as error:
        return f"Port {port} cannot be used ({error.strerror}). Take another:  make serve PORT={port + 1}"
    print(f"The book is at http://localhost:{port}  (stop with Ctrl+C)", flush=True)
    try:
        listening.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
