/**
 * `sttp metadata`.
 *
 * @module
 */
import type { DataSet } from "../../mod.ts";
import { type Command, type Context, defineCommand } from "../command.ts";
import { connectionOptions } from "../connection.ts";
import { ExitCode, UsageError } from "../exit_codes.ts";
import { replaceFile } from "../files.ts";
import { compare, describeChanges } from "../metadata_changes.ts";
import { checkUse, findMetadata } from "../metadata_source.ts";
import { metadataTree, treeValue } from "../metadata_tree.ts";
import { expressions, file, flag, text, whole, words } from "../option.ts";
import { columnsToShow, rowValue, writeRows } from "../rows.ts";
import { alignColumns, count, many, plain } from "../text.ts";

/** `sttp metadata`: gets, shows, keeps and compares metadata. */
export const metadata: Command = defineCommand({
  name: "metadata",
  summary: "Get metadata from a publisher or a file, show it, save it, or compare it",
  description:
    "Without options it shows which tables there are. A publisher has to listen: this command does not wait for " +
    "one that connects to its subscribers.",
  operands: {
    source: text({
      summary: "a file, - for standard input, or a publisher's address",
      required: true,
      completion: "file",
    }),
  },
  options: {
    table: text({ summary: "show the rows of this table", placeholder: "NAME" }),
    columns: words({ summary: "show these columns of the table, not the usual ones", needs: ["table"] }),
    limit: whole(0, 10_000_000)({
      summary: "show so many rows at most; all are counted",
      default: "50",
      needs: ["table"],
    }),
    tree: flag({ summary: "show devices, their phasors and their signals", excludes: ["table"] }),
    metadataFilter: expressions({
      summary: "have a publisher narrow a table: FILTER table WHERE ...",
    }),
    save: file({
      summary: "write it to this file, XML; - for standard output",
      excludes: ["table", "tree"],
    }),
    diff: text({
      summary: "show what is different in this other file or publisher; the exit code is 6 if anything is",
      placeholder: "SOURCE",
      completion: "file",
      excludes: ["table", "tree", "save"],
    }),
    ...connectionOptions,
  },
  examples: [
    { line: "metadata historian.example:7165", explanation: "What does this publisher describe?" },
    { line: "metadata historian.example --tree", explanation: "Its devices, phasors and signals" },
    { line: "metadata historian.example --save metadata.xml", explanation: "Keep it in a file" },
    { line: "metadata metadata.xml --diff historian.example", explanation: "What has changed since?" },
    {
      line: "metadata metadata.xml --table DeviceDetail --columns Acronym,Name",
      explanation: "Two columns of a table",
    },
  ],
  async run(values, context): Promise<ExitCode> {
    const { source, table, columns, limit, tree, metadataFilter, save, diff, ...connection } = values;
    const { output } = context;
    const found = await findMetadata({ source, connection, filters: metadataFilter }, context);
    const other = diff === undefined
      ? undefined
      : await findMetadata({ source: diff, connection, filters: metadataFilter }, context);
    const all = other === undefined ? [found] : [found, other];
    checkUse(all, ["metadataFilter", ...Object.keys(connectionOptions)], context);
    const { dataSet } = found;
    if (save !== undefined) {
      await saveTo(save, dataSet, context);
    } else if (other !== undefined) {
      const changes = compare(dataSet, other.dataSet);
      if (output.json) await output.value(changes);
      else for (const line of describeChanges(changes, output.outStyles)) await output.line(line);
      return changes.isEmpty ? ExitCode.Ok : ExitCode.Different;
    } else if (tree) {
      if (output.json) await output.value(treeValue(dataSet));
      else for (const line of metadataTree(dataSet)) await output.line(line);
    } else if (table !== undefined) {
      await showTable(dataSet, table, columns, limit, context);
    } else {
      await showTables(dataSet, context);
    }
    return ExitCode.Ok;
  },
});

async function saveTo(path: string, dataSet: DataSet, { output, signal }: Context): Promise<void> {
  const xml = dataSet.toXmlStream();
  if (path === "-") {
    for await (const bytes of xml) await output.out.write(bytes);
    return;
  }
  await replaceFile(path, (file) => xml.pipeTo(file.writable, { signal }));
  const rows = dataSet.tables.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const tables = dataSet.tables.length;
  if (output.json) await output.value({ file: path, tables, rows });
  else await output.note(`${many(rows, "row")} of ${many(tables, "table")} written to ${path}`);
}

async function showTables({ name, tables }: DataSet, { output }: Context): Promise<void> {
  if (output.json) {
    await output.value({
      name,
      tables: tables.map(({ name, rowCount, columns }) => ({
        name,
        rows: rowCount,
        columns: columns.map(({ name, type }) => ({ name, type })),
      })),
    });
    return;
  }
  const cells = tables.map(({ name, rowCount, columns }) => [
    plain(name, 40),
    count(rowCount),
    plain(columns.map((column) => column.name).join(", "), Math.max(20, output.out.size().columns - 40)),
  ]);
  const headings = [{ heading: "Table" }, { heading: "Rows", right: true }, { heading: "Columns" }];
  const [heading, ...lines] = alignColumns(headings, cells);
  await output.line(output.outStyles.bold(heading!));
  for (const line of lines) await output.line(line);
}

async function showTable(
  dataSet: DataSet,
  name: string,
  columns: readonly string[],
  limit: number,
  { output }: Context,
): Promise<void> {
  const table = dataSet.table(name);
  if (table === undefined) {
    const known = dataSet.tables.map(({ name }) => name).join(", ");
    throw new UsageError(`there is no table "${name}", there is ${known}`);
  }
  const shown = columnsToShow(table, columns);
  const rows = Array.from({ length: Math.min(limit, table.rowCount) }, (_, i) => table.row(i));
  if (output.json) {
    const values = rows.map((row) => rowValue(row, columns));
    await output.value({ table: table.name, count: table.rowCount, rows: values });
    return;
  }
  await writeRows(rows, shown, output);
  const more = rows.length < table.rowCount ? `, the first ${count(rows.length)} shown` : "";
  await output.note(`${many(table.rowCount, "row")}${more}`);
}
