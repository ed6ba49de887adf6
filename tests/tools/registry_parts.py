# registry_parts.py: what registry.py is made of: the faults that it is told, the folder that it keeps, the tokens that it
# gave out. Knows nothing of HTTP.
import mmap
import os
import re
import secrets
import threading
import time

LARGE = 64 << 20  # a blob of more bytes is not read to answer for a part of it

ANSWER_ACTIONS = {
    "code", "header", "location", "redirect", "body-reset", "body-close", "stall", "short", "long", "full", "unmoved",
    "range-shift", "corrupt", "chunked", "lose", "forget",
}
REQUEST_ACTIONS = {
    "status", "reset", "cut", "limit", "sleep", "upload-lost", "upload-short", "upload-drop", "no-mount", "vanish", "retag",
}


class Faults:
    """The lines of a file, read again when it changes, with how often each was met."""

    def __init__(self, path):
        self.path, self.stamp, self.lines, self.lock = path, None, [], threading.Lock()

    def pick(self, method, path):
        with self.lock:
            self.refresh()
            picked = []
            for line in self.lines:
                if method in line["methods"] and line["regex"].search(path):
                    line["met"] += 1
                    if line["first"] <= line["met"] <= line["last"]:
                        picked.append((line["action"], line["rest"]))
            return picked

    def refresh(self):
        try:
            stat = os.stat(self.path)
        except FileNotFoundError:
            self.lines, self.stamp = [], None
            return
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if stamp != self.stamp:
            with open(self.path) as file:
                self.lines = [self.parse(line) for line in file if line.strip()]
            self.stamp = stamp

    @staticmethod
    def parse(line):
        methods, regex, nth, action, rest = (line.strip() + " ").split(" ", 4)
        if action not in ANSWER_ACTIONS | REQUEST_ACTIONS:
            raise ValueError("no such action: " + line)
        first, last = 1, float("inf")
        if nth != "*":
            first = int(re.match(r"\d+", nth).group())
            if not nth.endswith("+"):
                last = int(nth.split("-")[-1])
        methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} if methods == "*" else set(methods.split("|"))
        return {"methods": methods, "regex": re.compile(regex), "first": first, "last": last, "action": action,
                "rest": rest.strip(), "met": 0}


class Store:
    """Blobs, manifests and tags in a folder; upload sessions in memory."""

    def __init__(self, root):
        self.root, self.lock, self.sessions, self.newest = root, threading.RLock(), {}, None
        os.makedirs(root + "/blobs", exist_ok=True)
        os.makedirs(root + "/repos", exist_ok=True)

    def place(self, repo, kind, name):
        return "%s/repos/%s/%s/%s" % (self.root, repo.replace("/", ":"), kind, name.replace("sha256:", ""))

    def has(self, repo, kind, name):
        return os.path.exists(self.place(repo, kind, name))

    def write(self, path, data):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = path + "." + secrets.token_hex(4) + "~"
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, path)

    def blob(self, repo, digest):
        if not self.has(repo, "blobs", digest):
            return None
        try:
            with open(self.root + "/blobs/" + digest.replace("sha256:", ""), "rb") as file:
                if os.fstat(file.fileno()).st_size > LARGE:
                    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                return file.read()
        except FileNotFoundError:
            return None

    def add_blob(self, repo, digest, data):
        self.write(self.root + "/blobs/" + digest.replace("sha256:", ""), data)
        self.write(self.place(repo, "blobs", digest), b"")
        self.newest = (repo, digest)

    def remove_blob(self, repo, digest):
        path = self.place(repo, "blobs", digest)
        if os.path.exists(path):
            os.unlink(path)

    def manifest(self, repo, reference):
        if not reference.startswith("sha256:"):
            try:
                with open(self.place(repo, "tags", reference)) as file:
                    reference = file.read().strip()
            except FileNotFoundError:
                return None, None
        try:
            with open(self.place(repo, "manifests", reference), "rb") as file:
                return reference, file.read()
        except FileNotFoundError:
            return None, None

    def names(self, repo, kind):
        try:
            return sorted(name for name in os.listdir(self.place(repo, kind, "")) if not name.endswith("~"))
        except FileNotFoundError:
            return []

    def repositories(self):
        return sorted(name.replace(":", "/") for name in os.listdir(self.root + "/repos"))


class Tokens:
    """Bearer tokens that this server gave out."""

    def __init__(self, options):
        self.options, self.lock, self.known, self.count = options, threading.Lock(), {}, 0

    def make(self, scopes):
        with self.lock:
            self.count += 1
            token = "%s-%d-%s" % (self.options.name, self.count, secrets.token_hex(12))
            uses = self.options.token_uses or float("inf")
            self.known[token] = {"end": time.time() + self.options.token_life, "uses": uses, "scopes": scopes}
            return token

    def good(self, token, repo, action):
        with self.lock:
            known = self.known.get(token)
            if known is None or known["end"] < time.time() or known["uses"] <= 0:
                return False
            known["uses"] -= 1
            for scope in known["scopes"]:
                parts = scope.split(":")
                if repo is None or (parts[0] == "repository" and ":".join(parts[1:-1]) == repo
                                    and action in parts[-1].split(",")):
                    return True
            return repo is None
