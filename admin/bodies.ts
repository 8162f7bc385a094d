/**
 * What a request to act says: JSON or a form, read by the same rules.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { mediaType } from "./guard.ts";
import { Problem } from "./problems.ts";
import { clip } from "./query.ts";

/** Something that the body of a request may say. */
export type Field =
  | {
    readonly kind: "text";
    /** Characters that it may have. */
    readonly most: number;
    readonly required?: boolean;
    /** Whether it may have several lines. */
    readonly lines?: boolean;
  }
  | { readonly kind: "whole"; readonly least: number; readonly most: number }
  | { readonly kind: "word"; readonly words: readonly string[] };

/** What it says, by field; fields that are left out or empty are not there. */
export type Values = Readonly<Record<string, string | number>>;

/** Bytes that a body may have: a notification and its frame, each byte escaped. */
const MAX_BODY = 65_536;

/** Milliseconds that a body may take to come. */
const PATIENCE = 10_000;

/** What a body may say, by the names of its fields. */
type Fields = Readonly<Record<string, Field>>;

/** Reads a body of JSON: an object, or nothing. @throws {Problem} When it does not fit the fields, or is slow. */
export async function readJson(request: Request, fields: Fields, clock: Clock): Promise<Values> {
  if (mediaType(request) !== "application/json") {
    throw new Problem(415, "NotJson", "the body has to be sent as application/json");
  }
  const text = await readBody(request, clock);
  let body: unknown;
  try {
    body = text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    throw new Problem(400, "InvalidBody", "the body is no JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Problem(400, "InvalidBody", "the body is no JSON object");
  }
  return check(Object.entries(body), fields);
}

/** Reads a form that was sent. @throws {Problem} When it does not fit the fields, or is slow. */
export async function readForm(request: Request, fields: Fields, clock: Clock): Promise<Values> {
  if (mediaType(request) !== "application/x-www-form-urlencoded") {
    throw new Problem(415, "NotForm", "the body has to be a form");
  }
  const form = new URLSearchParams(await readBody(request, clock));
  const entries = [...form].map(([name, text]): [string, unknown] => {
    const isNumber = Object.hasOwn(fields, name) && fields[name]!.kind === "whole" && /^\d{1,15}$/.test(text);
    return [name, isNumber ? Number(text) : text];
  });
  return check(entries, fields);
}

function check(entries: readonly [string, unknown][], fields: Fields): Values {
  const values: Record<string, string | number> = {};
  for (const [name, value] of entries) {
    if (!Object.hasOwn(fields, name)) {
      const expected = Object.keys(fields).join(", ") || "nothing";
      throw new Problem(400, "InvalidBody", `the body has "${clip(name, 40)}", expected ${expected}`);
    }
    // Blanks are as good as nothing.
    if (typeof value === "string" && value.trim() === "") continue;
    values[name] = checkField(name, value, fields[name]!);
  }
  for (const [name, field] of Object.entries(fields)) {
    const isMissing = values[name] === undefined &&
      (field.kind === "word" || (field.kind === "text" && field.required));
    if (isMissing) throw new Problem(400, "InvalidBody", `${name} is missing`);
  }
  return values;
}

function checkField(name: string, value: unknown, field: Field): string | number {
  const wrong = (expected: string): Problem =>
    new Problem(400, "InvalidBody", `${name} has to be ${expected}`);
  switch (field.kind) {
    case "word":
      if (typeof value === "string" && field.words.includes(value)) return value;
      throw wrong(`one of ${field.words.join(", ")}`);
    case "whole":
      if (Number.isInteger(value) && (value as number) >= field.least && (value as number) <= field.most) {
        return value as number;
      }
      throw wrong(`a whole number from ${field.least} to ${field.most}`);
    case "text": {
      const control = field.lines ? /[^\P{Cc}\n\r\t]/u : /\p{Cc}/u;
      if (typeof value === "string" && value.length <= field.most && !control.test(value)) {
        return value.trim();
      }
      throw wrong(`text of at most ${field.most} characters without control characters`);
    }
  }
}

async function readBody(request: Request, clock: Clock): Promise<string> {
  if (request.body === null) return "";
  const reader = request.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  let isLate = false;
  const cancelTimer = clock.schedule(PATIENCE, () => {
    isLate = true;
    giveUp(reader);
  });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (isLate) throw new Problem(408, "BodyTooSlow", `the body took more than ${PATIENCE / 1000} s`);
      if (done) return text + decoder.decode();
      size += value.length;
      if (size > MAX_BODY) throw new Problem(413, "BodyTooLong", `the body has more than ${MAX_BODY} bytes`);
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    giveUp(reader);
    throw error instanceof Problem ? error : new Problem(400, "InvalidBody", "the body broke off");
  } finally {
    cancelTimer();
  }
}

/** Reads no further; that this may fail is of no interest to anybody. */
function giveUp(reader: ReadableStreamDefaultReader): void {
  reader.cancel().catch(() => {});
}
