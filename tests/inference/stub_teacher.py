"""A model server of the standard library: quick to start, and as badly behaved as a test wants it.

python stub_teacher.py PORT [--model NAME] [--delay S] [--die TEXT] [--stubborn] [--child FILE]
"""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMAND = (sys.executable, "-S", str(Path(__file__)), "{port}")
SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def listing(*models):
    return 200, json.dumps({"object": "list", "data": [{"id": model} for model in models]}).encode()


def handler(answers, seen):
    """Answers GET /v1/models with each of `answers` in turn, the last one for good."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("Authorization")))
            status, body = answers[min(len(seen), len(answers)) - 1]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    return Handler


@contextmanager
def serving(*answers):
    """A server in a thread: its URL and the (path, authorization) of what it was asked."""
    seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(answers, seen)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--model", default="stub")
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--die")
    parser.add_argument("--stubborn", action="store_true")
    parser.add_argument("--child", type=Path)
    options = parser.parse_args()
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.child:
        child = subprocess.Popen([sys.executable, "-S", "-c", SLEEPER])
        options.child.write_text(str(child.pid))
    if options.die:
        sys.exit(options.die)
    time.sleep(options.delay)
    ThreadingHTTPServer(("127.0.0.1", options.port), handler([listing(options.model)], [])).serve_forever()


if __name__ == "__main__":
    main()
