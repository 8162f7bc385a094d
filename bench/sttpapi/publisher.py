"""A publisher on sttpapi that publishes batches as fast as it can, or at a rate.

Arguments: a JSON object with "metadata" (an XML file). Commands on standard input: publish BATCH SECONDS [RATE] | quit.
Events: listening (port), published (measurements, milliseconds, cpu in milliseconds).
"""

import json
import os
import sys
import threading
import time

import numpy as np
from sttp.data.dataset import DataSet
from sttp.publisher import Publisher
from sttp.transport.constants import StateFlags
from sttp.transport.measurement import Measurement

UNIX_EPOCH = 621_355_968_000_000_000


def emit(event, **details):
    # In one piece and on a line of its own, whatever sttpapi's threads print.
    os.write(1, f"\n{json.dumps({'event': event, **details})}\n".encode())


def main():
    chosen = json.loads(sys.argv[1])
    publisher = Publisher()
    with open(chosen["metadata"], encoding="utf-8") as file:
        metadata, problem = DataSet.from_xml(file.read())
    if problem is not None:
        raise problem
    publisher.define_metadata(metadata)
    publisher.start(0)
    emit("listening", port=publisher._datapublisher._server_socket.getsockname()[1])

    table = metadata.table("MeasurementDetail")
    signal_id, enabled = (table.column_byname(name).index for name in ("SignalID", "Enabled"))
    ids = [table.row(i)[signal_id] for i in range(table.rowcount) if table.row(i)[enabled]]
    good = StateFlags(0)
    rng = np.random.default_rng(1)

    def measurements(count, at, ticks):
        return [
            Measurement(ids[(at + i) % len(ids)], value, ticks, good)
            for i, value in enumerate(60 + 0.004 * rng.standard_normal(count))
        ]

    def publish(batch, seconds, rate=0.0):
        batch = int(batch)
        start = time.perf_counter()
        cpu = time.process_time()
        sent = 0
        while time.perf_counter() - start < float(seconds):
            publisher.publish_measurements(measurements(batch, sent, np.uint64(UNIX_EPOCH + time.time_ns() // 100)))
            sent += batch
            if float(rate) > 0:
                time.sleep(max(0.0, start + sent / float(rate) - time.perf_counter()))
        emit(
            "published",
            measurements=sent,
            milliseconds=1000 * (time.perf_counter() - start),
            cpu=1000 * (time.process_time() - cpu),
        )

    for line in sys.stdin:
        word, *rest = line.split()
        if word == "quit":
            break
        publish(*rest)
    os._exit(0)


main()
