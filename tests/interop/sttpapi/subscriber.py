"""A subscriber on sttpapi that does as it is told.

Settings: address; out (the file for what arrives); tssc, gzip (booleans); version; filter;
metadataFilters; settings (members of sttp.settings.Settings by name); metadata (false: do not ask for it).

Commands: subscribe FILTER | unsubscribe | refresh | expect COUNT | usercommand NUMBER HEX | quit
Events: connected, disconnected, metadata, cache, start, changed, status, error, reached, complete (history is at its
end), block (signal, payload in hex), response (response, command, payload in hex), notification (text)
"""

import os
import threading

import numpy as np
from sttp.config import Config
from sttp.settings import Settings
from sttp.subscriber import Subscriber
from sttp.transport.constants import ServerCommand

from partner import commands, describe_tables, emit, float_bits, options


def main():
    chosen = options()
    subscriber = Subscriber()
    received = {"count": 0, "expected": None}
    lock = threading.Lock()
    out = open(chosen["out"], "w", encoding="ascii")

    settings = Settings()
    for name, value in chosen.get("settings", {}).items():
        if not hasattr(settings, name):
            raise ValueError(f"sttpapi has no setting {name}")
        setattr(settings, name, value)

    def take(measurements):
        lines = [
            f"{measurement.signalid} {int(measurement.timestamp)} {int(measurement.flags)} "
            f"{float_bits(measurement.value)}\n"
            for measurement in measurements
        ]
        with lock:
            out.writelines(lines)
            out.flush()
            received["count"] += len(lines)
        report()

    def report():
        with lock:
            reached = received["expected"] is not None and received["count"] >= received["expected"]
            if reached:
                received["expected"] = None
        if reached:
            emit("reached", count=received["count"])

    def expect(count):
        with lock:
            received["expected"] = int(count)
        report()

    subscriber.statusmessage_logger = lambda text: emit("status", text=text)
    subscriber.errormessage_logger = lambda text: emit("error", text=text)
    subscriber.connectionestablished_receiver = lambda: emit("connected")
    subscriber.connectionterminated_receiver = lambda: emit("disconnected")
    subscriber.metadatanotification_receiver = lambda dataset: emit("metadata", tables=describe_tables(dataset))
    subscriber.subscriptionupdated_receiver = lambda cache: emit("cache", count=int(cache.count))
    subscriber.data_starttime_receiver = lambda ticks: emit("start", ticks=str(int(ticks)))
    subscriber.configurationchanged_receiver = lambda: emit("changed")
    subscriber.newmeasurements_receiver = take
    subscriber.historicalreadcomplete_receiver = lambda: emit("complete")
    subscriber.newbufferblock_receiver = lambda blocks: [
        emit("block", signal=str(block.signalid), payload=bytes(block.buffer).hex()) for block in blocks
    ]
    subscriber.userresponse_receiver = lambda response, command, data: emit(
        "response", response=int(response), command=int(command), payload=bytes(data).hex()
    )
    subscriber.notification_receiver = lambda text: emit("notification", text=text)

    def usercommand(text):
        number, _, payload = text.partition(" ")
        code = ServerCommand(ServerCommand.USERCOMMAND00 + int(number))
        subscriber.send_usercommand(code, bytes.fromhex(payload))

    config = Config(
        retryinterval=0.1,
        maxretryinterval=0.5,
        compress_payloaddata=chosen.get("tssc", True),
        compress_metadata=chosen.get("gzip", True),
        compress_signalindexcache=chosen.get("gzip", True),
        metadatafilters=chosen.get("metadataFilters", ""),
        autorequestmetadata=chosen.get("metadata", True),
        version=np.byte(chosen.get("version", 2)),
    )

    try:
        subscriber.subscribe(chosen["filter"], settings)
        problem = subscriber.connect(chosen["address"], config)
        if problem is not None:
            emit("fatal", text=str(problem))
            return
        commands({
            "subscribe": lambda text: subscriber.subscribe(text, settings),
            "unsubscribe": lambda _: subscriber.unsubscribe(),
            "refresh": lambda _: subscriber.request_metadata(),
            "expect": expect,
            "usercommand": usercommand,
        })
    finally:
        out.close()
        emit("ended", count=received["count"])
        # sttpapi's threads may outlive dispose(); the test has all that it needs.
        os._exit(0)


main()
