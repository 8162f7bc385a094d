"""A subscriber on sttpapi that counts what arrives and how late it is.

Arguments: a JSON object with "address", "filter", "tssc" (whether to ask for it) and "delay" (whether timestamps are
times of publication). Commands on standard input: look | quit.
Events: subscribed, look (received, milliseconds, cpu in milliseconds, delays).
"""

import json
import os
import sys
import time

from sttp.config import Config
from sttp.settings import Settings
from sttp.subscriber import Subscriber

UNIX_EPOCH = 621_355_968_000_000_000


def emit(event, **details):
    # In one piece and on a line of its own, whatever sttpapi's threads print.
    os.write(1, f"\n{json.dumps({'event': event, **details})}\n".encode())


def main():
    chosen = json.loads(sys.argv[1])
    subscriber = Subscriber()
    state = {"received": 0, "first": 0.0, "last": 0.0, "sum": 0.0, "delays": []}

    def take(measurements):
        now = time.perf_counter()
        state["first"] = state["first"] or now
        for measurement in measurements:
            state["sum"] += measurement.value
        state["received"] += len(measurements)
        if chosen.get("delay"):
            wall = time.time_ns() // 100
            runs = {}
            for measurement in measurements:
                ticks = int(measurement.timestamp)
                runs[ticks] = runs.get(ticks, 0) + 1
            state["delays"].extend([(wall - (ticks - UNIX_EPOCH)) / 10_000, count] for ticks, count in runs.items())
        state["last"] = time.perf_counter()

    subscriber.statusmessage_logger = lambda text: None
    subscriber.errormessage_logger = lambda text: print(text, file=sys.stderr)
    subscriber.subscriptionupdated_receiver = lambda cache: emit("subscribed", signals=int(cache.count))
    subscriber.newmeasurements_receiver = take
    subscriber.subscribe(chosen["filter"], Settings())
    problem = subscriber.connect(chosen["address"], Config(compress_payloaddata=chosen["tssc"]))
    if problem is not None:
        raise problem

    for line in sys.stdin:
        if line.strip() == "quit":
            break
        emit(
            "look",
            received=state["received"],
            milliseconds=1000 * (state["last"] - state["first"]),
            cpu=1000 * time.process_time(),
            delays=state["delays"],
        )
        state["delays"] = []
    os._exit(0)


main()
