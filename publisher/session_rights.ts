import { SttpError } from "../transport/errors.ts";
import type { Access } from "./access.ts";
import type { AccessSubject } from "./access_options.ts";
import type { Definition } from "./definition.ts";
import type { InTurn } from "./turns.ts";
import { noneVisible, type Visibility } from "./visibility.ts";

/** What {@linkcode SessionRights} needs. */
export interface SessionRightsHost {
  /** The rules. */
  readonly access: Access;
  /** The metadata in force. */
  readonly definition: Definition | undefined;
}

/** Which signals a subscriber may see, under certain metadata and rules. */
export interface Decision {
  /** All of the metadata; `undefined` when none is defined. */
  readonly whole: Definition | undefined;
  /** Which signals those are. */
  readonly visibility: Visibility;
  /** How many signals of the metadata it may not see. */
  readonly hidden: number;
  /** Which rules they are: see {@linkcode Access.version}. */
  readonly version: number;
}

/** What one subscriber may see, decided once for each definition of metadata and of rules. */
export class SessionRights {
  readonly #host: SessionRightsHost;
  readonly #subject: () => AccessSubject;
  readonly #inTurn: (isWanted: () => boolean) => InTurn;
  readonly #ended: AbortSignal;
  #decided: Decision | undefined;
  #deciding:
    | { readonly whole: Definition; readonly version: number; readonly decision: Promise<Decision> }
    | undefined;

  /**
   * @param subject Who it is.
   * @param inTurn How what may be costly is done for it, as long as it is wanted.
   * @param ended Fires when its connection has ended.
   */
  constructor(
    host: SessionRightsHost,
    subject: () => AccessSubject,
    inTurn: (isWanted: () => boolean) => InTurn,
    ended: AbortSignal,
  ) {
    this.#inTurn = inTurn;
    this.#host = host;
    this.#subject = subject;
    this.#ended = ended;
  }

  /** What was decided last, perhaps under other rules; `undefined` before anything was. */
  get decided(): Decision | undefined {
    return this.#decided;
  }

  /** Whether these are the rights under the present metadata and rules. */
  isCurrent({ whole, version }: Pick<Decision, "whole" | "version">): boolean {
    return whole === this.#host.definition && version === this.#host.access.version;
  }

  /** The rights at present. Never rejects. */
  async current(): Promise<Decision> {
    for (;;) {
      const decision = await this.#decide();
      if (!this.isCurrent(decision)) continue;
      this.#decided = decision;
      return decision;
    }
  }

  #decide(): Decision | Promise<Decision> {
    const { access, definition: whole } = this.#host;
    const { version } = access;
    if (this.#decided !== undefined && this.isCurrent(this.#decided)) return this.#decided;
    if (whole === undefined) return { whole, visibility: noneVisible, hidden: 0, version };
    const subject = this.#subject();
    if (!access.asksAboutSignals && access.knowsVisibleByRules(subject, whole)) {
      const visibility = access.visibleByRules(subject, whole);
      return { whole, visibility, hidden: whole.hiddenCount(visibility), version };
    }
    if (this.#deciding?.whole !== whole || this.#deciding.version !== version) {
      const decision = this.#ask(whole, version);
      this.#deciding = { whole, version, decision };
    }
    return this.#deciding.decision;
  }

  async #ask(whole: Definition, version: number): Promise<Decision> {
    const { access } = this.#host;
    const inTurn = this.#inTurn(() => this.isCurrent({ whole, version }));
    let visibility: Visibility;
    try {
      visibility = await access.visible(this.#subject(), whole, this.#ended, inTurn);
    } catch (error) {
      // The connection has ended, or this is not asked any more.
      if (!(error instanceof SttpError)) throw error;
      visibility = noneVisible;
    }
    return { whole, visibility, hidden: whole.hiddenCount(visibility), version };
  }

  /**
   * Does something with what the subscriber may see, and once more when that has changed before it was done.
   *
   * @param prepare May take its time; what comes of it, or is thrown, counts for nothing when rights have changed.
   * @param commit Is given what it came to, at a moment when that is still right.
   * @param isWanted Whether it is still wanted, if the connection goes on.
   */
  async with<Result>(
    prepare: (definition: Definition | undefined, inTurn: InTurn) => Promise<Result>,
    commit: (result: Result) => void,
    isWanted: () => boolean = () => true,
  ): Promise<void> {
    for (;;) {
      const rights = await this.current();
      const isCurrent = (): boolean => this.isCurrent(rights);
      const inTurn = this.#inTurn(() => isCurrent() && isWanted());
      try {
        // Views are made when they are needed, and not kept by those who have seen them.
        const view = await rights.whole?.view(rights.visibility, this.#host.access.report, inTurn);
        const result = await prepare(view, inTurn);
        if (isCurrent()) return commit(result);
      } catch (error) {
        if (isCurrent() || this.#ended.aborted) throw error;
      }
    }
  }
}
