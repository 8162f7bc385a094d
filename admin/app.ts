import { Hono } from "hono";
import { createApi } from "./api.ts";
import type { AdminContext, AdminEnv, AdminRequest } from "./context.ts";
import { ContentTypes, expose, negotiateFormat } from "./exposition.ts";
import { metricsOf } from "./metrics.ts";
import { addPages, problemPage } from "./page/routes.ts";
import { Problem } from "./problems.ts";
import { pathOf } from "./query.ts";

/** All routes; who asks, and whether they may ask at all, has been settled before. */
export function createApp(context: AdminContext): Hono<AdminEnv> {
  const { observer, options } = context;
  const app = new Hono<AdminEnv>({ getPath: (request) => pathOf(request, options.basePath) ?? "" });

  app.get("/healthz", (c) => c.text("ok\n"));

  app.get("/readyz", (c) => {
    const checks = observer.readiness();
    const ready = checks.every(({ ok }) => ok);
    return c.json({ ready, checks }, ready ? 200 : 503);
  });

  app.get("/metrics", (c) => {
    const format = negotiateFormat(c.req.header("accept") ?? null);
    const metrics = metricsOf(observer.systems, context.totals, (publisher) => observer.statsOf(publisher));
    const text = expose(metrics, format);
    return c.body(text, 200, { "content-type": ContentTypes[format], vary: "accept" });
  });

  app.route("/api/v1", createApi(context));

  addPages(app, context);

  app.notFound((c) => {
    const allowed = methodsAt(app, c.req.path);
    if (allowed.length === 0) {
      return answerProblem(context, c, new Problem(404, "NotFound", "there is nothing here"));
    }
    c.header("allow", allowed.join(", "));
    return answerProblem(context, c, new Problem(405, "WrongMethod", "there is no such method here"));
  });

  app.onError((error, c) => {
    if (error instanceof Problem) return answerProblem(context, c, error);
    // What it is tells of the inside; operators find it in the log.
    context.ownLog.error("admin.internalError", { path: c.req.path, error, stack: error.stack });
    return c.json({ error: { code: "InternalError", message: "this is a fault of the admin" } }, 500);
  });

  return app;
}

/** The methods that there are at a path. */
function methodsAt(app: Hono<AdminEnv>, path: string): string[] {
  const parts = path.split("/");
  const methods = new Set<string>();
  for (const route of app.routes) {
    const wanted = route.path.split("/");
    const fits = wanted.length === parts.length &&
      wanted.every((part, i) => part.startsWith(":") ? parts[i] !== "" : part === parts[i]);
    if (!fits) continue;
    methods.add(route.method);
    if (route.method === "GET") methods.add("HEAD");
  }
  return [...methods].sort();
}

/** A browser that asks for a page gets one; everybody else gets JSON. */
function answerProblem(
  context: AdminContext,
  c: AdminRequest,
  problem: Problem,
): Response | Promise<Response> {
  const isPage = !c.req.path.startsWith("/api/") && (c.req.header("accept") ?? "").includes("text/html");
  return isPage ? problemPage(context, c, problem) : c.json(problem, problem.status);
}
