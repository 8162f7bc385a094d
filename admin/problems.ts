import type { FilterError } from "../metadata/filter/errors.ts";

/** Why a request can't be answered: a status and what the answer says. */
export class Problem extends Error {
  /** The HTTP status. */
  readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 421 | 429 | 503;
  /** For programs. */
  readonly code: string;
  /** More of it, for programs. */
  readonly details: Readonly<Record<string, unknown>>;

  /** @param message For people. */
  constructor(status: Problem["status"], code: string, message: string, details: Problem["details"] = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** What the answer says. */
  toJSON(): { error: Record<string, unknown> } {
    return { error: { code: this.code, message: this.message, ...this.details } };
  }
}

/** A filter expression's mistake and its place, as an answer. */
export function filterProblem(error: FilterError): Problem {
  const { kind, offset, line, column, found, expected, suggestion } = error;
  return new Problem(400, "InvalidFilter", error.message, {
    kind,
    offset,
    line,
    column,
    found,
    ...(expected === undefined ? {} : { expected }),
    ...(suggestion === undefined ? {} : { suggestion }),
  });
}
