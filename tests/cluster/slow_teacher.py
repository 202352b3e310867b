"""A model server of the standard library that takes its time and says in its log whom it answered: `python -m slow_teacher PORT DELAY`."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "slow"


class Handler(BaseHTTPRequestHandler):
    """Every answer is 7."""

    protocol_version = "HTTP/1.1"
    delay = 0.0

    def do_GET(self) -> None:
        self._say({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.delay)
        message = {"role": "assistant", "content": "It is \\boxed{7}"}
        usage = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._say({"id": "a", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice], "usage": usage})
        sys.stdout.write(f"answered {json.dumps(asked['messages'][-1]['content'])}\n")  # in one piece: others write at the same time
        sys.stdout.flush()

    def _say(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Only answers are worth a line."""


if __name__ == "__main__":
    Handler.delay = float(sys.argv[2])
    ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
