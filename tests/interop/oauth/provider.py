"""An authorization server for tests (RFC 6749, 7009, 7523, 7636, 7662, 8414, 8628, 9207).

Usage: provider.py [PUBLIC-KEY.PEM]

Prints its port. The user of the browser agrees to everything. A refresh token is valid until the one that replaced it
was used. POST /control sets the behaviour as JSON; GET /stats reports what was seen."""

import base64
import hashlib
import http.server
import json
import secrets
import select
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

USER = "alice"
SECRET = "cl1ent:secret/+"

lock = threading.Lock()
codes, devices, refresh, access = {}, {}, {}, {}
control = {"mode": "", "validity": 3600, "pending": ["authorization_pending", "slow_down"], "delay": 0.0, "interval": 1}
stats = {"refreshes": 0, "overlaps": 0, "reused": 0, "requests": [], "busy": 0, "revoked": []}
running = {}


def new_tokens(state, with_refresh=True):
    token = control.get("token") or "at." + secrets.token_urlsafe(24)
    access[token] = {"user": state["user"], "expires": time.time() + control["validity"]}
    answer = {"access_token": token, "token_type": "Bearer", "expires_in": control["validity"]}
    if with_refresh:
        new = "rt." + secrets.token_urlsafe(24)
        refresh[new] = {"user": state["user"], "before": state.get("token"), "is_used": False, "client": state["client"]}
        answer["refresh_token"] = new
    if "login_validity" in control:
        answer["refresh_token_expires_in"] = control["login_validity"]
    return answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        is_chunked = control["mode"] == "chunked" and self.path not in ("/stats", "/control")
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Cache-Control", "no-store")
        for name, value in headers:
            self.send_header(name, value)
        if is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(data), 7):
                piece = data[at:at + 7]
                self.wfile.write(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def error(self, code, text="", status=400):
        self.answer(status, {"error": code, "error_description": text} if text else {"error": code})

    def base(self):
        return "http://127.0.0.1:%d" % self.server.server_port

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/.well-known/openid-configuration":
            base = self.base()
            return self.answer(200, {
                "issuer": base + "/other" if control["mode"] == "issuer" else base,
                "authorization_endpoint": base + "/authorize",
                "token_endpoint": base + "/token",
                "device_authorization_endpoint": base + "/device",
                "revocation_endpoint": base + "/revoke",
                "token_endpoint_auth_methods_supported": control.get("methods", ["client_secret_basic"]),
            })
        if url.path == "/authorize":
            return self.authorize(query)
        if url.path == "/stats":
            with lock:
                return self.answer(200, dict(stats, refresh=list(refresh), access=list(access)))
        self.answer(404, {})

    def authorize(self, query):
        back = query["redirect_uri"]
        if control["mode"] == "denied":
            more = {"error": "access_denied", "error_description": "no", "state": query["state"]}
        else:
            code = "code." + secrets.token_urlsafe(16)
            codes[code] = query
            more = {"code": code, "state": query["state"], "iss": self.base()}
        self.answer(302, {}, [("Location", back + "?" + urllib.parse.urlencode(more))])

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        path = urllib.parse.urlsplit(self.path).path
        if path == "/control":
            control.update(json.loads(body))
            return self.answer(200, control)
        form = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        header = self.headers.get("Authorization", "")
        if header.startswith("Basic "):
            pair = base64.b64decode(header[6:]).decode().split(":", 1)
            form["client_id"], form["client_secret"] = map(urllib.parse.unquote_plus, pair)
        if path == "/introspect":
            found = access.get(form.get("token", ""))
            is_valid = bool(found) and found["expires"] > time.time()
            return self.answer(200, {"active": True, "username": found["user"]} if is_valid else {"active": False})
        with lock:
            shown = {name: "?" if name in ("client_secret", "refresh_token") else value for name, value in form.items()}
            stats["requests"].append([path, shown])
        mode = control["mode"]
        if mode == "500":
            return self.answer(500, b"<html>trouble</html>")
        if mode == "garbage":
            return self.answer(200, b"<html>Welcome to the hotel</html>")
        if mode == "hang":
            time.sleep(120)
        if mode == "close":
            self.close_connection = True
            return None
        if mode in ("invalid_grant", "interaction_required", "invalid_client", "temporarily_unavailable"):
            echo = form.get("refresh_token", "")
            return self.error(mode, "AADSTS50078: %s is not valid\r\nTrace ID: 1" % echo)
        if path == "/device":
            return self.device(form)
        if path == "/revoke":
            with lock:
                refresh.pop(form["token"], None)
                stats["revoked"].append(form["token"][:3])
            return self.answer(200, {})
        if path == "/token":
            return self.token(form)
        return self.answer(404, {})

    def device(self, form):
        code = "dc." + secrets.token_urlsafe(16)
        devices[code] = {"client": form["client_id"], "pending": list(control["pending"])}
        self.answer(200, {
            "device_code": code,
            "user_code": "WDJB-MJHT",
            "verification_uri": self.base() + "/enter",
            "expires_in": control.get("expires_in", 900),
            "interval": control["interval"],
        })

    def token(self, form):
        grant = form.get("grant_type")
        if grant == "authorization_code":
            return self.by_code(form)
        if grant == "urn:ietf:params:oauth:grant-type:device_code":
            device = devices.get(form["device_code"])
            if device is None or device["client"] != form["client_id"]:
                return self.error("invalid_grant")
            if device["pending"]:
                return self.error(device["pending"].pop(0))
            del devices[form["device_code"]]
            return self.answer(200, new_tokens({"user": USER, "client": form["client_id"]}))
        if grant == "refresh_token":
            return self.by_refresh(form)
        if grant == "client_credentials":
            if form.get("client_secret") != SECRET:
                return self.error("invalid_client", "wrong secret " + form.get("client_secret", ""), 401)
            return self.answer(200, new_tokens({"user": USER, "client": form["client_id"]}, False))
        if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return self.by_assertion(form)
        self.error("unsupported_grant_type")

    def by_code(self, form):
        query = codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (query is None or query["code_challenge"] != challenge or query["code_challenge_method"] != "S256"
                or query["redirect_uri"] != form["redirect_uri"] or query["client_id"] != form["client_id"]):
            return self.error("invalid_grant", "code " + form["code"])
        self.answer(200, new_tokens({"user": USER, "client": form["client_id"]}, control["mode"] != "no_refresh"))

    def is_gone(self):
        """True if the client has closed the connection."""
        ready, _, _ = select.select([self.connection], [], [], 0)
        return bool(ready) and self.connection.recv(1, 2) == b""

    def by_refresh(self, form):
        me = threading.get_ident()
        with lock:
            # Only of clients that are still there: a killed one does not wait for its answer.
            others = [other for other in running.values() if not other.is_gone()]
            if others:
                stats["overlaps"] += 1
            running[me] = self
        try:
            time.sleep(control["delay"])
            with lock:
                token = form["refresh_token"]
                found = refresh.get(token)
                if found is None or found["client"] != form["client_id"]:
                    stats["reused"] += 1
                    return self.error("invalid_grant", "Token has been expired or revoked: " + token)
                found["is_used"] = True
                refresh.pop(found["before"], None)
                stats["refreshes"] += 1
                if control["mode"] == "no_rotation":
                    tokens = new_tokens({"user": found["user"], "client": found["client"]}, False)
                else:
                    for other in [name for name, one in refresh.items() if one["before"] == token]:
                        # Lost with a client that was killed.
                        del refresh[other]
                    tokens = new_tokens({"user": found["user"], "client": found["client"], "token": token})
            return self.answer(200, tokens)
        finally:
            with lock:
                running.pop(me, None)

    def by_assertion(self, form):
        head, claims, signature = form["assertion"].split(".")
        decode = lambda part: base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        with tempfile.NamedTemporaryFile() as file:
            file.write(decode(signature))
            file.flush()
            verified = subprocess.run(
                ["openssl", "dgst", "-sha256", "-verify", sys.argv[1], "-signature", file.name],
                input=(head + "." + claims).encode(), capture_output=True)
        claims, head = json.loads(decode(claims)), json.loads(decode(head))
        now = time.time()
        if (verified.returncode != 0 or head["alg"] != "RS256" or claims["aud"] != self.base() + "/token"
                or not claims["iat"] <= now + 5 or claims["exp"] <= now):
            return self.error("invalid_grant", "Invalid JWT Signature.")
        self.answer(200, new_tokens({"user": claims["sub"], "client": claims["iss"]}, False))


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
