// Loaded in front of a peer's tests: their clients of ioredis connect to the server under test.
const { DEFAULT_REDIS_OPTIONS } = require(require.resolve("ioredis/built/redis/RedisOptions", { paths: [process.cwd()] }));

DEFAULT_REDIS_OPTIONS.port = Number(process.env.REDIS_PORT);
