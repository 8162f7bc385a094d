import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { mayAct } from "../actions.ts";
import type { AdminContext, AdminRequest } from "../context.ts";
import { AdminActionNames } from "../options.ts";
import { count } from "./text.ts";

/** A piece of a page, in which every value is escaped. */
export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

const sections: readonly (readonly [path: string, label: string, also?: string])[] = [
  ["/", "Overview"],
  ["/connections", "Connections"],
  ["/groups", "Encoders"],
  ["/signals", "Signals", "/devices"],
  ["/trends", "Trends"],
  ["/metadata", "Metadata"],
  ["/security", "Security"],
];

/** Sections that are about publishers only. */
const aboutPublishers: readonly string[] = ["/connections", "/groups", "/security"];

/** What a page is besides its content. */
export interface PageSettings {
  /** Whether the script keeps it up to date. */
  readonly live?: boolean;
  /** Scripts and style sheets besides the usual ones, by the names they are served under. */
  readonly scripts?: readonly string[];
  readonly styles?: readonly string[];
}

/** A whole page around its content. */
export function layout(
  context: AdminContext,
  c: AdminRequest,
  title: string,
  content: Html,
  { live = false, scripts = [], styles = [] }: PageSettings = {},
): Html {
  const { basePath } = context.options;
  const { path } = c.req;
  const { name, role } = c.env.user;
  const operates = AdminActionNames.some((action) => mayAct(context, c.env.user, action));
  const shown = [
    ...sections.filter(([to]) => context.observer.publishers.length > 0 || !aboutPublishers.includes(to)),
    ...operates ? [["/operate", "Operate"] as const] : [],
  ];
  const asset = (name: string): string => `${basePath}/assets/${name}`;
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${title} - STTP</title>
        <link rel="icon" type="image/svg+xml" href="${asset("icon.svg")}">
        ${styles.map((name) => html`<link rel="stylesheet" href="${asset(name)}">`)}
        <link rel="stylesheet" href="${asset("admin.css")}">
        <script src="${asset("admin.js")}" defer></script>
        ${scripts.map((name) => html`<script src="${asset(name)}" defer></script>`)}
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <header>
          <strong>STTP</strong>
          <nav aria-label="Sections">${shown.map(([to, label, also]) => {
            const here = to === "/"
              ? path === "/"
              : [to, also].some((one) => one !== undefined && path.startsWith(one));
            return html`
              <a href="${basePath}${to}" ${flag(here, 'aria-current="page"')}>${label}</a>
            `;
          })}</nav>
          <div class="aside"><span class="user"><b>${name}</b> ${role}</span></div>
        </header>
        <main id="content" ${flag(live, "data-live")}>
          <div class="title"><h1>${title}</h1></div>
          ${content}
        </main>
      </body>
    </html>
  `;
}

/** An attribute that an element has or has not; it is written as it is, so it holds no text from outside. */
export function flag(isSet: boolean, attribute: string): Html | string {
  return isSet ? raw(` ${attribute}`) : "";
}

/** Terms and what they are, as a list. Those whose value is `undefined` are left out. */
export function terms(
  entries: readonly (readonly [string, Html | string | undefined])[],
  name: string = "",
): Html {
  return html`<dl class="terms ${name}">${
    entries.filter(([, value]) => value !== undefined).map(([term, value]) =>
      html`
        <div>
          <dt>${term}</dt>
          <dd>${value}</dd>
        </div>
      `
    )
  }</dl>`;
}

/** Counts by what was counted. */
export function counters(counts: Readonly<Record<string, number>>): Html {
  const entries = Object.entries(counts);
  return entries.length === 0
    ? html`<p class="empty">None.</p>`
    : terms(entries.map(([name, number]) => [name, count(number)]), "counts");
}

/** A state, in the colour that tells how things are. */
export function pill(text: string, kind: "good" | "warn" | "bad" | "" = ""): Html {
  return html`<span class="pill ${kind}">${text}</span>`;
}

/** A column of a table. */
export interface Column {
  readonly label: string;
  /** What the list is sorted by when its head is used. */
  readonly sort?: string;
  /** Whether the first click sorts from the smallest on, as suits texts; numbers are looked at from the greatest. */
  readonly ascending?: boolean;
  /** `number`: right-aligned; `minor`: not shown where there is little room. */
  readonly kind?: "number" | "minor" | "number minor";
}

/** How a list is sorted, and where from. */
export interface Order {
  readonly url: string;
  readonly sort: string;
}

/** A table that scrolls by itself where it is wider than the screen; its heads sort it where its order is given. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly Html[],
  order?: Order,
  kind: string = "",
): Html {
  const none = html`
    <tr class="none">
      <td colspan="${columns.length}">None.</td>
    </tr>
  `;
  return html`
    <div class="scroll" role="region" tabindex="0" aria-label="${caption}">
      <table class="${kind}">
        <caption>${caption}</caption>
        <thead>
          <tr>${columns.map((column) => head(column, order))}</tr>
        </thead>
        <tbody>${rows.length === 0 ? none : rows}</tbody>
      </table>
    </div>
  `;
}

function head({ label, sort: key, kind, ascending = false }: Column, order: Order | undefined): Html {
  if (order === undefined || key === undefined) {
    return html`<th scope="col" class="${kind ?? ""}">${label}</th>`;
  }
  const { url, sort } = order;
  const target = new URL(url);
  const [first, second] = ascending ? [key, `-${key}`] : [`-${key}`, key];
  target.searchParams.set("sort", sort === first ? second : first);
  target.searchParams.delete("offset");
  const direction = sort === key ? "ascending" : sort === `-${key}` ? "descending" : "none";
  return html`<th scope="col" class="${
    kind ?? ""
  }" aria-sort="${direction}"><a href="${target.search}">${label}</a></th>`;
}

/** Links to the parts of a long list before and after this one; nothing where it is shown whole. */
export function pager(url: string, offset: number, shown: number, total: number, size: number): Html {
  if (offset === 0 && shown === total) return html``;
  const link = (label: string, to: number): Html => {
    const target = new URL(url);
    target.searchParams.set("offset", String(to));
    return html`<a href="${target.search}">${label}</a>`;
  };
  return html`<p class="pager"><span>${
    shown === 0 ? "None" : `${offset + 1} to ${offset + shown} of ${total}`
  }</span>${offset > 0 ? link("Previous", Math.max(0, offset - size)) : ""}${
    offset + shown < total ? link("Next", offset + size) : ""
  }</p>`;
}

/** A choice in a form. */
export function select(
  label: string,
  name: string,
  options: readonly (string | readonly [value: string, text: string])[],
  chosen: string,
): Html {
  return html`<label>${label} <select name="${name}">${
    options.map((option) => {
      const [value, text] = typeof option === "string" ? [option, option] : option;
      return html`
        <option value="${value}" ${flag(value === chosen, "selected")}>${text}</option>
      `;
    })
  }</select></label>`;
}

/** Links to the same page about other systems; nothing where there is one. */
export function systemTabs(
  url: string,
  systems: readonly { readonly name: string }[],
  present: string,
): Html {
  if (systems.length < 2) return html``;
  return html`<p class="tabs">${
    systems.map(({ name }) => {
      const target = new URL(url);
      target.search = "";
      target.searchParams.set("system", name);
      return html`
        <a href="${target.search}" ${flag(name === present, 'aria-current="true"')}>${name}</a>
      `;
    })
  }</p>`;
}
