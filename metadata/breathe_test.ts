import { assert, assertEquals } from "@std/assert";
import { DataSet } from "./data_set.ts";

Deno.test("timers get their turn while a long document is read and written", async () => {
  const dataSet = new DataSet();
  const table = dataSet.addTable("T");
  table.addColumn("A", "string");
  table.addRows({ A: Array.from({ length: 80_000 }, (_, i) => `row ${i} of many & more`) });
  const xml = dataSet.toXml();
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  try {
    const copy = await DataSet.fromXml(xml);
    assertEquals(copy.table("T")?.rowCount, 80_000);
    const afterReading = turns;
    assert(afterReading > 0, "none while reading");
    await new Response(dataSet.toXmlStream()).bytes();
    assert(turns > afterReading, "none while writing");
  } finally {
    clearInterval(timer);
  }
});
