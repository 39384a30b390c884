"""``python -m labs.grading.reading``: JSON of a release and of a student's cells in, of :func:`arrange` out, in a limited process."""

import json
import sys

from labs.grading.reading.arrange import arrange

SECONDS, BYTES = 40, 4 << 30

if __name__ == "__main__":
    try:
        import resource
    except ImportError:  # Windows: the clock of the process that waits is all there is
        pass
    else:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    json.dump(arrange(**json.load(sys.stdin)), sys.stdout)
