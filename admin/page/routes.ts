import type { Hono } from "hono";
import { checkAction, disconnect, reasonOfForm } from "../actions.ts";
import { type AdminContext, type AdminEnv, type AdminRequest, connectionId } from "../context.ts";
import { mediaType } from "../guard.ts";
import { Problem } from "../problems.ts";
import { Query } from "../query.ts";
import { connectionPage, connectionsPage } from "./connections.ts";
import { html } from "hono/html";
import { layout } from "./layout.ts";
import { tablePage, tablesPage } from "./metadata.ts";
import { overview } from "./overview.ts";
import { Script } from "./script.ts";
import { Styles } from "./styles.ts";

/** The pages for people, and what belongs to them. */
export function addPages(app: Hono<AdminEnv>, context: AdminContext): void {
  const { observer, options } = context;

  app.get("/", (c) => c.html(layout(context, c, "Overview", overview(context), true)));

  app.get(
    "/connections",
    (c) => c.html(layout(context, c, "Connections", connectionsPage(context, c), true)),
  );

  app.get("/connections/:id", (c) => {
    const query = new Query(c.req.url, ["system"]);
    const connection = observer.connection(query.text("system"), connectionId(c));
    return c.html(
      layout(context, c, `Connection ${connection.id}`, connectionPage(context, c, connection), true),
    );
  });

  app.post("/connections/:id/disconnect", async (c) => {
    const query = new Query(c.req.url, ["system"]);
    checkAction(context, c.env.user, c.req.raw);
    if (mediaType(c.req.raw) !== "application/x-www-form-urlencoded") {
      throw new Problem(415, "NotForm", "the body has to be a form");
    }
    const reason = await reasonOfForm(c.req.raw);
    const id = connectionId(c);
    const { system } = disconnect(context, c.env.user, query.text("system"), id, reason);
    return c.redirect(`${options.basePath}/connections/${id}?system=${encodeURIComponent(system)}`, 303);
  });

  app.get("/metadata", (c) => c.html(layout(context, c, "Metadata", tablesPage(context, c))));

  app.get("/metadata/:table", (c) => {
    const { page, failed } = tablePage(context, c);
    return c.html(layout(context, c, c.req.param("table"), page), failed ? 400 : 200);
  });

  const asset = (text: string, type: string) => (c: AdminRequest): Response =>
    c.body(text, 200, { "content-type": `${type}; charset=utf-8`, "cache-control": "private, max-age=300" });
  app.get("/assets/admin.css", asset(Styles, "text/css"));
  app.get("/assets/admin.js", asset(Script, "text/javascript"));
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
