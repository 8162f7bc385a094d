// Types of the part of @libs/xml that this project uses.
export interface StringifyOptions {
  format?: { indent?: string; breakline?: number };
  replace?: {
    entities?: boolean;
    custom?: (args: { name: string; key: string | null; value: string | null; node: unknown }) => unknown;
  };
}
export function stringify(document: unknown, options?: StringifyOptions): string;
export function parse(content: string, options?: Record<string, unknown>): Record<string, unknown>;
