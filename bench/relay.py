"""A server that is further away: what goes to it and comes from it arrives later, and unchanged."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from .servers import S3Server, free_port, wait_for

CHUNK = 2**18


@contextmanager
def far(server: S3Server, away: float) -> Iterator[S3Server]:
    """Return a server as it is seen from a distance.

    Args:
        away: Seconds that anything is on its way, there and back each.

    """
    near = int(server.endpoint.rpartition(":")[2])
    port = free_port()
    command = [sys.executable, "-m", __name__, str(port), str(near), str(away)]
    process = subprocess.Popen(command)
    try:
        wait_for(process, port)
        yield replace(server, endpoint=f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, away: float) -> None:
    """Hand on what comes, each piece at its time."""
    now = asyncio.get_running_loop().time
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def hand_on() -> None:
        with suppress(ConnectionError):
            while (piece := await pieces.get())[1]:
                await asyncio.sleep(max(0.0, piece[0] - now()))
                target.write(piece[1])
                await target.drain()
        target.close()

    handing_on = asyncio.create_task(hand_on())
    with suppress(ConnectionError):
        while content := await source.read(CHUNK):
            pieces.put_nowait((now() + away, content))
    pieces.put_nowait((now(), b""))
    await handing_on


async def _relay(port: int, near: int, away: float) -> None:
    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", near)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_carry(reader, back, away), _carry(there, writer, away))

    server = await asyncio.start_server(on_connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_relay(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
