/** What a part of the benchmark finds out, for people and for the JSON file. */

import { formatTable } from "./table.ts";

/** Rows of text under titles. */
export interface Table {
  /** What it is about. */
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Numbers by name, for the goals and the plot. */
export type Figures = Readonly<Record<string, number>>;

/** The findings of one part. */
export interface Findings {
  readonly tables: readonly Table[];
  readonly figures: Figures;
  /** What is to be known about them. */
  readonly notes?: readonly string[];
}

/** How to measure. */
export interface Settings {
  /** Shorter turns, fewer of them: to see that it works, not for figures. */
  readonly quick: boolean;
  /** The Python interpreter that has sttpapi, when peers are to be measured as well. */
  readonly python?: string | undefined;
}

/** A part of the benchmark. */
export interface Section {
  /** Short, for the command line. */
  readonly name: string;
  /** In words. */
  readonly title: string;
  readonly run: (settings: Settings) => Findings | Promise<Findings>;
}

/** Prints findings. */
export function print({ tables, notes = [] }: Findings): void {
  for (const { title, header, rows } of tables) {
    console.log(`\n${title}\n`);
    console.log(formatTable(header, rows));
  }
  if (notes.length > 0) console.log(`\n${notes.join("\n")}`);
}
