"""Reads two metadata documents with sttpapi and compares what it made of them: tables, columns, types and values.

Settings: first, second (XML files).
Events: compared (tables, rows, cells), or difference (text).
"""

from sttp.data.dataset import DataSet

from partner import describe_tables, emit, options


def read(path):
    with open(path, encoding="utf-8") as file:
        dataset, problem = DataSet.from_xml(file.read())
    if problem is not None:
        raise problem
    return dataset


def differences(first, second):
    if describe_tables(first) != describe_tables(second):
        yield f"{describe_tables(first)} and {describe_tables(second)}"
        return
    for table in first:
        other = second.table(table.name)
        for index in range(table.rowcount):
            for column in range(table.columncount):
                one, two = table.row(index)[column], other.row(index)[column]
                if one != two or type(one) is not type(two):
                    yield f"{table.name}, row {index}, {table.column(column).name}: {one!r} and {two!r}"


def main():
    chosen = options()
    first, second = read(chosen["first"]), read(chosen["second"])
    found = list(differences(first, second))
    for text in found[:10]:
        emit("difference", text=text)
    if not found:
        rows = [(table.rowcount, table.columncount) for table in first]
        emit("compared", tables=len(rows), rows=sum(r for r, _ in rows), cells=sum(r * c for r, c in rows))


main()
