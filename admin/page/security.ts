import { html } from "hono/html";
import { mayAct } from "../actions.ts";
import type { AdminContext, AdminRequest } from "../context.ts";
import type { CertificateView } from "../observer.ts";
import { clip, Query } from "../query.ts";
import { doneNotice } from "./operate.ts";
import { counters, type Html, pill, systemTabs, table, terms } from "./layout.ts";
import { count, duration, moment, plural } from "./text.ts";

/** Milliseconds before its end from which on a certificate is to be replaced: 30 days. */
const SOON = 30 * 86_400_000;

/** Certificates with their expiry, and who may not connect. */
export function securityPage(context: AdminContext, c: AdminRequest): Html {
  const { observer, options } = context;
  const query = new Query(c.req.url, ["system", "done"]);
  const { system, certificates } = observer.certificates(query.text("system"));
  const publisher = observer.publisher(system);
  const { access, bans, open } = observer.statsOf(publisher.system);
  const now = options.clock.now();
  const canLift = mayAct(context, c.env.user, "liftBan", publisher);
  const banRows = bans.map(({ id, kind, name, reason, until }) =>
    html`
      <tr>
        <td>${clip(name, 80)} <small class="beside">${kind}</small></td>
        <td class="nowrap">${moment(until)} <small class="beside">in ${duration(until - now)}</small></td>
        <td>${reason}</td>
        <td class="number">${canLift
          ? html`
            <form class="inline" method="post"
              action="${options.basePath}/bans/${id}/lift?system=${encodeURIComponent(
                system,
              )}"><button class="small">Lift</button></form>
          `
          : ""}</td>
      </tr>
    `
  );
  const secured = open.filter(({ tls }) => tls !== null).length;
  const encrypted = open.filter(({ cipher }) => cipher !== null).length;
  return html`
    ${systemTabs(c.req.url, observer.publishers, system)}${doneNotice(query)}
      ${table(
        plural(certificates.length, "certificate"),
        ["Name", "Expires", "", "Connection", "Fingerprint"].map((label) => ({ label })),
        certificates.map((certificate) => certificateRow(context, system, certificate, now)),
      )}
      ${table(plural(bans.length, "ban"), ["Who", "Until", "Why", ""].map((label) => ({ label })), banRows)}
      <div class="cards">
      <section class="card"><h2>Access</h2>${terms([
        ["Rules about signals", count(access.rules)],
        ["Signals taken away from subscriptions", count(access.revoked)],
        ["Connections over TLS", `${count(secured)} of ${count(open.length)}`],
        ["Connections with encrypted payloads", `${count(encrypted)} of ${count(open.length)}`],
      ], "counts")}</section>
      <section class="card"><h2>Refused connections</h2>${counters(access.refused)}</section>
      <section class="card"><h2>Decisions that failed</h2>${counters(access.failed)}</section>
    </div>
  `;
}

function certificateRow({ options }: AdminContext, system: string, view: CertificateView, now: number): Html {
  const { address, connection, expired, fingerprint, name, own, validTo } = view;
  const left = validTo - now;
  const state = expired
    ? pill("expired", "bad")
    : left < SOON
    ? pill(`in ${daysOf(left)}`, "warn")
    : pill(`in ${daysOf(left)}`, "good");
  const path = `${options.basePath}/connections/${connection}?system=${encodeURIComponent(system)}`;
  const shown = own ? "the publisher's own" : html`<a href="${path}">${connection}</a>`;
  return html`
    <tr>
      <td>${clip(name, 80)}</td>
      <td class="nowrap">${moment(validTo)}</td>
      <td>${state}</td>
      <td class="nowrap">${shown} <small class="beside">${address}</small></td>
      <td><code>${clip(fingerprint, 80)}</code></td>
    </tr>
  `;
}

/** Days are near enough, until there are few of them. */
function daysOf(milliseconds: number): string {
  return milliseconds < 2 * 86_400_000
    ? duration(milliseconds)
    : plural(Math.floor(milliseconds / 86_400_000), "day");
}
