"""A model that has functions called, and is watched while it answers: run this file to see what it prints.

So that it runs without a network, the model is a script behind a server on this machine that speaks the OpenAI protocol. With a
real one, leave the server out and set RTFS_REMOTE_BASE_URL (and RTFS_REMOTE_API_KEY); nothing else changes.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import rtfs

PROGRAM = """
(defn lookup-order
  "The state of an order, by its number."
  [id :int] :-> [:map [:state string] [:days int]]
  (if (= id 7) {:state "shipped" :days (delivery-days "north")} (throw {:type :no-order :message (str "no order " id)})))

(defn reply
  ^:delegation :remote "clerk"
  ^{:tools [lookup-order] :max-rounds 4}
  "Answer the customer."
  [question :string] :-> [:map [:text string] [:escalate bool]]
  {:text "We will look into it." :escalate true})
"""


def delivery_days(region: str) -> int:
    """How long a parcel takes."""
    return {"north": 2, "south": 4}[region]


class Clerk(BaseHTTPRequestHandler):
    """Looks up order 8, then order 7, then answers with what it was told."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        told = [message["content"] for message in asked["messages"] if message["role"] == "tool"]
        if len(told) < 2:
            function = {"name": "lookup-order", "arguments": json.dumps({"id": 8 - len(told)})}
            call = {"index": 0, "id": f"functions.lookup-order:{len(told)}", "function": function}
            deltas, reason = [{"tool_calls": [call]}], "tool_calls"
        else:
            days = json.loads(told[-1])["days"]
            answer = json.dumps({"text": f"It arrives in {days} days.", "escalate": False})
            deltas, reason = [{"content": answer[at : at + 12]} for at in range(0, len(answer), 12)], "stop"
        events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Clerk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environ = {"RTFS_REMOTE_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}/v1"}
    with rtfs.Runtime(environ=environ) as runtime:
        runtime.define("delivery-days", delivery_days)
        runtime.run(PROGRAM)
        with runtime.stream("reply", "Where is my order, 7 or 8?") as values:
            shown = [value for value in values if value]
        print(shown[-1])  # {'text': 'It arrives in 2 days.', 'escalate': False}
        record = runtime.records.calls[-1]
        for use in record.tools:
            print(use.name, use.outcome)  # lookup-order no-order, lookup-order ok
        print(len(record.attempts), "requests, answered by", record.source)  # 3 requests, answered by model
    server.shutdown()


if __name__ == "__main__":
    main()
