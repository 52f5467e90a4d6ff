// A server with TLS by Node.js. Arguments: the port, a certificate and its key.
const tls = require("node:tls");
const { readFileSync } = require("node:fs");

const [port, cert, key] = process.argv.slice(2);
const options = { cert: readFileSync(cert), key: readFileSync(key), minVersion: "TLSv1", ALPNProtocols: ["smtp"] };
const server = tls.createServer(options, (stream) => stream.on("error", () => {}).write("220 odd.test ESMTP\r\n"));
server.on("tlsClientError", () => {});
server.listen(Number(port), "127.0.0.1");
