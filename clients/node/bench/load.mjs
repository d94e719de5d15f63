// Sends requests over kept connections, each when the one before has been answered. It writes raw
// bytes
// to the socket, so that the client takes less CPU time than the server.
import { connect } from "node:net";

const REQUEST = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

/**
 * Sends for `seconds`. Returns the requests per second and the sorted latencies in milliseconds.
 */
export async function load(port, connections, seconds) {
  const latencies = [];
  const end = performance.now() + seconds * 1000;
  const started = performance.now();
  await Promise.all(Array.from({ length: connections }, () => converse(port, end, latencies)));
  const rate = latencies.length / ((performance.now() - started) / 1000);
  return { rate, latencies: latencies.sort((a, b) => a - b) };
}

function converse(port, end, latencies) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1").setNoDelay(true).setEncoding("latin1");
    let sent = 0;
    let received = "";
    const ask = () => {
      sent = performance.now();
      socket.write(REQUEST);
    };
    socket.once("connect", ask);
    socket.once("error", reject);
    socket.on("data", (chunk) => {
      received += chunk;
      if (!isWhole(received)) return;
      if (!received.startsWith("HTTP/1.1 200 ")) return reject(new Error(received));
      received = "";
      const now = performance.now();
      latencies.push(now - sent);
      if (now < end) return ask();
      socket.destroy();
      return resolve();
    });
  });
}

function isWhole(response) {
  const end = response.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /content-length: (\d+)/i.exec(response.slice(0, end));
  return response.length >= end + 4 + Number(length?.[1]);
}
