"""Writes the Parquet files beside it with pyarrow 26.0.1: the same measurements in what other programs may write.

    python3 -m venv venv && venv/bin/pip install pyarrow==26.0.1 && venv/bin/python make.py
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 100
IDS = ["0d5a1c9e-6a3b-4f6e-9c52-000000000001", "0d5a1c9e-6a3b-4f6e-9c52-000000000002"]
START = datetime(2024, 3, 1, 12, 30, tzinfo=timezone.utc)


def table(nullable: bool) -> pa.Table:
    """Measurements of two signals; where that is possible, every seventh has no value and no flags."""

    def field(name: str, kind: pa.DataType) -> pa.Field:
        return pa.field(name, kind, nullable=nullable and name in ("value", "flags"))

    missing = [nullable and i % 7 == 3 for i in range(ROWS)]
    columns = {
        field("signalId", pa.string()): [IDS[i // 10 % 2] for i in range(ROWS)],
        field("time", pa.timestamp("us", "UTC")): [START + timedelta(milliseconds=20 * i) for i in range(ROWS)],
        field("value", pa.float64()): [None if missing[i] else 50 + i / 8 for i in range(ROWS)],
        field("flags", pa.int32()): [None if missing[i] else i % 3 for i in range(ROWS)],
    }
    return pa.table(list(columns.values()), schema=pa.schema(list(columns)))


def write(name: str, *, nullable: bool = True, **options: object) -> None:
    pq.write_table(table(nullable), Path(__file__).with_name(f"{name}.parquet"), store_schema=False, **options)


DELTA = {
    "signalId": "DELTA_BYTE_ARRAY",
    "time": "DELTA_BINARY_PACKED",
    "value": "BYTE_STREAM_SPLIT",
    "flags": "DELTA_BINARY_PACKED",
}
DELTA_LENGTH = {**DELTA, "signalId": "DELTA_LENGTH_BYTE_ARRAY"}

write("dictionary_v1")
write("dictionary_v2", data_page_version="2.0")
write("required_v1", nullable=False, compression="none")
write("plain_v1", use_dictionary=False, row_group_size=30)
write("plain_v2", use_dictionary=False, data_page_version="2.0", compression="none", row_group_size=30)
write("delta_v1", use_dictionary=False, column_encoding=DELTA)
write("delta_v2", use_dictionary=False, column_encoding=DELTA_LENGTH, data_page_version="2.0")
write("many_pages_v2", data_page_version="2.0", data_page_size=64, write_batch_size=10)
