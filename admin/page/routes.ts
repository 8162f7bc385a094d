import type { Hono } from "hono";
import { html } from "hono/html";
import { type Action, Actions, takeAction } from "../actions.ts";
import { readForm } from "../bodies.ts";
import { type AdminContext, type AdminEnv, type AdminRequest, numberIn } from "../context.ts";
import type { Problem } from "../problems.ts";
import { Query } from "../query.ts";
import { connectionPage, connectionsPage } from "./connections.ts";
import { groupsPage } from "./groups.ts";
import { type Html, layout, type PageSettings } from "./layout.ts";
import { changesPage, tablePage, tablesPage } from "./metadata.ts";
import { operatePage } from "./operate.ts";
import { overview } from "./overview.ts";
import { Script } from "./script.ts";
import { securityPage } from "./security.ts";
import { devicesPage, signalsPage, trendsPage } from "./signals.ts";
import { Icon, Styles } from "./styles.ts";
import { TrendScript } from "./trend_script.ts";
import { UplotScript, UplotStyles } from "./uplot.ts";

const live: PageSettings = { live: true };
const plots: PageSettings = { scripts: ["uplot.js", "trends.js"], styles: ["uplot.css"] };

/** The pages for people, and what belongs to them. */
export function addPages(app: Hono<AdminEnv>, context: AdminContext): void {
  const { observer } = context;
  const page = (
    path: string,
    title: string,
    content: (context: AdminContext, c: AdminRequest) => Html | Promise<Html>,
    settings: PageSettings = {},
  ): void => {
    app.get(path, async (c) => c.html(layout(context, c, title, await content(context, c), settings)));
  };

  page("/", "Overview", overview, live);
  page("/connections", "Connections", connectionsPage, live);
  page("/groups", "Encoders", groupsPage, live);
  page("/signals", "Signals", signalsPage, live);
  page("/devices", "Devices", devicesPage, live);
  page("/trends", "Trends", trendsPage, plots);
  page("/metadata", "Metadata", tablesPage);
  page("/metadata-changes", "Changes of metadata", changesPage);
  page("/security", "Security", securityPage, live);
  page("/operate", "Operate", operatePage);

  app.get("/connections/:id", (c) => {
    const query = new Query(c.req.url, ["system", "done"]);
    const connection = observer.connection(query.text("system"), numberIn(c));
    return c.html(
      layout(context, c, `Connection ${connection.id}`, connectionPage(context, c, connection), live),
    );
  });

  app.get("/metadata/:table", async (c) => {
    const { page, failed } = await tablePage(context, c);
    return c.html(layout(context, c, c.req.param("table"), page), failed ? 400 : 200);
  });

  for (const action of Actions) app.post(action.path, (c) => takeFromForm(context, c, action));

  for (const [name, [text, type]] of Object.entries(assets)) {
    const headers = { "content-type": `${type}; charset=utf-8`, "cache-control": "private, max-age=300" };
    app.get(`/assets/${name}`, (c) => c.body(text, 200, headers));
  }
}

const assets: Readonly<Record<string, readonly [text: string, type: string]>> = {
  "admin.css": [Styles, "text/css"],
  "admin.js": [Script, "text/javascript"],
  "icon.svg": [Icon, "image/svg+xml"],
  "trends.js": [TrendScript, "text/javascript"],
  "uplot.js": [UplotScript, "text/javascript"],
  "uplot.css": [UplotStyles, "text/css"],
};

/** An action from a form, which leads back to its page. */
async function takeFromForm(context: AdminContext, c: AdminRequest, action: Action): Promise<Response> {
  const { id, answer: { system } } = await takeAction(context, c, action, readForm);
  const target = new URLSearchParams({ done: action.name });
  const page = action.page(id);
  if (system !== undefined && page !== "/operate") target.set("system", String(system));
  return c.redirect(`${context.options.basePath}${page}?${target}`, 303);
}

/** A problem as a page. */
export function problemPage(
  context: AdminContext,
  c: AdminRequest,
  { message, status }: Problem,
): Response | Promise<Response> {
  const content = html`<p class="notice">${message}</p>`;
  return c.html(layout(context, c, status === 404 ? "Not found" : "This can't be done", content), status);
}
