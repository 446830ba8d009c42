"""A Python that looks like another system's: what that system does not have is taken away before anything is imported.

It cannot prove that minigrad runs on Windows or macOS, but it does prove that minigrad gets by without everything that
they lack and this system has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

NOT_ON_MACOS = {
    "os": (
        "memfd_create", "posix_fadvise", "posix_fallocate", "sched_getaffinity", "sched_setaffinity",
        "sched_getscheduler", "eventfd", "pidfd_open", "copy_file_range", "splice", "O_DIRECT",
    ),
    "signal": ("SIGPOLL", "SIGPWR", "SIGSTKFLT", "SIGRTMIN", "SIGRTMAX"),
}  # fmt: skip
NOT_ON_WINDOWS = {
    "os": (
        *NOT_ON_MACOS["os"], "fork", "forkpty", "register_at_fork", "posix_spawn", "posix_spawnp", "pread", "pwrite",
        "preadv", "pwritev", "sendfile", "mkfifo", "mknod", "killpg", "getpgid", "setpgid", "getpgrp", "setpgrp",
        "setsid", "getsid", "wait3", "wait4", "waitid", "getuid", "geteuid", "getgid", "getegid", "getgroups", "setuid",
        "chown", "fchown", "fchmod", "chroot", "nice", "getpriority", "getloadavg", "sysconf", "confstr", "statvfs",
        "fstatvfs", "sched_yield", "lockf", "ttyname", "openpty", "fdatasync", "sync", "getresuid", "O_DIRECTORY",
        "O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_SYNC", "O_DSYNC", "O_NOCTTY",
    ),
    "signal": (
        *NOT_ON_MACOS["signal"], "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGPROF",
        "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH", "alarm",
        "setitimer", "pause", "pthread_kill", "pthread_sigmask", "sigwait", "sigpending", "siginterrupt",
    ),
    "time": ("clock_gettime", "clock_gettime_ns", "clock_settime", "pthread_getcpuclockid", "tzset"),
}  # fmt: skip
MODULES_NOT_ON_WINDOWS = ("fcntl", "resource", "termios", "tty", "pty", "grp", "syslog", "posix_ipc")
OPTIONAL = (
    "numba", "llvmlite", "threadpoolctl", "PIL", "safetensors", "tqdm", "matplotlib", "tensorboardX", "onnx",
    "sklearn", "scipy", "cupy", "torch", "hypothesis",
)  # fmt: skip

#: Python runs this first of all, in every process: it is found under the name sitecustomize.
_PREAMBLE = """
import builtins, importlib.abc, importlib.machinery, io, json, os, signal, sys, time

settings = json.loads(os.environ["FOREIGN_SYSTEM"])
for module, names in settings["lacks"].items():
    for name in names:
        if hasattr(sys.modules[module], name):
            delattr(sys.modules[module], name)
for name in settings["blocked"]:
    sys.modules[name] = None  # importing it fails, as if it were not installed
if settings["cores"]:
    os.cpu_count = os.process_cpu_count = lambda: settings["cores"]

opening = io.open
def open_no_proc(file, *args, **kwargs):
    if str(file).startswith(("/proc", "/sys")):
        raise FileNotFoundError(2, "No such file or directory", str(file))
    return opening(file, *args, **kwargs)
io.open = builtins.open = open_no_proc

class SaysItIsElsewhere(importlib.abc.MetaPathFinder):
    "Lets minigrad.system, and it alone, see another sys.platform: Python's own library would take it at its word."
    def find_spec(self, name, path, target=None):
        if name != "minigrad.system":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        execute, truth = spec.loader.exec_module, sys.platform
        def exec_module(module):
            sys.platform = settings["platform"]
            try:
                execute(module)
            finally:
                sys.platform = truth
        spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, SaysItIsElsewhere())
"""


def run_as_on(
    platform: str,
    arguments: list[str],
    folder: Path,
    blocked: tuple[str, ...] = OPTIONAL,
    cores: int = 0,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a fresh Python that looks like one on ``platform`` (of sys.platform) without the ``blocked`` packages.

    Args:
        arguments: of the interpreter.
        folder: for the preamble; the process runs there too.
        cores: how many the machine has; 0 for as many as there are.
    """
    lacks: dict[str, Any] = {"win32": NOT_ON_WINDOWS, "darwin": NOT_ON_MACOS}.get(platform, {})
    modules = MODULES_NOT_ON_WINDOWS if platform == "win32" else ()
    settings = {"platform": platform, "lacks": lacks, "blocked": [*modules, *blocked], "cores": cores}
    place = folder / "preamble"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(_PREAMBLE, encoding="utf-8")
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MINIGRAD_")},
        "PYTHONPATH": os.pathsep.join([str(place), str(ROOT)]),
        "FOREIGN_SYSTEM": json.dumps(settings),
        **environment,
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
    )
