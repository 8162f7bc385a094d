/**
 * What a relay tells of itself while it runs.
 *
 * @module
 */
import type { Publisher } from "../../mod.ts";
import { PublishingMeter, type PublishingProgress } from "../publishing.ts";
import type { Reported } from "../reporter.ts";
import { count } from "../text.ts";
import type { Relay } from "./relay.ts";

/** How a relay stands: what its publisher did, `unknown` being what nobody describes, and what else did not go on. */
export interface RelayProgress extends PublishingProgress {
  /** Measurements that did not go on, as another publisher has their signals or had delivered them. */
  readonly elsewhere: number;
  /** Buffer blocks that did not, for want of a description. */
  readonly undescribedBlocks: number;
  /** Buffer blocks that did not, as another publisher has their signals. */
  readonly elsewhereBlocks: number;
}

/** Looks at a relay. */
export class RelayMeter implements Reported {
  readonly #relay: Relay;
  readonly #publishing: PublishingMeter;

  /** @param publisher The relay's. */
  constructor(publisher: Publisher, relay: Relay) {
    this.#relay = relay;
    this.#publishing = new PublishingMeter(publisher, () => this.#sum("undescribed"));
  }

  /** How it stands since the last call. */
  progress(): { value: RelayProgress; text: string } {
    return this.#complete(this.#publishing.progress());
  }

  /** How it was over all the time. */
  total(): { value: RelayProgress; text: string } {
    return this.#complete(this.#publishing.total());
  }

  #complete({ value, text }: { value: PublishingProgress; text: string }): {
    value: RelayProgress;
    text: string;
  } {
    const elsewhere = this.#sum("elsewhere");
    const undescribedBlocks = this.#sum("undescribedBlocks");
    const elsewhereBlocks = this.#sum("elsewhereBlocks");
    return {
      value: { ...value, elsewhere, undescribedBlocks, elsewhereBlocks },
      text: [
        text,
        ...(elsewhere === 0 ? [] : [`${count(elsewhere)} taken from others`]),
        ...(undescribedBlocks === 0 ? [] : [`${count(undescribedBlocks)} blocks of unknown signals`]),
        ...(elsewhereBlocks === 0 ? [] : [`${count(elsewhereBlocks)} blocks taken from others`]),
      ].join("  "),
    };
  }

  #sum(reason: "undescribed" | "elsewhere" | "undescribedBlocks" | "elsewhereBlocks"): number {
    return this.#relay.stats().reduce((sum, { [reason]: count }) => sum + count, 0);
  }
}
