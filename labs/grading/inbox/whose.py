"""Whose each downloaded file is: by the name that a platform gave to it, by its folder, or by its own name."""

import collections
import contextlib
import dataclasses
import datetime
import itertools
import re
import unicodedata

from labs.grading.inbox.platforms import PLATFORMS, titles
from labs.grading.inbox.zips import hidden, shown

MAX_NAME, MAX_STUDENT = 1000, 200  # characters of a path, bytes of a student's name
NOTEBOOKS, ZIPS = (".ipynb", ".ipynb.txt", ".ipynb.json"), (".zip",)
# What somebody hands in that is no notebook; of other files nobody is the student, unless the name says which lab or the student is known.
_DOCUMENTS = (
    *(".docx", ".doc", ".odt", ".rtf", ".pdf", ".pages", ".html", ".htm", ".py", ".json"),
    *(".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".png", ".jpg", ".jpeg", ".heic"),
)
_PLAIN = re.compile(r"(?P<name>.+?)(?P<lab>[_ -]lab\d\d[\w -]*)?(?: ?\(\d{1,6}\))?(?P<suffix>(?:\.ipynb)?\.\w{1,8})?", re.IGNORECASE)
_AGAIN = re.compile(r"(?:-(\d{1,6})| ?\((\d{1,6})\))?$")  # what a platform or a browser adds to a file that comes a second time
_KEPT = set(" ._-@+'’()&")
NOBODY = "skipped: expected STUDENT.zip, STUDENT_labNN_topic.zip, STUDENT.ipynb or a folder STUDENT"


@dataclasses.dataclass
class Download:
    """A file as it was downloaded: its path in the folder or archive, where its content is, and its time in seconds."""

    name: str
    place: object
    when: float


@dataclasses.dataclass
class HandIn:
    """A file that a student handed in, with the name that the student gave to it and what the platform says about it."""

    student: str
    file: str
    download: Download
    attempt: float = 0.0
    mark: int = 0
    late: bool = False
    companion: bool = False
    back: str = ""  # the beginning of the name under which the platform takes back a file of feedback

    @property
    def when(self):
        """Seconds: the platform's own time, else that of the file."""
        return self.attempt or self.download.when

    def ends(self, suffixes):
        """Whether the file's name ends with one of ``suffixes``."""
        return self.file.lower().endswith(suffixes)

    def rank(self, lab):
        """What is read first of several files: a notebook or zip, of the newest attempt, named as the lab, the newest."""
        stem = self.file.lower()
        stem = stem.removesuffix(next((s for s in sorted((*NOTEBOOKS, *ZIPS), key=len, reverse=True) if stem.endswith(s)), ""))
        again = _AGAIN.search(stem)
        named = stem[: again.start()].removesuffix(".ipynb") == lab
        number = int(again[1] or again[2] or 0)
        return not self.companion, self.ends((*NOTEBOOKS, *ZIPS)), self.attempt, named, self.mark, number, self.download.when, self.file


def whose(downloads, lab, known=()):
    """Find the student of each file.

    Parameters
    ----------
    downloads : list of Download
    lab : str
    known : collection of str
        Students of whom something was collected before.

    Returns
    -------
    hand_ins : dict of str to list of HandIn
        Student → files, the one to read first in front.
    nobodys : list of (str, str)
        A file of which no student is known, and why; hidden files are left out.
    twice : set of str
        Students whose number the platform gives under more than one name.

    Notes
    -----
    One platform is taken for all of a download, by majority: so a student who names a file as another platform would, deceives nobody.
    """
    files, nobodys = [], []
    for download in downloads:
        parts = [part for part in download.name.split("/") if part != "."]
        if hidden(download.name):
            continue
        if len(download.name) > MAX_NAME or any(part in ("", "..") or "\\" in part for part in parts):
            nobodys.append((download.name, f"skipped: not a file name that {titles()} gives to a student's file"))
        else:
            files.append((download, parts))
    platform, depth = _recognised([parts for _, parts in files])
    files = [file for file in files if not platform or "/".join(file[1][depth:]) not in platform.own]
    depth = depth if platform else _top([parts for _, parts in files], lab)
    found = {}
    for k, (_, parts) in enumerate(files):
        match = platform and platform.member.fullmatch("/".join(parts[depth:]))
        if match:
            found[k] = match
    begins = [match["before"].split("_")[:-1] for match in found.values() if "before" in match.re.groupindex]
    common = sum(1 for _ in itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*begins, strict=False)))
    known = {*known, *(_plain(parts[depth:], lab, ())[0] for _, parts in files if parts[-1].lower().endswith((*NOTEBOOKS, *ZIPS)))}
    hand_ins = collections.defaultdict(list)
    for k, (download, parts) in enumerate(files):
        if k in found:
            hand_in = _hand_in(platform, found[k], common, download)
            why = f"skipped: no student's name in it, expected a file name of {platform.title}"
        elif platform and (len(parts) > 1 or not parts[0].lower().endswith((*NOTEBOOKS, *ZIPS))):
            hand_in, why = None, f"skipped: not a file name that {titles()} gives to a student's file"
        else:
            student, file = _plain(parts[depth:] or parts[-1:], lab, known)
            hand_in, why = HandIn(student, file, download), NOBODY
        if hand_in and hand_in.student:
            hand_ins[hand_in.student].append(hand_in)
        else:
            nobodys.append((download.name, why))
    numbers = collections.Counter(student.rpartition("-")[2] for student in hand_ins)
    numbered = platform is not None and "number" in platform.member.groupindex
    twice = {student for student in hand_ins if numbered and numbers[student.rpartition("-")[2]] > 1}
    return {s: sorted(h, key=lambda one: one.rank(lab), reverse=True) for s, h in sorted(hand_ins.items())}, nobodys, twice


def student_of(name):
    """The name of a student as it is used here: NFC, from a letter or digit on; empty if it is none.

    It is the name of a folder, which nbgrader reads as a pattern, and a cell of its CSV: signs that mean something there become ``_``.
    """
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name[:1].isalnum() or "/" in name or "\\" in name:
        return ""
    name = "".join(c if c in _KEPT or unicodedata.category(c)[0] in "LMN" else "_" for c in name).rstrip(" .")
    return name if len(name.encode()) <= MAX_STUDENT else ""


def letters(name):
    """Letters and digits of a name, without accents where that leaves any."""
    name = unicodedata.normalize("NFKD", name)
    plain = re.sub(r"[^A-Za-z0-9]", "", name.encode("ascii", "ignore").decode()).lower()
    return (plain or "".join(c for c in unicodedata.normalize("NFC", name) if c.isalnum()).lower())[:40] or "student"


def _recognised(paths):
    """The platform that names most of the files, and how many folders lie above (an archive that was unpacked and zipped again)."""
    best, most = (None, 0), 0
    for depth in range(3):
        for platform in PLATFORMS.values():
            count = sum(platform.member.fullmatch("/".join(parts[depth:])) is not None for parts in paths)
            if count > most:
                best, most = (platform, depth), count
    return best if 2 * most >= len(paths) else (None, 0)


def _top(paths, lab):
    """How many folders lie above those of the students: those that all files share, while no file in them is named as the lab."""
    depth = 0
    while len(paths) > 1 and all(len(parts) > depth + 1 for parts in paths) and len({parts[depth] for parts in paths}) == 1:
        if any(len(parts) == depth + 2 and parts[-1].lower().startswith(lab) for parts in paths):
            break
        depth += 1
    return depth


def _hand_in(platform, match, common, download):
    """The file of a student, from the match of the platform's pattern."""
    groups = match.groupdict()
    if "before" in groups:
        student = student_of("_".join(groups["before"].split("_")[common:]))
    elif groups.get("number"):
        name = groups.get("name") or ("anon" if groups.get("anonymous") else "student")
        student = f"{letters(name)}-{groups['number']}"
    else:
        student = student_of(groups["name"])
    file = (groups["file"] or download.name).rpartition("/")[2]
    return HandIn(
        student,
        file,
        download,
        attempt=_seconds(groups.get("attempt"), platform.attempt),
        mark=int(groups.get("mark") or 0),
        late=bool(groups.get("late")),
        companion=bool(groups.get("companion")),
        back=match.string[: match.start("file")] if platform.back and groups.get(platform.back) else "",
    )


def _seconds(text, form):
    """The time that a platform wrote into a name, read in this machine's zone; 0 where there is none."""
    if not text or not form:
        return 0.0
    with contextlib.suppress(ValueError, OverflowError, OSError):
        return datetime.datetime.strptime(re.sub(r"(?<=\d)(\d\d) ?([AP]M)$", r":\1 \2", text), form).timestamp()
    return 0.0


def _plain(parts, lab, known):
    """The student by the folder or the file's own name, and the file's name."""
    named = _PLAIN.fullmatch(parts[0]) if len(parts) == 1 else None
    whole = named["name"] if named else (_PLAIN.fullmatch(parts[0] + ".x") or {"name": ""})["name"]
    whole = whole.removeprefix(f"{lab}_")
    student = "" if whole.lower() in (lab, lab[:5]) else student_of(whole)
    suffix = (named["suffix"] or "").lower() if named else ""
    sure = len(parts) > 1 or suffix.endswith((*NOTEBOOKS, *ZIPS, *_DOCUMENTS)) or suffix.startswith(".ipynb") or (named and named["lab"])
    return student if sure or student in known else "", parts[-1]


def listed(hand_ins, most=3):
    """The names of files, as a note lists them."""
    names = [shown(hand_in.file) for hand_in in hand_ins[:most]]
    return ", ".join(names) + (f" and {len(hand_ins) - most} more" if len(hand_ins) > most else "")
