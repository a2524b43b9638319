"""A server in a process of its own that answers chat completions after a while, many at once; or not at all, or that dies.

    with SlowServer(delay_s=0.05) as server:
        provider = OpenAICompatibleProvider(base_url=server.base_url)
        …
        server.kill()

What it is asked by a function with one integer `n`, it answers with `2n`.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys


class SlowServer:
    """Starts on entry, stops on exit."""

    def __init__(self, delay_s: float = 0.05) -> None:
        self._delay_s = delay_s

    def __enter__(self) -> SlowServer:
        self._process = subprocess.Popen([sys.executable, __file__, str(self._delay_s)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base_url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once, with all its connections."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class _Connection(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, rest = self._got.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        if blank and len(rest) >= size:
            self._got = rest[size:]
            asyncio.get_running_loop().call_later(self._delay_s, self._answer, rest[:size])

    def _answer(self, body: bytes) -> None:
        asked = json.loads(body)["messages"][-1]["content"]
        number = int(re.findall(r"^(-?\d+)$", asked, re.MULTILINE)[0])  # alone in its line
        message = {"role": "assistant", "content": json.dumps({"value": 2 * number})}
        content = {
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            "model": "slow",
        }
        answer = json.dumps(content).encode()
        if not self._transport.is_closing():
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer
            )  # type: ignore[attr-defined]


async def _serve(delay_s: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(delay_s), "127.0.0.1", 0, backlog=2_048)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
