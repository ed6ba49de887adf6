#!/usr/bin/env python3
"""browser.py: drives a headless Chromium over its debugging pipe, and checks a page of `tartconv report`.

    browser.py check PAGE.html REPORT.json      prints a line a check: "ok NAME" or "not ok NAME: what was found"
    browser.py shot PAGE.html FILE.png [light|dark|print] [WIDTH]

Exit status: 0 if all checks hold, 1, or 77 where there is no Chromium."""
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds for one answer


class Browser:
    def __init__(self):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if program is None:
            print("no chromium here")
            sys.exit(77)
        self.folder = tempfile.TemporaryDirectory(prefix="browser-")
        to_read, self.out = os.pipe()
        self.inward, to_write = os.pipe()

        def place():
            # the program speaks on 3 and 4; what lies there now may be either end
            reading, writing = os.dup(to_read), os.dup(to_write)
            high = [os.dup(reading), os.dup(writing)]
            while min(high) < 5:
                high = [os.dup(end) for end in high]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             f"--user-data-dir={self.folder.name}", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=self.folder.name))
        os.close(to_read)
        os.close(to_write)
        self.number, self.text, self.events = 0, b"", []
        target = self.send("Target.createTarget", {"url": "about:blank"}, None)["targetId"]
        self.session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True}, None)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(domain + ".enable")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        try:
            self.folder.cleanup()
        except OSError:
            pass

    def message(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.text:
            if not select.select([self.inward], [], [], max(0, end - time.monotonic()))[0]:
                raise RuntimeError("the browser does not answer")
            piece = os.read(self.inward, 1 << 20)
            if not piece:
                raise RuntimeError("the browser ended")
            self.text += piece
        text, self.text = self.text.split(b"\0", 1)
        return json.loads(text)

    def send(self, method, params=None, session=""):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, page):
        self.events.clear()
        self.send("Page.navigate", {"url": pathlib.Path(page).resolve().as_uri()})
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())

    def run(self, script):
        answer = self.send("Runtime.evaluate", {"expression": script, "returnByValue": True})
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def key(self, name, text=""):
        codes = {"Enter": 13, "Tab": 9, " ": 32}
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", {"type": kind, "key": name, "windowsVirtualKeyCode": codes[name],
                                                 "text": text if kind == "keyDown" else ""})

    def complaints(self):
        """What a page must not bring about: exceptions, errors in the console, requests of any kind."""
        found = []
        for event in self.events:
            params = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"].get("exception", {}).get("description", "an exception"))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
            elif event["method"] == "Runtime.consoleAPICalled":
                found.append("the console: " + params["type"])
            elif event["method"] == "Network.requestWillBeSent" and params.get("type") != "Document":
                found.append("a request for " + params["request"]["url"])
        return found


failed = 0


def check(name, found, wanted):
    global failed
    failed += found != wanted
    print(f"ok {name}" if found == wanted else f"not ok {name}: found {found!r}, wanted {wanted!r}")


ROWS = "Array.from(document.querySelectorAll('#image-table tbody tr:not(.detail)'))"
NUMBERS = ("disk_size", "source_size", "target_size", "bytes_read", "bytes_written", "bytes_reused", "work_ms", "rate")


def column(key):
    return ROWS + f".map((row) => {{ const v = row.querySelector('[data-key={key}]').dataset.value;" \
                  " return v === undefined ? null : v; })"


def head(key):
    return f"document.querySelector('#image-table th[data-key={key}]')"


def check_numbers(browser, report):
    images, totals = report["images"], report["totals"]
    check("every image has its row", browser.run(ROWS + ".map((row) => row.dataset.name)"), [i["name"] for i in images])
    for key in NUMBERS:
        check(f"{key} of every image is the document's", browser.run(column(key)),
              [None if i[key] is None else str(i[key]) for i in images])
    value = "document.querySelector('%s').dataset.value"
    check("the disk's total, too", browser.run(value % "#card-disk dd"), str(totals["disk_size"]))
    check("what is proved", browser.run(value % "#card-proved dd"), str(totals["proved"]))
    check("what was not sent", browser.run(value % "#card-saved dd"), str(totals["saved"]["not_sent"]))
    for name in ("read", "written", "reused"):
        check(f"bytes {name}", browser.run(value % f"#moved-bars [data-name={name}]"), str(totals["bytes_" + name]))
    check("failures", browser.run("Array.from(document.querySelectorAll('#failure-table tbody tr')).map((r) => r.dataset.name)"),
          [failure["class"] for failure in report["failures"]])
    check("images that no shard took",
          browser.run("Array.from(document.querySelectorAll('#untaken-list li')).map((e) => e.textContent)"), report["untaken"])
    check("a strip for each disk that has one", browser.run("document.querySelectorAll('.strip').length"),
          sum(1 for image in images if image["strip"]))
    check("the chart is there where there is a rate", browser.run("document.querySelectorAll('#rate-chart svg .curve').length"),
          int(len(report["rate"]) >= 2))


def check_sorting(browser, report):
    def in_order(key, down):
        known = sorted((i[key] for i in report["images"] if i[key] is not None), reverse=down)
        return [str(v) for v in known] + [None] * (len(report["images"]) - len(known))

    browser.run(head("disk_size") + ".querySelector('button').click()")
    check("a click sorts, the largest first", browser.run(column("disk_size")), in_order("disk_size", True))
    check("and says so", browser.run(head("disk_size") + ".getAttribute('aria-sort')"), "descending")
    browser.run(head("disk_size") + ".querySelector('button').focus()")
    browser.key("Enter", "\r")
    check("Enter on it turns that round", browser.run(column("disk_size")), in_order("disk_size", False))
    check("and says so, too", browser.run(head("disk_size") + ".getAttribute('aria-sort')"), "ascending")
    browser.run(head("name") + ".querySelector('button').click()")
    check("names sort as texts", browser.run(ROWS + ".map((row) => row.dataset.name)"),
          sorted((i["name"] for i in report["images"]), key=lambda name: name.encode("utf-16-be")))
    check("one column at a time is the sorted one",
          browser.run("document.querySelectorAll('#image-table th[aria-sort]:not([aria-sort=none])').length"), 1)


def check_filters(browser, report):
    def put(place, value, kind):
        browser.run(f"{{ const e = document.getElementById('{place}'); e.value = {json.dumps(value)};"
                    f" e.dispatchEvent(new Event('{kind}', {{bubbles: true}})); }}")

    names = ROWS + ".map((row) => row.dataset.name).sort()"
    status = report["images"][0]["status"]
    alike = sorted(i["name"] for i in report["images"] if i["status"] == status)
    put("status", status, "change")
    check("a status filters", browser.run(names), alike)
    check("the count says how many", browser.run("document.getElementById('count').textContent").split()[0], str(len(alike)))
    put("status", "", "change")
    digest = next(i["source_digest"] for i in report["images"] if i["source_digest"] is not None)
    put("find", digest[7:30].upper(), "input")
    check("a digest is found", browser.run(names), sorted(i["name"] for i in report["images"] if i["source_digest"] == digest))
    put("find", "no such thing", "input")
    check("what is not there is not found", browser.run(names), [])
    put("find", "", "input")
    check("all are back", len(browser.run(names)), len(report["images"]))


def check_details(browser, report):
    button = ROWS + "[0].querySelector('td.name > button')"
    browser.run(button + ".focus()")
    browser.key("Enter", "\r")
    name = browser.run(ROWS + "[0].dataset.name")
    image = next(i for i in report["images"] if i["name"] == name)
    check("Enter on a name opens it", browser.run(button + ".getAttribute('aria-expanded')"), "true")
    text = browser.run("document.querySelector('tr.detail').textContent")
    check("with the digests whole", image["source_digest"] is None or image["source_digest"] in text, True)
    browser.key("Enter", "\r")
    check("and closes it", browser.run("document.querySelectorAll('tr.detail').length"), 0)


def check_page(page, document):
    with open(document, encoding="utf-8") as file:
        report = json.load(file)
    browser = Browser()
    try:
        browser.open(page)
        check("the page loads without a complaint, and asks for nothing", browser.complaints(), [])
        check("no element came out of the data",
              browser.run("document.querySelectorAll('img, iframe, object, embed, link, base').length"
                          " + document.querySelectorAll('script').length"), 2)
        check("nothing of the data ran", browser.run("typeof window.hacked"), "undefined")
        check_numbers(browser, report)
        check_sorting(browser, report)
        check_filters(browser, report)
        check_details(browser, report)
        check("and after all that there is still no complaint", browser.complaints(), [])
    finally:
        browser.close()


def shot(page, file, look="light", width="1440"):
    browser = Browser()
    try:
        browser.send("Emulation.setEmulatedMedia", {
            "media": "print" if look == "print" else "screen",
            "features": [{"name": "prefers-color-scheme", "value": "dark" if look == "dark" else "light"}]})
        browser.send("Emulation.setDeviceMetricsOverride", {"width": int(width), "height": 900, "deviceScaleFactor": 1,
                                                            "mobile": False})
        browser.open(page)
        picture = browser.send("Page.captureScreenshot", {"captureBeyondViewport": True})
        with open(file, "wb") as out:
            out.write(base64.b64decode(picture["data"]))
    finally:
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "check":
        check_page(sys.argv[2], sys.argv[3])
        sys.exit(failed > 0)
    if len(sys.argv) >= 4 and sys.argv[1] == "shot":
        shot(*sys.argv[2:])
        sys.exit(0)
    print(__doc__)
    sys.exit(64)
