"""Writes the Parquet files beside it with pyarrow 26.0.1: the same measurements in what other programs may write.

    python3 -m venv venv && venv/bin/pip install pyarrow==26.0.1 && venv/bin/python make.py
"""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID

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


def other_kinds() -> pa.Table:
    """The same with other kinds of IDs and values."""
    columns = table(True).to_pydict()
    columns["signalId"] = pa.array([UUID(text).bytes for text in columns["signalId"]], pa.uuid())
    exact = [None if value is None else Decimal(value) for value in columns["value"]]
    columns["value"] = pa.array(exact, pa.decimal128(10, 3))
    return pa.table(columns)


def other_columns() -> pa.Table:
    """The same with columns of kinds that measurements have not."""
    return (
        table(True)
        .append_column("isGood", pa.array([i % 2 == 0 for i in range(ROWS)]))
        .append_column("phases", pa.array([["A", "B"][: i % 3] for i in range(ROWS)]))
        .append_column("place", pa.array([{"x": i, "y": -i} for i in range(ROWS)]))
    )


def lists() -> pa.Table:
    """Values that are lists."""
    values = table(True)
    return values.set_column(2, "value", pa.array([[1.0, 2.0]] * ROWS))


def write(name: str, *, nullable: bool = True, of: pa.Table | None = None, **options: object) -> None:
    path = Path(__file__).with_name(f"{name}.parquet")
    pq.write_table(table(nullable) if of is None else of, path, store_schema=False, **options)


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
write("other_kinds_v1", of=other_kinds(), use_deprecated_int96_timestamps=True)
write("other_columns_v1", of=other_columns())
write("refused_lists", of=lists())
write("refused_zstd", compression="zstd")
