import { SttpError } from "../transport/errors.ts";
import { Command, commandName, Response } from "../transport/wire/codes.ts";
import type { Definition } from "./definition.ts";
import type { Session } from "./session.ts";

/** §14: the schema of the metadata, without its rows. */
export function getPrimaryMetadataSchema(session: Session): void {
  const command = Command.GetPrimaryMetadataSchema;
  session.reply(Response.Succeeded, command, definitionOf(session, command).primarySchema);
}

/** §14: the schema of the table that subscriptions select from. */
export function getSignalSelectionSchema(session: Session): void {
  const command = Command.GetSignalSelectionSchema;
  session.reply(Response.Succeeded, command, definitionOf(session, command).selectionSchema);
}

function definitionOf({ host }: Session, command: number): Definition {
  if (host.definition !== undefined) return host.definition;
  throw new SttpError("Refused", `${commandName(command)}: this publisher has no metadata yet.`);
}
