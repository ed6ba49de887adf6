"use strict";
(function () {
  const report = JSON.parse(document.getElementById("data").textContent);
  const totals = report.totals;
  const ways = [
    ["zero", "zeros"], ["carried", "carried over"], ["encoded", "encoded"],
    ["reused", "reused"], ["copied", "copied as it is"], ["damaged", "damaged"],
  ];
  const states = {
    "done": ["done", "good"], "already": ["done before", "good"], "gone": ["done, source gone", "good"],
    "left": ["left alone", "wait"], "failed": ["failed", "bad"], "stopped": ["stopped", "wait"],
    "not-begun": ["not begun", "wait"], "unfinished": ["not ended", "wait"], "unknown": ["unknown", "wait"],
  };
  const ROWS = 500;

  /* --- words --- */

  function byId(id) { return document.getElementById(id); }

  /* Text goes in as text only, whatever is in it. */
  function make(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const key of Object.keys(attributes || {}))
      if (attributes[key] !== null) element.setAttribute(key, attributes[key]);
    for (const child of children)
      if (child !== null) element.append(child);
    return element;
  }

  function draw(name, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function size(bytes) {
    const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let unit = 0, value = bytes;
    while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit++; }
    return unit === 0 ? value + " bytes" : value.toFixed(1) + " " + units[unit];
  }

  function duration(ms) {
    const s = Math.floor(ms / 1000);
    if (s < 60) return (ms / 1000).toFixed(1) + " s";
    if (s < 3600) return Math.floor(s / 60) + " min " + s % 60 + " s";
    if (s < 172800) return Math.floor(s / 3600) + " h " + Math.floor(s / 60) % 60 + " min";
    return Math.floor(s / 86400) + " days " + Math.floor(s / 3600) % 24 + " h";
  }

  function number(n) { return n.toLocaleString("en"); }
  function many(n, one, more) { return number(n) + " " + (n === 1 ? one : more); }
  function time(text) { return text === null ? "unknown" : text.slice(0, 10) + " " + text.slice(11, 16) + " UTC"; }
  function digest(text) { return text === null ? "" : text.slice(7, 19); }
  function state(name) { return states[name] || [name, "wait"]; }

  /* A name may be broken behind its slashes. */
  function breakable(name) {
    return name.split("/").flatMap((part, i) => i === 0 ? [part] : ["/", make("wbr", {}), part]);
  }

  /* --- head --- */

  function verdict() {
    const status = totals.statuses, place = byId("verdict");
    const good = status.done + status.already + status.gone;
    const all = totals.images + totals.untaken;
    const rest = [];
    if (status.failed > 0) rest.push(number(status.failed) + " failed");
    if (totals.untaken > 0) rest.push(number(totals.untaken) + (totals.untaken === 1 ? " was" : " were") + " taken by no shard");
    const open = all - good - status.failed - totals.untaken;
    if (open > 0) rest.push(many(open, "is", "are") + " still open");
    place.textContent = (good === all ? "All " + many(all, "image is", "images are") + " done." :
      number(good) + " of " + many(all, "image is", "images are") + " done; " + rest.join(", ") + ".");
    place.className = status.failed > 0 ? "bad" : good === all ? "good" : "wait";
    byId("when").textContent = time(report.begin) + " to " + time(report.end) +
      (report.elapsed_ms === null ? "" : " (" + duration(report.elapsed_ms) + ")") +
      " \u00b7 " + many(report.runs, "run", "runs") + ", " + many(report.logs, "log", "logs");
  }

  function card(id, title, figure, note, exact) {
    return make("div", { "id": id },
      make("dt", {}, title),
      make("dd", { "class": "figure", "data-value": exact, "title": exact === null ? null : number(exact) }, figure),
      make("dd", { "class": "note" }, note));
  }

  function headline() {
    const saved = totals.saved, status = totals.statuses;
    const good = status.done + status.already + status.gone;
    byId("headline").append(
      card("card-done", "Images done", number(good) + " of " + number(totals.images + totals.untaken),
        totals.switched > 0 ? number(totals.switched) + " switched, " + number(totals.retired) + " retired" :
          many(status.failed, "failure", "failures"), good),
      card("card-disk", "Disk brought over", size(totals.disk_size),
        saved.zero_disk > 0 ? size(saved.zero_disk) + " of it zeros" : "as the guests see it", totals.disk_size),
      card("card-proved", "Proved the same", number(totals.proved) + " of " + number(totals.made),
        totals.proved_complete === totals.proved ? "every chunk decoded" : number(totals.proved_complete) + " with every chunk decoded",
        totals.proved),
      card("card-saved", "Not sent", size(saved.not_sent),
        "was there already" + (saved.retired_size > 0 ? "; " + size(saved.retired_size) + " retired" : ""), saved.not_sent),
      card("card-carried", "Carried over", saved.carried_permille === null ? "\u2013" : (saved.carried_permille / 10).toFixed(1) + " %",
        "of blocks, not encoded anew", saved.carried_permille),
      card("card-rate", "Rate of an image", totals.rate === null ? "\u2013" : size(totals.rate) + "/s",
        "of disk, over " + duration(totals.work_ms) + " of work", totals.rate));
  }

  /* --- bars --- */

  function bar(name, value, most, colour) {
    const fill = make("span", { "class": "fill" });
    fill.style.width = (most > 0 ? Math.max(value > 0 ? 0.4 : 0, value * 100 / most) : 0) + "%";
    if (colour !== null) fill.style.background = "var(--" + colour + ")";
    return make("div", { "class": "bar", "data-value": value, "data-name": name, "title": number(value) + " bytes" },
      make("span", {}, name), make("span", { "class": "track" }, fill), make("span", { "class": "value" }, size(value)));
  }

  function bars() {
    const moved = [["read", totals.bytes_read, null], ["written", totals.bytes_written, null],
      ["reused", totals.bytes_reused, "reused"]];
    const most = Math.max(...moved.map((row) => row[1]));
    for (const row of moved) byId("moved-bars").append(bar(row[0], row[1], most, row[2]));
    const sums = ways.map((way) => report.images.reduce((sum, image) => sum + image.chunks[way[0]], 0));
    ways.forEach((way, i) => {
      if (sums[i] > 0) byId("made-bars").append(bar(way[1], sums[i], Math.max(...sums), way[0]));
    });
    byId("made").hidden = Math.max(...sums) === 0;
  }

  /* --- rate over time --- */

  function niceStep(most) {
    let step = 1;
    while (most / step > 5) step *= most / step > 12 ? 4 : 2;
    return step;
  }

  function chart() {
    const points = report.rate, width = 1000, height = 230, left = 78, bottom = 28, top = 8, right = 12;
    const most = Math.max(1, ...points.map((point) => point.bytes_per_second));
    if (points.length < 2) {
      byId("rate").hidden = true;
      return;
    }
    const step = niceStep(most), roof = Math.ceil(most / step) * step;
    const x = (i) => left + (width - left - right) * i / (points.length - 1);
    const y = (rate) => top + (height - top - bottom) * (1 - rate / roof);
    const mean = points.reduce((sum, point) => sum + point.bytes_per_second, 0) / points.length;
    const words = "Disk brought over a second: " + size(Math.round(mean)) + "/s on average, " + size(most) + "/s at most";
    const svg = draw("svg", { "viewBox": "0 0 " + width + " " + height, "role": "img", "aria-label": words });
    for (let rate = 0; rate <= roof; rate += step) {
      svg.append(draw("line", { "class": "grid", "x1": left, "x2": width - right, "y1": y(rate), "y2": y(rate) }),
        draw("text", { "x": left - 8, "y": y(rate) + 4, "text-anchor": "end" }, rate === 0 ? "0" : size(rate) + "/s"));
    }
    const days = points[0].time.slice(0, 10) !== points[points.length - 1].time.slice(0, 10);
    const ticks = Math.min(6, points.length - 1);
    for (let i = 0; i <= ticks; i++) {
      const at = Math.round((points.length - 1) * i / ticks), text = points[at].time;
      const label = days ? text.slice(5, 10) + " " + text.slice(11, 16) : text.slice(11, report.rate_step_ms < 60000 ? 19 : 16);
      svg.append(draw("text", { "x": x(at), "y": height - 8, "text-anchor": i === 0 ? "start" : i === ticks ? "end" : "middle" }, label));
    }
    const curve = points.map((point, i) => x(i).toFixed(1) + "," + y(point.bytes_per_second).toFixed(1)).join(" L");
    svg.append(
      draw("path", { "class": "area", "d": "M" + x(0) + "," + y(0) + " L" + curve + " L" + x(points.length - 1) + "," + y(0) + " Z" }),
      draw("path", { "class": "curve", "d": "M" + curve }),
      draw("line", { "class": "mean", "x1": left, "x2": width - right, "y1": y(mean), "y2": y(mean) }));
    byId("rate-chart").append(svg, make("p", {}, words + "; the dashed line is the average."));
  }

  /* --- a table that sorts --- */

  /* columns: {key, title, number, value(row), cell(row)}; detail(row): a list of terms, or null. */
  function table(place, columns, rows, detail, keeps, limit, told) {
    const body = make("tbody", {});
    let sorted = null, down = false, all = false;
    const heads = columns.map((column, i) => {
      const button = make("button", { "type": "button" }, column.title);
      const head = make("th", { "scope": "col", "aria-sort": "none", "data-key": column.key, "class": column.number ? "number" : null }, button);
      button.addEventListener("click", () => sort(i, sorted === i ? !down : Boolean(column.number)));
      return head;
    });

    function compare(a, b, column) {
      const one = column.value(a), two = column.value(b);
      if (one === null || two === null) return one === two ? 0 : one === null ? 1 : -1; /* unknown: last */
      const order = column.number ? one - two : one < two ? -1 : one > two ? 1 : 0;
      return down ? -order : order;
    }

    function sort(i, wanted) {
      sorted = i;
      down = wanted;
      heads.forEach((head, j) => head.setAttribute("aria-sort", j !== i ? "none" : down ? "descending" : "ascending"));
      rows = rows.slice().sort((a, b) => compare(a, b, columns[i]));
      show();
    }

    function row(of) {
      const line = make("tr", { "data-name": of.name || of.class });
      for (const column of columns) {
        const value = column.value(of);
        const cell = make("td", { "class": column.key === "name" ? "name" : column.number ? "number" : null, "data-key": column.key,
          "data-value": value, "title": column.exact && value !== null ? number(value) + " bytes" : null });
        cell.append(...[].concat(column.cell(of)));
        line.append(cell);
      }
      const toggle = detail ? line.querySelector("td.name > button") : null;
      if (toggle !== null)
        toggle.addEventListener("click", () => {
          const open = toggle.getAttribute("aria-expanded") === "true";
          toggle.setAttribute("aria-expanded", String(!open));
          if (open) line.nextSibling.remove();
          else line.after(make("tr", { "class": "detail" }, make("td", { "colspan": columns.length }, detail(of))));
        });
      return line;
    }

    function show() {
      const kept = rows.filter(keeps);
      const shown = all ? kept : kept.slice(0, limit);
      body.replaceChildren(...shown.map(row));
      told(kept.length, shown.length);
    }

    place.append(make("thead", {}, make("tr", {}, ...heads)), body);
    show();
    return { show: show, showAll: () => { all = true; show(); } };
  }

  function bytes(key, title) {
    return { key: key, title: title, number: true, exact: true, value: (row) => row[key],
      cell: (row) => row[key] === null ? "\u2013" : size(row[key]) };
  }

  function stateOf(row) {
    const words = state(row.status);
    return make("span", { "class": "state " + words[1] }, words[0]);
  }

  /* --- failures, untaken --- */

  function failures() {
    if (report.failures.length === 0) return;
    byId("failures").hidden = false;
    table(byId("failure-table"), [
      { key: "class", title: "Class", value: (row) => row.class, cell: (row) => make("code", {}, row.class) },
      { key: "images", title: "Images", number: true, value: (row) => row.images, cell: (row) => number(row.images) },
      { key: "text", title: "For example", value: (row) => row.text || "",
        cell: (row) => [make("strong", {}, row.example), make("br", {}), row.text || ""] },
      { key: "fix", title: "What to do", value: (row) => row.fix || "",
        cell: (row) => row.fix === null ? "see the documentation of this class" : make("code", {}, row.fix) },
    ], report.failures, null, () => true, ROWS, () => {});
  }

  function untaken() {
    byId("untaken").hidden = report.untaken.length === 0;
    byId("untaken-list").append(...report.untaken.map((name) => make("li", {}, make("code", {}, name))));
  }

  /* --- images --- */

  function percent(part, whole) {
    const value = part * 100 / whole;
    return (value > 0 && value < 1 ? "under 1" : Math.round(value)) + " %";
  }

  function stripWords(image) {
    const sum = image.disk_size || ways.reduce((all, way) => all + image.chunks[way[0]], 0);
    return ways.filter((way) => image.chunks[way[0]] > 0)
      .map((way) => percent(image.chunks[way[0]], sum) + " " + way[1]).join(", ");
  }

  /* One element however many parts: a gradient with hard edges. What is damaged is drawn over it, never thinner than a line. */
  function strip(image) {
    if (image.strip.length === 0) return null;
    const last = image.strip[image.strip.length - 1];
    const whole = Math.max(image.disk_size || 0, last.offset + last.length);
    const at = (byte) => (byte * 100 / whole).toFixed(3) + "%";
    const stops = [], over = [];
    let end = 0;
    for (const part of image.strip) {
      const from = at(part.offset), to = at(part.offset + part.length), colour = "var(--" + part.how + ")";
      if (part.offset > end) stops.push("transparent " + at(end) + " " + from);
      stops.push(colour + " " + from + " " + to);
      end = part.offset + part.length;
      if (part.how === "damaged" && over.length < 20)
        over.push("linear-gradient(to right, transparent " + from + ", " + colour + " " + from + " max(" + to + ", calc(" + from +
          " + 3px)), transparent max(" + to + ", calc(" + from + " + 3px)))");
    }
    if (end < whole) stops.push("transparent " + at(end) + " 100%");
    const words = stripWords(image);
    const element = make("div", { "class": "strip", "role": "img", "aria-label": "Disk: " + words, "title": words });
    element.style.backgroundImage = over.concat("linear-gradient(to right, " + stops.join(", ") + ")").join(", ");
    return element;
  }

  function detail(image) {
    const list = make("dl", {});
    function term(name, value, isCode) {
      if (value === null || value === "" || value === 0) return;
      list.append(make("dt", {}, name), make("dd", {}, isCode ? make("code", {}, String(value)) : String(value)));
    }
    term("Source", image.source, true);
    term("Old digest", image.source_digest, true);
    term("Target", image.target, true);
    term("New digest", image.target_digest, true);
    term("For tag", image.tag, true);
    term("Action", image.action + (image.method === null ? "" : ", " + image.method));
    term("Why", image.why);
    if (image.error !== null) {
      term("Error", image.error.class, true);
      term("Said", image.error.text);
      term("To do", image.error.fix, true);
    }
    term("Begun", image.begin === null ? null : time(image.begin));
    term("Ended", image.end === null ? null : time(image.end));
    term("Attempts", image.attempts);
    term("Retries", image.retries);
    term("Warnings", image.warnings);
    term("Findings", image.findings);
    term("Blocks", image.blocks_encoded + image.blocks_carried === 0 ? null :
      number(image.blocks_carried) + " carried over, " + number(image.blocks_encoded) + " encoded");
    term("Before it", image.backup_tag, true);
    term("Switched", image.switched === null ? null : image.switched + ", " + time(image.switched_at));
    term("Retired", image.retired ? "yes" : null);
    term("Disk", stripWords(image));
    return list;
  }

  function images() {
    const find = byId("find"), status = byId("status"), more = byId("more");
    const proofs = { "complete": "complete", "partial": "by digests" };
    for (const name of Object.keys(totals.statuses))
      if (totals.statuses[name] > 0)
        status.append(make("option", { "value": name }, state(name)[0] + " (" + number(totals.statuses[name]) + ")"));
    const texts = new Map(report.images.map((image) => [image, [image.name, image.source, image.target, image.tag, image.source_digest,
      image.target_digest, image.status, image.why, image.error && image.error.class, image.error && image.error.text]
      .filter(Boolean).join("\n").toLowerCase()]));
    const keeps = (image) => (status.value === "" || image.status === status.value) &&
      find.value.toLowerCase().split(/\s+/).every((word) => texts.get(image).includes(word));
    const view = table(byId("image-table"), [
      { key: "name", title: "Image", value: (row) => row.name,
        cell: (row) => [make("button", { "type": "button", "aria-expanded": "false" }, ...breakable(row.name))].concat(strip(row) || []) },
      { key: "status", title: "Status", value: (row) => row.status, cell: stateOf },
      { key: "source_digest", title: "Old digest", value: (row) => row.source_digest, cell: (row) => make("code", {}, digest(row.source_digest)) },
      { key: "target_digest", title: "New digest", value: (row) => row.target_digest, cell: (row) => make("code", {}, digest(row.target_digest)) },
      bytes("disk_size", "Disk"), bytes("source_size", "Old size"), bytes("target_size", "New size"),
      bytes("bytes_read", "Read"), bytes("bytes_written", "Written"), bytes("bytes_reused", "Reused"),
      { key: "work_ms", title: "Time", number: true, value: (row) => row.work_ms, cell: (row) => row.work_ms === 0 ? "\u2013" : duration(row.work_ms) },
      { key: "rate", title: "Rate", number: true, value: (row) => row.rate, cell: (row) => row.rate === null ? "\u2013" : size(row.rate) + "/s" },
      { key: "proof", title: "Proof", value: (row) => row.proof, cell: (row) => row.salvaged ? "salvaged" : proofs[row.proof] || "\u2013" },
    ], report.images, detail, keeps, ROWS, (kept, shown) => {
      byId("count").textContent = kept === report.images.length ? many(kept, "image", "images") :
        number(kept) + " of " + many(report.images.length, "image", "images");
      more.hidden = shown === kept;
      more.textContent = "Show all " + number(kept);
    });
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    find.addEventListener("input", view.show);
    status.addEventListener("change", view.show);
    more.addEventListener("click", view.showAll);
    window.addEventListener("beforeprint", view.showAll);
    for (const way of ways) {
      const swatch = make("span", { "class": "swatch" });
      swatch.style.background = "var(--" + way[0] + ")";
      byId("legend").append(make("li", {}, swatch, way[1]));
    }
  }

  verdict();
  headline();
  failures();
  untaken();
  bars();
  chart();
  images();
  byId("foot").textContent = "Made by tartconv report" +
    (report.passed_over > 0 ? "; " + many(report.passed_over, "line", "lines") + " of the logs could not be read" : "") +
    ". Sizes are in bytes by powers of 1024; the exact numbers are in each cell's title, and in the same report as JSON or CSV.";
})();
