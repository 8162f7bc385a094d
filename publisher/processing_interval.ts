import { SttpError } from "../transport/errors.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import type { Session } from "./session.ts";

/** §11. The interval is history's, and may change while that is sent; live data comes as it is published, and a subscriber that gives one is not wrong. */
export function updateProcessingInterval(session: Session, body: Uint8Array): void {
  const command = Command.UpdateProcessingInterval;
  if (body.length < 4) {
    throw new SttpError(
      "MalformedFrame",
      `UpdateProcessingInterval with ${body.length} bytes, an int32 expected.`,
    );
  }
  const interval = new DataView(body.buffer, body.byteOffset).getInt32(0);
  if (interval < -1) {
    throw new SttpError(
      "Refused",
      `UpdateProcessingInterval: ${interval} is no interval; -1, 0 or a number of milliseconds expected.`,
    );
  }
  if (session.state !== "subscribed") {
    throw new SttpError("Refused", "UpdateProcessingInterval: there is no subscription.");
  }
  const effect = session.data.setProcessingInterval(interval)
    ? "in force"
    : "accepted; live data is sent as it is published";
  session.reply(Response.Succeeded, command, `A processing interval of ${interval} ms is ${effect}.`);
}
