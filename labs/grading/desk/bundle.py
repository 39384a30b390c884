"""Feedback pages as one zip that a learning platform takes back: each is named as the platform named the student's file."""

import io
import pathlib
import zipfile

from labs.grading.course import RoadError
from labs.grading.desk.fresh import pages
from labs.grading.files import write_whole
from labs.grading.inbox.platforms import PLATFORMS
from labs.grading.inbox.submission import BACK

_DATE = (1980, 1, 1, 0, 0, 0)  # the same pages give the same file


def bundle(course, lab, to=None):
    """Write ``exports/LAB-feedback.zip`` (or ``to``).

    Canvas reads the first two numbers in a name, the user's and the attachment's; Moodle the name, number and plugin in a folder's or a
    file's name (``infer_comment_context_from_filename`` and ``assignfeedback_file_zip_importer`` in their public code).

    Returns
    -------
    path : Path
    count : int
        Pages in it.
    old : list of str
        Students whose page is missing or older than their marks.
    unknown : list of str
        Students whose file came from no archive of a platform that takes feedback back.

    Raises
    ------
    RoadError
        There would be no page in it.
    """
    fresh, old = pages(course, lab)
    packed, unknown = io.BytesIO(), []
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for student, (page, _) in fresh.items():
            back = course.folder("submitted", lab, student) / BACK
            if back.is_file():
                info = zipfile.ZipInfo(back.read_text(encoding="utf-8") + page.name, _DATE)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, page.read_bytes())
            else:
                unknown.append(student)
    count = len(fresh) - len(unknown)
    if not count:
        taking = " or ".join(platform.title for platform in PLATFORMS.values() if platform.back)
        why = f"no file was collected from an archive of {taking}" if unknown else "no page shows the marks of now: run feedback first"
        raise RoadError(f"{lab}: the zip was not written because it would be empty: {why}")
    path = pathlib.Path(to) if to else course.root / "exports" / f"{lab}-feedback.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, packed.getvalue())
    return path, count, old, unknown
