# registry.py: a registry that does what it is told to do wrong. An OCI registry in a folder, with a list of faults, and a
# log of its requests, one a line, that tests count in. Python's standard library only; not for anything but tests.
#
#     registry.py --root DIR [--bind ADDRESS] [--tls CERTIFICATE KEY] [--storage-bind ADDRESS] [--storage-tls CERTIFICATE KEY]
#                 [--name NAME] [--basic USER:PASSWORD | --bearer USER:PASSWORD] [--realm URL] [--token-life SECONDS]
#                 [--token-uses N]
#
# DIR/ports       "MAIN STORAGE", written when both listen. The storage is what GETs of blobs are redirected to; it answers
#                 the registry's own paths too (for Locations that lead there), as another host or port.
# DIR/faults      read again whenever it changes; counts begin anew then. Lines:
#                     METHOD[|METHOD...] REGEX NTH ACTION [ARGUMENT...]
#                 REGEX is searched for in "PATH?QUERY", NTH is N, N-M, N+ or * among the requests that fit the line; all
#                 lines that fit are done, in their order.
# DIR/log         "LISTENER METHOD PATH?QUERY STATUS auth=A in=N out=N range=R [session=ID] [done=ID] [gone=ID] [fault=…]",
#                 written before the answer's end can be seen. STATUS is 0 where there is no answer.
#                 It stands in for a proxy, too: what is asked of others is in the log. A: "-", Basic/USER,
#                 Bearer/NAME-N for a token of this server, else Bearer/?.
# DIR/blobs/HEX, DIR/repos/NAME/{blobs,manifests,tags}/…   the slashes of NAME are colons; a tag's file has the digest.
#
# What happens to a request:
#     status CODE [NAME [TEXT]] [; HEADER: VALUE]...   an error instead; a 401 has the challenge
#     reset                 the connection, before an answer         lose          the same, but the request was done
#     cut N                 the same after N bytes of its body, which an upload keeps
#     limit N               413 at once to a body of more than N bytes
#     sleep SECONDS         before it is looked at
#     upload-lost           the session is gone first                upload-short N   N bytes of the body are kept, and said
#     upload-drop           the body is dropped, 202 all the same    no-mount      an ordinary session begins
#     vanish [HEX...]       the newest blob (or these) is gone first; forget: gone behind it
#     retag NAME TAG TAG|DIGEST     first
# and to an answer:
#     code CODE             its status                               header NAME: [VALUE]   set, or left out
#     location relative|absolute|storage   of its Location           redirect      to the storage, with a presigned query
#     body-reset N, body-close N, stall N   after N bytes of it       short N, long N   a whole body of another length
#     full                  200 in place of 206                      unmoved       206 from 0 on
#     range-shift N         of Content-Range alone                   corrupt N     the byte at N of the blob
#     chunked               without a length
import argparse
import base64
import hashlib
import json
import os
import re
import secrets
import ssl
import threading
import time
import urllib.parse

from registry_parts import ANSWER_ACTIONS, Faults, Store, Tokens
from registry_wire import Answer, Server, Wire, error


class Handler(Wire):
    # --- one request ---

    def any_method(self):
        self.world = self.server.world
        self.url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(self.url.query, keep_blank_values=True))
        self.actions = self.world.faults.pick(self.command, self.path)
        self.now = {name: rest for name, rest in self.actions}
        answer = self.before() or self.authorised() or self.route()
        if self.left or self.chunked or self.waits:
            if self.waits or answer.close:
                answer.close = True
            else:
                self.read_body()
        for name, rest in self.actions:
            if name in ANSWER_ACTIONS:
                self.change(answer, name, rest)
        self.send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = any_method

    def before(self):
        for name, rest in self.actions:
            if name == "status":
                return self.told(rest)
            if name == "limit" and (self.left > int(rest) or self.chunked):
                answer = error(413, "SIZE_INVALID", "request body too large")
                answer.close = True
                return answer
            if name == "sleep":
                time.sleep(float(rest))
            elif name == "reset":
                self.note(0, 0)
                self.drop()
            elif name == "vanish":
                for digest in rest.split() or [self.world.store.newest[1]]:
                    for repo in self.world.store.repositories():
                        self.world.store.remove_blob(repo, digest)
            elif name == "retag":
                repo, tag, target = rest.split()
                digest, _ = self.world.store.manifest(repo, target)
                self.world.store.write(self.world.store.place(repo, "tags", tag), digest.encode())
        return None

    def told(self, rest):
        words, *headers = [part.strip() for part in rest.split(";")]
        code, name, text = (words + "  ").split(" ", 2)
        answer = error(int(code), name.strip() or "UNKNOWN", text.strip() or "told to")
        for header in headers:
            key, value = header.split(":", 1)
            answer.headers[key] = value.strip()
        if answer.status == 401:
            answer.headers.setdefault("WWW-Authenticate", self.challenge(*self.asked()))
        return answer

    # --- who it is ---

    def asked(self):
        match = re.match(r"/v2/(.+?)/(manifests|blobs|tags|referrers)/", self.url.path)
        pull = self.command in ("GET", "HEAD") and "/uploads/" not in self.url.path
        return (match.group(1) if match else None), ("pull" if pull else "push")

    def challenge(self, repo, action):
        options = self.world.options
        if not options.bearer:
            return 'Basic realm="%s"' % options.name
        text = 'Bearer realm="%s",service="%s"' % (options.realm or self.world.bases["main"] + "/token", options.name)
        if repo:
            text += ',scope="repository:%s:%s"' % (repo, "pull" if action == "pull" else "pull,push")
        return text

    def basic(self):
        value = self.headers.get("Authorization", "")
        if not value.lower().startswith("basic "):
            return None
        return base64.b64decode(value[6:]).decode(errors="replace")

    def who(self):
        value = self.headers.get("Authorization")
        if value is None:
            return "-"
        if self.basic() is not None:
            return "Basic/" + self.basic().split(":")[0]
        token = value.split(" ")[-1]
        known = re.match(r"([a-z]+-\d+)-[0-9a-f]{24}$", token)
        return "Bearer/" + (known.group(1) if known else "?")

    def authorised(self):
        options, path = self.world.options, self.url.path
        if path == "/token" or self.server.label == "storage" or not (options.basic or options.bearer):
            return None  # (what leads to a storage is secret in itself)
        repo, action = self.asked()
        if options.basic:
            good = self.basic() == options.basic
        else:
            value = self.headers.get("Authorization", "")
            good = value.startswith("Bearer ") and self.world.tokens.good(value[7:], repo, action)
            mounted = self.query.get("from")
            if good and mounted and not self.world.tokens.good(value[7:], mounted, "pull"):
                del self.query["from"]  # as others do: an ordinary session
        if good:
            return None
        answer = error(401, "UNAUTHORIZED", "authentication required")
        answer.headers["WWW-Authenticate"] = self.challenge(repo, action)
        return answer

    def token(self):
        options, secret = self.world.options, options_secret(self.world.options)
        scopes = [s for s in " ".join(urllib.parse.parse_qs(self.url.query).get("scope", [])).split(" ") if s]
        given = self.basic()
        if self.command == "POST":
            form = dict(urllib.parse.parse_qsl(self.read_body().decode()))
            scopes = form.get("scope", "").split()
            given = "%s:%s" % (form.get("username"), form.get("password"))
            if form.get("grant_type") == "refresh_token":
                given = secret if form.get("refresh_token") == "identity-" + options.name else None
        if given != secret:
            return error(401, "UNAUTHORIZED", "incorrect username or password")
        token = self.world.tokens.make(scopes)
        return Answer(200, json.dumps({"token": token, "access_token": token, "expires_in": options.token_life}).encode(),
                      Content_Type="application/json")

    # --- what is asked for ---

    def route(self):
        path, store = self.url.path, self.world.store
        if path == "/token":
            return self.token()
        if path.startswith("/storage/"):
            if self.headers.get("Authorization") or "X-Amz-Signature" not in self.query:
                return error(400, "InvalidArgument", "Only one auth mechanism allowed")
            path = "/v2/" + path[len("/storage/"):]
        if path in ("/v2", "/v2/"):
            return Answer(200, b"{}", Content_Type="application/json")
        if path == "/v2/_catalog":
            return self.listing("repositories", store.repositories(), {})
        match = re.match(r"/v2/(.+?)/(manifests|blobs/uploads|blobs|tags|referrers)/(.*)$", path)
        if not match:
            return error(404, "NOT_FOUND", "no such path")
        repo, kind, rest = match.groups()
        with store.lock:
            if kind == "tags":
                return self.listing("tags", store.names(repo, "tags"), {"name": repo})
            if kind == "referrers":
                return self.referrers(repo, rest)
            if kind == "blobs":
                return self.blob(repo, rest)
        if kind == "manifests":
            return self.manifest(repo, rest)
        return self.uploads(repo, rest) if rest else self.upload_begin(repo)

    def listing(self, key, names, document):
        last, most = self.query.get("last", ""), int(self.query.get("n", 1000))
        names = [name for name in names if name > last]
        answer = Answer(200, json.dumps({**document, key: names[:most]}).encode(), Content_Type="application/json")
        if len(names) > most:
            answer.headers["Link"] = '<%s?n=%d&last=%s>; rel="next"' % (self.url.path, most, names[most - 1])
        return answer

    def referrers(self, repo, digest):
        store, found = self.world.store, []
        for name in store.names(repo, "manifests"):
            _, data = store.manifest(repo, "sha256:" + name)
            document = json.loads(data)
            if document.get("subject", {}).get("digest") == digest:
                found.append({"mediaType": document["mediaType"], "digest": "sha256:" + name, "size": len(data),
                              "artifactType": document.get("artifactType", document["config"]["mediaType"])})
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": found}
        return Answer(200, json.dumps(index).encode(), Content_Type=index["mediaType"])

    def blob(self, repo, digest):
        store = self.world.store
        data = store.blob(repo, digest)
        if data is None:
            return error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if self.command == "DELETE":
            store.remove_blob(repo, digest)
            return Answer(202)
        if "corrupt" in self.now:
            at = int(self.now["corrupt"]) % len(data)
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        answer = Answer(200, data, Content_Type="application/octet-stream", Docker_Content_Digest=digest,
                        ETag='"%s"' % digest, Accept_Ranges="bytes")
        wanted = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range", ""))
        if not wanted or self.command == "HEAD" or "full" in self.now:
            return answer
        first = int(wanted.group(1))
        last = min(int(wanted.group(2) or len(data) - 1), len(data) - 1)
        if "unmoved" in self.now:
            first, last = 0, len(data) - 1
        if first > last:
            answer = error(416, "RANGE_INVALID", "no such range")
            answer.headers["Content-Range"] = "bytes */%d" % len(data)
            return answer
        shift = int(self.now.get("range-shift", 0))
        answer.status, answer.body = 206, data[first:last + 1]
        answer.headers["Content-Range"] = "bytes %d-%d/%d" % (first + shift, last + shift, len(data))
        return answer

    def manifest(self, repo, reference):
        store = self.world.store
        if self.command == "PUT":
            return self.manifest_put(repo, reference, self.read_body())
        digest, data = store.manifest(repo, reference)
        if digest is None:
            known = os.path.isdir(store.place(repo, "", ""))
            return error(404, "MANIFEST_UNKNOWN" if known else "NAME_UNKNOWN", "not known: " + reference)
        if self.command == "DELETE":
            os.unlink(store.place(repo, "manifests" if reference == digest else "tags", reference))
            return Answer(202)
        return Answer(200, data, Content_Type=json.loads(data)["mediaType"], Docker_Content_Digest=digest,
                      ETag='"%s"' % digest)

    def manifest_put(self, repo, reference, data):
        store = self.world.store
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        try:
            document = json.loads(data)
        except ValueError:
            return error(400, "MANIFEST_INVALID", "no JSON")
        if reference.startswith("sha256:") and reference != digest:
            return error(400, "DIGEST_INVALID", "another digest")
        config = [document["config"]] if "config" in document else []  # an OCI index has none
        for part in [*config, *document.get("layers", [])]:
            if store.blob(repo, part["digest"]) is None:
                return error(404, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry: " + part["digest"])
        with store.lock:
            store.write(store.place(repo, "manifests", digest), data)
            if reference != digest:
                store.write(store.place(repo, "tags", reference), digest.encode())
        answer = Answer(201, Docker_Content_Digest=digest, Location="/v2/%s/manifests/%s" % (repo, digest))
        if "subject" in document:
            answer.headers["OCI-Subject"] = document["subject"]["digest"]
        return answer

    # --- uploads ---

    def session_answer(self, status, session):
        size = len(session["data"])
        session["state"] = secrets.token_hex(8)
        session["states"].append(session["state"])
        location = "%s/v2/%s/blobs/uploads/%s?_state=SECRET%s" % (
            self.world.bases["main"], session["repo"], session["id"], session["state"])
        return Answer(status, Location=location, Range="0-%d" % max(size - 1, 0), Docker_Upload_UUID=session["id"])

    def upload_begin(self, repo):
        store = self.world.store
        self.read_body()
        mount, source = self.query.get("mount"), self.query.get("from")
        if mount and "no-mount" not in self.now:
            data = store.blob(source, mount) if source else None
            if data is not None:
                store.add_blob(repo, mount, data)
                return Answer(201, Docker_Content_Digest=mount, Location="/v2/%s/blobs/%s" % (repo, mount))
        session = {"id": secrets.token_hex(8), "repo": repo, "data": bytearray(), "states": []}
        store.sessions[session["id"]] = session
        answer = self.session_answer(202, session)
        answer.marks.append("session=" + session["id"])
        return answer

    def uploads(self, repo, identity):
        store = self.world.store
        if "upload-lost" in self.now and store.sessions.pop(identity, None):
            answer = error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
            answer.marks.append("gone=" + identity)
            return answer
        session = store.sessions.get(identity)
        if session is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        state = self.query.get("_state", "").replace("SECRET", "", 1)
        wanted = re.match(r"(\d+)-(\d+)$", self.headers.get("Content-Range", ""))
        if self.command == "PATCH" and wanted and int(wanted.group(1)) != len(session["data"]):
            self.read_body()
            answer = self.session_answer(416, session)
            answer.body = error(416, "RANGE_INVALID", "out of order").body
            return answer
        if state not in (session["states"] if self.command in ("GET", "DELETE") else [session["state"]]):
            return error(400, "BLOB_UPLOAD_INVALID", "not the newest Location")
        if self.command == "GET":
            return self.session_answer(204, session)
        if self.command == "DELETE":
            del store.sessions[identity]
            answer = Answer(204)
            answer.marks.append("gone=" + identity)
            return answer
        if "cut" in self.now:
            session["data"] += self.read_body(int(self.now["cut"]))
            self.note(0, 0)
            self.drop()
        if self.command == "PATCH":
            return self.upload_piece(session)
        return self.upload_end(session)

    def upload_piece(self, session):
        data = self.read_body()
        if "upload-short" in self.now:
            data = data[:int(self.now["upload-short"])]
        if "upload-drop" not in self.now:
            session["data"] += data
        return self.session_answer(202, session)

    def upload_end(self, session):
        store, digest = self.world.store, self.query.get("digest", "")
        session["data"] += self.read_body()
        store.sessions.pop(session["id"], None)
        if "sha256:" + hashlib.sha256(session["data"]).hexdigest() != digest:
            answer = error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
            answer.marks.append("gone=" + session["id"])
            return answer
        with store.lock:
            store.add_blob(session["repo"], digest, bytes(session["data"]))
        answer = Answer(201, Docker_Content_Digest=digest, Location="/v2/%s/blobs/%s" % (session["repo"], digest))
        answer.marks.append("done=" + session["id"])
        return answer

    # --- the answer ---

    def change(self, answer, name, rest):
        bases = self.world.bases
        if name == "code":
            answer.status = int(rest)
        elif name == "header":
            key, value = rest.split(":", 1)
            if key.lower() == "content-length":
                answer.length = value.strip() or False
            elif value.strip():
                answer.headers[key] = value.strip()
            else:
                answer.headers = {k: v for k, v in answer.headers.items() if k.lower() != key.lower()}
        elif name == "location" and "Location" in answer.headers:
            path = answer.headers["Location"].replace(bases["main"], "")
            answer.headers["Location"] = {"relative": "", "absolute": bases["main"], "storage": bases["storage"]}[rest] + path
        elif name == "redirect" and answer.status in (200, 206):
            query = "X-Amz-Credential=KEYID&X-Amz-Signature=PRESIGNED" + secrets.token_hex(8)
            location = "%s/storage/%s?%s" % (bases["storage"], self.url.path[len("/v2/"):], query)
            answer.status, answer.body, answer.headers = 307, b"", {"Location": location}
        elif name in ("body-reset", "body-close", "stall"):
            answer.cut = (name, int(rest or 0))
        elif name == "lose":
            answer.cut = ("lose", 0)
        elif name == "short":
            answer.body = answer.body[:-int(rest)]
        elif name == "long":
            answer.body += b"x" * int(rest)
        elif name == "chunked":
            answer.length = "chunked"
        elif name == "forget" and self.world.store.newest:
            self.world.store.remove_blob(*self.world.store.newest)

    def note(self, status, size, marks=()):
        faults = ",".join(name for name, _ in self.actions)
        line = "%s %s %s %d auth=%s in=%d out=%d range=%s%s%s\n" % (
            self.server.label, self.command, self.path, status, self.who(), self.received, size,
            self.headers.get("Range", "-"), "".join(" " + mark for mark in marks), faults and " fault=" + faults)
        os.write(self.world.log, line.encode())


def options_secret(options):
    return options.basic or options.bearer


class World:
    def __init__(self, options):
        self.options, self.store, self.tokens = options, Store(options.root), Tokens(options)
        self.faults = Faults(options.root + "/faults")
        self.log = os.open(options.root + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.bases = {}

    def listen(self, label, address, tls):
        server = Server((address, 0), Handler)
        server.world, server.label, server.tls = self, label, None
        if tls:
            server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.tls.load_cert_chain(*tls)
        self.bases[label] = "%s://%s:%d" % ("https" if tls else "http", address, server.server_port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_port


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--storage-bind", default="127.0.0.1")
    parser.add_argument("--storage-tls", nargs=2)
    parser.add_argument("--name", default="scripted")
    parser.add_argument("--basic")
    parser.add_argument("--bearer")
    parser.add_argument("--realm")
    parser.add_argument("--token-life", type=int, default=300)
    parser.add_argument("--token-uses", type=int)
    options = parser.parse_args()
    world = World(options)
    ports = [world.listen("main", options.bind, options.tls),
             world.listen("storage", options.storage_bind, options.storage_tls)]
    world.store.write(options.root + "/ports", b"%d %d\n" % tuple(ports))
    parent = os.getppid()
    while os.getppid() == parent:  # never longer than the test
        time.sleep(0.5)


main()
