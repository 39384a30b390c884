"""A mail server on loopback: SMTP over a socket, as RFC 5321 has it, with faults to order."""

import contextlib
import email
import email.policy
import socketserver
import threading


class Post(socketserver.ThreadingTCPServer):
    """Takes mails into ``mails`` as (addresses, message). ``fault(step, argument, count)`` may give another answer, or None for none."""

    daemon_threads, allow_reuse_address = True, True

    def __init__(self, fault=lambda step, argument, count: "250 OK"):
        super().__init__(("127.0.0.1", 0), _Talk)
        self.mails, self.fault = [], fault

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def of(self, address):
        """The mails to an address."""
        return [mail for to, mail in self.mails if address in to]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


class _Talk(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            self._talk()

    def _say(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def _talk(self):
        self._say("220 loopback")
        to = []
        for line in self.rfile:
            verb, _, rest = line.decode().strip().partition(" ")
            verb = verb.upper()
            answer = self.server.fault(verb, rest, len(self.server.mails))
            if answer is None:
                return
            if verb == "EHLO":
                answer = "250-loopback\r\n250 8BITMIME"
            elif verb == "MAIL":
                to = []
            elif verb == "RCPT" and answer.startswith("250"):
                to.append(rest[rest.index("<") + 1 : rest.index(">")])
            elif verb == "DATA":
                self._say("354 go on")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                answer = self.server.fault("END", "", len(self.server.mails))
                if answer is None or answer.startswith("250"):
                    self.server.mails.append((to, email.message_from_bytes(b"".join(lines), policy=email.policy.default)))
                if answer is None:
                    return
            self._say("221 bye" if verb == "QUIT" else answer)
            if verb == "QUIT":
                return
