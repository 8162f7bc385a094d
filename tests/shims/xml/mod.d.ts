// Types of the part of @libs/xml that this project uses.
export interface StringifyOptions {
  format?: { indent?: string; breakline?: number };
}
export function stringify(document: unknown, options?: StringifyOptions): string;
export function parse(content: string, options?: Record<string, unknown>): Record<string, unknown>;
