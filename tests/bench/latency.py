"""A proxy that holds every packet back for half of a round trip, as a network in between would."""
import asyncio
import threading


class Latency:
    """Forwards a local port to a server's; each direction takes `seconds` / 2, whatever is under way."""

    def __init__(self, port_of_server, seconds):
        self.target, self.half = port_of_server, seconds / 2
        self.loop = asyncio.new_event_loop()
        self.port = None
        started = threading.Event()
        threading.Thread(target=self.serve, args=(started,), daemon=True).start()
        started.wait()

    def serve(self, started):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()

    async def accept(self, reader, writer):
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self.pump(reader, to_writer), self.pump(to_reader, writer))

    async def pump(self, reader, writer):
        while data := await reader.read(1 << 20):
            self.loop.call_later(self.half, writer.write, data)
        self.loop.call_later(self.half, writer.close)
