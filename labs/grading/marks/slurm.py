"""Workers for ``grade --cluster`` from a SLURM queue, through dask-jobqueue. Run it where jobs may be submitted; it stays until Ctrl-C.

python -m labs.grading.marks.slurm --jobs 4 --cores 8 --memory 32GB --time 01:00:00

Every node must see this checkout and its ``.venv`` at the same path. Each job holds one worker a core; a job that is killed gives its
submissions to the others.
"""

import argparse
import os
import signal
import sys
import tempfile

from labs.grading.files import LABS
from labs.grading.locked.zygote import ONE_THREAD


def cluster(cores, memory, time, options=(), host=None):
    """A SLURM cluster of Dask, with no job yet.

    Parameters
    ----------
    cores : int
        Of one job: as many workers, each with one thread.
    memory : str
        Of one job, such as ``"32GB"``; a submission may hold 6 GB.
    time : str
        Of one job, as ``HH:MM:SS``.
    options : sequence of str
        More ``#SBATCH`` options, such as ``--partition=short``.
    host : str, optional
        The address of this machine that the nodes reach.
    """
    from dask_jobqueue import SLURMCluster

    settings = {**ONE_THREAD, "PYTHONPATH": str(LABS.parent), "PYTHONWARNINGS": "ignore"}
    return SLURMCluster(
        cores=cores,
        processes=cores,
        memory=memory,
        walltime=time,
        python=sys.executable,
        job_extra_directives=list(options),
        job_script_prologue=[f"cd '{LABS.parent}'", *(f"export {name}='{value}'" for name, value in settings.items())],
        worker_extra_args=["--no-dashboard"],
        local_directory=tempfile.gettempdir(),
        scheduler_options={"dashboard": False, **({"host": host} if host else {})},
    )


def main():
    parser = argparse.ArgumentParser(prog="python -m labs.grading.marks.slurm", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cores", type=int, default=8, help="per job")
    parser.add_argument("--memory", default="32GB", help="per job")
    parser.add_argument("--time", default="01:00:00", help="per job")
    parser.add_argument("--option", action="append", default=[], help="sbatch option, such as --option=--partition=short (may be repeated)")
    parser.add_argument("--host", help="address at which the nodes reach this machine, if it has several")
    parser.add_argument("--script", action="store_true", help="print the job script and submit nothing")
    o = parser.parse_args()
    try:
        with cluster(o.cores, o.memory, o.time, o.option, o.host) as workers:
            if o.script:
                print(workers.job_script())
                return
            workers.scale(jobs=o.jobs)
            print(f"python -m labs.grading grade --cluster {workers.scheduler_address} --lab …", flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except ModuleNotFoundError as missing:
        sys.exit(f"{missing.name} is missing: {os.path.relpath(sys.executable)} -m pip install dask-jobqueue")


if __name__ == "__main__":
    main()
