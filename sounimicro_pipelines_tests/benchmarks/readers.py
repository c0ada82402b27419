"""Fifty people at once: keep-alive connections that ask as fast as they are answered, and how long each answer took."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time
from dataclasses import asdict, dataclass

READERS = 50
WARM_UP = 1.0


@dataclass(frozen=True)
class Answers:
    """What the readers saw in `seconds`; times are in milliseconds."""

    count: int
    seconds: float
    p50: float
    p99: float
    size: int

    @property
    def a_second(self) -> float:
        return self.count / self.seconds


async def read(address: str, paths: list[str], seconds: float, seed: int = 1) -> Answers:
    """Ask for `paths` in random order for so long, after a warm-up. Raises AssertionError for any answer but 200."""
    host, _, port = address.removeprefix("http://").partition(":")
    started = time.perf_counter()
    counted_from, until = started + WARM_UP, started + WARM_UP + seconds
    times: list[float] = []
    sizes: list[int] = []

    async def reader(number: int) -> None:
        choose = random.Random(seed * 1000 + number)
        source, sink = await asyncio.open_connection(host, int(port))
        while (asked := time.perf_counter()) < until:
            path = choose.choice(paths)
            sink.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Language: nb\r\n\r\n".encode())
            head = await source.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), f"{path}: {head[:80]!r}"
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            await source.readexactly(length)
            if asked >= counted_from:
                times.append(time.perf_counter() - asked)
                sizes.append(length)
        sink.close()

    await asyncio.gather(*(reader(number) for number in range(READERS)))
    times.sort()
    return Answers(
        count=len(times),
        seconds=seconds,
        p50=round(times[len(times) // 2] * 1000, 2),
        p99=round(times[int(len(times) * 0.99)] * 1000, 2),
        size=round(statistics.mean(sizes)),
    )


if __name__ == "__main__":
    task = json.loads(sys.stdin.read())
    print(json.dumps(asdict(asyncio.run(read(**task)))))
