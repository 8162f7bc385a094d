import { assert, assertEquals, assertThrows } from "@std/assert";
import { compareDataSets, compareDataSetsSteps, type DataSetChanges, type TableChanges } from "./changes.ts";
import { DataSet } from "./data_set.ts";
import { setOf } from "./testdata/set_of.ts";

const SIGNAL = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

/** A table's changes, its rows by index. */
function summary(table: TableChanges | undefined): unknown {
  if (table === undefined) return undefined;
  return {
    ...table,
    added: table.added.map((row) => row.index),
    removed: table.removed.map((row) => row.index),
    changed: table.changed.map(({ before, after, columns }) => [before.index, after.index, ...columns]),
  };
}

function only(changes: DataSetChanges): unknown {
  assertEquals(changes.tables.length, 1);
  return summary(changes.tables[0]);
}

const NOTHING = {
  presence: "both",
  addedColumns: [],
  removedColumns: [],
  added: [],
  removed: [],
  changed: [],
  unchanged: 0,
};

Deno.test("what was read twice is the same, whatever the order", async () => {
  const bytes = Deno.readFileSync(new URL("./testdata/openpdc.xml", import.meta.url));
  const first = await DataSet.fromXml(bytes);
  const second = new DataSet("other");
  for (const table of [...(await DataSet.fromXml(bytes)).tables].reverse()) {
    second.addTable(table.pick(Array.from({ length: table.rowCount }, (_, i) => table.rowCount - 1 - i)));
  }
  const changes = compareDataSets(first, second);
  assertEquals(changes.isEmpty, true);
  assertEquals(changes.tables.map((table) => [table.name, table.key.join(), table.unchanged]), [
    ["SchemaVersion", "", 1],
    ["PhasorDetail", "DeviceAcronym,SourceIndex", 5],
    ["MeasurementDetail", "SignalID", 16],
    ["DeviceDetail", "UniqueID", 1],
  ]);
});

Deno.test("rows are recognised by GUIDs: a rename is a change", () => {
  const columns = { SignalID: "guid", PointTag: "string", Enabled: "boolean" } as const;
  const before = setOf({
    MeasurementDetail: [columns, [SIGNAL(1), "a", true], [SIGNAL(2), "b", true], [SIGNAL(3), "c", true], [
      SIGNAL(4),
    ]],
  });
  const after = setOf({
    measurementdetail: [columns, [SIGNAL(5), "e"], [SIGNAL(3), "C", false], [SIGNAL(1), "a", true], [
      SIGNAL(4),
      null,
    ]],
  });
  const changes = compareDataSets(before, after);
  assertEquals(changes.isEmpty, false);
  assertEquals(only(changes), {
    ...NOTHING,
    name: "measurementdetail",
    key: ["SignalID"],
    added: [0],
    removed: [1],
    changed: [[2, 1, "PointTag", "Enabled"]],
    unchanged: 2,
  });
});

Deno.test("tables and columns come and go", () => {
  const before = setOf({
    Old: [{ A: "string" }, ["x"]],
    T: [{ ID: "string", Gone: "int32", Retyped: "int32" }, ["1", 1, 1]],
  });
  const after = setOf({
    T: [{ id: "string", Retyped: "string", New: "int32" }, ["1", "1", 2]],
    New: [{ A: "string" }, ["x"], ["y"]],
  });
  const { tables, isEmpty } = compareDataSets(before, after, { keys: { t: "Id" } });
  assertEquals(isEmpty, false);
  assertEquals(tables.map(summary), [
    {
      ...NOTHING,
      name: "T",
      key: ["Id"],
      addedColumns: ["Retyped", "New"],
      removedColumns: ["Gone", "Retyped"],
      unchanged: 1,
    },
    { ...NOTHING, name: "New", presence: "added", key: [], addedColumns: ["A"], added: [0, 1] },
    { ...NOTHING, name: "Old", presence: "removed", key: [], removedColumns: ["A"], removed: [0] },
  ]);
});

Deno.test("keys: fallbacks, several columns, all columns, missing and double ones", () => {
  const phasors = { DeviceAcronym: "string", SourceIndex: "int32", Label: "string" } as const;
  assertEquals(
    only(compareDataSets(
      setOf({ PhasorDetail: [phasors, ["A", 1, "x"], ["A", 11, "y"]] }),
      setOf({ PhasorDetail: [phasors, ["A", 11, "z"], ["A1", 1, "x"]] }),
    )),
    {
      ...NOTHING,
      name: "PhasorDetail",
      key: ["DeviceAcronym", "SourceIndex"],
      added: [1],
      removed: [0],
      changed: [[1, 0, "Label"]],
    },
  );
  const decimals = { Value: "decimal", Text: "string" } as const;
  assertEquals(
    only(compareDataSets(
      setOf({ T: [decimals, ["1.50", "a"], ["2", "b"], ["2", "b"], [null, null], [null, ""]] }),
      setOf({ T: [decimals, ["1.5", "a"], ["2.0", "b"], [null, null], [null, null]] }),
    )),
    { ...NOTHING, name: "T", key: [], added: [3], removed: [2, 4], unchanged: 3 },
  );
  const guids = { Name: "string", Guid: "guid" } as const;
  assertEquals(
    only(compareDataSets(
      setOf({ T: [guids, ["a", SIGNAL(1)], ["b", SIGNAL(1)], ["c", null]] }),
      setOf({ T: [guids, ["a", SIGNAL(1)], ["B", SIGNAL(1)], ["c", null], ["d", null]] }),
    )),
    { ...NOTHING, name: "T", key: ["Guid"], added: [3], changed: [[1, 1, "Name"]], unchanged: 2 },
  );
  const error = assertThrows(
    () => compareDataSets(setOf({ T: [guids] }), setOf({ T: [guids] }), { keys: { T: ["Name", "Nix"] } }),
    TypeError,
  );
  assertEquals(error.message, "T has no column Nix in both data sets to recognise rows by");
});

Deno.test("computed columns count by their expression, and are not evaluated", () => {
  const make = (expression: string): DataSet => {
    const dataSet = setOf({ T: [{ A: "int32" }, [1]] });
    dataSet.table("T")!.addColumn("B", "int32", expression);
    return dataSet;
  };
  assertEquals(compareDataSets(make("Nix"), make("Nix")).isEmpty, true);
  assertEquals(only(compareDataSets(make("A"), make("A + 1"))), {
    ...NOTHING,
    name: "T",
    key: [],
    addedColumns: ["B"],
    removedColumns: ["B"],
    unchanged: 1,
  });
});

Deno.test("phasors are recognised by their device and place, not by a number that the publisher may give anew", () => {
  const phasors = (id: number): DataSet => {
    const dataSet = new DataSet();
    const table = dataSet.addTable("PhasorDetail");
    table.addColumn("ID", "int32");
    table.addColumn("DeviceAcronym", "string");
    table.addColumn("SourceIndex", "int32");
    table.addRow([id, "SHELBY", 1]);
    return dataSet;
  };
  const [table] = compareDataSets(phasors(7), phasors(8)).tables;
  assertEquals(table?.key, ["DeviceAcronym", "SourceIndex"]);
  assertEquals(table?.changed[0]?.columns, ["ID"]);
});

Deno.test("long tables are compared in steps", () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => [SIGNAL(i), `name ${i}`]);
  const table = (from: number): DataSet =>
    setOf({ T: [{ SignalID: "guid", Name: "string" }, ...rows.slice(from, from + 10_000)] });
  const steps = compareDataSetsSteps(table(0), table(5_000));
  let count = 0;
  for (;;) {
    const step = steps.next();
    if (step.done) {
      const [changes] = step.value.tables;
      assertEquals([changes!.added.length, changes!.removed.length, changes!.unchanged], [
        5_000,
        5_000,
        5_000,
      ]);
      break;
    }
    count++;
  }
  assertEquals(count >= 3 * 39, true, `${count} steps`);
});

Deno.test("tables of names that JavaScript knows are tables like any other", () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    const before = new DataSet();
    before.addTable(name).addColumn("A", "string");
    const after = new DataSet();
    after.addTable(name).addColumn("A", "string");
    assert(compareDataSets(before, after).isEmpty);
    after.table(name)!.addRow(["x"]);
    assertEquals(compareDataSets(before, after).tables[0]?.added.length, 1);
  }
});
