import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { AdminContext, AdminRequest } from "../context.ts";
import { pathOf } from "../query.ts";

/** A piece of a page, in which every value is escaped. */
export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

const sections = [["/", "Overview"], ["/connections", "Connections"], ["/metadata", "Metadata"]] as const;

/** A whole page around its content; `live`: kept up to date by the script. */
export function layout(
  context: AdminContext,
  c: AdminRequest,
  title: string,
  content: Html,
  live: boolean = false,
): Html {
  const { basePath } = context.options;
  const path = pathOf(c.req.raw, basePath);
  const { name, role } = c.env.user;
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${title} - STTP</title>
        <link rel="stylesheet" href="${basePath}/assets/admin.css">
        <script src="${basePath}/assets/admin.js" defer></script>
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <header>
          <strong>STTP</strong>
          <nav aria-label="Sections">
    ${sections.map(([to, label]) => {
      const here = to === "/" ? path === "/" : path.startsWith(to);
      return html`
        <a href="${basePath}${to}" ${here
          ? html`
            aria-current="page"
          `
          : ""}>${label}</a>
      `;
    })}
          </nav>
          <span class="user">${name} (${role})</span>
        </header>
        <main id="content" ${live
          ? html`
            data-live
          `
          : ""}>
    <h1>${title}</h1>
    ${content}
        </main>
      </body>
    </html>
  `;
}

/** Terms and what they are, as a list. Those whose value is `undefined` are left out. */
export function terms(entries: readonly (readonly [string, Html | string | undefined])[]): Html {
  return html`<dl>${
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

/** A table that scrolls by itself where it is wider than the screen. */
export function table(caption: string, head: Html, rows: readonly Html[]): Html {
  return html`
    <div class="scroll" role="region" tabindex="0" aria-label="${caption}">
      <table>
        <caption>${caption}</caption>
        <thead>
          <tr>${head}</tr>
        </thead>
        <tbody>${rows}</tbody>
      </table>
    </div>
  `;
}

/** Links to the parts of a long list before and after this one. */
export function pager(url: string, offset: number, shown: number, total: number, size: number): Html {
  const link = (label: string, to: number): Html => {
    const target = new URL(url);
    target.searchParams.set("offset", String(to));
    return html`<a href="${target.search}">${label}</a>`;
  };
  return html`<p class="pager">${total === 0 ? "None" : `${offset + 1} to ${offset + shown} of ${total}`} ${
    offset > 0 ? link("Previous", Math.max(0, offset - size)) : ""
  } ${offset + shown < total ? link("Next", offset + size) : ""}</p>`;
}
