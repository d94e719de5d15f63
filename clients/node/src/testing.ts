/** For the tests of an application that uses lockwatch: scripted answers, or a real server. */
export { Stub, type Scripted } from "./testing/stub.js";
export { freePort, startRedis, type RedisServer, type RedisServerOptions } from "./testing/server.js";
