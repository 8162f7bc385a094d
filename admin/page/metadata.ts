import { html } from "hono/html";
import type { AdminContext, AdminRequest } from "../context.ts";
import { Problem } from "../problems.ts";
import { clip, Query } from "../query.ts";
import { browseTable, type JsonCell, summarizeTables, type TablePage, TableParameters } from "../tables.ts";
import { type Html, pager, table } from "./layout.ts";
import { count } from "./text.ts";

/** The tables of a system's metadata. */
export function tablesPage(context: AdminContext, c: AdminRequest): Html {
  const { observer, options } = context;
  const { system, metadata } = observer.metadata(new Query(c.req.url, ["system"]).text("system"));
  const others = observer.systems.filter(({ name }) => name !== system);
  const rows = summarizeTables(metadata).map(({ name, rows, columns }) =>
    html`
      <tr>
        <td><a href="${options.basePath}/metadata/${encodeURIComponent(
          name,
        )}?system=${system}">${name}</a></td>
        <td class="number">${count(rows)}</td>
        <td>${clip(columns.map((column) => column.name).join(", "), 300)}</td>
      </tr>
    `
  );
  const heads = html`
    <th scope="col">Table</th>
    <th scope="col">Rows</th>
    <th scope="col">Columns</th>
  `;
  return html`${
    others.length === 0 ? "" : html`<p>Metadata of others: ${
      others.map(({ name }) =>
        html`
          <a href="${options.basePath}/metadata?system=${name}">${name}</a>
        `
      )
    }</p>`
  }${table(`Metadata of ${system}`, heads, rows)}`;
}

/** A table of the metadata with a filter; a mistake in the filter is shown below it, and where it is. */
export function tablePage(context: AdminContext, c: AdminRequest): { page: Html; failed: boolean } {
  const query = new Query(c.req.url, TableParameters);
  const { system, metadata } = context.observer.metadata(query.text("system"));
  const filter = query.text("filter") ?? "";
  let found: TablePage | undefined;
  let problem: Problem | undefined;
  try {
    found = browseTable(metadata, c.req.param("table") ?? "", query);
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "InvalidFilter") throw error;
    problem = error;
  }
  const page = html`
    <form class="query" role="search">
      <input type="hidden" name="system" value="${system}">
      <label
        class="wide">Filter <input type="search" name="filter" value="${filter}" spellcheck="false" autocomplete="off"
    placeholder="SignalAcronym = 'FREQ' AND Device LIKE 'A%'"${problem === undefined ? "" : html`
      aria-invalid="true" aria-describedby="mistake"
    `}></label>
      <label>Text <input type="search" name="search" value="${query.text("search") ?? ""}"></label>
      <button>Show</button>
    </form>
    ${problem === undefined ? "" : mistake(filter, problem)}
    ${found === undefined ? "" : rowsOf(found)}
    ${found === undefined
      ? ""
      : pager(c.req.url, found.offset, found.values.length, found.total, query.whole("limit", 100, 1, 1_000))}
  `;
  return { page, failed: problem !== undefined };
}

function mistake(filter: string, { message, details }: Problem): Html {
  const offset = Number(details["offset"]);
  const length = Math.max(1, String(details["found"] ?? "").length);
  // Enough around the mistake to see it, however long the filter is.
  const before = filter.slice(Math.max(0, offset - 60), offset);
  const wrong = filter.slice(offset, offset + length) || " ";
  const after = filter.slice(offset + length, offset + length + 60);
  return html`
    <div class="mistake" id="mistake" role="alert">
      <p>${message}</p>
      <pre>${before}<mark>${wrong}</mark>${after}</pre>
    </div>
  `;
}

function rowsOf({ name, columns, values }: TablePage): Html {
  const heads = columns.map((column) => html`<th scope="col" title="${column.type}">${column.name}</th>`);
  const rows = values.map((row) =>
    html`<tr>${columns.map((column) => html`<td>${cell(row[column.name] ?? null)}</td>`)}</tr>`
  );
  return table(name, html`${heads}`, rows);
}

function cell(value: JsonCell): string {
  return value === null ? "" : clip(String(value), 500);
}
