/** Everything that is fuzzed. */
import type { FuzzTarget } from "../target.ts";
import { documentTargets } from "./documents.ts";
import { otherTargets } from "./others.ts";
import { publisherTargets } from "./publisher_session.ts";
import { subscriberTargets } from "./subscriber_session.ts";
import { wireTargets } from "./wire.ts";

/** All targets. */
export const targets: readonly FuzzTarget[] = [
  ...wireTargets,
  ...documentTargets,
  ...otherTargets,
  ...publisherTargets,
  ...subscriberTargets,
];
