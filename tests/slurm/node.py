"""A Slurm cluster of this one machine, for tests: Debian's packages, root, no systemd, no accounting database.

python -m tests.slurm.node start      python -m tests.slurm.node stop
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

#: The plugins read this file whatever the environment says.
CONFIGURATION = Path("/etc/slurm/slurm.conf")
MARK = "# written by chiomics' tests"
STATE = Path("/var/tmp/chiomics-slurm")
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue")
#: Memory is watched by sampling: without cgroups nothing else ends a job that takes too much.
TEMPLATE = """{mark}
ClusterName=one
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MinJobAge=300
MpiDefault=none
KillWait=2
ReturnToService=2
SchedulerParameters=sched_interval=2,batch_sched_delay=0
MailProg=/bin/true
StateSaveLocation={state}/controller
SlurmdSpoolDir={state}/node
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/slurmd.pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/slurmd.log
{node} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Say why Slurm cannot be started here, nothing where it can."""
    if os.geteuid() != 0:
        return "a one-node Slurm is started by root"
    if lacking := [program for program in PROGRAMS if shutil.which(program) is None]:
        return f"no {', '.join(lacking)}: apt-get install slurm-wlm munge"
    if CONFIGURATION.exists() and MARK not in CONFIGURATION.read_text(encoding="utf-8"):
        return f"{CONFIGURATION} is that of another cluster"
    return ""


def start() -> None:
    """Start the daemons, and wait until the node takes jobs.

    Raises
    ------
    RuntimeError
        Where it does not within a minute.
    """
    for name in ("controller", "node"):
        (STATE / name).mkdir(parents=True, exist_ok=True)
    found = subprocess.run(["slurmd", "-C"], check=True, capture_output=True, text=True).stdout
    node = re.sub(r"RealMemory=(\d+)", lambda m: f"RealMemory={int(m[1]) * 9 // 10}", found.splitlines()[0])
    host = re.search(r"NodeName=(\S+)", node)[1]
    CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
    CONFIGURATION.write_text(TEMPLATE.format(mark=MARK, host=host, node=node, state=STATE), encoding="utf-8")
    if not Path("/etc/munge/munge.key").exists():
        subprocess.run(["runuser", "-u", "munge", "--", "mungekey", "--create"], check=True)
    run = Path("/run/munge")
    run.mkdir(exist_ok=True)
    shutil.chown(run, "munge", "munge")
    run.chmod(0o755)
    if not _alive(run / "munged.pid"):
        subprocess.run(["runuser", "-u", "munge", "--", "munged", f"--pid-file={run}/munged.pid"], check=True)
    for daemon in ("slurmctld", "slurmd"):
        if not _alive(STATE / f"{daemon}.pid"):
            subprocess.run([daemon], check=True)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        seen = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False)
        if seen.stdout.strip() in ("idle", "mixed", "allocated"):
            return
        if seen.stdout.strip().startswith("down"):
            subprocess.run(["scontrol", "update", f"nodename={host}", "state=resume"], capture_output=True, check=False)
        time.sleep(0.5)
    raise RuntimeError(f"the node does not come up; {seen.stdout} {seen.stderr}; see {STATE}")


def stop() -> None:
    """End the daemons by their own pid files, and take the configuration away."""
    for path in (STATE / "slurmd.pid", STATE / "slurmctld.pid", Path("/run/munge/munged.pid")):
        if _alive(path):
            os.kill(int(path.read_text()), signal.SIGTERM)
    if CONFIGURATION.exists() and MARK in CONFIGURATION.read_text(encoding="utf-8"):
        CONFIGURATION.unlink()
    shutil.rmtree(STATE, ignore_errors=True)


def _alive(pid_file: Path) -> bool:
    try:
        os.kill(int(pid_file.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


if __name__ == "__main__":
    if reason := why_not():
        sys.exit(reason)
    {"start": start, "stop": stop}[sys.argv[1]]()
