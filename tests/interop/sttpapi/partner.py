"""What both sttpapi programs share: commands in on standard input, events out on standard output.

A command is a word and the rest of its line. An event is one line of JSON with an "event" member.
Measurements travel in files, one a line: signal ID, ticks, flags, and the float32's bits as 8 hex digits.
"""

import json
import struct
import sys
import threading
import traceback

_lock = threading.Lock()


def emit(event, **details):
    """Writes one event."""
    line = json.dumps({"event": event, **details})
    with _lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def options():
    """The program's settings: one JSON object, its only argument."""
    return json.loads(sys.argv[1])


def float_bits(value):
    """The bits of a number as float32; the peers hand measurements out as doubles."""
    return struct.pack(">f", value).hex()


def float_from_bits(bits):
    """The number behind 8 hex digits."""
    return struct.unpack(">f", bytes.fromhex(bits))[0]


def commands(handlers):
    """Runs commands until "quit" or the end of the input."""
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "quit":
            return
        try:
            handlers[word](rest)
        except Exception:  # The test shows it: an event fails the wait in which it arrives.
            emit("fatal", text=traceback.format_exc())


def describe_tables(dataset):
    """Name, row count and column types of each table, as sttpapi read them."""
    return {
        table.name: {
            "rows": table.rowcount,
            "columns": {column.name: column.datatype.name for column in map(table.column, range(table.columncount))},
        }
        for table in dataset
    }
