import { html } from "hono/html";
import type { AdminContext, AdminRequest } from "../context.ts";
import { Query } from "../query.ts";
import { type Column, type Html, systemTabs, table } from "./layout.ts";
import { bytes, count, plural } from "./text.ts";

const columns: readonly Column[] = [
  { label: "Group" },
  { label: "Format" },
  { label: "Throttled" },
  { label: "Signals", kind: "number" },
  { label: "Members", kind: "number" },
  { label: "Get nothing now", kind: "number" },
  { label: "Measurements", kind: "number" },
  { label: "Packets", kind: "number" },
  { label: "Bytes each", kind: "number" },
  { label: "Resets", kind: "number" },
  { label: "Connections" },
];

/** Connections of a group that are named one by one. */
const NAMED = 20;

/** Who shares an encoder. */
export function groupsPage(context: AdminContext, c: AdminRequest): Html {
  const { observer, options } = context;
  const { system, groups } = observer.groups(new Query(c.req.url, ["system"]).text("system"));
  const rows = groups.map((group) =>
    html`
      <tr>
        <td>${group.id}</td>
        <td class="nowrap">${group.format}</td>
        <td>${group.throttleInterval === null ? "" : `each ${group.throttleInterval} ms`}</td>
        <td class="number">${count(group.signals)}</td>
        <td class="number">${count(group.members)}</td>
        <td class="number ${group.detachedMembers > 0 ? "late" : ""}">${count(group.detachedMembers)}</td>
        <td class="number">${count(group.measurements)}</td>
        <td class="number">${count(group.packets)}</td>
        <td class="number">${group.encoded === 0 ? "" : (group.bytes / group.encoded).toFixed(2)}</td>
        <td class="number">${count(group.resets)}</td>
        <td class="links">${group.connections.slice(0, NAMED).map((id) =>
          html`
            <a href="${options.basePath}/connections/${id}?system=${encodeURIComponent(system)}">${id}</a>
          `
        )}${group.connections.length > NAMED
          ? `and ${count(group.connections.length - NAMED)} more`
          : ""}</td>
      </tr>
    `
  );
  const encoded = groups.reduce((sum, group) => sum + group.bytes, 0);
  return html`
    ${systemTabs(c.req.url, observer.publishers, system)}
      <p
      class="hint">Subscribers that ask for the same get the same packets, which are encoded once for all of them.</p>
      ${table(`${plural(groups.length, "encoder")}, ${bytes(encoded)} encoded`, columns, rows)}
  `;
}
