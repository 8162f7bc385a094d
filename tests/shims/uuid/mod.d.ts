// Types of the part of @std/uuid that this project uses.
export const NIL_UUID: string;
export const NAMESPACE_DNS: string;
export const NAMESPACE_URL: string;
export const NAMESPACE_OID: string;
export const NAMESPACE_X500: string;
export function validate(uuid: string): boolean;
export function version(uuid: string): number;
export function isNil(uuid: string): boolean;
export const v5: {
  generate(namespace: string, data: Uint8Array): Promise<string>;
  validate(id: string): boolean;
};
