"""The same pieces of work done by sttpapi: reads an XML file and prints milliseconds for each, as JSON."""

import json
import sys
import time

from sttp.data.dataset import DataSet
from sttp.data.filterexpressionparser import FilterExpressionParser
from sttp.transport.datapublisher import DataPublisher


def main():
    path, expression = sys.argv[1:3]
    with open(path, "rb") as file:
        text = file.read()
    times = {}

    def timed(name, work):
        start = time.process_time()
        result = work()
        times[name] = 1000 * (time.process_time() - start)
        return result

    dataset, problem = timed("read", lambda: DataSet.from_xml(text))
    if problem is not None:
        raise problem
    publisher = DataPublisher()
    timed("derive", lambda: publisher.define_metadata(dataset))
    rows, problem = timed(
        "select",
        lambda: FilterExpressionParser.select_datarows(publisher._filtering_metadata, expression, "ActiveMeasurements"),
    )
    if problem is not None:
        raise problem
    timed("write", lambda: dataset.to_xml())
    print(json.dumps({"times": times, "rows": len(rows)}))


main()
