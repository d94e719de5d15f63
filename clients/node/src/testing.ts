/** For the tests of applications that use lockwatch: scripted replies, or a real server. */
export { Stub, type Scripted } from "./testing/stub.js";
export { freePort, noModule, startRedis, type RedisServer, type RedisServerOptions } from "./testing/server.js";
