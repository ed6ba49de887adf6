# token_server.py: gives out the tokens that docker-registry's `auth: token` asks for: JWTs signed by RS256, their
# certificate in x5c. Python's standard library and `openssl` only; for tests.
#
#     token_server.py --dir DIR --key KEY --certificate CERTIFICATE --service NAME --user USER:PASSWORD [--bind ADDRESS]
#                     [--life SECONDS] [--good-for SECONDS]
#
# DIR/port        written when it listens
# DIR/tokens.log  "GET|POST STATUS user=USER scope=SCOPE", one line a request, written before it is answered
#
# --life is what expires_in says; --good-for how long docker-registry, which lets a token live 60 s over its end, really
# takes it (up to a second less: JWTs have whole ones). Without --user's password there is no token; GET with Basic, POST as OAuth2 has it.
import argparse
import base64
import http.server
import json
import os
import secrets
import subprocess
import threading
import time
import urllib.parse

LEEWAY = 60  # of docker-registry


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(options, user, scopes):
    lines = open(options.certificate).read().split("-----")
    header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(lines[2].split())]}
    now = int(time.time())
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":", 1)[0], scope.split(":", 1)[1].rsplit(":", 1)[0], scope.rsplit(":", 1)[1]
        access.append({"type": kind, "name": name, "actions": actions.split(",")})
    claims = {"iss": options.service, "sub": user, "aud": options.service, "iat": now, "nbf": now - 2 * LEEWAY,
              "exp": now + options.good_for - LEEWAY, "jti": secrets.token_hex(8), "access": access}
    text = encode(json.dumps(header).encode()) + "." + encode(json.dumps(claims).encode())
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", options.key], input=text.encode(),
                               stdout=subprocess.PIPE, check=True).stdout
    return text + "." + encode(signature)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        given = self.headers.get("Authorization", "")
        given = base64.b64decode(given[6:]).decode() if given.lower().startswith("basic ") else ":"
        self.give(given, " ".join(query.get("scope", [])).split())

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()))
        self.give("%s:%s" % (form.get("username", ""), form.get("password", "")), form.get("scope", "").split())

    def give(self, given, scopes):
        options, user = self.server.options, given.split(":")[0]
        good = given == options.user
        body = {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]}
        if good:
            made = token(options, user, scopes)
            body = {"token": made, "access_token": made, "expires_in": options.life,
                    "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        status = 200 if good else 401
        with open(options.dir + "/tokens.log", "a") as log:
            log.write("%s %d user=%s scope=%s\n" % (self.command, status, user, ",".join(scopes)))
        data = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main():
    parser = argparse.ArgumentParser()
    for name in ("dir", "key", "certificate", "service", "user"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--life", type=int, default=60)
    parser.add_argument("--good-for", type=int)
    options = parser.parse_args()
    if options.good_for is None:
        options.good_for = options.life
    server = http.server.ThreadingHTTPServer((options.bind, 0), Handler)
    server.daemon_threads, server.options = True, options
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(options.dir + "/port~", "w") as file:
        file.write("%d\n" % server.server_port)
    os.rename(options.dir + "/port~", options.dir + "/port")
    parent = os.getppid()
    while os.getppid() == parent:  # never longer than the test
        time.sleep(0.5)


main()
