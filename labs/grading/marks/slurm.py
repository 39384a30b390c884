"""Workers for ``grade --cluster`` from a SLURM queue, through dask-jobqueue. Run it where jobs may be submitted; it stays until Ctrl-C.

python -m labs.grading slurm --jobs 4 --cores 8 --memory 32GB --time 01:00:00

Every node must see this checkout and its ``.venv`` at the same path. Each job holds one worker a core; a job that is killed gives its
submissions to the others.
"""

import os
import signal
import sys
import tempfile

from labs.grading.course import RoadError
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


def slurm(jobs, cores, memory, time, options=(), host=None, script=False):
    """Start so many jobs of workers, say where their scheduler is, and stay until Ctrl-C; with ``script`` only print a job's script.

    Raises
    ------
    RoadError
        dask-jobqueue is not installed.
    """
    try:
        with cluster(cores, memory, time, options, host) as workers:
            if script:
                print(workers.job_script())
                return
            workers.scale(jobs=jobs)
            print(f"python -m labs.grading grade --cluster {workers.scheduler_address} --lab …", flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except ModuleNotFoundError as missing:
        raise RoadError(f"{missing.name} is missing: {os.path.relpath(sys.executable)} -m pip install dask-jobqueue") from None
