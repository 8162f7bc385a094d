import { html } from "hono/html";
import type { LoggedEvent } from "../event_log.ts";
import { clip } from "../query.ts";
import { type Html, table } from "./layout.ts";
import { moment } from "./text.ts";

/** What happened, the latest first. */
export function eventTable(events: readonly LoggedEvent[]): Html {
  const rows = events.map(({ at, system, event }) =>
    html`
      <tr>
        <td class="time">${moment(at)}</td>
        <td>${system}</td>
        <td class="nowrap">${words(event.kind)}</td>
        <td>${clip(describe(event), 300)}</td>
      </tr>
    `
  );
  return table("Latest events", ["When", "System", "Event", "What"].map((label) => ({ label })), rows);
}

/** `metadataDefined` as `metadata defined`. */
function words(name: string): string {
  return name.replaceAll(
    /([a-z])([A-Z])/g,
    (_, end: string, start: string) => `${end} ${start.toLowerCase()}`,
  );
}

function describe({ kind: _, ...rest }: LoggedEvent["event"]): string {
  return Object.entries(rest).filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => tell(name, value)).join(", ");
}

function tell(name: string, value: unknown): string {
  if (typeof value !== "object" || value === null) {
    return name === "message" ? String(value) : `${words(name)} ${String(value)}`;
  }
  const { id, address, code, message } = value as Record<string, unknown>;
  if (name === "connection") return `connection ${String(id)} (${String(address)})`;
  if (name === "error") return `${String(code)}: ${String(message)}`;
  return `${words(name)} ${JSON.stringify(value)}`;
}
