import { html } from "hono/html";
import type { AdminContext, AdminRequest } from "../context.ts";
import type { RowChange, TableChangeView } from "../metadata_versions.ts";
import { Problem } from "../problems.ts";
import { clip, Query } from "../query.ts";
import { browseTable, type JsonCell, summarizeTables, type TablePage, TableParameters } from "../tables.ts";
import { flag, type Html, pager, pill, systemTabs, table } from "./layout.ts";
import { count, moment, plural } from "./text.ts";

/** The tables of a system's metadata. */
export function tablesPage(context: AdminContext, c: AdminRequest): Html {
  const { observer, options } = context;
  const { system, metadata } = observer.metadata(new Query(c.req.url, ["system"]).text("system"));
  const of = `system=${encodeURIComponent(system)}`;
  const rows = summarizeTables(metadata).map(({ name, rows, columns }) =>
    html`
      <tr>
        <td><a href="${options.basePath}/metadata/${encodeURIComponent(name)}?${of}">${name}</a></td>
        <td class="number">${count(rows)}</td>
        <td>${clip(columns.map((column) => column.name).join(", "), 300)}</td>
      </tr>
    `
  );
  return html`${systemTabs(c.req.url, observer.systems, system)}
  ${
    table(`${metadata.name} of ${system}`, [{ label: "Table" }, { label: "Rows", kind: "number" }, {
      label: "Columns",
    }], rows)
  }
  <p><a href="${options.basePath}/metadata-changes?${of}">What changed when it was replaced last</a></p>`;
}

/** A table of metadata with a filter box, which explains what is wrong with a filter below it. */
export async function tablePage(
  context: AdminContext,
  c: AdminRequest,
): Promise<{ readonly page: Html; readonly failed: boolean }> {
  const query = new Query(c.req.url, TableParameters);
  const { system, metadata } = context.observer.metadata(query.text("system"));
  const name = c.req.param("table")!;
  const filter = query.text("filter") ?? "";
  let found: TablePage | Problem;
  try {
    found = await browseTable(metadata, name, query);
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "InvalidFilter") throw error;
    found = error;
  }
  const failed = found instanceof Problem;
  const page = html`
    <p class="tabs"><a href="${context.options.basePath}/metadata?system=${encodeURIComponent(
      system,
    )}">All tables of ${system}</a></p>
      <form class="query" role="search">
      <input type="hidden" name="system" value="${system}">
      <label class="wide">Filter <input name="filter" value="${filter}" spellcheck="false" autocomplete="off"
          placeholder="SignalAcronym = 'FREQ' AND PointTag LIKE 'SHELBY%'"${flag(
            failed,
            'aria-invalid="true" aria-describedby="mistake"',
          )}></label>
      <label>Text <input type="search" name="search" value="${query.text("search") ?? ""}"></label>
      <button class="main">Show</button>
    </form>
      ${found instanceof Problem
        ? mistake(filter, found)
        : tableRows(found, c.req.url, query.whole("limit", 100, 1, 1_000))}
  `;
  return { page, failed };
}

/** The filter with its mistake marked. */
function mistake(filter: string, { details, message }: Problem): Html {
  const { offset, found } = details as { readonly offset: number; readonly found: string };
  const end = offset + Math.max(1, found.length);
  return html`
    <div class="mistake" id="mistake" role="alert">
      <p>${message}</p>
      <pre>${filter.slice(0, offset)}<mark>${filter.slice(offset, end) || "\u2026"}</mark>${filter.slice(
        end,
      )}</pre>
    </div>
  `;
}

function tableRows({ name, columns, values, total, offset }: TablePage, url: string, limit: number): Html {
  const shown = columns.map((column): { label: string; kind?: "number" } =>
    isNumeric(column.type) ? { label: column.name, kind: "number" } : { label: column.name }
  );
  const rows = values.map((row) =>
    html`<tr>${
      columns.map((column) =>
        html`<td${flag(isNumeric(column.type), 'class="number"')}>${cellText(row[column.name] ?? null)}</td>`
      )
    }</tr>`
  );
  return html`${table(`${name}, ${plural(total, "row")}`, shown, rows, undefined, "cells")}${
    pager(url, offset, values.length, total, limit)
  }`;
}

function isNumeric(type: string): boolean {
  return !["string", "guid", "dateTime", "boolean"].includes(type);
}

function cellText(value: JsonCell): string {
  return value === null ? "" : clip(String(value), 200);
}

/** What changed in a system's metadata when it was replaced last. */
export async function changesPage(context: AdminContext, c: AdminRequest): Promise<Html> {
  const { observer, options } = context;
  const { system, at, previousAt, tables } = await observer.metadataChanges(
    new Query(c.req.url, ["system"]).text("system"),
  );
  const back = html`<p class="tabs"><a href="${options.basePath}/metadata?system=${
    encodeURIComponent(system)
  }">All tables of ${system}</a></p>`;
  if (previousAt === null) {
    return html`
      ${back}<p
        class="hint">The metadata of ${system} is as it was when the admin saw it first, ${moment(at)}.</p>
    `;
  }
  return html`${back}<p class="hint">The metadata of ${moment(previousAt)} was replaced ${moment(at)}.</p>
  ${
    tables.length === 0
      ? html`<p class="notice good">Nothing in it changed.</p>`
      : tables.map(changedTable)
  }`;
}

function changedTable(changes: TableChangeView): Html {
  const { name, presence, added, removed, changed, unchanged, addedColumns, removedColumns, rows } = changes;
  const columns = [
    ...addedColumns.map((column) =>
      html`
        <ins>+ ${column}</ins>
      `
    ),
    ...removedColumns.map((column) =>
      html`
        <del>${column}</del>
      `
    ),
  ];
  const caption = `${name}: ${count(added)} added, ${count(removed)} removed, ${count(changed)} changed, ${
    count(unchanged)
  } as they were`;
  const left = added + removed + changed - rows.length;
  return html`${
    presence === "both"
      ? ""
      : html`<p>${pill(`table ${presence}`, presence === "added" ? "good" : "bad")}</p>`
  }
  ${columns.length === 0 ? "" : html`<p>Columns of ${name}:${columns}</p>`}
  ${table(caption, [{ label: "Row" }, { label: "Change" }, { label: "Cells" }], rows.map(changedRow))}
  ${left === 0 ? "" : html`<p class="pager">and ${count(left)} more</p>`}`;
}

function changedRow({ change, row, cells }: RowChange): Html {
  const kind = change === "added" ? "good" : change === "removed" ? "bad" : "warn";
  return html`
    <tr>
      <td>${clip(row, 120)}</td>
      <td>${pill(change, kind)}</td>
      <td>${cells.map(({ column, before, after }) =>
        html`<div>${column}: <del>${cellText(before) || "empty"}</del> <ins>${
          cellText(after) || "empty"
        }</ins></div>`
      )}</td>
    </tr>
  `;
}
