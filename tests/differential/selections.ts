/**
 * Compares selections over generated tables with sttpapi's: rows, their order, TOP, and unions of statements.
 *
 * Some statements mean another thing to sttpapi than the language's description says. It is asked for the same thing in
 * other words then, by one of the {@linkcode Rewrite}s, and TOP and the union are made of its answers here.
 *
 * @module
 */
import { DataSet, type DataTable } from "../../metadata/mod.ts";
import { fromUnixMilliseconds } from "../../transport/wire/ticks.ts";
import { ask, type SelectionOutcome } from "./oracle.ts";
import { selectHere } from "./ours.ts";
import { Random } from "./random.ts";
import { tableForOracle } from "./values.ts";

/** Why sttpapi is asked in other words. */
export interface Rewrite {
  /** What it is about, in a few words. */
  readonly name: string;
  /** The sentence of the language's description that sttpapi does not follow. */
  readonly sentence: string;
}

const REWRITES = {
  where: {
    name: "WHERE is left out",
    sentence: "WHERE may be left out (`FILTER TOP 5 ActiveMeasurements ORDER BY Device`)",
  },
  top: { name: "TOP with ORDER BY", sentence: "ORDER BY comes before TOP" },
  text: {
    name: "strings are ordered",
    sentence:
      "String comparison ignores case except `===`, `!==` and after `BINARY` or `===` in LIKE / IN / ORDER BY",
  },
  boolean: { name: "booleans are ordered", sentence: "Booleans and numbers widen, false < true" },
  union: { name: "several statements", sentence: "The union keeps statement order and has no duplicates" },
  logic: {
    name: "conditions on nulls are joined",
    sentence:
      "AND / OR take booleans, three-valued as in SQL: `False AND NULL` is false, `True OR NULL` true",
  },
  tag: { name: "a point tag with a colon", sentence: 'point tags `"GPA_TESTDEVICE:FREQ"`' },
} satisfies Record<string, Rewrite>;

/** What came of the comparison. */
export interface SelectionReport {
  /** How many filter expressions were evaluated on both sides. */
  readonly compared: number;
  /** How often each rewrite was needed. */
  readonly rewritten: ReadonlyMap<Rewrite, number>;
  /** The differences, for people. */
  readonly unexplained: readonly string[];
}

/** A statement for this side, and for sttpapi. */
interface Statement {
  readonly text: string;
  readonly oracleText: string;
  /** How many rows at most; cut here, from sttpapi's answer. */
  readonly top: number;
  readonly rewrites: readonly Rewrite[];
}

const PRIMARY = "ActiveMeasurements";

/** Generates tables and filter expressions from a seed and compares what they select. */
export async function compareSelections(python: string, seed: number): Promise<SelectionReport> {
  const random = new Random(seed ^ 0x5e1ec7);
  const table = signalTable(random);
  const dataSet = new DataSet();
  dataSet.addTable(table);
  const filters = Array.from({ length: 700 }, () => filterOf(random, table));
  const statements = filters.flat();
  const { selections } = await ask(python, {
    tables: [tableForOracle(table)],
    expressions: [],
    selections: statements.map(({ oracleText }) => [PRIMARY, oracleText]),
  });
  const answers = new Map(statements.map((statement, index) => [statement, selections[index]!]));
  const rewritten = new Map<Rewrite, number>();
  const unexplained: string[] = [];
  for (const filter of filters) {
    const text = filter.map((statement) => statement.text).join("; ");
    const ours = selectHere(dataSet, text, PRIMARY);
    const theirs = union(filter, answers);
    const rewrites = new Set(filter.flatMap((statement) => statement.rewrites));
    if (filter.length > 1) rewrites.add(REWRITES.union);
    for (const rewrite of rewrites) rewritten.set(rewrite, (rewritten.get(rewrite) ?? 0) + 1);
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
      unexplained.push(`${text}\n    here    ${JSON.stringify(ours)}\n    sttpapi ${JSON.stringify(theirs)}`);
    }
  }
  return { compared: filters.length, rewritten, unexplained };
}

/** What the statements select together, by sttpapi's answers to each. */
function union(
  filter: readonly Statement[],
  answers: ReadonlyMap<Statement, SelectionOutcome>,
): SelectionOutcome {
  const rows = new Set<number>();
  for (const statement of filter) {
    const answer = answers.get(statement)!;
    if ("error" in answer) return answer;
    for (const row of answer.rows.slice(0, statement.top)) rows.add(row);
  }
  return { rows: [...rows] };
}

// --- tables

const ROWS = 120;

function signalTable(random: Random): DataTable {
  const table = new DataSet().addTable(PRIMARY);
  for (const name of ["ID", "PointTag", "SignalType", "Device"]) table.addColumn(name, "string");
  table.addColumn("SignalID", "guid");
  table.addColumn("FramesPerSecond", "int32");
  table.addColumn("Serial", "int64");
  table.addColumn("Adder", "double");
  table.addColumn("Multiplier", "decimal");
  table.addColumn("Enabled", "boolean");
  table.addColumn("EnabledAsNumber", "int32");
  table.addColumn("UpdatedOn", "dateTime");
  const sometimes = <T>(value: T): T | null => random.chance(0.15) ? null : value;
  for (let i = 0; i < ROWS; i++) {
    const device = random.pick(["SHELBY", "Shelby", "CORDOVA", "cordova_2", "AUSTIN", "austin", "Z-1"]);
    const type = random.pick(["FREQ", "VPHM", "vphm", "IPHA", "STAT", ""]);
    const enabled = sometimes(random.chance(0.5));
    const hex = (digits: number) =>
      Array.from({ length: digits }, () => random.below(16).toString(16)).join("");
    table.addRow({
      ID: `PPA:${i}`,
      PointTag: `${device}:${type}${random.below(40)}`,
      SignalType: sometimes(type),
      Device: sometimes(device),
      SignalID: `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`,
      FramesPerSecond: sometimes(random.pick([1, 30, 60, 120, -5])),
      Serial: sometimes(BigInt(random.below(50)) * 3_000_000_000n),
      Adder: sometimes(random.pick([0, -0.5, 1e-3, 2.25, 1e6])),
      Multiplier: sometimes(random.pick(["1", "0.50", "-2.125", "1e2"])),
      Enabled: enabled,
      EnabledAsNumber: enabled === null ? null : Number(enabled),
      UpdatedOn: sometimes(fromUnixMilliseconds(1.6e12 + random.below(20) * 86_400_000)),
    });
  }
  return table;
}

// --- filter expressions

function filterOf(random: Random, table: DataTable): Statement[] {
  const count = random.chance(0.6) ? 1 : 2 + random.below(3);
  return Array.from({ length: count }, () => statementOf(random, table));
}

function statementOf(random: Random, table: DataTable): Statement {
  const row = table.row(random.below(table.rowCount));
  const plain = (text: string, oracleText = text, rewrites: Rewrite[] = []): Statement => {
    return { text, oracleText, top: Infinity, rewrites };
  };
  switch (random.below(8)) {
    case 0:
      return plain(
        random.pick([row.string("SignalID")!, `{${row.string("SignalID")}}`, `'${row.string("SignalID")}'`]),
      );
    case 1:
      return plain(random.pick([row.string("ID")!, row.string("ID")!.toLowerCase(), "PPA:9999"]));
    case 2: {
      const tag = row.string("PointTag")!;
      return { ...plain(`"${tag}"`, filterText(`PointTag = '${tag}'`), [REWRITES.tag]), top: 1 };
    }
    case 3: {
      const where = condition(random, 2);
      return plain(where.text, where.oracleText, [REWRITES.logic]);
    }
    default:
      return filterStatement(random);
  }
}

function filterText(where: string): string {
  return `FILTER ${PRIMARY} WHERE ${where}`;
}

function filterStatement(random: Random): Statement {
  const rewrites: Rewrite[] = [];
  const where = random.chance(0.85) ? condition(random, 2) : undefined;
  rewrites.push(where === undefined ? REWRITES.where : REWRITES.logic);
  const terms = Array.from({ length: random.pick([0, 0, 1, 1, 2, 3]) }, () => orderTerm(random));
  for (const term of terms) if (term.rewrite !== undefined) rewrites.push(term.rewrite);
  const top = random.chance(0.5) ? random.pick([-1, 0, 1, 3, 10, 1000]) : undefined;
  if (top !== undefined && top >= 0 && terms.length > 0) rewrites.push(REWRITES.top);
  const order = (texts: string[]) => texts.length === 0 ? "" : ` ORDER BY ${texts.join(", ")}`;
  const head = top === undefined ? `FILTER ${PRIMARY}` : `FILTER TOP ${top} ${PRIMARY}`;
  return {
    text: head + (where === undefined ? "" : ` WHERE ${where.text}`) + order(terms.map((term) => term.text)),
    oracleText: filterText(where?.oracleText ?? "True") + order(terms.map((term) => term.oracleText)),
    top: top === undefined || top < 0 ? Infinity : top,
    rewrites,
  };
}

function orderTerm(random: Random): { text: string; oracleText: string; rewrite?: Rewrite } {
  const direction = random.pick(["", " ASC", " DESC"]);
  if (random.chance(0.5)) {
    const column = random.pick(["PointTag", "SignalType", "Device"]);
    const [exact, folded] = [`BINARY ${column}${direction}`, `${column}${direction}`];
    // To sttpapi BINARY means the opposite.
    if (random.chance(0.4)) return { text: exact, oracleText: folded, rewrite: REWRITES.text };
    return { text: folded, oracleText: exact, rewrite: REWRITES.text };
  }
  const column = random.pick([
    "FramesPerSecond",
    "Serial",
    "Adder",
    "Multiplier",
    "UpdatedOn",
    "SignalID",
    "Enabled",
  ]);
  const text = `${column}${direction}`;
  if (column !== "Enabled") return { text, oracleText: text };
  // To sttpapi true comes before false.
  return { text, oracleText: `EnabledAsNumber${direction}`, rewrite: REWRITES.boolean };
}

/** A condition, for sttpapi without nulls: what is null where it stands is as good as false. */
function condition(random: Random, depth: number): { text: string; oracleText: string } {
  if (depth > 0 && random.chance(0.5)) {
    const [left, right] = [condition(random, depth - 1), condition(random, depth - 1)];
    const operator = random.pick(["AND", "OR"]);
    const join = (a: string, b: string) => `(${a} ${operator} ${b})`;
    return { text: join(left.text, right.text), oracleText: join(left.oracleText, right.oracleText) };
  }
  const text = simpleCondition(random);
  return { text: `(${text})`, oracleText: `ISNULL(${text}, False)` };
}

function simpleCondition(random: Random): string {
  const compare = random.pick(["=", "!=", "<>", "<", "<=", ">", ">=", "=="]);
  switch (random.below(10)) {
    case 0:
      return `SignalType ${random.pick(["IN", "NOT IN", "IN BINARY"])} ('FREQ', 'VPHM')`;
    case 1:
      return `Device ${random.pick(["LIKE", "LIKE BINARY"])} ${
        random.pick(["'S%'", "'%a'", "'*or*'", "'a*'"])
      }`;
    case 2:
      return `FramesPerSecond ${compare} ${random.pick(["30", "60.0", "1e0", "'30'"])}`;
    case 3:
      return `Serial ${compare} ${random.pick(["3000000000", "60000000000", "2.5"])}`;
    case 4:
      return `${random.pick(["SignalType", "Adder", "Enabled", "UpdatedOn"])} IS ${
        random.pick(["NULL", "NOT NULL"])
      }`;
    case 5:
      return `Adder * 2 ${compare} ${random.pick(["0", "1", "4.5"])}`;
    case 6:
      return `Multiplier ${compare} ${random.pick(["0.5", "1", "'1.0'"])}`;
    case 7:
      return `UpdatedOn ${compare} ${random.pick(["#2020-09-20#", "'2020-09-25'"])}`;
    case 8:
      return random.pick(["Enabled", "Enabled = True", "LEN(PointTag) > 10", "True", "False"]);
    default:
      return `PointTag ${compare} ${random.pick(["'CORDOVA:FREQ1'", "'m'", "'SHELBY:vphm20'"])}`;
  }
}
