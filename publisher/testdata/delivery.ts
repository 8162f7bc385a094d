import type { Delivery } from "../delivery.ts";

/** How measurements go to most subscribers: in TSSC, with times, over TCP. */
export const tssc: Delivery = {
  tssc: true,
  packetLimit: 32_767,
  includeTime: true,
  useMillisecondResolution: false,
  useLocalClock: false,
  oneBaseTime: false,
  withoutNaN: false,
  throttle: undefined,
};
