/** Limits on WebSockets: on their handshakes, and on the messages of each connection. */
export { limitUpgrades, type UpgradeHandler, type UpgradeOptions } from "./http/upgrades.js";
export { messageLimit, MessageLimit } from "./message-limit.js";
