"""Feedback pages by mail: who gets one, what it says, and a record on disk, so that nobody gets two after a kill."""

import collections
import contextlib
import dataclasses
import datetime
import email.message
import email.policy
import email.utils
import hashlib
import json
import os
import pathlib
import smtplib

from labs.grading.course import RoadError
from labs.grading.desk.fresh import pages
from labs.grading.inbox.roster import ADDRESS, roster
from labs.grading.text import source

TEXT = """Hello {name},

your feedback on {title} is attached: {points} of {most} points.
Save the file and open it in a browser.
"""
SECONDS = 60  # to wait for the server


@dataclasses.dataclass
class Letter:
    """One mail: to which student and address, the page, the hash of the marks on it, and the points."""

    student: str
    name: str
    address: str
    page: pathlib.Path
    stamp: str
    points: float
    most: float


@dataclasses.dataclass
class Plan:
    """The ``letters`` to send, how many were ``sent`` before, and ``left``: why → students who get none."""

    letters: list
    sent: int
    left: dict


class Record:
    """What was sent, a line for each step in ``work/mails/LAB.jsonl``: it is on disk before the mail is on its way."""

    def __init__(self, course, lab):
        self.path = course.work / "mails" / f"{lab}.jsonl"

    def last(self):
        """Student → the last step: ``sending``, ``sent`` or ``refused``, and the hash of the marks."""
        found = {}
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ():
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a line that a kill cut off: that mail was not on its way
                step = json.loads(line)
                found[step["student"]] = step["step"], step["stamp"]
        return found

    def add(self, letter, step, why=""):
        """Add a line and wait until it is on disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        when = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        line = {"student": letter.student, "step": step, "stamp": letter.stamp, "to": letter.address, "when": when, "why": why}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("\n" * bool(file.tell()) + json.dumps(line))
            file.flush()
            os.fsync(file.fileno())


def plan(course, lab, students=None, changed=False, again=()):
    """Who gets a mail.

    Parameters
    ----------
    course : Course
    lab : str
    students : list of str, optional
        Only these.
    changed : bool
        Also students whose marks or comments have changed since their mail.
    again : collection of str
        Students who get a mail whatever the record says.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        One of the students handed in nothing.
    """
    fresh, old = pages(course, lab)
    people, last = roster(course), Record(course, lab).last()
    with course.book() as book:
        rows = {row.student.id: row for row in book.assignment_submissions(lab)}
        marks = {s: (max(0.0, r.score - (r.late_submission_penalty or 0.0)), r.max_score) for s, r in rows.items()}
        known = {s: (r.student.email or "", " ".join(filter(None, (r.student.first_name, r.student.last_name)))) for s, r in rows.items()}
    if unknown := sorted({*(students or ()), *again} - set(marks)):
        raise ValueError(f"students: expected students who are graded in {lab}, got {', '.join(unknown)}")
    wanted = [s for s in sorted(marks) if not students or s in students or s in again]
    address, name = {}, {}
    for student in marks:
        person = people.of.get(student) if people else None
        address[student], name[student] = (person.email, person.name) if person else known[student]
    shared = {a for a, count in collections.Counter(map(str.casefold, address.values())).items() if count > 1}
    letters, sent, left = [], 0, {}
    for student in wanted:
        step, stamp = last.get(student, ("", ""))
        to = address[student]
        if not ADDRESS.fullmatch(to):
            left.setdefault("No address in the roster", []).append(student)
        elif to.casefold() in shared:
            left.setdefault("The same address as another student", []).append(student)
        elif student in old:
            left.setdefault("The page is missing or older than the marks (run feedback)", []).append(student)
        elif step == "sending" and student not in again:
            left.setdefault("Perhaps sent: the run ended before the server answered (ask them, or --again STUDENT)", []).append(student)
        elif step == "sent" and stamp == fresh[student][1] and student not in again:
            sent += 1
        elif step == "sent" and not changed and student not in again:
            left.setdefault("Changed since their mail (--changed sends another)", []).append(student)
        else:
            page, stamp = fresh[student]
            letters.append(Letter(student, name[student], to, page, stamp, *marks[student]))
    return Plan(letters, sent, left)


def message(course, lab, letter, sender, text=TEXT):
    """The mail as an EmailMessage."""
    title = next((c.source.split("\n")[0].lstrip("# ") for c in source.notebook(lab).cells if c.source.startswith("# ")), lab)
    words = {"name": letter.name or letter.student, "title": title, "lab": lab, "points": f"{letter.points:g}", "most": f"{letter.most:g}"}
    for word, value in words.items():
        text = text.replace("{" + word + "}", value)
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"] = sender, email.utils.formataddr((letter.name, letter.address), "utf-8")
    mail["Subject"] = f"Your feedback on {title}"
    mail["Date"] = email.utils.localtime()
    about = json.dumps([course.key(), lab, letter.student, letter.stamp])
    mail["Message-ID"] = f"<{hashlib.sha256(about.encode()).hexdigest()[:32]}@{email.utils.parseaddr(sender)[1].rpartition('@')[2]}>"
    mail.set_content(text)
    page = {"maintype": "text", "subtype": "html", "filename": letter.page.name, "params": {"charset": "utf-8"}}
    mail.add_attachment(letter.page.read_bytes(), **page)
    return mail


def send(course, lab, letters, sender, server="localhost:25", tls=False, user=None, password=None, text=TEXT):
    """Send the letters, one after another; yields ``(letter, why it was refused or an empty text)``.

    Raises
    ------
    RoadError
        The server cannot be reached, or ends the connection or refuses for now: run it again later.
    """
    if not ADDRESS.fullmatch(email.utils.parseaddr(sender)[1]):
        raise RoadError(f"--from: expected an address such as 'Ada Ng <ada@example.org>', got {sender!r}")
    host, colon, port = server.rpartition(":")
    if colon and not port.isdecimal():
        raise RoadError(f"--server: expected HOST or HOST:PORT, got {server!r}")
    where, record, open_one = (host, int(port)) if colon else (server, 25), Record(course, lab), None
    try:
        for letter in letters:
            mail = message(course, lab, letter, sender, text)
            open_one = _connected(open_one, where, tls, user, password)
            record.add(letter, "sending")
            why = _sent(open_one, mail)
            if why == AGAIN:
                open_one = _connected(None, where, tls, user, password)
                why = _sent(open_one, mail)
            record.add(letter, "refused" if why else "sent", why)
            if why.startswith("4"):
                raise RoadError(f"{server} refuses mails for now: {why}. Run the same command again later: nobody gets two")
            yield letter, why
    except smtplib.SMTPException as problem:
        raise RoadError(f"{server}: {_said(problem)}. Run the same command again: nobody gets two") from None
    except OSError as problem:
        raise RoadError(f"{server}: {problem.strerror or problem}. Run the same command again: nobody gets two") from None
    finally:
        if open_one:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                open_one.quit()


AGAIN = "421"


def _connected(open_one, where, tls, user, password):
    """A connection that answers: the one that is open, or a new one."""
    if open_one:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            if open_one.noop()[0] == 250:
                return open_one
    open_one = smtplib.SMTP(*where, timeout=SECONDS)
    if tls:
        import ssl

        open_one.starttls(context=ssl.create_default_context())
    if user:
        open_one.login(user, password or "")
    return open_one


def _sent(server, mail):
    """Why the server refused a mail, as it said it; empty where it took it, `AGAIN` where it had enough of this connection."""
    try:
        server.send_message(mail)
    except (smtplib.SMTPNotSupportedError, UnicodeEncodeError) as problem:
        return f"5 {problem}"
    except smtplib.SMTPRecipientsRefused as problem:
        [(code, said)] = problem.recipients.values()
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as problem:
        code, said = problem.smtp_code, problem.smtp_error
    else:
        return ""
    said = f"{code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    return AGAIN if code == 421 else " ".join(said.split())


def _said(problem):
    said = getattr(problem, "smtp_error", None)
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said or problem)
