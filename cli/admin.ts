/**
 * Options for the HTTP admin, and the admin.
 *
 * @module
 */
import {
  type AdminCredential,
  type AdminOptions,
  type AdminServer,
  type AdminSystem,
  serveAdmin,
} from "../admin/mod.ts";
import type { Context } from "./command.ts";
import { checked, UsageError } from "./exit_codes.ts";
import { file, flag, type Option, port, text, type ValuesOf } from "./option.ts";
import { readYaml } from "./yaml.ts";

const group = "Admin";

/** The options. */
export interface AdminOptionTable {
  readonly [name: string]: Option<unknown>;
  readonly admin: Option<number | undefined>;
  readonly adminHost: Option<string>;
  readonly adminCredentials: Option<string | undefined>;
  readonly adminActions: Option<boolean>;
}

/** Their declarations. */
export const adminOptions: AdminOptionTable = {
  admin: port({ group, summary: "show what happens in a web page at this port; 0 for any free one" }),
  adminHost: text({
    group,
    summary: "the address for that; others than this machine's own need credentials",
    placeholder: "HOST",
    default: "127.0.0.1",
    needs: ["admin"],
  }),
  adminCredentials: file({
    group,
    summary: "who may look: a file, YAML or JSON, with a list of name, role, secret",
    needs: ["admin"],
  }),
  adminActions: flag({
    group,
    summary: "let operators act, such as disconnect a subscriber",
    needs: ["admin", "adminCredentials"],
  }),
};

/**
 * Serves the admin, if it was asked for: to be called before anything else listens, as it may be told to do what it must
 * not.
 *
 * @param hooks What operators can do besides what needs none.
 * @throws {UsageError} When the credentials can't be used, or others than this machine could look without any.
 * @throws {Deno.errors.AddrInUse} And its like.
 */
export async function serveAdminFor(
  systems: Readonly<Record<string, AdminSystem>>,
  values: ValuesOf<AdminOptionTable>,
  { output }: Context,
  hooks: Pick<AdminOptions, "log" | "reloadMetadata"> = {},
): Promise<AdminServer | undefined> {
  const { admin, adminHost, adminCredentials, adminActions } = values;
  if (admin === undefined) return undefined;
  const credentials = adminCredentials === undefined ? [] : await readCredentials(adminCredentials);
  const server = checked(() =>
    serveAdmin(systems, {
      port: admin,
      hostname: adminHost,
      credentials,
      actions: adminActions,
      // Whatever the log leaves out, and not into the middle of a line of progress.
      onAction: (action) => void output.noteValue({ action }).catch(() => {}),
      ...hooks,
    })
  );
  await output.note(`The admin is at ${server.url}`, { admin: server.url });
  return server;
}

/** The list of a file; each entry is checked by the admin. */
async function readCredentials(path: string): Promise<AdminCredential[]> {
  const content = await readYaml(path);
  const isEntry = (entry: unknown): boolean => typeof entry === "object" && entry !== null;
  if (Array.isArray(content) && content.every(isEntry)) return content;
  throw new UsageError(`${path}: a list of objects with name, role and secret expected`);
}
