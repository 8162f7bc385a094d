"""Reads a metadata document with sttpapi, derives ActiveMeasurements from it, and writes down every value.

Settings: document (an XML file), out (the file to write: one JSON array a cell, of table, row, column, type and text).
Events: node (id: what the derived rows have for SourceNodeID), read (cells).
"""

import json
import struct
from datetime import datetime

from sttp.data.dataset import DataSet
from sttp.data.datatype import DataType
from sttp.transport.datapublisher import DataPublisher

from partner import emit, options

START = datetime(1, 1, 1)


def text_of(value, datatype):
    """A value in words that do not depend on the language; None for none."""
    if value is None:
        return None
    if datatype == DataType.BOOLEAN:
        return "true" if value else "false"
    if datatype == DataType.DATETIME:
        elapsed = value - START
        return str(((elapsed.days * 86400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds) * 10)
    if datatype == DataType.SINGLE:
        return struct.pack(">f", value).hex()
    if datatype == DataType.DOUBLE:
        return struct.pack(">d", value).hex()
    if datatype == DataType.DECIMAL:
        return format(value, "f")
    return str(value)


def main():
    chosen = options()
    with open(chosen["document"], encoding="utf-8") as file:
        dataset, problem = DataSet.from_xml(file.read())
    if problem is not None:
        raise problem
    publisher = DataPublisher()
    publisher.define_metadata(dataset)
    emit("node", id=str(publisher._node_id))
    cells = 0
    with open(chosen["out"], "w", encoding="utf-8") as out:
        for table in [*dataset, publisher._filtering_metadata.table("ActiveMeasurements")]:
            for index in range(table.rowcount):
                row = table.row(index)
                for column in map(table.column, range(table.columncount)):
                    if column.computed:
                        continue
                    value = text_of(row[column.index], column.datatype)
                    cells += 1
                    out.write(json.dumps([table.name, index, column.name, column.datatype.name, value]) + "\n")
    emit("read", cells=cells)


main()
