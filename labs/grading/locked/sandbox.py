"""Lock the current process in: no network, no sight of files that are not its own, bounded in everything. No root, no docker.

It must have one thread. Layers, each reported as on or off:

========== =====================================================================================================
ids        root only: become an unprivileged user
namespaces user, mount, process, network, IPC: nothing else to see or signal; a small memory disk as working folder
landlock   reads what it was allowed only, writes below the working folder only; no TCP
seccomp    no ptrace, mount, new namespaces, kernel keyrings, bpf, io_uring, file watches, memory that no limit counts (shared mappings
           without a file, semaphores, locks of file regions, larger socket buffers); no way to a socket that it was not born with;
           it cannot outlive us
limits     address space, CPU seconds, file size, open files, processes, no core dumps
========== =====================================================================================================

What the kernel itself holds for a submission is bounded: ``NOFILE`` · ``NPROC`` full sockets, each of the system's own size
(``net.core.wmem_default``, about 0.2 MB), are below 0.5 GB; ``vm.max_map_count`` mappings are some 10 MB a process. Page tables count
as memory of the process.
"""

import ctypes
import os
import platform
import signal
import struct
import sys

LAYERS = ("ids", "namespaces", "landlock", "seccomp", "limits")
LIMITS = {"AS": 6 << 30, "CPU": 120, "FSIZE": 64 << 20, "NOFILE": 64, "NPROC": 32, "CORE": 0, "MSGQUEUE": 0}
NOBODY = 65534

if sys.platform == "linux":  # what this module can do is Linux's; its names are asked for everywhere
    import resource

    libc = ctypes.CDLL(None, use_errno=True)
_PDEATHSIG, _DUMPABLE, _SECCOMP, _CAPBSET_DROP, _NO_NEW_PRIVS = 1, 4, 22, 24, 38
MOUNT, USER = 0x20000, 0x10000000
_SHARED, _ANONYMOUS = 1, 0x20  # of mmap
_LOCKS = 6, 7, 37, 38  # of fcntl: a region of a file is locked, by the process or by the open file, at once or when it is free
_NEW = MOUNT | 0x4000000 | 0x8000000 | USER | 0x20000000 | 0x40000000  # uts, ipc; pid, net


class Unsafe(Exception):
    """A layer is missing here and nobody said that grading may go on without it."""


class Exposed(Unsafe):
    """A locked process can read what no student may see."""


def enter(box="/mnt", *, may_read=(), may_list=(), megabytes=64, limits=None, allow_missing=()):
    """Lock this process in and make ``box`` its working folder; the process id changes (the caller goes on as a child).

    Parameters
    ----------
    box : str
        An existing folder to mount the memory disk on. Without namespaces a folder of its own below it is used.
    may_read, may_list : sequence of str
        Files and folders, and folders of which the names may be seen (see :mod:`labs.grading.locked.sight`).
    megabytes : int
        Size of the memory disk.
    limits : dict of str to int, optional
        Replaces entries of ``LIMITS``.
    allow_missing : collection of str
        Layers that may be missing.

    Returns
    -------
    report : dict of str to str
        ``"on"``, or why the layer is off.

    Raises
    ------
    Unsafe
    """
    report = {}

    def layer(name, function, *args):
        try:
            function(*args)
            report[name] = "on"
        except OSError as error:
            if name not in allow_missing:
                raise Unsafe(f"{name}: {error}") from None
            report[name] = f"off ({error})"

    layer("ids", _unprivileged)
    layer("namespaces", _namespaces, box, megabytes)
    if report["namespaces"] != "on":
        box = os.path.join(box, f"box-{os.getpid()}")
        os.makedirs(box, mode=0o700, exist_ok=True)
        _prctl(_PDEATHSIG, signal.SIGKILL)
    os.chdir(box)
    os.environ.update(HOME=box, TMPDIR=box, MPLCONFIGDIR=box)
    layer("landlock", _landlock, [*may_read, *(["/proc"] if _proc_is_our_own() else [])], may_list, [box])
    layer("seccomp", _seccomp)
    layer("limits", _limits, {**LIMITS, **(limits or {})})
    return report


def _proc_is_our_own():
    try:
        return os.getpid() == 1 and os.readlink("/proc/self") == "1"
    except OSError:
        return False


def checked(result, what):
    """The result of a system call, or OSError."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(option, value=0, extra=None):
    return checked(libc.prctl(option, value, extra, 0, 0), "prctl")


def _unprivileged():
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        _prctl(_DUMPABLE, 1)  # else its own /proc files belong to root


def leave_the_mounts(kinds):
    """New namespaces, one of users among them unless root goes without: what this process mounts from now on is its own, and its
    children's."""
    uid, gid = os.getuid(), os.getgid()
    checked(libc.unshare(kinds), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")) if kinds & USER else ():
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    checked(libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None), "mount")  # recursive, private


def _namespaces(box, megabytes):
    leave_the_mounts(_NEW)
    read_only = struct.pack("QQQQ", 1, 0, 0, 0)  # all that is mounted: landlock does not see a change of mode, owner or time
    checked(libc.syscall(442, -100, b"/", 0x8000, read_only, len(read_only)), "mount_setattr")
    options = f"size={megabytes}m,nr_inodes=4096,mode=700".encode()
    checked(libc.mount(b"tmpfs", box.encode(), b"tmpfs", 2 | 4, options), "mount tmpfs")  # no setuid, no devices
    child = os.fork()  # the new process namespace starts with the child
    if child:
        os.closerange(3, 4096)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    _prctl(_PDEATHSIG, signal.SIGKILL)
    libc.mount(b"proc", b"/proc", b"proc", 2 | 4 | 8, None)  # containers may refuse it: then the old /proc is left out by landlock
    for capability in range(41):
        libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
    checked(libc.capset(struct.pack("Ii", 0x20080522, 0), bytes(24)), "capset")


def _landlock(readable_paths, listed_paths, writable_paths):
    version = libc.syscall(444, None, 0, 1)
    if version < 1:
        raise OSError(0, "this kernel has no Landlock")
    rights = (1 << 13) - 1
    for since, bit in ((2, 13), (3, 14), (5, 15)):
        rights |= (1 << bit) if version >= since else 0
    fields = [rights, 3, 3][: 1 + (version >= 4) + (version >= 6)]  # files; TCP; signals and abstract sockets
    ruleset = checked(libc.syscall(444, struct.pack(f"{len(fields)}Q", *fields), 8 * len(fields), 0), "landlock")
    look = 1 | 4 | 8  # execute, read a file, list a folder
    make_nodes = (1 << 6) | (1 << 9) | (1 << 11)  # no devices, no sockets
    devices = ["/dev/null", "/dev/urandom", "/dev/random"]  # /dev/zero only to be read: written to, it is shared memory without a file
    rules = ([*readable_paths, "/dev/zero"], look), (listed_paths, 8), (writable_paths, rights & ~make_nodes), (devices, 2 | 4)
    for paths, allowed in rules:
        for path in paths:
            try:
                fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue  # not on this system
            granted = allowed if os.path.isdir(path) else allowed & (1 | 2 | 4 | (1 << 14))
            checked(libc.syscall(445, ruleset, 1, struct.pack("=Qi", granted & rights, fd), 0), f"landlock {path}")
            os.close(fd)
    _prctl(_NO_NEW_PRIVS, 1)
    checked(libc.syscall(446, ruleset, 0), "landlock")
    os.close(ruleset)


# System calls that no homework needs: name -> number on x86_64, on aarch64.
_DENIED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "setsid": (112, 157),  # the kernel shares processors by session, where it may: a submission has one
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "mount_setattr": (442, 442),
    "swapon": (167, 224),
    "reboot": (169, 142),
    "acct": (163, 89),
    "personality": (135, 92),
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "io_setup": (206, 0),
    "vmsplice": (278, 75),
    "mbind": (237, 235),
    "setsockopt": (54, 208),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
}


def _seccomp():
    machine = platform.machine()
    if machine not in ("x86_64", "aarch64"):
        raise OSError(0, f"no seccomp filter for {machine}")
    column = ("x86_64", "aarch64").index(machine)
    arch = (0xC000003E, 0xC00000B7)[column]
    clone, prctl, sendto, mmap, fcntl = (pair[column] for pair in ((56, 220), (157, 167), (44, 206), (9, 222), (72, 25)))
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    refuse, missing, allow, kill = 0x00050000 | 1, 0x00050000 | 38, 0x7FFF0000, 0x80000000
    argument = lambda n: 16 + 8 * n  # where the low half of an argument lies
    rules = [(load, 0, 0, 4), (equal, 1, 0, arch), (answer, 0, 0, kill), (load, 0, 0, 0)]
    if machine == "x86_64":
        rules += [(at_least, 0, 1, 0x40000000), (answer, 0, 0, refuse)]  # the x32 door
    rules += [(equal, 0, 1, 435), (answer, 0, 0, missing)]  # clone3: libc falls back to clone
    for numbers in _DENIED.values():
        if numbers[column] is not None:
            rules += [(equal, 0, 1, numbers[column]), (answer, 0, 0, refuse)]
    # A namespace by clone; ending with us or being looked at switched off by prctl; a datagram to an address; shared memory without a
    # file, which stays when it is no longer mapped; locks of regions of a file, of which there may be any number.
    rules += [(equal, 0, 4, clone), (load, 0, 0, argument(0)), (any_bit, 0, 1, _NEW), (answer, 0, 0, refuse), (answer, 0, 0, allow)]
    rules += [(equal, 0, 5, prctl), (load, 0, 0, argument(0)), (equal, 1, 0, _PDEATHSIG), (equal, 0, 1, _DUMPABLE)]
    rules += [(answer, 0, 0, refuse), (answer, 0, 0, allow)]
    rules += [(equal, 0, 6, sendto), (load, 0, 0, argument(4)), (equal, 0, 2, 0), (load, 0, 0, argument(4) + 4), (equal, 1, 0, 0)]
    rules += [(answer, 0, 0, refuse), (answer, 0, 0, allow)]
    rules += [(equal, 0, 5, mmap), (load, 0, 0, argument(3)), (any_bit, 0, 2, _ANONYMOUS), (any_bit, 0, 1, _SHARED)]
    rules += [(answer, 0, 0, refuse), (answer, 0, 0, allow)]
    rules += [(equal, 0, 6, fcntl), (load, 0, 0, argument(1)), *((equal, 3 - k, 0, lock) for k, lock in enumerate(_LOCKS[:3]))]
    rules += [(equal, 0, 1, _LOCKS[3]), (answer, 0, 0, refuse), (answer, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    _prctl(_NO_NEW_PRIVS, 1)
    _prctl(_SECCOMP, 2, struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))


def _limits(limits):
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (value, value))
