/** Everything that is fuzzed. */
import type { FuzzTarget } from "../target.ts";
import { channelTargets } from "./channels.ts";
import { documentTargets } from "./documents.ts";
import { fileTargets } from "./files.ts";
import { otherTargets } from "./others.ts";
import { publisherTargets } from "./publisher_session.ts";
import { subscriberTargets } from "./subscriber_session.ts";
import { tlsTargets } from "./tls.ts";
import { wireTargets } from "./wire.ts";

/** All targets. */
export const targets: readonly FuzzTarget[] = [
  ...wireTargets,
  ...channelTargets,
  ...tlsTargets,
  ...documentTargets,
  ...fileTargets,
  ...otherTargets,
  ...publisherTargets,
  ...subscriberTargets,
];
