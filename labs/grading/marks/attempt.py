"""A student's notebook as it runs, and its functions as hidden tests meet them."""

from labs.grading.banned.reached import RULES
from labs.grading.inbox.submission import Unreadable
from labs.grading.locked.session import Gone, Late
from labs.grading.reading.arrange import UNREAD

MAX_STOPS = 12  # processes of one submission
MAX_LATE = 3  # of these, stopped by the clock on the wall, which waits long; 1 where the submission will run again


class Attempt:
    """A student's notebook as it runs. Where its process stops (it hangs, crashes, takes too much), another one runs the cells that had
    gone well before and goes on without the cell or the function that stopped it: so that costs its own part only.

    Parameters
    ----------
    make : callable
        Gives a :class:`labs.grading.locked.session.Session`, given the seconds that are left.
    total : float
        Seconds of processor time for all of it.
    alone : bool
        No other submission runs beside it.
    """

    def __init__(self, make, total, alone=True):
        self.make, self.total, self.used, self.late, self.most_late = make, total, 0.0, 0, MAX_LATE if alone else 1
        self.session, self.ran, self.gone, self.stops = make(total), [], {}, []
        self.layers = self.session.layers

    def read(self, released, cells):
        """Where each text belongs, as entries, and notes; if reading what they say stops the process, only their names count."""
        for careful in (True, False):
            try:
                return self._try(lambda session, careful=careful: session.read(released, cells, careful), "reading your cells")
            except Gone:
                self.stops[-1:] = [UNREAD]
        raise Unreadable("the cells cannot be read within the limits of time and memory")

    def cell(self, text, name):
        """The reply of a cell; raises :class:`labs.grading.locked.session.Gone` where it stops the process."""
        reply = self._try(lambda session: session.cell(text), f"cell {name}" if name else "a cell of yours")
        self.ran.append(text)
        return reply

    def call(self, name, args, kwargs, rules=RULES):
        """A function's result, and the positions of arguments that it changed."""
        if name in self.gone:
            raise Gone(self.gone[name])
        try:
            result = self._try(lambda session: session.call(name, args, kwargs, rules), name)
        except Gone as why:
            self.gone[name] = str(why)
            raise
        self.processor_seconds = self.session.processor_seconds
        return result

    def _try(self, ask, what):
        left = self.total - self.used - self.session.clock.used
        over = left <= 0 or len(self.stops) >= MAX_STOPS or self.late >= self.most_late
        if self.session.dead and over:
            raise Gone(f"the rest was not run ({self.stops[0] if self.stops else 'no time was left'})")
        try:
            if self.session.dead:
                following = self.make(left)
                self.used, self.session = self.used + self.session.clock.used, following
                for text in self.ran:
                    self.session.cell(text)
            return ask(self.session)
        except Gone as why:
            self.late += isinstance(why, Late)
            self.stops.append(f"{what}: {why}")
            raise

    def renew(self):
        """Go on in a process that runs the cells and has seen no call: what a call kept is gone."""
        self.session.close()
        self.session.dead = self.session.dead or "it was renewed"

    def close(self):
        """End the process."""
        self.session.close()


class Proxy:
    """A function that lives in the student's process."""

    def __init__(self, attempt, name):
        self.attempt, self.name = attempt, name

    def remote_call(self, args, kwargs, rules):
        """Its result, and the positions of arguments that it changed."""
        result, changed = self.attempt.call(self.name, args, kwargs, rules)
        self.processor_seconds = self.attempt.processor_seconds
        return result, changed

    def anew(self):
        """Let the next call find a process that has run the cells and nothing else."""
        self.attempt.renew()
