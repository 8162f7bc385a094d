/**
 * Compares the values of generated expressions with sttpapi's.
 *
 * @module
 */
import { type DataTable, type ExpressionNode, parseExpression, type TypedValue } from "../../metadata/mod.ts";
import { type Difference, type Rule, RULES } from "./explained.ts";
import { functionSamples, nestedSamples, operatorSamples, type Sample } from "./generate.ts";
import { bracketed, childrenOf, expressionOf, withChildren } from "./nodes.ts";
import { ask, type Outcome } from "./oracle.ts";
import { evaluateHere } from "./ours.ts";
import { Random } from "./random.ts";
import { tableForOracle, valueTable } from "./values.ts";

/** What came of a comparison. */
export interface Report {
  /** How many expressions were evaluated on both sides. */
  readonly compared: number;
  /** How many differences each rule explained. */
  readonly explained: ReadonlyMap<Rule, number>;
  /** The differences that none explained, for people. */
  readonly unexplained: readonly string[];
}

/** An expression that was evaluated on both sides. */
interface Evaluated extends Sample {
  readonly text: string;
  readonly typed: TypedValue | undefined;
  readonly ours: Outcome;
  readonly theirs: Outcome;
}

/** Generates expressions from a seed and compares them. */
export async function compareExpressions(python: string, seed: number): Promise<Report> {
  const random = new Random(seed);
  const table = valueTable();
  const nullLiteral: Sample = { node: parseExpression("NULL"), row: 0 };
  const samples = [
    nullLiteral,
    ...operatorSamples(random),
    ...functionSamples(random, 90),
    ...nestedSamples(random, 1200),
  ];
  const first = await evaluate(python, table, withParts(samples));
  const found = differencesIn(first);
  // What differs only because a part differs is tried again with the part's value in its place.
  const second = await evaluate(
    python,
    table,
    withParts(found.inherited.map((item) => withOurValues(item, first))),
  );
  const again = differencesIn(second);
  const explained = new Map<Rule, number>();
  const unexplained: string[] = [];
  for (const [item, difference] of [...found.roots, ...again.roots]) {
    const rule = RULES.find((rule) => rule.explains(difference));
    if (rule === undefined) unexplained.push(describe(item));
    else explained.set(rule, (explained.get(rule) ?? 0) + 1);
  }
  return { compared: first.size + second.size, explained, unexplained };
}

/** Every sample and all the expressions that it is made of. */
function withParts(samples: readonly Sample[]): Sample[] {
  return samples.flatMap(({ node, row }) => {
    const parts = childrenOf(node).map((part) => ({ node: part, row }));
    return [{ node, row }, ...withParts(parts)];
  });
}

function keyOf(node: ExpressionNode, row: number): string {
  return `${row} ${bracketed(node)}`;
}

async function evaluate(
  python: string,
  table: DataTable,
  samples: readonly Sample[],
): Promise<Map<string, Evaluated>> {
  const unique = new Map(samples.map((sample) => [keyOf(sample.node, sample.row), sample]));
  const items = [...unique.values()].map((sample) => ({ ...sample, text: bracketed(sample.node) }));
  const { expressions } = await ask(python, {
    tables: [tableForOracle(table)],
    expressions: items.map(({ row, text }) => [table.name, row, text]),
    selections: [],
  });
  const evaluated = items.map((item, index) => {
    const { outcome, typed } = evaluateHere(item.text, table.row(item.row));
    return { ...item, typed, ours: outcome, theirs: expressions[index]! };
  });
  return new Map(evaluated.map((item) => [keyOf(item.node, item.row), item]));
}

function agree(ours: Outcome, theirs: Outcome): boolean {
  if ("error" in ours || "error" in theirs) return "error" in ours && "error" in theirs;
  return ours.type === theirs.type && ours.value === theirs.value;
}

/** The literal NULL is the same on both sides, although one of them gives it a type. */
function isNullLiteral(node: ExpressionNode): boolean {
  return node.kind === "literal" && node.value === null;
}

/** Tells what differs by itself from what differs because a part does. */
function differencesIn(
  items: ReadonlyMap<string, Evaluated>,
): { roots: [Evaluated, Difference][]; inherited: Evaluated[] } {
  const roots: [Evaluated, Difference][] = [];
  const inherited: Evaluated[] = [];
  for (const item of items.values()) {
    if (agree(item.ours, item.theirs)) continue;
    const parts = childrenOf(item.node).map((part) => items.get(keyOf(part, item.row))!);
    const differing = parts.filter((part) => !isNullLiteral(part.node) && !agree(part.ours, part.theirs));
    // An error within is an error of the whole, and was looked at there.
    if ("error" in item.ours && differing.some((part) => "error" in part.ours)) continue;
    if (differing.length > 0) inherited.push(item);
    else roots.push([item, { ...item, parts: parts.map((part) => part.ours) }]);
  }
  return { roots, inherited };
}

/** The expression with the values that its parts have here in place of those that differ. */
function withOurValues(item: Evaluated, items: ReadonlyMap<string, Evaluated>): Sample {
  const parts = childrenOf(item.node).map((part) => {
    const { ours, theirs, typed } = items.get(keyOf(part, item.row))!;
    const asItIs = agree(ours, theirs) || typed === undefined || isTooLong(ours);
    return asItIs ? part : expressionOf(typed.type, typed.value);
  });
  return { node: withChildren(item.node, parts), row: item.row };
}

/** Whether a value has more digits than can be written out. */
function isTooLong(outcome: Outcome): boolean {
  return "value" in outcome && outcome.type === "decimal" && (outcome.value?.length ?? 0) > 1000;
}

function describe({ text, row, ours, theirs }: Evaluated): string {
  return `${text} in row ${row}\n    here    ${JSON.stringify(ours)}\n    sttpapi ${JSON.stringify(theirs)}`;
}
