"""Evaluates filter expressions with sttpapi and prints what came out.

Reads one JSON document from standard input:

    {"tables": [{"name", "columns": [[name, type], ...], "rows": [[value, ...], ...]}],
     "expressions": [[table, row, text], ...],
     "selections": [[primary table, text], ...]}

and prints one JSON value a line: for each expression {"type", "value"} or {"error"}, then for each selection
{"rows": [index, ...]} or {"error"}. Values are written so that equal texts are equal values, -0 as 0: see `canonical`.
"""

import json
import struct
import sys
import warnings
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import numpy as np
from sttp.data.dataset import DataSet
from sttp.data.datatype import DataType
from sttp.data.filterexpressionparser import FilterExpressionParser

warnings.filterwarnings("ignore")

EPOCH = datetime(1, 1, 1)

READERS = {
    "string": str,
    "boolean": bool,
    "dateTime": lambda ticks: EPOCH + timedelta(microseconds=int(ticks) // 10),
    "single": np.float32,
    "double": np.float64,
    "decimal": Decimal,
    "guid": UUID,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": lambda text: np.int64(int(text)),
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": lambda text: np.uint64(int(text)),
}


def canonical(type_name, value):
    if value is None:
        return None
    if type_name == "boolean":
        return "true" if value else "false"
    if type_name in ("int32", "int64"):
        return str(int(value))
    if type_name == "decimal":
        return format(abs(value) if value.is_zero() else value, "f")
    if type_name == "double":
        number = float(value) + 0.0
        return "nan" if number != number else struct.pack(">d", number).hex()
    if type_name == "datetime":
        if value.tzinfo is not None:
            value = value.astimezone(timezone.utc).replace(tzinfo=None)
        return str((value - EPOCH) // timedelta(microseconds=1) * 10)
    return str(value)


def build(tables):
    dataset = DataSet()
    for spec in tables:
        table = dataset.create_table(spec["name"])
        for name, type_name in spec["columns"]:
            table.add_column(table.create_column(name, DataType[type_name.upper()], ""))
        for values in spec["rows"]:
            row = table.create_row()
            for (_, type_name), (index, value) in zip(spec["columns"], enumerate(values)):
                row[index] = None if value is None else READERS[type_name](value)
            table.add_row(row)
        dataset.add_table(table)
    return dataset


def evaluate(dataset, table, row, text):
    value, error = FilterExpressionParser.evaluate_datarowexpression(dataset.table(table).row(row), text, True)
    if error is not None:
        raise error
    type_name = value.valuetype.name.lower()
    return {"type": type_name, "value": canonical(type_name, value.value)}


def select(dataset, primary, text):
    rows, error = FilterExpressionParser.select_datarows(dataset, text, primary, None, True)
    if error is not None:
        raise error
    places = {id(row): index for table in dataset for index, row in enumerate(table)}
    return {"rows": [places[id(row)] for row in rows]}


def attempt(work, *arguments):
    try:
        outcome = work(*arguments)
    except Exception as error:  # what it raises is as much of an error as what it returns
        outcome = {"error": str(error)[:200]}
    print(json.dumps(outcome))


def main():
    request = json.load(sys.stdin)
    dataset = build(request["tables"])
    for table, row, text in request["expressions"]:
        attempt(evaluate, dataset, table, row, text)
    for primary, text in request["selections"]:
        attempt(select, dataset, primary, text)


main()
