/**
 * `sttp filter`.
 *
 * @module
 */
import {
  type DataRow,
  deriveActiveMeasurements,
  FilterError,
  formatFilter,
  parseFilter,
  selectRows,
} from "../../mod.ts";
import { type Command, type Context, defineCommand } from "../command.ts";
import { connectionOptions } from "../connection.ts";
import { CommandError, ExitCode } from "../exit_codes.ts";
import { checkUse, findMetadata } from "../metadata_source.ts";
import { related, text, whole, words } from "../option.ts";
import { columnsToShow, rowValue, writeRows } from "../rows.ts";
import { count, plain } from "../text.ts";

/** `sttp filter`: tries a filter expression. */
export const filter: Command = defineCommand({
  name: "filter",
  summary: "Try a filter expression on metadata from a file or a publisher",
  description:
    "Shows the rows that the expression selects, in its order: of ActiveMeasurements, unless it names " +
    "another table. Where the expression is wrong, it shows the place. Without SOURCE only the spelling of the " +
    "expression is checked.",
  operands: {
    expression: text({ summary: "the filter expression", required: true }),
    source: text({
      summary: "metadata: a file, - for standard input, or a publisher's address",
      completion: "file",
    }),
  },
  options: {
    columns: words({ summary: "show these columns of the selected rows", needs: ["source"] }),
    limit: whole(0, 1_000_000)({
      summary: "show so many rows at most; all are counted",
      default: "20",
      needs: ["source"],
    }),
    ...related(connectionOptions, { needs: ["source"] }),
  },
  examples: [
    {
      line: `filter "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'" metadata.xml`,
      explanation: "Which frequencies does this file describe?",
    },
    {
      line: `filter "FILTER TOP 5 DeviceDetail ORDER BY Acronym" historian.example:7165 --columns Acronym`,
      explanation: "The first five devices of a publisher",
    },
    { line: `filter "Device LIKE 'A%' AND"`, explanation: "What is wrong with this?" },
  ],
  async run({ expression, source, columns, limit, ...connection }, context): Promise<ExitCode> {
    const { output } = context;
    try {
      const spelling = formatFilter(parseFilter(expression));
      if (source === undefined) {
        if (output.json) await output.value({ expression: spelling });
        else await output.line(spelling);
        return ExitCode.Ok;
      }
      const found = await findMetadata({ source, connection }, context);
      checkUse([found], Object.keys(connectionOptions), context);
      const { dataSet } = found;
      const rows = selectRows(deriveActiveMeasurements(dataSet), expression);
      await show(rows, columns, limit, context);
      return ExitCode.Ok;
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      const { code, kind, message, offset, line, column, expected, suggestion } = error;
      throw new CommandError(ExitCode.BadInput, `${message}\n${caret(expression, error)}`, {
        cause: error,
        details: { code, message, kind, offset, line, column, expected, suggestion },
      });
    }
  },
});

/** The line of the expression that is wrong, and a caret under the place. */
function caret(expression: string, { line, column }: FilterError): string {
  const wrong = expression.split("\n")[line - 1] ?? "";
  // Long lines are cut, so that the place is on the screen.
  const from = Math.max(0, column - 61);
  const shown = plain(wrong.slice(from), 100);
  return `  ${shown}\n  ${" ".repeat(column - 1 - from)}^`;
}

async function show(
  rows: readonly DataRow[],
  columns: readonly string[],
  limit: number,
  { output }: Context,
): Promise<void> {
  const shown = rows.slice(0, limit);
  if (output.json) {
    await output.value({ count: rows.length, rows: shown.map((row) => rowValue(row, columns)) });
    return;
  }
  for (const table of new Set(shown.map((row) => row.table))) {
    const ofTable = shown.filter((row) => row.table === table);
    await writeRows(ofTable, columnsToShow(table, columns), output);
  }
  const more = rows.length > shown.length ? `, the first ${count(shown.length)} shown` : "";
  await output.note(`${count(rows.length)} selected${more}`);
}
