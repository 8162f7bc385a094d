/**
 * Metadata documents read, and ActiveMeasurements derived, by us and by sttpapi: every value compared.
 *
 * @module
 */
import {
  type CellValue,
  DataSet,
  type DataType,
  deriveActiveMeasurements,
  formatDecimal,
} from "../../metadata/mod.ts";
import { filePath } from "./partners.ts";
import { METADATA, type Scenario, scenario, type Stage } from "./scenario.ts";

/** A document with a value of each type at its ends, nulls and empty strings, as we write it. */
function allTypes(): DataSet {
  const dataSet = new DataSet("AllTypes");
  const table = dataSet.addTable("Values");
  const values: Partial<Record<DataType, (string | number | bigint | boolean)[]>> = {
    string: ["a < b & \"c\" 'd' > e", "Z\u00fcrich \u6771\u4eac \u{1f600}", "", " \t\n "],
    boolean: [true, false],
    dateTime: [0n, 638_448_048_301_234_560n, 3_155_378_975_999_999_990n],
    single: [59.98, -0, 3.4028234663852886e38, 1e-45, Infinity, NaN],
    double: [Number.MAX_VALUE, 5e-324, -0, 0.1, -Infinity],
    decimal: ["-89.803800", "0.10", "79228162514264337593543950335"],
    guid: ["9ae6dd95-bddb-5dd8-8717-57da1268b9ca", "00000000-0000-0000-0000-000000000000"],
    int8: [-128, 127],
    int16: [-32768, 32767],
    int32: [-2147483648, 2147483647],
    int64: [-(2n ** 63n), 2n ** 63n - 1n],
    uint8: [0, 255],
    uint16: [0, 65535],
    uint32: [0, 4294967295],
    uint64: [0n, 2n ** 64n - 1n],
  };
  for (const type of Object.keys(values)) table.addColumn(type, type as DataType);
  for (let row = 0; row < 7; row++) {
    table.addRow(Object.fromEntries(Object.entries(values).map(([type, of]) => [type, of[row] ?? null])));
  }
  // sttpapi derives nothing from a document without these.
  for (const name of ["DeviceDetail", "PhasorDetail", "MeasurementDetail"]) dataSet.addTable(name);
  return dataSet;
}

function bits(type: "single" | "double", value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  if (type === "single") view.setFloat32(0, value);
  else view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, "0").slice(0, type === "single" ? 8 : 16);
}

/** A value as `read_metadata.py` writes it. */
function textOf(type: DataType, value: CellValue): string | null {
  if (value === null) return null;
  if (type === "single" || type === "double") return bits(type, value as number);
  // Python's times end at the microsecond.
  if (type === "dateTime") return String((value as bigint) / 10n * 10n);
  return typeof value === "object" ? formatDecimal(value) : String(value);
}

async function compare(stage: Stage, document: string): Promise<string> {
  const out = stage.file();
  await using program = stage.python("read_metadata.py", { document, out });
  const { id } = await program.next("node");
  await program.ended;
  const dataSet = await DataSet.fromXml(await Deno.readTextFile(document));
  const derived = deriveActiveMeasurements(dataSet, { sourceNodeId: id as string });
  const lines = (await Deno.readTextFile(out)).trimEnd().split("\n").filter((line) => line !== "");
  const theirs = new Map<string, string>();
  for (const line of lines) {
    const [table, row, column, type, text] = JSON.parse(line) as [
      string,
      number,
      string,
      string,
      string | null,
    ];
    theirs.set(`${table}[${row}].${column}`, `${type} ${text}`);
  }
  let cells = 0;
  const differences: string[] = [];
  for (const table of derived.tables) {
    for (const column of table.columns) {
      if (column.computed) continue;
      for (const [row, value] of column.values.entries()) {
        const where = `${table.name}[${row}].${column.name}`;
        const ours = `${column.type.toUpperCase()} ${textOf(column.type, value)}`;
        if (ours !== theirs.get(where)) differences.push(`${where}: ${ours}, sttpapi ${theirs.get(where)}`);
        cells++;
      }
    }
  }
  if (cells !== lines.length) differences.unshift(`${cells} cells, sttpapi ${lines.length}`);
  if (differences.length > 0) throw new Error(differences.slice(0, 10).join("\n"));
  return `${cells} values and their types equal`;
}

/** The scenarios about what documents say. */
export const metadataReadings: Scenario[] = [
  scenario("metadata: we read and derive what sttpapi does", (stage) => compare(stage, filePath(METADATA))),
  scenario("metadata: values of all types", async (stage) => {
    const document = stage.file();
    await Deno.writeTextFile(document, allTypes().toXml());
    return await compare(stage, document);
  }),
];
