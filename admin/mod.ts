/**
 * An HTTP admin for publishers and subscribers: who is connected, what they get, who is slow; as pages, as JSON and as
 * metrics for Prometheus.
 *
 * @module
 */
export { type Admin, createAdmin, type RequestInfo } from "./admin.ts";
export { type AdminServer, serveAdmin, type ServeAdminOptions } from "./serve.ts";
export type {
  AdminAction,
  AdminActionName,
  AdminCredential,
  AdminLog,
  AdminOptions,
  AdminRole,
} from "./options.ts";
export type {
  AdminHistory,
  AdminPublisher,
  AdminSignals,
  AdminSubscriber,
  AdminSystem,
  TappedSystem,
} from "./system.ts";
