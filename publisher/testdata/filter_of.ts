import { finish } from "../../metadata/steps.ts";
import { FilterAccount, type HeldFilter } from "../filter_account.ts";

const filters = new FilterAccount(Infinity);

/** A filter expression as a publisher holds it. */
export function filterOf(text: string): HeldFilter {
  return finish(filters.hold(text, "192.0.2.1"));
}
