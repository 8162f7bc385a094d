import { html } from "hono/html";
import { logThresholds } from "../../log/level.ts";
import type { PublisherStats } from "../../publisher/snapshot.ts";
import { mayAct } from "../actions.ts";
import type { AdminContext, AdminRequest } from "../context.ts";
import { type AdminActionName, AdminActionNames } from "../options.ts";
import { Problem } from "../problems.ts";
import { clip, Query } from "../query.ts";
import type { NamedSystem } from "../system.ts";
import { type Html, select, terms } from "./layout.ts";
import { count, plural } from "./text.ts";

const doneTexts: Readonly<Record<AdminActionName, string>> = {
  disconnect: "The connection is ended.",
  liftBan: "The ban is lifted.",
  notify: "The notification is on its way.",
  rotateCipherKeys: "New cipher keys are on their way to every connection that has some.",
  reloadMetadata: "The metadata has been loaded anew.",
  setLogLevel: "The log level is set.",
};

/** What has just been done, where a form has led back here. */
export function doneNotice(query: Query): Html | string {
  const done = query.text("done");
  const name = AdminActionNames.find((action) => action === done);
  return name === undefined ? "" : html`<p class="notice good" role="status">${doneTexts[name]}</p>`;
}

/** Subscribers that can be chosen one by one. */
const CHOICES = 200;

/** What operators can do, beside what is on the pages of connections and bans. */
export function operatePage(context: AdminContext, c: AdminRequest): Html {
  const query = new Query(c.req.url, ["done"]);
  const { user } = c.env;
  if (!AdminActionNames.some((name) => mayAct(context, user, name))) {
    throw new Problem(403, "NotAllowed", `${user.name} may read and not act here`);
  }
  const { observer, options } = context;
  const forms = observer.systems.flatMap((system) => [
    mayAct(context, user, "notify", system) ? notifyForm(context, system) : "",
    mayAct(context, user, "rotateCipherKeys", system) ? rotateForm(context, system) : "",
    mayAct(context, user, "reloadMetadata", system) ? reloadForm(context, system) : "",
  ]);
  const canSetLevel = options.log !== undefined && mayAct(context, user, "setLogLevel");
  return html`
    ${doneNotice(query)}<div class="cards">${forms}${canSetLevel ? levelForm(context) : ""}</div>
      <p
      class="hint">Connections are ended on their own pages, bans are lifted under Security. Everything done here is logged
        with the name ${user.name}.</p>
  `;
}

function target({ options }: AdminContext, path: string, { name }: NamedSystem): string {
  return `${options.basePath}${path}?system=${encodeURIComponent(name)}`;
}

function statsOf({ observer }: AdminContext, { name }: NamedSystem): PublisherStats {
  return observer.statsOf(observer.publisher(name).system);
}

function notifyForm(context: AdminContext, system: NamedSystem): Html {
  const { open, notifications } = statsOf(context, system);
  const identities = [...new Set(open.flatMap(({ identity }) => identity ?? []))].slice(0, CHOICES);
  const choices = identities.map((identity) => [identity, clip(identity, 80)] as const);
  return html`
    <section class="card">
      <h2>Notify subscribers of ${system.name}</h2>
      <p class="hint">${plural(notifications?.subscribers ?? 0, "subscriber")} known, ${count(
        notifications?.pending ?? 0,
      )} notifications not confirmed.</p>
      <form class="stack" method="post" action="${target(context, "/notifications", system)}">
        <label>Text <textarea name="text" maxlength="4000" required></textarea></label>
        ${select("To", "to", [["", "all known subscribers"], ...choices], "")}
        <button class="main">Send</button>
      </form>
    </section>
  `;
}

function rotateForm(context: AdminContext, system: NamedSystem): Html {
  const { open } = statsOf(context, system);
  const encrypted = open.filter(({ cipher }) => cipher !== null);
  return html`<section class="card"><h2>Rotate the cipher keys of ${system.name}</h2>
  ${
    terms([
      ["Encrypted connections", count(encrypted.length)],
      ["Rotations", count(encrypted.reduce((sum, { cipher }) => sum + cipher!.rotations, 0))],
    ], "counts")
  }
  <form method="post" action="${
    target(context, "/cipher-keys/rotate", system)
  }"><button>Rotate now</button></form></section>`;
}

function reloadForm(context: AdminContext, system: NamedSystem): Html {
  const path = target(context, "/metadata/reload", system);
  return html`
    <section class="card">
      <h2>Reload the metadata of ${system.name}</h2>
      <p class="hint">${system.kind === "publisher"
        ? "Subscribers are told, and refresh theirs."
        : "The publisher is asked for what it has now."}</p>
      <form method="post" action="${path}"><button>Reload</button></form>
    </section>
  `;
}

function levelForm({ options }: AdminContext): Html {
  return html`
    <section class="card">
      <h2>Log level</h2>
      <form method="post" action="${options.basePath}/log-level">${select(
        "Log from",
        "level",
        logThresholds,
        options.log!.level,
      )}<button>Set</button></form>
    </section>
  `;
}
