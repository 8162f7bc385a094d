import { parseFilterSteps } from "../metadata/filter/parser.ts";
import type { Steps } from "../metadata/steps.ts";
import { type FilterText, fingerprintOf } from "./filter_account.ts";

/** How many statements are a step: less than a millisecond. */
const STEP = 4096;

/** Of a filter expression the signals that are named directly. */
export function* namedSignals(filter: string): Steps<FilterText> {
  const statements = yield* parseFilterSteps(filter);
  const pieces: string[] = [];
  for (let from = 0; from < statements.length; from += STEP) {
    const named = statements.slice(from, from + STEP).filter(({ kind }) => kind === "signal");
    if (named.length > 0) pieces.push(named.map(({ start, end }) => filter.slice(start, end)).join(";"));
    yield;
  }
  const text = pieces.join(";");
  yield;
  return { text, fingerprint: yield* fingerprintOf(text) };
}
