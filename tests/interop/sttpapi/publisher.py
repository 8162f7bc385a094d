"""A publisher on sttpapi that does as it is told.

Settings: metadata (an XML file); port (0 = any); doubleTicks (ticks as sttpapi's documented uint64, from which its
encoder makes doubles: true by default; false = int64, which keeps irregular times exact).

Commands: publish FPS FILE (frames of measurements; a line is frame number, signal ID, ticks, flags, bits) |
define FILE (new metadata) | block SIGNAL HEX (a buffer block) | quit
User commands are answered with what came with them, reversed.
Events: listening (port, tables), connected, disconnected, subscribed, published, block, status, error
"""

import os
import threading
import time
import uuid

import numpy as np
from sttp.data.dataset import DataSet
from sttp.publisher import Publisher
from sttp.transport.constants import ServerCommand, ServerResponse, StateFlags
from sttp.transport.measurement import Measurement

from partner import commands, describe_tables, emit, float_from_bits, options


def read_frames(path, ticks_type):
    frames = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            frame, signal, ticks, flags, bits = line.split()
            frames.setdefault(int(frame), []).append(
                Measurement(
                    uuid.UUID(signal), np.float64(float_from_bits(bits)), ticks_type(int(ticks)), StateFlags(int(flags))
                )
            )
    return [frames[number] for number in sorted(frames)]


def main():
    chosen = options()
    publisher = Publisher()
    ticks_type = np.uint64 if chosen.get("doubleTicks", True) else np.int64

    publisher.statusmessage_logger = lambda text: emit("status", text=text)
    publisher.errormessage_logger = lambda text: emit("error", text=text)
    publisher.clientconnected_receiver = lambda connection: emit("connected")
    publisher.clientdisconnected_receiver = lambda connection: emit("disconnected")

    def watch():
        # sttpapi tells nobody when a subscription starts, so look; a new cache object is a new subscription.
        known = {}
        while True:
            for connection in publisher.subscriber_connections:
                cache = connection.signal_index_cache
                if connection.is_subscribed and cache is not None and known.get(connection) is not cache:
                    known[connection] = cache
                    emit("subscribed", count=int(cache.count))
            time.sleep(0.01)

    def publish(text):
        rate, _, path = text.partition(" ")
        frames = read_frames(path, ticks_type)
        next_frame = time.monotonic()
        for frame in frames:
            publisher.publish_measurements(frame)
            next_frame += 1 / float(rate)
            time.sleep(max(0, next_frame - time.monotonic()))
        emit("published", count=sum(map(len, frames)))

    def block(text):
        signal, _, payload = text.partition(" ")
        sent = publisher.broadcast_buffer_block(uuid.UUID(signal), bytes.fromhex(payload))
        emit("block", count=int(sent))

    def answer(connection, command, data):
        response = ServerResponse(ServerResponse.USERRESPONSE00 + command - ServerCommand.USERCOMMAND00)
        publisher.send_userresponse(connection, response, command, data[::-1])

    publisher.usercommand_receiver = answer

    def define(path):
        with open(path, encoding="utf-8") as file:
            metadata, problem = DataSet.from_xml(file.read())
        if problem is not None:
            raise problem
        publisher.define_metadata(metadata)
        return metadata

    metadata = define(chosen["metadata"])
    publisher.start(chosen.get("port", 0))
    # The port in use is not part of sttpapi's public surface.
    port = publisher._datapublisher._server_socket.getsockname()[1]
    emit("listening", port=port, tables=describe_tables(metadata))
    threading.Thread(target=watch, daemon=True).start()
    try:
        commands({"publish": publish, "define": define, "block": block})
    finally:
        emit("ended")
        os._exit(0)


main()
